"""A run of the notebook, stopped and paused from outside through its folder, and resumed."""

import time

import pandas as pd
import pytest
from conftest import LONG, assert_same_run, ended_well, wait_for
from trs_lab.runs.pause import read_progress, resume_training, stop


@pytest.mark.xdist_group("whole")
def test_paused_stopped_and_resumed(started, train, long, whole_run, tmp_path, summary):
    assert summary(whole_run)["stopped"] is False
    assert read_progress(whole_run)["state"] == "finished"

    run = tmp_path / "stopped"
    requests = {("semi_supervised", 2): "pause", ("semi_supervised", 5): "stop"}
    process = started("train.ipynb", requests, **long, out_dir=run)
    state = lambda: read_progress(run) or {}
    wait_for(process, lambda: state().get("state") == "paused")
    stands = state()
    assert (stands["stage"], stands["epochs_done"]) == ("semi_supervised", 2)
    time.sleep(1.5)
    assert state() == stands, "nothing is done while it waits"
    resume_training(run)
    assert ended_well(process), process.said()[-3000:]

    assert state()["state"] == "stopped" and state()["ended"]
    assert summary(run)["stopped"] is True and summary(run)["student"]["spearman"] is not None
    epochs = pd.read_parquet(run / "pseudo_labels.parquet").epoch.nunique()
    assert epochs == 5 < LONG["epochs"]
    assert (
        pd.read_csv(run / "metrics.csv")
        .query("stage == 'semi_supervised' and network == 'student'")
        .epoch.max()
        == epochs - 1
    )

    train(**long, out_dir=run, resume=True)
    assert_same_run(run, whole_run)
    assert summary(run)["stopped"] is False


def test_stopped_in_burn_in(started, tiny, tmp_path, summary):
    """Nothing of the second stage exists, and the notebook still comes to its end."""
    run = tmp_path / "run"
    process = started("train.ipynb", **{**tiny, "burn_in_epochs": 5000, "ratio": 0.2}, out_dir=run)
    wait_for(process, lambda: (read_progress(run) or {}).get("stage") == "burn_in")
    stop(run)
    assert ended_well(process), process.said()[-3000:]
    assert summary(run)["stopped"] is True and summary(run)["supervised"] is None
    assert pd.read_parquet(run / "pseudo_labels.parquet").empty
