"""What may not be read or written is refused with its name, before anything is lost."""

import numpy as np
import pytest
from own_errors import said_by
from rights import as_anybody

from trs_lab.core.files import make_folder, sha256, write_atomically
from trs_lab.data.decisions import Decisions
from trs_lab.data.ratings import Ratings, Scale
from trs_lab.data.readers import read_clips
from trs_lab.inspect.inspector import find_run
from trs_lab.runs.folder import take_run
from trs_lab.score.videos import find_clips


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    (root / "features").mkdir(parents=True)
    for name in "abc":
        np.save(root / "features" / f"{name}.npy", np.ones((4, 3), np.float32))
    (root / "clips.csv").write_text("clip_id,score,split\na,1,train\nb,2,train\nc,3,test\n")
    return root


def write(root):
    write_atomically(root / "clips.csv", lambda path: path.write_text("new"))


# what is done, the file or folder whose mode is changed, the mode, and words of the answer
CASES = {
    "folder of the data": (lambda r: read_clips("folder", r), "", 0o000, "data: this folder may not be read"),
    "clips.csv": (lambda r: read_clips("folder", r), "clips.csv", 0o000, "clips.csv: cannot be read"),
    "features": (
        lambda r: read_clips("folder", r),
        "features",
        0o000,
        "features: this folder may not be read",
    ),
    "a feature": (lambda r: read_clips("folder", r), "features/b.npy", 0o000, "b.npy: not a readable .npy"),
    "videos to score": (lambda r: find_clips(r, "features"), "", 0o000, "data: this folder may not be read"),
    "run to inspect": (find_run, "", 0o000, "data: this folder may not be read"),
    "weights": (lambda r: sha256(r / "clips.csv"), "clips.csv", 0o000, "clips.csv: cannot be read"),
    "new folder": (lambda r: make_folder(r / "runs" / "one"), "", 0o555, "one: this folder may not be made"),
    "file": (write, "", 0o555, "you may not write into the folder"),
    "run that others own": (take_run, "", 0o555, "data: you may not write into this folder"),
    "rating": (lambda r: Ratings(r, "ann", Scale(0, 9, 1)).rate("a", 3), "", 0o555, "you may not write into"),
    "decision": (
        lambda r: Decisions(r / "d.json", ["a"]).reject("a"),
        "",
        0o555,
        "d.json may not be written",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_you_may_not_do_is_said(name, data):
    call, part, mode, words = CASES[name]
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    (data / part).chmod(mode)
    try:
        said = as_anybody(lambda: said_by(lambda: call(data)))
    finally:
        (data / part).chmod(0o755)
    assert words in said, said
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
