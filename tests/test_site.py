"""The documentation site: nbdev's part of it runs, quarto's is played by a script."""

import os

import yaml
from check_sync import tool
from conftest import changed
from measure import ROOT, WINGS, notebooks

QUARTO = """#!/bin/sh
mkdir -p _docs && touch _docs/index.html
"""


def test_nbdev_docs_leaves_nothing_behind(checkout, tmp_path):
    """All notebooks are prepared for the site; git sees neither a new file nor another README."""
    (tmp_path / "quarto").write_text(QUARTO)
    (tmp_path / "quarto").chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if k != "IN_TEST"}
    environment |= dict(PATH=f"{tmp_path}:{environment['PATH']}", PYTHONPATH=str(checkout))
    done = tool("nbdev_docs", "--n_workers", 1, cwd=checkout, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr[-3000:]
    prepared = {path.relative_to(checkout / "_proc") for path in (checkout / "_proc").rglob("*.ipynb")}
    assert prepared == {path.relative_to(ROOT / "nbs") for path in notebooks(ROOT)}
    assert (checkout / "_docs" / "index.html").exists()
    assert changed(checkout) == set()


def test_the_sidebar_lists_the_wings_in_order():
    contents = yaml.safe_load((ROOT / "nbs" / "sidebar.yml").read_text())["website"]["sidebar"]["contents"]
    folders = [item["auto"] for item in contents if "auto" in item]
    assert folders[: len(WINGS)] == list(WINGS)
    apps = {item for section in contents if "contents" in section for item in section["contents"]}
    assert apps == {p.name for p in (ROOT / "nbs").glob("*.ipynb")} - {"index.ipynb"}
