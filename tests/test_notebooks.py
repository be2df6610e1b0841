"""Every notebook's own tests, one counted test and one process a notebook."""

import ast
import builtins
import hashlib
import json
import os
import re
import shutil
import sys
from functools import partialmethod
from pathlib import Path

import pytest
from filelock import FileLock
from forks import serve_forks
from measure import ROOT, notebooks

NBS = ROOT / "nbs"
NAMES = [str(path.relative_to(NBS)) for path in notebooks(ROOT)]
FLAGS = {"cuda", "slow"}  # cells that nbdev_test leaves out
# A test that passes without having tested: it prints that it is skipped, or looks for data or a device and goes on.
SILENT = re.compile(r"""["']skipped\b|TRS_SHARED|^if torch\.cuda\.is_available\(\)""", re.M)


def render_once(kept):
    """The same small dives are asked for in a dozen notebooks: the first renders them, the others get copies."""
    from trs_lab.dives import dataset

    render = dataset.make_dives

    def make_dives(folder, *args, **kwargs):
        if Path(folder).exists() and any(Path(folder).iterdir()):
            return render(folder, *args, **kwargs)
        asked = repr((args, sorted(kwargs.items())))
        films = kept / hashlib.sha256(asked.encode()).hexdigest()[:16]
        with FileLock(f"{films}.lock"):
            if not films.exists():
                render(f"{films}.new", *args, **kwargs)
                os.rename(f"{films}.new", films)
        return Path(shutil.copytree(films, folder, dirs_exist_ok=True))

    dataset.make_dives = make_dives


def run(notebook, log, kept):
    """What `nbdev_test --path NOTEBOOK --n_workers 0` does, in this process; pictures have a quarter of its pixels.

    Then what `nbdev_docs` does with the notebook before quarto gets it, while all that it imports is loaded."""
    from execnb.shell import CaptureShell
    from nbdev.config import get_config
    from nbdev.processors import FilterDefaults
    from nbdev.serve_drv import main as prepare
    from nbdev.test import test_nb

    CaptureShell.__init__ = partialmethod(CaptureShell.__init__, mpl_format="png")

    with open(log, "w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    serve_forks()
    if not notebook.startswith("dives/"):  # where rendering is what is tested
        render_once(kept)
    os.chdir((NBS / notebook).parent)
    config = get_config()
    passed, _ = test_nb(NBS / notebook, skip_flags=config.tst_flags.split(), basepath=config.config_path)
    if passed:
        prepare((NBS / notebook, log.with_name("prepared.ipynb"), FilterDefaults))
    sys.stdout.flush()
    sys.exit(0 if passed else 1)


def code_cells(notebook):
    """(id, source) of each."""
    cells = json.loads((NBS / notebook).read_text())["cells"]
    return [(c["id"], "".join(c["source"])) for c in cells if c["cell_type"] == "code"]


def directives(source):
    """Words after #| at the top of a cell."""
    return {line.split()[1] for line in source.splitlines() if re.match(r"#\|\s+\w", line)}


def silent_cells(notebook):
    """Names of the test cells that may pass without a test, or are never run."""
    tests = [(name, s) for name, s in code_cells(notebook) if not directives(s) & {"export", "notest"}]
    return [f"{notebook} {n}" for n, source in tests if SILENT.search(source) or directives(source) & FLAGS]


def leaning_cells(notebook):
    """Names of the cells that import and use what another cell made: building the site runs them, and not the other."""
    found = []
    for name, source in code_cells(notebook):
        if directives(source) & {"export", "exports", "eval:"} or "nbdev_export()" in source:
            continue
        nodes = list(ast.walk(ast.parse(re.sub(r"^\s*[%!].*", "", source, flags=re.M))))
        imports = [n for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom))]
        own = {a.asname or a.name.split(".")[0] for n in imports for a in n.names} | set(dir(builtins))
        own |= {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        own |= {n.arg for n in nodes if isinstance(n, ast.arg)} | {
            n.name for n in nodes if hasattr(n, "name")
        }
        used = {n.id for n in nodes if isinstance(n, ast.Name)}
        if imports and "*" not in own and used - own:
            found.append(f"{notebook} {name}")
    return found


def test_cells_that_import_lean_on_no_other():
    wings = [notebook for notebook in NAMES if "/" in notebook]  # the apps are run as a whole
    assert [cell for notebook in wings for cell in leaning_cells(notebook)] == []


def test_a_cell_that_exports_does_nothing_else():
    """nbdev_test leaves such a cell out, whatever else stands in it."""
    cells = [(notebook, name, source) for notebook in NAMES for name, source in code_cells(notebook)]
    exporting = [(notebook, name, source) for notebook, name, source in cells if "nbdev_export()" in source]
    plain = "#| hide import nbdev nbdev.nbdev_export()"
    assert len(exporting) > 100
    assert [f"{notebook} {name}" for notebook, name, s in exporting if " ".join(s.split()) != plain] == []


def test_a_leaning_cell_is_found(tmp_path, monkeypatch):
    sources = dict(a="import shutil\nshutil.rmtree(folder)", b="import os\nhere = os.getcwd()", c="f(folder)")
    cells = [dict(cell_type="code", id=name, source=source) for name, source in sources.items()]
    (tmp_path / "n.ipynb").write_text(json.dumps(dict(cells=cells)))
    monkeypatch.setattr(sys.modules[__name__], "NBS", tmp_path)
    assert leaning_cells("n.ipynb") == ["n.ipynb a"]


def test_every_module_has_a_tested_notebook():
    """A notebook that is moved out of sight of this file would lose its tests in silence."""
    sources = set()
    for module in (ROOT / "trs_lab").rglob("*.py"):
        line = re.search(r"^# AUTOGENERATED! DO NOT EDIT! File to edit: (.+?)\.?$", module.read_text(), re.M)
        if line:
            sources.add(str((module.parent / line[1]).resolve().relative_to(NBS)))
    assert sources and sources <= set(NAMES), sorted(sources - set(NAMES))


def test_no_cell_passes_without_a_test():
    """What needs data, a device or patience goes to tests/, where it is run by someone or counted as skipped."""
    assert [cell for notebook in NAMES for cell in silent_cells(notebook)] == []


@pytest.mark.parametrize(
    "source",
    ["print(f'skipped: {x}')", "if torch.cuda.is_available():\n    f()", "#| slow\nf()", "#| cuda\nf()"],
)
def test_a_silent_cell_is_found(source, tmp_path, monkeypatch):
    cells = [dict(cell_type="code", id="a", source=source), dict(cell_type="code", id="b", source="f()")]
    (tmp_path / "n.ipynb").write_text(json.dumps(dict(cells=cells)))
    monkeypatch.setattr(sys.modules[__name__], "NBS", tmp_path)
    assert silent_cells("n.ipynb") == ["n.ipynb a"]


@pytest.fixture(scope="session")
def kept(tmp_path_factory, worker_id):
    """A folder that all workers of one session share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "rendered"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("notebook", NAMES)
def test_notebook(notebook, process, tmp_path, kept):
    log = tmp_path / "said.txt"
    child = process(target=run, args=(notebook, log, kept))
    child.start()
    child.join()
    said = log.read_text() if log.exists() else f"ended with {child.exitcode} before it began"
    assert child.exitcode == 0, said
