"""What the tests from outside share: the notebook run by papermill as its users do, and the same run as a function.

Tests of one `xdist_group` share what is dear to set up. pytest-xdist 3.8 writes the group into a name that pytest 9.2
no longer reads, so that each worker would set it up for itself; hence pytest < 9.2 in settings.ini.
"""

import contextlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from multiprocessing import forkserver
from pathlib import Path

import pytest
from cells import run_in
from check_sync import copy_tree
from films import rendered

ROOT = Path(__file__).resolve().parent.parent
# No test asks the network. huggingface_hub reads this when it is imported, and the processes below import it early.
os.environ["HF_HUB_OFFLINE"] = "1"
NOTEBOOK = ROOT / "nbs" / "train.ipynb"


# A run of small networks, paused, stopped and killed in its first five epochs; `whole_run` is what it comes to when
# nothing disturbs it.
SMALL = dict(mixer_depth=1, token_dim=8, channel_dim=16)
LONG = dict(
    **SMALL,
    dataset="folder",
    backbone="none",
    ratio=0.2,
    burn_in_epochs=3,
    epochs=10,
    checkpoint_seconds=0,
    figures=False,
    device="cpu",
)


def papermill_command(output, **parameters):
    flags = [part for name, value in parameters.items() for part in ("-p", name, str(value))]
    return [
        str(Path(sys.executable).with_name("papermill")),
        "--no-progress-bar",
        str(NOTEBOOK),
        str(output),
        *flags,
    ]


@pytest.fixture(scope="session")
def process():
    """A process that is forked from one in which most is loaded (tests/loaded.py)."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["loaded"])
    with contextlib.chdir(ROOT / "tests"):  # where the new process finds it
        forkserver.ensure_running()
    return context.Process


@pytest.fixture
def started(process, tmp_path):
    """Start a notebook with parameters in a fork of its own; it says `said()` and leaves outputs.json in tmp_path.

    `requests` are those of `on_the_way`.

    Where papermill or the kernel is what is tested, see `papermill_cli` and `whole_run`."""

    def start(notebook, requests=None, **parameters):
        child = process(target=run_in, args=(tmp_path, notebook, parameters, requests))
        child.start()
        child.said = (tmp_path / "said.txt").read_text
        return child

    return start


def wait_for(child, condition, timeout=300):
    """Until the condition holds of a process that is still under way."""
    end = time.monotonic() + timeout
    while not condition():
        assert child.is_alive(), "the process ended before its time"
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.02)


def ended_well(child, timeout=300):
    child.join(timeout)
    return child.exitcode == 0


@pytest.fixture
def papermill_cli(tmp_path):
    """The command, as its users type it, from a folder that has nothing to do with the project."""

    def run(output="out.ipynb", **parameters):
        environment = {k: v for k, v in os.environ.items() if k != "IN_TEST"}
        return subprocess.run(
            papermill_command(tmp_path / output, **parameters),
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )

    return run


@pytest.fixture
def train(tmp_path, monkeypatch):
    """A run in this process, without the seconds that a kernel takes to load; returns its summary, raises its errors.

    tests/test_train.py shows that the notebook leaves the same run folder."""
    from trs_lab.runs.configure import make_config
    from trs_lab.runs.train_run import train_run

    monkeypatch.chdir(tmp_path)

    def run(**parameters):
        plain = {k: str(v) if isinstance(v, Path) else v for k, v in parameters.items()}
        return train_run(make_config(**plain), threads=1)

    return run


@pytest.fixture(scope="session")
def feature_folder(tmp_path_factory):
    """A `folder` data set of segment features whose first dimension carries the score."""
    import numpy as np

    root = tmp_path_factory.mktemp("toy")
    (root / "features").mkdir()
    rng = np.random.default_rng(0)
    lines = ["clip_id,score,split"]
    for i in range(80):
        score = rng.normal(60, 10)
        x = rng.normal(size=(10, 12)).astype(np.float32)
        x[:, 0] += (score - 60) / 10
        np.save(root / "features" / f"c{i:02d}.npy", x)
        lines.append(f"c{i:02d},{score:.3f},{'train' if i < 60 else 'test'}")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="session")
def long(feature_folder, tmp_path_factory):
    return dict(LONG, root=feature_folder, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def whole_run(long, tmp_path_factory):
    """Folder of an undisturbed run; tests that need it are of the xdist group "whole", so that it is made once."""
    run = tmp_path_factory.mktemp("whole")
    command = papermill_command(run / "train.ipynb", **{**long, "figures": True}, out_dir=run / "run")
    done = subprocess.run(
        command,
        cwd=run,
        env={k: v for k, v in os.environ.items() if k != "IN_TEST"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return run / "run"


def epochs_done(history):
    """Whole epochs in pseudo_labels.parquet of a run under way; the file may be replaced while it is read."""
    import pandas as pd

    try:
        with open(history, "rb") as file:
            return pd.read_parquet(file).epoch.nunique()
    except FileNotFoundError:
        return 0


def assert_same_run(a, b):
    """The same weights and the same history, bit for bit."""
    import pandas as pd
    from safetensors.torch import load_file

    ours, theirs = (load_file(Path(run) / "model.safetensors") for run in (a, b))
    assert ours.keys() == theirs.keys() and all((ours[k] == theirs[k]).all() for k in ours)
    pd.testing.assert_frame_equal(*(pd.read_parquet(Path(run) / "pseudo_labels.parquet") for run in (a, b)))


@pytest.fixture
def tiny(feature_folder, tmp_path):
    """Parameters of a run that takes seconds."""
    return dict(
        dataset="folder",
        root=feature_folder,
        backbone="none",
        ratio=0.1,
        epochs=3,
        burn_in_epochs=3,
        cache_dir=tmp_path / "cache",
        device="cpu",
    )


@pytest.fixture
def summary():
    return lambda run: json.loads((Path(run) / "summary.json").read_text())


@pytest.fixture(scope="session")
def kept(tmp_path_factory, worker_id):
    """A folder that all workers of one session share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "rendered"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def small_dives(tmp_path_factory, kept):
    """Sixteen dives of 48 x 48 pixels."""
    from trs_lab.dives.dataset import make_dives

    folder = tmp_path_factory.mktemp("dives")
    return rendered(kept, make_dives, folder, 16, seed=3, size=(48, 48), progress=False)


