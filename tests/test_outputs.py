"""What notebooks keep. The rules can fail: each is broken here once; check_sync.py holds the project to them."""

import asyncio
import json
import re

import nbformat
import outputs
import pytest
from check_sync import tool
from conftest import changed
from measure import ROOT


def book(source="f()", *kept, **metadata):
    cell = dict(
        cell_type="code", id="a", metadata={}, source=source, outputs=list(kept), execution_count=None
    )
    return dict(cells=[cell], metadata=metadata, nbformat=4, nbformat_minor=5)


def stream(text, name="stdout"):
    return dict(output_type="stream", name=name, text=text)


def display(**data):
    return dict(
        output_type="display_data", data={k.replace("_", "/"): v for k, v in data.items()}, metadata={}
    )


GOOD = [
    book("f()", stream("student: 0.71\n")),
    book("f()", display(image_png="iVBORw0KGgo", text_plain="<Figure size 480x120 with 3 Axes>")),
    book("#| hide\nf()"),
    book("save(folder / 'tmp/x'); see('https://example.org/home/me')"),
    book("f()", stream("half of 50% | of all; 3 clips/s, 2.1 s/epoch [5, 7]; runs/home/me\n")),
]
BAD = {
    "a hidden cell keeps no output": book("#| hide\nf()", stream("done\n")),
    "an error is kept": book("f()", dict(output_type="error", ename="E", evalue="", traceback=[])),
    "stderr is kept": book("f()", stream("UserWarning: slow\n", name="stderr")),
    "a widget is kept": book("f()", dict(output_type="display_data", data={outputs.WIDGET: {}}, metadata={})),
    "a progress bar is kept": book("f()", stream("burn-in: 100%|██████| 12/12 [00:00<00:00]\n")),
    "a path of one machine is kept: /home/": book("f()", stream("written to /home/me/run\n")),
    "a path of one machine is kept: C:": book("f()", display(text_html=["<p>C:\\runs\\a", "</p>"])),
    "a path of one machine is written: /tmp/": book("open('/tmp/x.csv')"),
    "an address in memory": book("f()", display(text_plain="function f at 0x7f3a5c2d1e50")),
    "the state of widgets is kept": book("f()", widgets={}),
    "at most 150,000 are allowed": book("f()", display(image_png="x" * outputs.PER_NOTEBOOK)),
}


@pytest.mark.parametrize("notebook", GOOD)
def test_what_explains_something_is_kept(notebook):
    assert outputs.complaints(notebook) == []


@pytest.mark.parametrize("why", BAD)
def test_what_may_not_be_kept(why):
    (found,) = outputs.complaints(BAD[why])
    assert why in found


def test_stripping_leaves_what_explains_something():
    kept = stream("student: 0.71\n")
    notebook = book("f()", stream("\rburn-in", name="stderr"), kept, widgets={})
    assert outputs.stripped(notebook) == book("f()", kept)


def as_run(path):
    """What JupyterLab has in hand when all cells of a notebook were run: outputs, counts, times."""
    notebook = json.loads(path.read_text())
    for count, cell in enumerate(c for c in notebook["cells"] if c["cell_type"] == "code"):
        cell["execution_count"] = count
        cell["metadata"]["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
        cell["outputs"] = [stream("student: 0.71\n")]
    return notebook


def save_as_lab_does(folder, name, notebook):
    """By the contents manager of `make lab`, with its hook."""
    from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
    from nbdev.config import get_config

    hook = re.search(r"pre_save_hook=(\S+)", (ROOT / "Makefile").read_text())[1]
    manager = AsyncLargeFileManager(root_dir=str(folder), pre_save_hook=hook)
    model = dict(type="notebook", format="json", content=notebook)
    get_config.cache_clear()  # it remembers the settings of this project
    try:
        asyncio.run(manager.save(model, name))
    finally:
        get_config.cache_clear()


def test_saving_in_jupyterlab_dirties_no_other_file(checkout, monkeypatch, caplog):
    """The hook cleans what is saved: outputs stay, counts and times go, and its neighbours are left alone."""
    folder, name = checkout / "nbs", "learn/toy.ipynb"
    before = json.loads((folder / name).read_text())["cells"]
    monkeypatch.chdir(folder)  # where `make lab` starts it
    save_as_lab_does(folder, name, as_run(folder / name))
    assert changed(checkout) == {f"nbs/{name}"} and not [r for r in caplog.records if r.levelname == "ERROR"]
    after = json.loads((folder / name).read_text())["cells"]
    without = lambda cells: [{k: v for k, v in c.items() if k != "outputs"} for c in cells]
    assert without(after) == without(before)
    assert all("".join(c["outputs"][0]["text"]) == "student: 0.71\n" for c in after if "outputs" in c)


def test_cleaning_in_jupyterlab_leaves_trust(checkout):
    """A notebook is signed where its cells say `trusted`; else no widget comes back when a page is loaded again."""
    from nbdev.clean import clean_jupyter

    path = checkout / "nbs" / "learn" / "toy.ipynb"
    notebook = nbformat.reads(json.dumps(as_run(path)), 4)
    for cell in notebook.cells:
        cell.metadata.trusted = True
    clean_jupyter(str(path), dict(type="notebook", content=notebook))
    assert all(cell.metadata.trusted for cell in notebook.cells)
    assert "trusted" not in nbformat.writes(notebook)  # the file never says so


def test_cleaning_keeps_outputs(checkout):
    """`nbdev_clean` strips what differs from one call to the next, and leaves what a reader sees."""
    path = checkout / "nbs" / "learn" / "toy.ipynb"
    notebook = json.loads(path.read_text())
    cell = next(c for c in notebook["cells"] if c["cell_type"] == "code")
    cell["outputs"] = [display(image_png="iVBORw0KGgo"), stream("student: 0.71\n")]
    kept = json.dumps(notebook)
    cell |= dict(execution_count=7, metadata={"execution": {"iopub.status.busy": "2026-01-01"}})
    path.write_text(json.dumps(notebook))
    tool("nbdev_clean", cwd=checkout, check=True)
    assert json.loads(path.read_text()) == json.loads(kept)
    assert changed(checkout) == {"nbs/learn/toy.ipynb"}
