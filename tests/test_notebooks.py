"""Every notebook's own tests, one counted test and one process a notebook."""
import multiprocessing
import os
import sys
from pathlib import Path

import pytest

NBS = Path(__file__).resolve().parent.parent / "nbs"
# What most notebooks import, loaded once; each notebook runs in a fork of it. Nothing of trs_lab: a notebook must find its own imports.
LOADED = ["torch", "torch._inductor.config", "pandas", "pyarrow.parquet", "scipy.stats", "matplotlib.pyplot", "seaborn", "sklearn.svm", "accelerate", "ipywidgets", "nbdev.test", "IPython.core.interactiveshell"]


@pytest.fixture(scope="session")
def process():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    return context.Process


def run(notebook, log):
    """What `nbdev_test --path NOTEBOOK --n_workers 0` does, in this process."""
    from nbdev.config import get_config
    from nbdev.test import test_nb

    with open(log, "w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.chdir(NBS)
    config = get_config()
    passed, _ = test_nb(NBS / notebook, skip_flags=config.tst_flags.split(), basepath=config.config_path)
    sys.stdout.flush()
    sys.exit(0 if passed else 1)


@pytest.mark.parametrize("notebook", sorted(p.name for p in NBS.glob("[!_.]*.ipynb")))
def test_notebook(notebook, process, tmp_path):
    log = tmp_path / "said.txt"
    child = process(target=run, args=(notebook, log))
    child.start()
    child.join()
    assert child.exitcode == 0, log.read_text() if log.exists() else f"ended with {child.exitcode} before it began"
