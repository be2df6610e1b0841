"""The rules by which published data sets make scores of judges' marks, where their folder is at hand."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT

DATA = Path(os.environ.get("TRS_SHARED", ROOT.parent / "shared")).resolve() / "data"
NOTES = DATA / "annotations"


def tables():
    from trs_lab.data.readers import read_jigsaws, read_mtl_aqa, read_rhythmic_gymnastics

    dives, gymnastics = NOTES / "musdl" / "MTL-AQA", NOTES / "rhythmic_gymnastics"
    yield read_mtl_aqa(dives, annotations=dives, require_media=False), [0, 0, 1, 1, 1, 0, 0]
    yield read_jigsaws(DATA / "jigsaws_video_small"), [1] * 6
    yield read_rhythmic_gymnastics(gymnastics, annotations=gymnastics, require_media=False), [1, 1, -1]


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data at {DATA} (set TRS_SHARED)")
def test_rules_are_found():
    from trs_lab.methods.distributions import find_rule

    as_tensor = lambda x: torch.tensor(np.stack(x), dtype=torch.float32)
    for table, expected in tables():
        weights, _ = find_rule(
            as_tensor(table.judge_scores), as_tensor(table.score), as_tensor(table.difficulty)
        )
        torch.testing.assert_close(weights, torch.tensor(expected).float(), atol=0.02, rtol=0)
