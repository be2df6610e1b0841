"""Is the package what the notebooks export, are they clean and formatted, and do they keep only what they may?

Everything is exported and cleaned in a copy, so that a failing check leaves the working tree as it was.
With --readme, write README.md of nbs/index.ipynb instead.
"""

import filecmp
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import outputs

root = Path(__file__).resolve().parent.parent


def tool(name, *args, **kwargs):
    """A command of the environment that runs this file."""
    return subprocess.run([Path(sys.executable).with_name(name), *map(str, args)], **kwargs)


def exported(folder):
    kept = (p.relative_to(folder) for p in [*folder.glob("nbs/**/*.ipynb"), *folder.glob("trs_lab/**/*.py")])
    return {p for p in kept if not any(part.startswith(".") for part in p.parts)}


def write_readme(index, folder):
    """README.md of index.ipynb, whose pictures and pages lie beside it in nbs."""
    page = ["--to", "markdown", "--log-level", "ERROR", "--output-dir", folder, "--output", "README", index]
    tool("jupyter", "nbconvert", *page, check=True)
    readme = folder / "README.md"
    readme.write_text(re.sub(r"\]\((?!\w+:)", "](nbs/", readme.read_text()))


def copy_tree(copy):
    """What export and cleaning read, and nothing that they leave behind."""
    for name in ("nbs", "trs_lab"):
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(root / name, copy / name, ignore=ignored)
    for name in ("settings.ini", "setup.py"):
        shutil.copy(root / name, copy / name)


def out_of_sync(copy):
    """Files that come out different when the copy is exported and cleaned."""
    for name in ("nbdev_export", "nbdev_clean"):
        tool(name, cwd=copy, check=True)
    ours, theirs = exported(root), exported(copy)
    differing = sorted(f for f in ours & theirs if not filecmp.cmp(root / f, copy / f, shallow=False))
    write_readme(copy / "nbs" / "index.ipynb", copy)
    if not filecmp.cmp(root / "README.md", copy / "README.md", shallow=False):
        differing.append("README.md (see `make readme`)")
    wrong = [f"{f}: differs from what the notebooks give" for f in differing]
    return wrong + [f"{f}: exported, but not in the working tree" for f in sorted(theirs - ours)]


def badly_formatted():
    """What ruff says of notebooks, tests and setup.py, and of modules what is unsafe or imported for nothing."""
    said, where, check = [], ["nbs", "tests", "setup.py"], ["check", "--quiet", "--output-format", "concise"]
    # with asserts and pickles, and without the tests for which a notebook may import something
    modules = [*check, "--select", "S,F401", "--ignore", "S603,S607", "trs_lab"]
    for command in (["format", "--check", "--quiet", *where], [*check, *where], modules):
        done = tool("ruff", *command, cwd=root, capture_output=True, text=True)
        if done.returncode:
            said += (done.stdout + done.stderr).splitlines() or [f"ruff {command[0]}: failed"]
    return said


def main():
    with tempfile.TemporaryDirectory() as tmp:
        copy = Path(tmp) / root.name
        copy.mkdir()
        copy_tree(copy)
        wrong = {"run `nbdev_export` and `nbdev_clean`": out_of_sync(copy)}
    wrong["run `ruff format nbs tests setup.py`, and mend what `ruff check` says"] = badly_formatted()
    wrong["run `python tests/outputs.py --strip`, and make large pictures smaller"] = outputs.check(root)
    for remedy, found in wrong.items():
        print("\n".join([*found, f"-> {remedy}"]) if found else "", end="\n" if found else "")
    if any(wrong.values()):
        sys.exit("and commit what they change: `make tidy` does all of it that needs no judgement")
    print(f"in sync, formatted and tidy: {len(exported(root))} files")


if __name__ == "__main__":
    write_readme(root / "nbs" / "index.ipynb", root) if "--readme" in sys.argv else main()
