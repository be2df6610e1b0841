"""What may not be read or written is refused with its name, before anything is lost."""

import numpy as np
import pytest
from own_errors import said_by
from PIL import Image
from rights import as_anybody

from trs_lab.core.files import make_folder, sha256, write_atomically
from trs_lab.data.check import check_data
from trs_lab.data.decisions import Decisions
from trs_lab.data.layouts import find_copies
from trs_lab.data.ratings import Ratings, Scale
from trs_lab.data.readers import read_clips
from trs_lab.data.video import CorruptVideos, FrameCache
from trs_lab.dives.dataset import make_dives
from trs_lab.inspect.inspector import find_run
from trs_lab.runs.configure import make_config
from trs_lab.runs.folder import take_run
from trs_lab.runs.manifest import source_digest
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


@pytest.fixture
def films(tmp_path):
    "Four clips, which differ in their first picture."
    root = tmp_path / "films"
    for i, name in enumerate("abcd"):
        (root / "frames" / name).mkdir(parents=True)
        for n in range(3):
            picture = np.full((32, 32, 3), 40 * (i + 1) + n, np.uint8)
            Image.fromarray(picture).save(root / "frames" / name / f"{n}.png")
    (root / "clips.csv").write_text("clip_id,score,split\na,1,train\nb,2,train\nc,3,train\nd,4,test\n")
    return root


@pytest.mark.parametrize("kind", ["video", "folder", "picture"])
def test_clips_that_may_not_be_read_are_named_and_left_out(films, tmp_path, kind):
    if kind == "video":
        make_dives(tmp_path / "dives", 4, seed=3, size=(32, 32), progress=False)
        (films / "frames").rename(films / "other")
        (tmp_path / "dives" / "videos").rename(films / "videos")
        for name, path in zip("abcd", sorted((films / "videos").glob("*.mp4"))):
            path.rename(path.with_name(f"{name}.mp4"))
    closed = films / dict(video="videos/b.mp4", folder="frames/b", picture="frames/b/1.png")[kind]
    closed.chmod(0)

    def look():
        table = read_clips("folder", films)
        cache = FrameCache(table, tmp_path / "cache", 3, (32, 32))
        with pytest.raises(CorruptVideos) as stopped:
            cache.fill("stop", progress=False)
        left_out = cache.fill("skip", progress=False)
        found = check_data(make_config(dataset="folder", root=str(films)), progress=False).findings
        bad = found[found.what == "unreadable"]
        prints = [source_digest(s) for s in table.source]
        return str(stopped.value), left_out, len(cache), [*bad.clip_id], find_copies(table), prints

    try:
        said, left_out, n, bad, copies, prints = as_anybody(look)
    finally:
        closed.chmod(0o755)
    assert f"clip b: {closed}: may not be read by you" in said
    assert [clip_id for clip_id, _, _ in left_out] == bad == ["b"]
    assert (n, copies) == (3, [])
    assert [p == "" for p in prints] == [False, True, False, False]
    named = as_anybody(lambda: find_clips(films / ("videos" if kind == "video" else "frames")))
    assert [*named.clip_id] == [*"abcd"]  # to be scored: reading it says so
