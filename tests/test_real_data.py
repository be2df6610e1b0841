"""The training notebook on real surgical video and real motion capture, where their folder is at hand."""

import os
from pathlib import Path

import pytest
from conftest import ROOT
from ui_prmd import convert

DATA = Path(os.environ.get("TRS_SHARED", ROOT.parent / "shared")).resolve() / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data at {DATA} (set TRS_SHARED)")


@needs_data
def test_jigsaws_video_to_the_end(papermill_cli, tmp_path, summary):
    done = papermill_cli(
        dataset="jigsaws",
        root=DATA / "jigsaws_video_small",
        annotations=DATA / "annotations",
        task="Knot_Tying",
        fold=0,
        ratio=0.4,
        epochs=2,
        burn_in_epochs=2,
        n_weak=1,
        n_strong=1,
        cache_dir=tmp_path / "cache",
        out_dir=tmp_path / "run",
        device="cpu",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    s = summary(tmp_path / "run")
    assert s["test"] == 9 and s["labelled"] + s["unlabelled"] == 27 and s["labelled"] == 11
    assert "ridge (frame differences and colours)" in s["baselines"]


@needs_data
def test_motion_capture_features(papermill_cli, tmp_path, summary):
    root = convert(DATA / "ui_prmd_m01_autoencoder", tmp_path / "squats")
    done = papermill_cli(
        dataset="folder",
        root=root,
        backbone="none",
        ratio=0.1,
        epochs=2,
        burn_in_epochs=2,
        out_dir=tmp_path / "run",
        device="cpu",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert summary(tmp_path / "run")["labelled"] == 14


@needs_data
def test_missing_frames_name_the_folder(papermill_cli, tmp_path):
    (tmp_path / "frames").mkdir()
    done = papermill_cli(
        dataset="mtl_aqa",
        root=tmp_path / "frames",
        annotations=DATA / "annotations" / "core_mtl" / "MTL-AQA" / "info",
        out_dir=tmp_path / "run",
    )
    assert done.returncode != 0 and str(tmp_path / "frames") in done.stderr
    assert not (tmp_path / "run").exists()
