"""Training in two processes gives what one process gives, through the notebook, end to end, and after kill -9."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch
from conftest import ended_well, epochs_done, papermill_command, wait_for
from safetensors.torch import load_file


def assert_same(a, b, points=0.05):
    """Weights and history of two run folders agree within rounding."""
    weights_a, weights_b = load_file(a / "model.safetensors"), load_file(b / "model.safetensors")
    assert weights_a.keys() == weights_b.keys()
    for name, value in weights_a.items():
        torch.testing.assert_close(value, weights_b[name], atol=2e-3, rtol=2e-3, msg=lambda m: f"{name}: {m}")
    one, two = pd.read_parquet(a / "pseudo_labels.parquet"), pd.read_parquet(b / "pseudo_labels.parquet")
    assert (one[["epoch", "clip_id"]] == two[["epoch", "clip_id"]]).all(axis=None)
    assert (
        one[["memory_teacher_epoch", "memory_reference_epoch"]]
        == two[["memory_teacher_epoch", "memory_reference_epoch"]]
    ).mean(axis=None) > 0.97
    for column in one.columns.drop(["epoch", "clip_id", "memory_teacher_epoch", "memory_reference_epoch"]):
        assert np.nanmedian(np.abs(one[column] - two[column])) < points, column
    return one


def one_of(n, rank, port, run, parameters):
    """What torchrun starts n times, in a process that has loaded most of what it needs."""
    from trs_lab.runs.launch import work

    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), LOCAL_RANK=str(rank))
    os.environ.update(WORLD_SIZE=str(n), LOCAL_WORLD_SIZE=str(n))
    work(run, parameters)
    os._exit(0)  # as `python -m trs_lab.runs.launch` ends


def train_together(process, run, parameters, n=2):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plain = {k: str(v) if isinstance(v, Path) else v for k, v in parameters.items()} | dict(num_processes=n)
    team = [process(target=one_of, args=(n, rank, port, run, plain)) for rank in range(n)]
    for member in team:
        member.start()
    for member in team:
        member.join()
    assert [member.exitcode for member in team] == [0] * n


def test_end_to_end_in_two_processes(process, train, small_dives, tmp_path, summary):
    """The backbone trained with the rest.

    Pixels are augmented by parts, gradients of the pairs go through both processes, activations are recomputed, and
    gradients are accumulated."""
    common = dict(
        dataset="dives",
        root=small_dives,
        finetune=True,
        ratio=0.4,
        frame_height=48,
        frame_width=48,
        crop=32,
        epochs=2,
        burn_in_epochs=1,
        batch_size=3,
        dropout=0,
        unlabelled_per_labelled=1,
        eval_batch_size=5,
        accumulate=2,
        recompute_segments=4,
        pseudo_views=1,
        n_segments=2,
        n_frames=24,
        cache_dir=tmp_path / "cache",
        device="cpu",
        compare_supervised=False,
    )
    one, two = tmp_path / "one", tmp_path / "two"
    train(**common, out_dir=one)
    train_together(process, two, common)
    train(**common, out_dir=two, resume=True)  # nothing is left but to report
    assert len(assert_same(one, two)) == 2 * summary(one)["unlabelled"]
    assert abs(summary(one)["student"]["mae"] - summary(two)["student"]["mae"]) < 0.05


def test_launch_from_a_terminal_then_the_figures(train, tiny, tmp_path, summary):
    """The cluster's way: accelerate launch makes and trains the run, a call with resume loads it for the figures.

    There are more processes than labelled clips of a step."""
    parameters = dict(
        tiny,
        ratio=0.2,
        dropout=0,
        batch_size=1,
        exemplar_choice="nearest",
        fusion="mean",
        tracker="tensorboard",
    )
    one, two = tmp_path / "one", tmp_path / "two"
    train(**parameters, out_dir=one)
    flags = [
        part for name, value in dict(parameters, num_processes=2).items() for part in ("-p", name, str(value))
    ]
    launched = subprocess.run(
        [
            sys.executable,
            "-m",
            "accelerate.commands.launch",
            "--multi_gpu",
            "--num_processes",
            "2",
            "--num_machines",
            "1",
            "--mixed_precision",
            "no",
            "--dynamo_backend",
            "no",
            "-m",
            "trs_lab.runs.launch",
            str(two),
            *flags,
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert launched.returncode == 0, launched.stderr[-3000:]
    assert "2 processes" in launched.stdout and not (two / "summary.json").exists()
    assert list((two / "logs").rglob("events*")), "the tracker wrote its curves"
    train(**parameters, resume=True, out_dir=two)
    assert_same(one, two)
    assert summary(two)["supervised"]["spearman"] is not None


def command_of(process):
    """Words of its command line; none where it has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def test_killed_notebook_leaves_no_processes_and_pause_and_stop_reach_all(started, tiny, tmp_path, summary):
    """Papermill's run is paused, goes on and is killed; the notebook that resumes it is told to stop."""
    from trs_lab.runs.pause import pause, read_progress, resume_training, stop

    run = tmp_path / "run"
    long = dict(
        tiny,
        ratio=0.2,
        epochs=5000,
        burn_in_epochs=1,
        checkpoint_seconds=0,
        num_processes=2,
        out_dir=run,
        compare_supervised=False,
    )
    process = psutil.Popen(
        papermill_command(tmp_path / "k.ipynb", **long),
        cwd=tmp_path,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "IN_TEST"},
    )
    process.is_alive = lambda: process.poll() is None
    history, state = run / "pseudo_labels.parquet", lambda: (read_progress(run) or {}).get("state")
    wait_for(process, lambda: epochs_done(history))
    pause(run)
    wait_for(process, lambda: state() == "paused")
    before = read_progress(run)["epochs_done"]
    time.sleep(1)
    assert read_progress(run)["epochs_done"] == before
    resume_training(run)
    wait_for(process, lambda: state() == "running" and read_progress(run)["epochs_done"] > before)

    family = process.children(recursive=True)
    workers = [p for p in family if {"trs_lab.runs.launch", str(run)} <= set(command_of(p))]
    assert len(workers) >= 2
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE], (
        "processes of a killed notebook go on"
    )
    done = epochs_done(history)
    assert 0 < done < 5000 and not (run / "summary.json").exists()

    notebook = started("train.ipynb", **long, resume=True)
    wait_for(notebook, lambda: epochs_done(history) > done)
    stop(run)
    assert ended_well(notebook), notebook.said()[-3000:]
    assert summary(run)["stopped"] and summary(run)["student"]["spearman"] is not None
    assert (
        pd.read_parquet(history).epoch.max() + 1
        == torch.load(run / "checkpoint.pt", weights_only=True)["epoch"]
        < 5000
    )