@pytest.fixture
def checkout(tmp_path):
    """A copy of the project under git, as someone has it who works in it."""
    copy = tmp_path / "project"
    copy.mkdir()
    copy_tree(copy)
    for name in (".gitignore", ".gitattributes"):
        shutil.copy(ROOT / name, copy)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "as it was"]):
        subprocess.run(["git", *command], cwd=copy, check=True)
    return copy


def changed(checkout):
    """Files that git would show as changed or new."""
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    done = subprocess.run(status, cwd=checkout, check=True, capture_output=True, text=True)
    return {line[3:] for line in done.stdout.splitlines()}


# What takes longest begins first, so that no worker is left with it at the end. Groups come before all of it: xdist
# puts those with the most tests first.
LONGEST = (
    "[runs/full_size. [runs/step_memory. [runs/launch. test_sweep.py test_launch.py test_site.py "
    "test_jigsaws_video [dives/pretrain. [report. [methods/tuned. [methods/recovery. [trs/figure. "
    "[runs/train_stacked. [bench. [results/clip_plots. [runs/prepare. [train. [score/share. [trs/method. "
    "[results/run_features. [results/plots. [score/intervals. [runs/pause. [dives/dataset. test_train.py "
    "test_score.py [runs/ [score/ [features/extraction. [annotate. [results/ [inspect/ [methods/"
).split()


def pytest_collection_modifyitems(items):
    place = lambda item: next((i for i, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST))
    items.sort(key=place)  # stable: the others keep their order
