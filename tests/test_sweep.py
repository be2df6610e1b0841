"""A sweep from outside: killed and resumed, with a run that fails, and called again."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from conftest import LONG, assert_same_run, epochs_done

from trs_lab.results.rows import read_runs, write_rows

pytest.importorskip("distributed", reason="sweeps need the extra 'dask'")
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "IN_TEST"}
HEAD = """
dataset = "folder"
root = "{root}"
methods = "trs"
ratios = 0.2
[given]
backbone = "none"
device = "cpu"
burn_in_epochs = 3
"""


def command(plan, folder, **more):
    flags = [
        part
        for name, value in dict(plan=plan, folder=folder, jobs=1, **more).items()
        for part in ("-p", name, str(value))
    ]
    return [sys.executable, "-m", "trs_lab.runs.sweeps", *flags]


def run(*args, **kwargs):
    return subprocess.run(
        command(*args, **kwargs),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=600,
    )


def begun(folder):
    return {p.parent: json.loads(p.read_text()) for p in folder.glob("*/cell.json")}


def test_failed_run_is_reported_and_finished_ones_stay(feature_folder, tmp_path):
    plan, folder = tmp_path / "plan.toml", tmp_path / "runs"
    head = HEAD.format(root=feature_folder)
    plan.write_text(
        head
        + 'epochs = 2\n[[grid]]\nseeds = 1\n[variants.broken]\ndevice = "cuda:99"\n[variants.plain]\nepochs = 3\n'
    )
    done = run(plan, folder)
    assert done.returncode == 1, done.stderr[-3000:]
    assert (
        "broken" in done.stdout
        and "traceback.txt" in done.stdout
        and "1 finished" in done.stdout
        and "1 failed" in done.stdout
    )
    (broken,) = (r for r in begun(folder) if (r / "failed.json").exists())
    assert (
        "cuda:99" in json.loads((broken / "failed.json").read_text())["error"]
        and "cuda:99" in (broken / "traceback.txt").read_text()
    )
    (finished,) = (r for r in begun(folder) if (r / "summary.json").exists())
    before = (finished / "summary.json").stat().st_mtime_ns
    # the plan under another name, in another order, grown, and the broken device mended:
    # nothing is made again but the run that failed
    plan.rename(tmp_path / "other.toml").write_text(
        head
        + "epochs = 2\n[[grid]]\nseeds = 1\n[variants.plain]\nepochs = 3\n[variants.broken]\nrecover_epochs = 0\n"
    )
    done = run(tmp_path / "other.toml", folder)
    assert done.returncode == 0 and "2 finished" in done.stdout, done.stdout + done.stderr[-3000:]
    assert (
        (finished / "summary.json").stat().st_mtime_ns == before
        and (broken / "summary.json").exists()
        and len(begun(folder)) == 2
    )
    # on another machine, which has the rows of the report and none of the run folders
    write_rows(read_runs([folder]), tmp_path / "report")
    done = run(tmp_path / "other.toml", tmp_path / "elsewhere", finished=tmp_path / "report" / "rows.csv")
    assert done.returncode == 0 and "2 of 2 runs are finished" in done.stdout, (
        done.stdout + done.stderr[-3000:]
    )
    assert not begun(tmp_path / "elsewhere")


def test_typo_costs_nothing(feature_folder, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(HEAD.format(root=feature_folder) + "[[grid]]\n[[grid]]\ngiven = { epoch = 3 }\n")
    done = run(plan, tmp_path / "runs")
    assert (
        done.returncode != 0
        and "plan.toml, grid 2 (folder): unknown parameter 'epoch'; did you mean 'epochs'" in done.stderr
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.xdist_group("whole")
def test_killed_sweep_goes_on_and_loses_nothing(feature_folder, whole_run, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(
        HEAD.format(root=feature_folder)
        + f"epochs = {LONG['epochs']}\ncheckpoint_seconds = 0\ncompare_supervised = true\n[[grid]]\nseeds = 1\n"
    )
    process = subprocess.Popen(
        command(plan, tmp_path / "killed"),
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 300
    while not any(map(epochs_done, (tmp_path / "killed").glob("*/pseudo_labels.parquet"))):
        assert process.poll() is None, "the sweep ended before it could be killed"
        assert time.monotonic() < end, "training never began"
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    assert family, "a worker"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE], "workers end with the sweep"
    (killed,) = begun(tmp_path / "killed")
    assert not (killed / "summary.json").exists() and (killed / "checkpoint.pt").exists()
    done = run(plan, tmp_path / "killed")
    assert done.returncode == 0 and "1 finished" in done.stdout, done.stdout + done.stderr[-3000:]
    assert_same_run(
        killed, whole_run
    )  # a worker that was killed and a new one, against a notebook that papermill ran


def test_executed_notebook_is_a_choice(feature_folder, tmp_path):
    """The same run either way; with the notebook, it lies in the run folder."""
    plan = tmp_path / "plan.toml"
    plan.write_text(HEAD.format(root=feature_folder) + "epochs = 2\n[[grid]]\nseeds = 1\n")
    (called,), (executed,) = (
        begun(tmp_path / name)
        for name in ("called", "executed")
        if not run(plan, tmp_path / name, notebook=name == "executed").returncode
    )
    assert_same_run(called, executed)
    assert (executed / "train.ipynb").exists() and not (called / "train.ipynb").exists()
