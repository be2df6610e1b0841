"""A sweep from outside: killed and resumed, with a run that fails, and called again."""

import json
import os

import psutil
import pytest
from cells import on_the_way
from conftest import LONG, SMALL, assert_same_run, ended_well, epochs_done, wait_for
from forks import serve_forks

from trs_lab.results.rows import read_runs, write_rows
from trs_lab.runs.sweeps import main

pytest.importorskip("distributed", reason="sweeps need the extra 'dask'")
HEAD = """
dataset = "folder"
root = "{root}"
methods = "trs_process"
ratios = 0.2
[given]
backbone = "none"
device = "cpu"
burn_in_epochs = 3
"""
HEAD += "".join(f"{name} = {value}\n" for name, value in SMALL.items())


def flags(plan, folder, **more):
    given = dict(plan=plan, folder=folder, jobs=1, **more)
    return [part for name, value in given.items() for part in ("-p", name, str(value))]


def sweep_in(log, arguments, requests):
    """`python -m trs_lab.runs.sweeps` in a process that has loaded most of what it needs."""
    on_the_way(requests)
    with open(log, "w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ.pop("IN_TEST", None)
    serve_forks()
    raise SystemExit(main(arguments))


@pytest.fixture
def sweep(process, tmp_path):
    """Start one; its `said()` is all that it has printed. `requests` are those of `on_the_way`."""

    def start(*args, requests={}, **kwargs):
        child = process(target=sweep_in, args=(tmp_path / "said.txt", flags(*args, **kwargs), requests))
        child.start()
        child.said = (tmp_path / "said.txt").read_text
        return child

    return start


def begun(folder):
    return {p.parent: json.loads(p.read_text()) for p in folder.glob("*/cell.json")}


def test_failed_run_is_reported_and_finished_ones_stay(sweep, train, feature_folder, tmp_path, capsys):
    plan, folder = tmp_path / "plan.toml", tmp_path / "runs"
    head = HEAD.format(root=feature_folder)
    plan.write_text(
        head
        + 'epochs = 2\n[[grid]]\nseeds = 1\n[variants.broken]\ndevice = "cuda:99"\n[variants.plain]\nepochs = 3\n'
    )
    done = sweep(plan, folder)
    done.join(600)
    said = done.said()
    assert done.exitcode == 1, said[-3000:]
    assert all(part in said for part in ("broken", "traceback.txt", "1 finished", "1 failed")), said
    (broken,) = (r for r in begun(folder) if (r / "failed.json").exists())
    assert "cuda:99" in json.loads((broken / "failed.json").read_text())["error"]
    assert "cuda:99" in (broken / "traceback.txt").read_text()
    (finished,) = (r for r in begun(folder) if (r / "summary.json").exists())
    before = (finished / "summary.json").stat().st_mtime_ns
    # the plan under another name, in another order, grown, and the broken device mended:
    # nothing is made again but the run that failed, this time by papermill
    plan.rename(tmp_path / "other.toml").write_text(
        head
        + "epochs = 2\n[[grid]]\nseeds = 1\n[variants.plain]\nepochs = 3\n[variants.broken]\nrecover_epochs = 0\n"
    )
    done = sweep(tmp_path / "other.toml", folder, notebook=True)
    assert ended_well(done, 600) and "2 finished" in done.said(), done.said()[-3000:]
    assert (finished / "summary.json").stat().st_mtime_ns == before
    assert (broken / "summary.json").exists() and len(begun(folder)) == 2
    # the executed notebook is a choice: the function leaves the same run
    assert (broken / "train.ipynb").exists() and not (finished / "train.ipynb").exists()
    parameters = begun(folder)[broken]["parameters"]
    train(**parameters, out_dir=tmp_path / "called")
    assert_same_run(tmp_path / "called", broken)
    # on another machine, which has the rows of the report and none of the run folders
    write_rows(read_runs([folder]), tmp_path / "report")
    rows = tmp_path / "report" / "rows.csv"
    assert main(flags(tmp_path / "other.toml", tmp_path / "elsewhere", finished=rows)) == 0
    assert "2 of 2 runs are finished" in capsys.readouterr().out
    assert not begun(tmp_path / "elsewhere")


def test_typo_costs_nothing(feature_folder, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(HEAD.format(root=feature_folder) + "[[grid]]\n[[grid]]\ngiven = { epoch = 3 }\n")
    said = "plan.toml, grid 2 .folder.: unknown parameter 'epoch'; did you mean 'epochs'"
    with pytest.raises(ValueError, match=said):
        main(flags(plan, tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.xdist_group("whole")
def test_killed_sweep_goes_on_and_loses_nothing(sweep, feature_folder, whole_run, tmp_path):
    plan, folder = tmp_path / "plan.toml", tmp_path / "killed"
    plan.write_text(
        HEAD.format(root=feature_folder)
        + f"epochs = {LONG['epochs']}\ncheckpoint_seconds = 0\ncompare_supervised = true\n[[grid]]\nseeds = 1\n"
    )
    process = sweep(plan, folder, requests={("semi_supervised", 3): "pause"})
    wait_for(process, lambda: any(map(epochs_done, folder.glob("*/pseudo_labels.parquet"))))
    family = psutil.Process(process.pid).children(recursive=True)
    assert family, "a worker"
    process.kill()
    process.join()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE], "workers end with the sweep"
    (killed,) = begun(folder)
    assert not (killed / "summary.json").exists() and (killed / "checkpoint.pt").exists()
    done = sweep(plan, folder)
    assert ended_well(done, 600) and "1 finished" in done.said(), done.said()[-3000:]
    # a worker that was killed and a new one, against a notebook that papermill ran
    assert_same_run(killed, whole_run)
