"""The notebook that extracts features, run as its users run it: parameters come from outside."""

import numpy as np
import pandas as pd
import pytest
from conftest import ended_well


def test_a_folder_of_videos_becomes_a_folder_to_train_on(started, small_dives, tmp_path):
    from trs_lab.data.readers import read_clips

    small = dict(frame_height=40, frame_width=40, crop=36, n_weak=1, device="cpu")
    done = started("extract.ipynb", root=small_dives / "videos", out=tmp_path / "features", **small)
    assert ended_well(done), done.said()[-3000:]
    clips = pd.read_csv(tmp_path / "features" / "clips.csv")
    assert len(clips) == 16 and clips.score.isna().all()
    views = np.load(tmp_path / "features" / "views.npy", mmap_mode="r")
    assert views.shape[:3] == (16, 2, 10)
    clips.assign(score=range(16)).to_csv(tmp_path / "features" / "clips.csv", index=False)
    table = read_clips("folder", tmp_path / "features")
    np.testing.assert_array_equal(np.load(table.source[3]), views[3, 0])


def test_a_wrong_parameter_ends_it_before_any_work(started, small_dives, tmp_path):
    done = started("extract.ipynb", root=small_dives / "videos", out=tmp_path / "features", n_weak=-1)
    assert not ended_well(done) and "n_weak: expected int at least 0" in done.said()
    assert not (tmp_path / "features").exists()


def test_names_that_are_long_are_written_or_refused_before_any_work(started, small_dives, tmp_path):
    """A name may have 255 bytes: with .npy it may be too long, and a temporary file's name is longer than its own."""
    films = sorted((small_dives / "videos").glob("*.mp4"))[:3]
    small = dict(frame_height=40, frame_width=40, crop=36, n_weak=0, device="cpu")
    for name, fits in (("a" * 251 + ".mp4", True), ("b" * 252 + ".ts", False)):
        root, out = tmp_path / name[0], tmp_path / f"out {name[0]}"
        root.mkdir()
        for film, called in zip(films, (name, "short.mp4")):
            (root / called).write_bytes(film.read_bytes())
        done = started("extract.ipynb", root=root, out=out, **small)
        assert ended_well(done) == fits, done.said()[-3000:]
        if fits:
            assert {p.stem for p in (out / "features").iterdir()} == {"a" * 251, "short"}
        else:
            assert "its name is too long for a file of features" in done.said() and not out.exists()


def test_features_of_all_clips_in_one_hdf5_file(tmp_path):
    h5py = pytest.importorskip("h5py", reason="an archive of this kind needs h5py")
    from trs_lab.core.files import DataError
    from trs_lab.data.archives import read_archive

    clips = np.arange(24, dtype=np.float32).reshape(3, 4, 2)
    with h5py.File(tmp_path / "features.h5", "w") as file:
        file["clip_id"], file["features"] = ["a", "b", "c"], clips
    np.testing.assert_array_equal(read_archive(tmp_path / "features.h5")["c"], clips[2])
    for name, clip_ids, said in (
        ("latin", ["kür".encode("latin-1"), b"b", b"c"], r"latin.h5: clip_id b'k\\xfcr' is not UTF-8"),
        (
            "two",
            ["k\u00fcr", "ku\u0308r", "c"],
            "two.h5: clip_id 'k\u00fcr' is there twice, with its accents",
        ),
    ):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["clip_id"], file["features"] = clip_ids, clips
        with pytest.raises(DataError, match=said):
            read_archive(tmp_path / f"{name}.h5")
    with h5py.File(tmp_path / "groups.h5", "w") as file:
        file["a/rgb"] = clips[0]
    with pytest.raises(DataError, match="a is a group of rgb, expected an array for each clip"):
        read_archive(tmp_path / "groups.h5")


def test_what_is_in_other_files_is_not_opened_by_an_archive(tmp_path):
    h5py = pytest.importorskip("h5py", reason="an archive of this kind needs h5py")
    from trs_lab.core.files import DataError
    from trs_lab.data.archives import read_archive

    clip = np.ones((4, 2), np.float32)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = clip
    (tmp_path / "numbers.bin").write_bytes(clip.tobytes())
    layout = h5py.VirtualLayout((4, 2), "f4")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (4, 2))
    parts = dict(
        link=(
            lambda file: file.__setitem__("a", h5py.ExternalLink("other.h5", "/x")),
            "a is in another file",
        ),
        raw=(
            lambda file: file.create_dataset(
                "a", (4, 2), "f4", external=[(str(tmp_path / "numbers.bin"), 0, 32)]
            ),
            "a has its numbers in other files",
        ),
        virtual=(lambda file: file.create_virtual_dataset("a", layout), "a has its numbers in other files"),
        nowhere=(lambda file: file.__setitem__("a", h5py.SoftLink("/b")), "a is a link that leads nowhere"),
        type=(lambda file: file.__setitem__("a", np.dtype("f8")), "a is a description of a type"),
    )
    for name, (write, said) in parts.items():
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            write(file)
        with pytest.raises(DataError, match=f"{name}.h5: .*{said}"):
            read_archive(tmp_path / f"{name}.h5")
    with h5py.File(tmp_path / "inside.h5", "w") as file:
        file["a"], file["b"] = clip, h5py.SoftLink("/a")
    np.testing.assert_array_equal(read_archive(tmp_path / "inside.h5")["b"], clip)
