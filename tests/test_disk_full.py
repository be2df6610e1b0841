"""Every kind of file that a run writes, on a disk that is full: a sentence with the path, and the old file as it was.

A limit on the size of files (RLIMIT_FSIZE) stands in for the disk, so that no other user and no root is needed. What
a quota says differs from it in the number of the error only."""

import json
import multiprocessing
import resource
import signal
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from full_disks import Kind, Killed, Limit
from kills import forks
from safetensors.torch import save_file

from trs_lab.core.files import TrsLabError, write_atomically, write_json
from trs_lab.data.decisions import Decisions
from trs_lab.runs.folder import write_metrics

LARGE = np.random.default_rng(0).normal(size=(300, 100))
TABLE = pd.DataFrame(LARGE, columns=[f"c{i}" for i in range(100)])


def save_array(path):
    with open(path, "wb") as file:
        np.save(file, LARGE)


def save_figure(path):
    figure, ax = plt.subplots()
    ax.imshow(LARGE)
    figure.savefig(path, format="png")


WRITERS = {
    "run.json": lambda path: write_json(path, LARGE),
    "metrics.csv": lambda path: write_metrics(path, TABLE.to_dict("records")),
    "predictions.csv": lambda path: write_atomically(path, lambda p: TABLE.to_csv(p, index=False)),
    "pseudo_labels.parquet": lambda path: write_atomically(path, TABLE.to_parquet),
    "checkpoint.pt": lambda path: write_atomically(path, lambda p: torch.save(torch.tensor(LARGE), p)),
    "model.safetensors": lambda path: write_atomically(
        path, lambda p: save_file(dict(x=torch.tensor(LARGE)), p)
    ),
    "statistics.npy": lambda path: write_atomically(path, save_array),
    "figure.png": lambda path: write_atomically(path, save_figure),
    "decisions.json": lambda path: Decisions(path, ["a"], (0, 100)).note("a", "x" * 50_000),
}


def on_full_disk(folder, limit):
    """In a process of its own, because the limit stays; what was said of each file goes into said.json."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    said = {}
    for name, write in WRITERS.items():
        try:
            write(folder / name)
        except TrsLabError as e:
            said[name] = str(e)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (folder / "said.json").write_text(json.dumps(said))


@pytest.mark.parametrize("limit", (0, 7000))  # before the first byte, and in the middle
def test_a_full_disk_is_said_and_loses_nothing(limit, tmp_path):
    before = dict.fromkeys(WRITERS, b"as it was") | {"decisions.json": b'{"entries": []}'}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    child = multiprocessing.get_context("fork").Process(target=on_full_disk, args=(tmp_path, limit))
    child.start()
    child.join(60)
    said = json.loads((tmp_path / "said.json").read_text())
    for name, content in before.items():
        expected = f"{tmp_path / name} could not be written: its disk, or your share of it, is full"
        assert expected in said.get(name, "it was written"), said
        assert (tmp_path / name).read_bytes() == content
    assert {p.name for p in tmp_path.iterdir()} == {*before, "said.json", ".decisions.json.lock"}


@pytest.mark.parametrize("name", ("features", "decisions"))
def test_a_disk_that_is_full_at_any_write_loses_nothing(name, tmp_path):
    """A few of the points that `python tests/full_disks.py` has many of."""
    kind = Kind(name, tmp_path, Limit(tmp_path / "disk"), forks(), seed=0)
    assert [kind.once() for _ in range(2)] == [[], []]
    assert kind.row["said"], "no write failed"


def no_long_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


def test_a_program_says_where_the_disk_is_full(tmp_path):
    """papermill itself writes the executed notebook, and says neither where nor how much is free."""
    out = tmp_path / "run"
    words = ["inspect", "-p", "run", "a", "-p", "out_dir", str(out), "--prepare-only"]
    code = f"from trs_lab.runs.command import main; raise SystemExit(main({words!r}))"
    how = dict(capture_output=True, text=True, preexec_fn=no_long_files, timeout=100)
    done = subprocess.run([sys.executable, "-B", "-c", code], **how)
    said = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and said.startswith(f"trs_lab: {out}/inspect.ipynb could not be"), said
    assert "MB are free" in said and [p.name for p in out.iterdir()] == ["inspect.ipynb"]


def test_what_is_killed_at_any_write_is_whole_after_the_next_call(tmp_path):
    """An exported model; `python tests/full_disks.py --kill` has more kinds and points."""
    kind = Kind("export", tmp_path, Killed(tmp_path / "disk"), forks(), seed=0)
    assert kind.once() == [] and kind.row["said"] == 1, "it was not killed, or what was left was not whole"
