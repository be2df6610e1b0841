"""The house keeps its plan: wings import upwards only, names say the thing, functions are short."""

import ast
import os
import re
import subprocess
from graphlib import TopologicalSorter

import audit
import check_sync
import pytest
from measure import (
    PACKAGE,
    READING,
    ROOT,
    WINGS,
    functions_and_classes,
    imported,
    imports,
    modules,
    notebooks,
    wing,
    wrong_arrows,
)

# Arrows that still point the wrong way. Nothing is added here, and what is mended is taken out.
MENDING = set()
LONGEST, LARGEST = 30, 280  # lines of a function's body and of a class, as the project is formatted


def test_wings_import_upwards_only():
    arrows = set(wrong_arrows(ROOT))
    added = [f"{a} imports {b}" for a, b in sorted(arrows - MENDING)]
    assert not added, f"wings may import only what tests/measure.py lists for them: {added}"
    assert MENDING <= arrows, f"mended, so take them out of MENDING: {sorted(MENDING - arrows)}"


def test_every_module_lies_in_a_wing():
    assert {wing(name) for name in modules(ROOT)} == set(WINGS)
    folders = {book.parent.relative_to(ROOT / "nbs").parts for book in notebooks(ROOT)}
    assert folders == {(), *((name,) for name in (*WINGS, *READING))}  # () has the apps and the index


def test_what_is_only_read_exports_nothing():
    books = [book for book in notebooks(ROOT) if book.parent.name in READING]
    assert books and not [
        b.name for b in books if re.search(r"#\|\s*(default_exp|exports?)\b", b.read_text())
    ]


def test_the_order_of_the_wings_is_the_order_of_their_imports():
    """A wing that could import one that comes later in the table would make the table a lie."""
    order = list(WINGS)
    assert all(order.index(b) < order.index(a) for a in order for b in WINGS[a])


def test_no_module_imports_itself_by_a_detour():
    list(TopologicalSorter(imports(ROOT)).static_order())  # raises CycleError, which names the ring


@pytest.mark.parametrize(
    "source",
    [
        "from ..trs.networks import Networks",
        "from ..trs import networks",
        "from .. import trs\nfrom ..trs import networks as n",
        "import trs_lab.trs.networks",
        "from trs_lab.trs.networks import *",
        "def late():\n    from trs_lab.trs.networks import Networks",
    ],
)
def test_every_form_of_an_import_is_seen(source):
    known = {"trs_lab.trs.networks", "trs_lab.learn.learner"}
    assert imported("trs_lab.learn.learner", source, known) == {"trs_lab.trs.networks"}


def test_no_number_in_a_name():
    """Numbers order a folder for one day; the wings do it for good."""
    named = [str(p.relative_to(ROOT)) for p in (*modules(ROOT).values(), *notebooks(ROOT))]
    assert named and not [name for name in named if re.search(r"\d", name)]


def test_what_a_module_is_for_is_a_whole_sentence():
    """A quotation of two lines at the head of a notebook would be cut off after the first."""
    said = {name: ast.get_docstring(ast.parse(path.read_text())) for name, path in modules(ROOT).items()}
    assert any(said.values())
    assert not {name: text for name, text in said.items() if text and text[-1] not in ".?!"}


@pytest.mark.parametrize(
    "source, rule",
    [
        ("import pickle\npickle.loads(b'')", "S301"),
        ("assert 1", "S101"),
        ("import subprocess\nsubprocess.run('ls', shell=True)", "S602"),
        ("import yaml\nyaml.load('')", "S506"),
        ("eval('1')", "S307"),
        ("import os", "F401"),  # for the tests of its notebook alone
    ],
)
def test_unsafe_code_of_the_package_is_found(source, rule, tmp_path, monkeypatch):
    """By the check that `make sync` makes of all modules."""
    (tmp_path / "trs_lab").mkdir()
    (tmp_path / "trs_lab" / "module.py").write_text(source + "\n")
    (tmp_path / "nbs").mkdir()
    (tmp_path / "tests").mkdir()
    for name in ("setup.py", "ruff.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    monkeypatch.setattr(check_sync, "root", tmp_path)
    assert [line.split(": ")[1].split()[0] for line in check_sync.badly_formatted()] == [rule]


WRITES = {"to_csv", "to_parquet", "write_text", "write_bytes", "savefig", "save_file", "copyfile"}
# Made-up runs; a folder that was empty before; words beside failed.json, whose loss costs nothing.
AT_ONCE = {"results.synthetic", "runs.full_size", "runs.sweeps"}
INTO_NEW_FOLDERS = {"score.share", "data.stores"}  # which get their names when they are whole
INTO_MEMORY = {"results.reports", "results.check_pictures"}  # figures


def half_written(source):
    """Names of calls that write a file in its place, outside of the small functions that `write_atomically` calls."""
    tree = ast.parse(source)
    inside = [n for f in ast.walk(tree) if isinstance(f, ast.Lambda) for n in ast.walk(f)]
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and n not in inside and n.args]
    names = [n.func.attr if isinstance(n.func, ast.Attribute) else getattr(n.func, "id", "") for n in calls]
    return [name for name in names if name in WRITES]


