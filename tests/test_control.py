"""A run that papermill executes, stopped and paused from outside through its folder, and resumed."""

import os
import subprocess
import time

import pandas as pd
import pytest
from conftest import LONG, assert_same_run, papermill_command
from trs_lab.runs.pause import pause, read_progress, resume_training, stop


def until(process, condition, timeout=300):
    end = time.monotonic() + timeout
    while not condition():
        assert process.poll() is None, "the run ended before its time"
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.02)


@pytest.mark.xdist_group("whole")
def test_paused_stopped_and_resumed(train, long, whole_run, tmp_path, summary):
    assert summary(whole_run)["stopped"] is False
    assert read_progress(whole_run)["state"] == "finished"

    run = tmp_path / "stopped"
    environment = {k: v for k, v in os.environ.items() if k != "IN_TEST"}
    process = subprocess.Popen(
        papermill_command(tmp_path / "s.ipynb", **long, out_dir=run),
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    state = lambda: read_progress(run) or {}
    until(process, lambda: state().get("stage") == "semi_supervised" and state()["epoch"] > 1)
    pause(run)
    until(process, lambda: state()["state"] == "paused")
    stands = state()
    time.sleep(1.5)
    assert state() == stands, "nothing is done while it waits"
    resume_training(run)
    until(process, lambda: state()["state"] == "running")
    stop(run)
    assert process.wait(300) == 0, process.stderr.read()[-3000:]

    assert state()["state"] == "stopped" and state()["ended"]
    assert summary(run)["stopped"] is True and summary(run)["student"]["spearman"] is not None
    epochs = pd.read_parquet(run / "pseudo_labels.parquet").epoch.nunique()
    assert 0 < epochs < LONG["epochs"]
    assert (
        pd.read_csv(run / "metrics.csv")
        .query("stage == 'semi_supervised' and network == 'student'")
        .epoch.max()
        == epochs - 1
    )

    train(**long, out_dir=run, resume=True)
    assert_same_run(run, whole_run)
    assert summary(run)["stopped"] is False


def test_stopped_in_burn_in(tiny, tmp_path, summary):
    """Nothing of the second stage exists, and the notebook still comes to its end."""
    run = tmp_path / "run"
    process = subprocess.Popen(
        papermill_command(tmp_path / "b.ipynb", **{**tiny, "burn_in_epochs": 5000}, ratio=0.2, out_dir=run),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    until(process, lambda: (read_progress(run) or {}).get("stage") == "burn_in")
    stop(run)
    assert process.wait(300) == 0, process.stderr.read()[-3000:]
    assert summary(run)["stopped"] is True and summary(run)["supervised"] is None
    assert pd.read_parquet(run / "pseudo_labels.parquet").empty
