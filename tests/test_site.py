"""The documentation site: nbdev's part of it runs, quarto's is played by a script."""

import ast
import json
import os
import subprocess

import yaml
from check_sync import tool
from conftest import changed
from measure import PACKAGE, READING, ROOT, WINGS, imported, modules, notebooks

QUARTO = """#!/bin/sh
mkdir -p _docs && touch _docs/index.html
"""


def test_nbdev_docs_leaves_nothing_behind(checkout, tmp_path):
    """Notebooks are prepared for the site; git sees neither a new file nor another README.

    Here the front page and the first of each wing and of the programs; test_notebooks.py prepares every one where it
    is loaded."""
    nbs = checkout / "nbs"
    kept = {min((nbs / wing).glob("*.ipynb")) for wing in ("", *WINGS, *READING)} | {nbs / "index.ipynb"}
    for path in {*nbs.glob("*.ipynb"), *nbs.glob("*/*.ipynb")} - kept:
        path.unlink()
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, "commit", "-qam", "fewer"], cwd=checkout, check=True)
    (tmp_path / "quarto").write_text(QUARTO)
    (tmp_path / "quarto").chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if k != "IN_TEST"}
    environment |= dict(PATH=f"{tmp_path}:{environment['PATH']}", PYTHONPATH=str(checkout))
    done = tool("nbdev_docs", "--n_workers", 1, cwd=checkout, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr[-3000:]
    prepared = {path.relative_to(checkout / "_proc") for path in (checkout / "_proc").rglob("*.ipynb")}
    assert prepared == {path.relative_to(checkout / "nbs") for path in notebooks(checkout)}
    assert len(prepared) >= len(WINGS) + 2
    assert (checkout / "_docs" / "index.html").exists()
    assert changed(checkout) == set()


def test_the_sidebar_lists_the_wings_in_order():
    contents = yaml.safe_load((ROOT / "nbs" / "sidebar.yml").read_text())["website"]["sidebar"]["contents"]
    sections = {item["section"]: item["contents"] for item in contents if "section" in item}
    assert [section for section in sections if section in WINGS] == list(WINGS)
    for wing in WINGS:
        there = {f"{wing}/{p.name}" for p in (ROOT / "nbs" / wing).glob("*.ipynb")}
        assert sorted(sections[wing]) == sorted(there)
    assert set(sections["Apps"]) == {p.name for p in (ROOT / "nbs").glob("*.ipynb")} - {"index.ipynb"}
    books = [ROOT / "nbs" / name for name in sections["Tutorials"]]
    assert set(books) == set((ROOT / "nbs" / "tutorials").glob("*.ipynb"))
    titles = ["".join(json.loads(book.read_text())["cells"][0]["source"]) for book in books]
    assert [t.split(".")[0] for t in titles] == [f"# {i}" for i in range(1, len(books) + 1)]
    pages = [item for item in contents if isinstance(item, str)]
    assert not [page for page in pages if not (ROOT / "nbs" / page).is_file()]


def test_whoever_reads_in_the_order_of_the_sidebar_has_read_what_a_notebook_imports():
    contents = yaml.safe_load((ROOT / "nbs" / "sidebar.yml").read_text())["website"]["sidebar"]["contents"]
    sections = {item["section"]: item["contents"] for item in contents if "section" in item}
    order = [f"{PACKAGE}.{p.removesuffix('.ipynb').replace('/', '.')}" for w in WINGS for p in sections[w]]
    known = modules(ROOT)
    too_early = []
    for place, name in enumerate(order):
        tree = ast.parse(known[name].read_text()) if name in known else ast.Module([], [])
        at_the_top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        needed = imported(name, ast.unparse(ast.Module(at_the_top, [])), set(order))
        too_early += [(name, other) for other in needed if order.index(other) > place]
    assert not too_early and len(order) > 130
