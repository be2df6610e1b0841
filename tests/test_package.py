"""What is installed: all of the package, and what it needs where there is no clone."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT


def files(folder):
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return {str(p) for p in found if "__pycache__" not in p.parts}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that holds what a wheel unpacks."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.mark.xdist_group("package")
def test_every_file_of_the_package_is_installed(installed):
    ours, theirs = files(ROOT / "trs_lab"), files(installed / "trs_lab")
    assert {
        "inspect/static/player.js",
        "py.typed",
    } <= ours  # the latter tells a type checker to read the package
    assert ours == {f for f in theirs if not f.startswith("shipped/")}


@pytest.mark.xdist_group("package")
def test_dives_weights_and_programs_are_installed_and_small(installed):
    shipped = installed / "trs_lab" / "shipped"
    assert files(shipped / "data" / "dives") == files(ROOT / "data" / "dives")
    assert files(shipped / "data" / "weights") == files(ROOT / "data" / "weights")
    assert (
        files(ROOT / "nbs" / "docs" / "results")
        >= files(shipped / "nbs" / "docs" / "results")
        == {"rows.csv", "recipe/rows.csv.gz", "groups/rows.csv.gz"}
    )
    assert {p.name for p in (ROOT / "nbs").glob("*.ipynb")} == {p.name for p in shipped.glob("nbs/*.ipynb")}
    assert sum(p.stat().st_size for p in installed.rglob("*") if p.is_file()) < 30e6


# The command is an entry point of the installed package; here the package only lies on the path.
COMMAND = "import sys; from trs_lab.runs.command import main; sys.exit(main())"


@pytest.mark.xdist_group("package")
def test_command_trains_where_there_is_no_clone(installed, feature_folder, tmp_path):
    """The notebook, what it imports and where it writes: all of the installed package and the working directory."""
    named = dict(dataset="folder", backbone="none", method="ridge", ratio=0.5, figures=False, device="cpu")
    words = [w for name, value in named.items() for w in ("-p", name, str(value))]
    ours = ("IN_TEST", "PYTEST_CURRENT_TEST")  # under the latter ipykernel takes another way to the terminal
    environment = {k: v for k, v in os.environ.items() if k not in ours} | {"PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "train", "--no-progress-bar", *words, "-p", "root", feature_folder],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"{installed}/trs_lab/shipped/nbs/train.ipynb" in done.stdout
    assert "scores, Spearman on" in done.stderr, "the verdict reaches the terminal"
    (run,) = tmp_path.glob("runs/*/run.json")
    assert (run.parent / "predictions.csv").exists() and str(tmp_path) not in str(installed)
    assert (run.parent / "train.ipynb").exists(), "the executed notebook lies in the run folder"


@pytest.mark.xdist_group("package")
def test_embedded_data_are_those_of_the_installed_package(installed, tmp_path):
    look = (
        "from trs_lab.core.files import project_root, shipped; "
        "from trs_lab.data.embedded_dives import dives_folder; "
        "print(project_root(), shipped(), dives_folder(), sep='\\n')"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TRS_DATA"} | {"PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    inside = installed / "trs_lab" / "shipped"
    assert done.stdout.splitlines() == [str(tmp_path), str(inside), str(inside / "data" / "dives")]
