"""The parameters cells of train and check say what is true: each name exists, a default in sight is the real one."""

import ast
import json
import re
import subprocess
import sys
from dataclasses import fields

from conftest import ROOT
from execnb.shell import CaptureShell
from papermill import inspect_notebook

import pytest

from trs_lab.core.parameters import Config, ConfigError
from trs_lab.learn.method import Options
from trs_lab.runs.configure import PRESETS, make_config


def cell(notebook):
    cells = json.loads((ROOT / "nbs" / notebook).read_text())["cells"]
    (found,) = (c for c in cells if "parameters" in c["metadata"].get("tags", []))
    return "".join(found["source"])


def values(source):
    return {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(source).body}


def test_train_shows_real_defaults():
    source = cell("train.ipynb")
    given, defaults = values(source), {f.name: f.default for f in (*fields(Config), *fields(Options))}
    assert given.pop("preset") == "auto"
    assert set(given) <= set(defaults), "a name that is no field, and no option that every method has"
    set_by_presets = {name for preset in PRESETS.values() for name in preset}
    made = [make_config(preset) for preset in PRESETS]
    depends = set_by_presets | {
        f.name for f in fields(Config) for c in made if getattr(c, f.name) != f.default
    }
    for name, value in given.items():
        if value is None:
            assert name in depends, f"{name}: None hides a default that no preset changes"
        else:
            assert name not in set_by_presets, f"{name}: a preset's value would be overruled by the cell"
            assert value == defaults[name], (
                f"{name}: the cell says {value!r}, the configuration {defaults[name]!r}"
            )


def test_check_shows_real_defaults():
    """It looks at a folder where nothing else is said; None is left to the preset."""
    given, defaults = values(cell("check.ipynb")), {f.name: f.default for f in fields(Config)}
    assert (given.pop("preset"), given.pop("dataset"), given.pop("show")) == ("auto", "folder", 6)
    set_by_preset = {name for name, value in given.items() if value is None}
    assert {"ratio", "fitting"} <= PRESETS["folder"].keys() & set_by_preset
    wrong = {name: value for name, value in given.items() if value not in (None, defaults[name])}
    assert not wrong and not set(given) - set(defaults)


# What may be a number in some programs: one share, one seed, one fold, a task or a criterion whose name is one.
MAY_BE_NUMBERS = {"ratios", "seeds", "folds", "task", "targets"}
CHECKED_BY_CONFIG = {"train.ipynb", "check.ipynb"}
PROGRAMS = [p.name for p in sorted((ROOT / "nbs").glob("*.ipynb")) if '"parameters"' in p.read_text()]


@pytest.mark.parametrize("notebook", PROGRAMS)
def test_help_lists_and_explains_every_parameter(notebook):
    """papermill, which writes the help, reads one assignment a line, without another = in it."""
    found, given = inspect_notebook(ROOT / "nbs" / notebook), values(cell(notebook))
    assert {n: ast.literal_eval(f["default"]) for n, f in found.items()} == given
    assert all(f["help"] for f in found.values())


def test_a_refusal_is_one_sentence_at_a_terminal(tmp_path):
    """In a folder with a module that is called as one of Python's own."""
    (tmp_path / "random.py").write_text("raise SystemExit('of somebody')")
    words = ["train", "-p", "ratoi", "3", "-p", "out_dir", "run"]
    code = f"from trs_lab.runs.command import main; raise SystemExit(main({words}))"
    how = dict(capture_output=True, text=True, cwd=tmp_path, timeout=100)
    done = subprocess.run([sys.executable, "-P", "-B", "-c", code], **how)
    (said,) = [line for line in done.stderr.splitlines() if "Error" in line]
    assert (done.returncode, said) == (1, "ConfigError: unknown parameter 'ratoi'; did you mean 'ratio'?")
    assert "Traceback" not in done.stderr and "of somebody" not in done.stderr


def checks(notebook):
    """Code of the cells up to the one that checks the parameters, and of the parameters cell."""
    found = [
        c for c in json.loads((ROOT / "nbs" / notebook).read_text())["cells"] if c["cell_type"] == "code"
    ]
    sources = ["".join(c["source"]) for c in found]
    last = next(
        i for i, source in enumerate(sources) if "notebook_parameters(" in source and "import" not in source
    )
    return sources[: last + 1], sources.index(cell(notebook))


@pytest.mark.parametrize("notebook", PROGRAMS)
def test_a_word_for_a_number_or_for_true_is_refused(notebook):
    """The word no would count as True."""
    sources, at = checks(notebook)
    of_config = {f.name for f in (*fields(Config), *fields(Options))}  # those the configuration checks
    for name, value in values(sources[at]).items():
        if isinstance(value, (bool, int, float)) and name not in of_config:
            shell = CaptureShell()
            for source in [*sources[: at + 1], f"{name} = 'no'", *sources[at + 1 :]]:
                shell.run(source)
            assert isinstance(shell.exc, ConfigError) and f"{name}: expected" in str(shell.exc), name


@pytest.mark.parametrize("notebook", sorted({*PROGRAMS} - CHECKED_BY_CONFIG))
def test_a_number_for_a_name_or_a_path_is_refused(notebook):
    """papermill's -p makes numbers of 2025_06_02, 007 and 1e3."""
    given = values(cell(notebook))
    texts = {name for name, value in given.items() if isinstance(value, str)} - MAY_BE_NUMBERS
    cells = json.loads((ROOT / "nbs" / notebook).read_text())["cells"]
    source = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    refused = re.search(r'notebook_parameters\(\s*globals\(\),\s*_before,\s*\w+,\s*"([^"]*)"', source)
    assert refused, "it does not check its parameters"
    assert texts <= {*refused[1].split()} <= {*given}
