"""Export and clean a copy of the project; complain about every file that comes out different.

A copy, so that a failing check leaves the working tree as it was. With --readme, write README.md of nbs/index.ipynb instead.
"""

import filecmp
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

root = Path(__file__).resolve().parent.parent


def exported(folder):
    kept = (p.relative_to(folder) for p in [*folder.glob("nbs/**/*.ipynb"), *folder.glob("trs_lab/**/*.py")])
    return {p for p in kept if not any(part.startswith(".") for part in p.parts)}


def write_readme(index, folder):
    """README.md of index.ipynb, whose pictures and pages lie beside it in nbs."""
    page = ["--to", "markdown", "--log-level", "ERROR", "--output-dir", folder, "--output", "README", index]
    subprocess.run([Path(sys.executable).with_name("jupyter"), "nbconvert", *map(str, page)], check=True)
    readme = folder / "README.md"
    readme.write_text(
        readme.read_text().replace("](images/", "](nbs/images/").replace("](docs/", "](nbs/docs/")
    )


def main():
    with tempfile.TemporaryDirectory() as tmp:
        copy = Path(tmp) / root.name
        copy.mkdir()
        for name in ("nbs", "trs_lab"):
            shutil.copytree(
                root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
            )
        for name in ("settings.ini", "setup.py"):
            shutil.copy(root / name, copy / name)
        for tool in ("nbdev_export", "nbdev_clean"):
            subprocess.run([tool], cwd=copy, check=True)
        ours, theirs = exported(root), exported(copy)
        differing = sorted(f for f in ours & theirs if not filecmp.cmp(root / f, copy / f, shallow=False))
        write_readme(copy / "nbs" / "index.ipynb", copy)
        if not filecmp.cmp(root / "README.md", copy / "README.md", shallow=False):
            differing.append("README.md (see `make readme`)")
    wrong = [f"{f}: differs from what the notebooks give" for f in differing]
    wrong += [f"{f}: exported, but not in the working tree" for f in sorted(theirs - ours)]
    print("\n".join(wrong) or f"in sync: {len(ours)} files")
    if wrong:
        sys.exit("run `nbdev_export` and `nbdev_clean`, and commit what they change")


if __name__ == "__main__":
    write_readme(root / "nbs" / "index.ipynb", root) if "--readme" in sys.argv else main()
