"""Every notebook's own tests, one counted test and one process a notebook."""
import subprocess
import sys
from pathlib import Path

import pytest

NBS = Path(__file__).resolve().parent.parent / "nbs"


@pytest.mark.parametrize("notebook", sorted(p.name for p in NBS.glob("[!_.]*.ipynb")))
def test_notebook(notebook):
    command = [Path(sys.executable).with_name("nbdev_test"), "--path", NBS / notebook, "--n_workers", "0"]
    done = subprocess.run(command, cwd=NBS.parent, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