def test_files_of_runs_and_reports_are_replaced_in_one_piece():
    """A full disk or a kill leaves the old one."""
    assert half_written("frame.to_csv(path)\nwrite_atomically(path, lambda p: frame.to_csv(p))") == ["to_csv"]
    found = {n.removeprefix(f"{PACKAGE}."): half_written(p.read_text()) for n, p in modules(ROOT).items()}
    assert {n for n, calls in found.items() if calls} == AT_ONCE | INTO_NEW_FOLDERS | INTO_MEMORY


@pytest.mark.parametrize(
    "found, said, status",
    [
        ([dict(name="a", vulns=[])], "1 of 1 packages were audited", 0),
        ([dict(name="a", vulns=[dict(id="X-1")])], "known: a X-1", 1),
        (
            [dict(name="a", skip_reason="not found"), dict(name="b", vulns=[])],
            "nothing is known of them: a",
            2,
        ),
    ],
)
def test_an_audit_that_asked_nobody_does_not_pass(found, said, status):
    assert said in audit.sentence(found)[0] and audit.sentence(found)[1] == status


def test_a_training_is_written_into_the_folder_that_was_made_for_it(tmp_path):
    """`make train` asks the clock for a name once: here a second passes whenever it is asked."""
    clock, seconds = tmp_path / "date", tmp_path / "seconds"
    clock.write_text(f"#!/bin/sh\necho x >> {seconds}\nwc -l < {seconds} | tr -d ' '\n")
    clock.chmod(0o755)
    env = {k: v for k, v in os.environ.items() if k not in ("RUN", "MAKEFLAGS", "MAKEOVERRIDES")}
    env |= dict(PATH=f"{tmp_path}:{env['PATH']}")
    make = lambda *words: subprocess.run(
        ["make", "-n", "-o", ".venv/installed", "train", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )
    shown = make()
    assert shown.returncode == 0, shown.stderr
    assert set(re.findall(r"runs/(\w+)-dives", shown.stdout)) == {"1"}, shown.stdout
    assert set(re.findall(r"runs/\w+", make("RUN=runs/first").stdout)) == {"runs/first"}


@pytest.mark.parametrize("user", [0, 1000])
def test_make_lab_listens_on_this_machine_alone_and_says_what_root_risks(user, tmp_path):
    """With programs in the place of JupyterLab and `id` that say what they are given."""
    from jupyter_server.serverapp import ServerApp

    stubs = {
        "bin/jupyter": 'printf "%s\\n" "$@"',
        "bin/python": "echo start.ipynb",
        "path/id": f"echo {user}",
    }
    for name, line in stubs.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "installed").touch()
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKEOVERRIDES")}
    env |= dict(PATH=f"{tmp_path / 'path'}{os.pathsep}{env['PATH']}")
    command = ["make", "--silent", "lab", f"VENV={tmp_path}"]
    said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert ("warning: JupyterLab runs as root" in said.stdout) == (user == 0)
    assert ("--allow-root" in said.stdout) == (user == 0)
    assert f"--ServerApp.root_dir={ROOT}" in said.stdout and "start.ipynb" in said.stdout
    # nothing opens it to others: neither what is typed, nor what JupyterLab does by itself
    assert not re.search(r"--(ServerApp\.|IdentityProvider\.)?(ip|token|password|allow_remote)", said.stdout)
    assert ServerApp().ip == "localhost"


def test_functions_are_short():
    """JavaScript, styles and long tables do not belong into a function either."""
    assert not longer_than(LONGEST, classes=False)


def test_classes_have_one_subject():
    """A class that has grown beyond this does two things."""
    assert not longer_than(LARGEST, classes=True)


def longer_than(lines, classes):
    """What is longer, the longest first: [(lines, name)]."""
    found = []
    for name, path in modules(ROOT).items():
        functions, of_classes = functions_and_classes(path.read_text())
        each = [(n, c) for c, (n, _) in of_classes.items()] if classes else [(n, f) for f, n in functions]
        found += [(n, f"{name.removeprefix(PACKAGE + '.')}.{what}") for n, what in each if n > lines]
    return sorted(found, reverse=True)


def test_length_of_a_function_is_that_of_its_body():
    source = 'def f(\n    a,  # number\n    b,  # number\n):\n    "Add."\n    c = a\n    return c + b\n'
    assert functions_and_classes(source)[0] == [("f", 2)]
    patched = "class A:\n    def f(self): pass\n\n@patch\ndef g(self: A):\n    return 1\n"
    assert functions_and_classes(patched)[1] == {"A": (2 + 3, 2)}
