"""The experiments that say what limits a score, on known answers."""

import numpy as np
import oracles
import pandas as pd
import pytest
from measure import ROOT


def test_told_the_level_or_the_order_of_each_person(tmp_path):
    """Two people: the level is told upside down and the order within each is right, or the other way round."""
    score, user = np.array([1.0, 2, 3, 11, 12, 13]), list("aaabbb")
    wrong_level, wrong_order = np.array([11.0, 12, 13, 1, 2, 3]), np.array([3.0, 2, 1, 13, 12, 11])
    for predicted, told in ((wrong_level, 1), (wrong_order, 2)):
        table = pd.DataFrame(dict(role="test", score=score, predicted=predicted, user=user))
        hidden = table.assign(role="unlabelled", predicted=-score)  # of no interest
        pd.concat([table, hidden]).to_csv(tmp_path / "predictions.csv", index=False)
        found = oracles.spearman(tmp_path)
        assert (
            found[told] == pytest.approx(1) and found[3 - told] == pytest.approx(found[0]) and found[0] < 0.9
        )


def test_true_faults_are_features_that_know_the_scores(tmp_path, capsys):
    oracles.judges(ROOT / "data" / "dives")
    assert "125 test clips: Spearman 0.99" in capsys.readouterr().out
    oracles.faults(ROOT / "data" / "dives", tmp_path)
    table = pd.read_csv(tmp_path / "clips.csv")
    told = np.stack([np.load(tmp_path / "features" / f"{clip}.npy") for clip in table.clip_id])
    assert (
        told.shape == (500, 2, 8)
        and (told[:, 0] == told[:, 1]).all()
        and (table.split == "test").sum() == 125
    )
    assert np.corrcoef(told[:, 0, :7].sum(1), table.score / told[:, 0, 7])[0, 1] < -0.9  # faults cost points
