"""What is installed: all of the package, also the scripts and style sheets that no notebook exports."""

import subprocess
import sys

from conftest import ROOT


def files(folder):
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return {str(p) for p in found if "__pycache__" not in p.parts}


def test_every_file_of_the_package_is_installed(tmp_path):
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    ours, installed = files(ROOT / "trs_lab"), files(tmp_path / "trs_lab")
    assert "inspect/static/player.js" in ours
    assert ours == installed
