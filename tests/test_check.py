"""The program that looks before training: it changes nothing, names what is wrong, and writes what it found."""

import json
import shutil

import pandas as pd
import pytest
from conftest import ended_well

from trs_lab.data.readers import read_clips


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Five films of one's own: one is cut off, one has no line, and one line has no film."""
    root = tmp_path_factory.mktemp("own")
    (root / "videos").mkdir()
    dives = read_clips("dives").head(5)
    for name, source in zip("abcde", dives.source):
        shutil.copy(source, root / "videos" / f"{name}.mp4")
    film = (root / "videos" / "d.mp4").read_bytes()
    (root / "videos" / "d.mp4").write_bytes(film[: len(film) // 2])
    lines = ["clip_id,technique,score", "a,1,7.5", "b,2,6", "c,3,", "d,4,8", "f,5,5"]
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


def test_program_names_what_is_wrong(started, own, tmp_path):
    before = {p: p.read_bytes() for p in own.rglob("*") if p.is_file()}
    out = tmp_path / "out"
    done = started("check.ipynb", root=own, target="technique", fitting="crop", show=1, out_dir=out)
    assert ended_well(done), done.said()[-3000:]
    assert {p: p.read_bytes() for p in own.rglob("*") if p.is_file()} == before, "it changed a file"
    found = pd.read_csv(out / "check.csv", keep_default_na=False)
    named = set(zip(found.level, found.what, found.clip_id))
    assert {("error", "unreadable", "d"), ("error", "no file", "f"), ("note", "not listed", "e")} <= named
    assert ("warning", "few scores", "") in named and ("warning", "cut off", "") in named
    assert pd.read_csv(out / "videos.csv").clip_id.tolist() == ["a", "b", "c", "d"]
    assert (out / "check.html").read_text().count("data:image/webp") == 2
    outputs = json.loads((tmp_path / "outputs.json").read_text())
    said = "".join("".join(o.get("text", "")) for o in outputs)
    assert "4 clips (4 train): 3 can be read, 1 cannot" in said and "training would refuse this" in said
    assert sum("image/png" in o.get("data", {}) for o in outputs) == 2


def test_published_data_show_only_what_training_sees():
    """Of the dives a tenth of the scores; of the others, and of the test, not one is looked at."""
    from trs_lab.data import check as module
    from trs_lab.runs.configure import make_config

    config = make_config(ratio=0.1, seed=3)
    table, found, accepted = module.read_table(config)
    scores, judged, used, _, _ = module._scores(table, config, accepted)
    assert accepted and found == [] and int(scores.notna().sum()) == used == round(0.1 * 375)
    assert (table.split[scores.notna()] == "train").all() and judged == 125


def test_skeletons_are_read_as_training_reads_them(tmp_path):
    """Of the folder that is trained with backbone=skeleton; asked for videos, the check says what there is instead."""
    import numpy as np

    import trs_lab

    (tmp_path / "poses").mkdir()
    for i in range(12):
        np.save(tmp_path / "poses" / f"s{i}.npy", np.random.default_rng(i).normal(size=(30 + i, 5, 2)))
    lines = ["clip_id,score", *(f"s{i},{i}" for i in range(12)), "s99,5"]
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    check = trs_lab.check(tmp_path, backbone="skeleton")
    assert [(f.what, f.clip_id) for f in check.findings.itertuples() if f.level == "error"] == [
        ("no file", "s99")
    ]
    assert "length" in set(check.findings.what) and "skeletons of 5 joints" in " ".join(check.summary())
    films = trs_lab.check(tmp_path).findings
    assert (
        films.found[films.clip_id == "s3"].str.contains("there is one in poses: -p backbone skeleton").any()
    )
