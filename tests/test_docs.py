"""README and the pages in nbs/docs lead to files that exist, and every page can be reached from README."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "nbs" / "docs").rglob("*.md"))]


def prose(page):
    """The text without blocks of code, in which brackets mean something else."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)


def linked(page):
    """Files that a page links to or shows, as absolute paths; addresses on the web are left out."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    local = [t.partition("#")[0] for t in targets if not re.match(r"[a-z]+:", t)]
    return [(page.parent / t).resolve() for t in local if t]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page):
    missing = [t for t in linked(page) if not t.is_file()]
    assert not missing, f"{page.relative_to(ROOT)} links to what is not there: {missing}"


def test_every_page_can_be_reached_from_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [t for t in linked(page) if t.suffix == ".md" and t.is_file()]
    assert reached == set(PAGES), sorted(set(PAGES) ^ reached)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_commands_name_files_of_the_project(page):
    """A command that somebody copies: its notebooks, plans and tables lie where it says."""
    named = set(re.findall(r"(?<![\w/])(?:nbs|tests)/[\w/]+\.\w+(?:\.gz)?", page.read_text()))
    assert not (missing := sorted(n for n in named if not (ROOT / n).is_file())), missing


FAULTS = ROOT / "nbs" / "docs" / "faults.md"


def proofs():
    """(fault, last cell of its row) of all tables in faults.md."""
    rows = [line.strip("|").split("|") for line in FAULTS.read_text().splitlines() if line.startswith("| ")]
    return [(row[0].strip(), row[-1].strip()) for row in rows if row[-1].strip() != "test"]


def exists(named):
    """`tests/test_x`, `tests/test_x::test_y`, or a notebook, which has the test beside the code."""
    place, _, test = named.partition("::")
    file = ROOT / (f"{place}.py" if place.startswith("tests/") else f"nbs/{place}.ipynb")
    return file.is_file() and (not test or f"def {test}(" in file.read_text())


def test_every_fault_names_a_test_that_exists():
    assert len(proofs()) > 40
    for fault, cell in proofs():
        named = re.findall(r"`([^`]+)`", cell)
        assert named and all(map(exists, named)), f"{fault}: {cell}"
