"""The notebook that extracts features, run as its users run it: parameters come from outside."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import ROOT


def extract(folder, **parameters):
    flags = [part for name, value in parameters.items() for part in ("-p", name, str(value))]
    papermill = Path(sys.executable).with_name("papermill")
    command = [papermill, "--no-progress-bar", ROOT / "nbs" / "extract.ipynb", folder / "out.ipynb", *flags]
    environment = {k: v for k, v in os.environ.items() if k != "IN_TEST"}
    return subprocess.run(
        [str(c) for c in command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )


def test_a_folder_of_videos_becomes_a_folder_to_train_on(small_dives, tmp_path):
    from trs_lab.data.readers import read_clips

    small = dict(frame_height=40, frame_width=40, crop=36, n_weak=1, device="cpu")
    done = extract(tmp_path, root=small_dives / "videos", out=tmp_path / "features", **small)
    assert done.returncode == 0, done.stderr[-3000:]
    clips = pd.read_csv(tmp_path / "features" / "clips.csv")
    assert len(clips) == 16 and clips.score.isna().all()
    views = np.load(tmp_path / "features" / "views.npy", mmap_mode="r")
    assert views.shape[:3] == (16, 2, 10)
    clips.assign(score=range(16)).to_csv(tmp_path / "features" / "clips.csv", index=False)
    table = read_clips("folder", tmp_path / "features")
    np.testing.assert_array_equal(np.load(table.source[3]), views[3, 0])


def test_a_wrong_parameter_ends_it_before_any_work(small_dives, tmp_path):
    done = extract(tmp_path, root=small_dives / "videos", out=tmp_path / "features", n_weak=-1)
    assert done.returncode != 0 and "n_weak: expected int at least 0" in done.stderr
    assert not (tmp_path / "features").exists()
