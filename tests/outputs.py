"""What a notebook may keep of its outputs, so that it is read on a code host without running and stays small.

    python tests/outputs.py            complain about what should not be kept
    python tests/outputs.py --strip    and take it out; pictures that are too large are left to their author

Kept are the few outputs that explain something. Not kept are progress bars, warnings, widgets, what hidden cells say,
and paths of the machine they were made on.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from measure import ROOT, notebooks

PER_NOTEBOOK, IN_ALL = 150_000, 5_000_000  # bytes
WIDGET = "application/vnd.jupyter.widget-view+json"
PROGRESS = re.compile(r"\r|\d%\||\[\d+:\d\d[<,]")  # as tqdm writes them
ABSOLUTE = re.compile(
    r"(?<![\w./:~<-])/(?:home|work|tmp|root|Users|private|var|mnt|content|opt)/[\w.-]+|\b[A-Z]:\\\w"
)
ADDRESS = re.compile(r"\b0x[0-9a-f]{8,}\b")


def text_of(output):
    """All that a reader may read in it; pictures are not text."""
    parts = [output.get("text", "")]
    parts += [
        data for kind, data in output.get("data", {}).items() if kind.startswith("text/") or "svg" in kind
    ]
    return "\n".join("".join(part) for part in parts)


def is_hidden(cell):
    return any(re.match(r"#\|\s*hide\s*$", line) for line in "".join(cell["source"]).splitlines())


def complaints_of_output(cell, output):
    """Why this output may not be kept, as a list of sentences."""
    text, found = text_of(output), []
    if is_hidden(cell):
        found.append("a hidden cell keeps no output")
    if output["output_type"] == "error":
        found.append("an error is kept")
    if output.get("name") == "stderr":
        found.append("a warning or another word of stderr is kept")
    if WIDGET in output.get("data", {}):
        found.append("a widget is kept, which shows nothing without a kernel")
    if PROGRESS.search(text):
        found.append("a progress bar is kept")
    if ABSOLUTE.search(text):
        found.append(f"a path of one machine is kept: {ABSOLUTE.search(text)[0]}")
    if ADDRESS.search(text):
        found.append(f"an address in memory is kept: {ADDRESS.search(text)[0]}")
    return found


def size(notebook):
    """Bytes of its outputs, as they lie in the file."""
    kept = [cell["outputs"] for cell in notebook["cells"] if cell.get("outputs")]
    return sum(len(json.dumps(outputs, ensure_ascii=False).encode()) for outputs in kept)


def complaints(notebook):
    """Everything that should not be in this notebook (a dictionary), one sentence each."""
    found = []
    for cell in notebook["cells"]:
        name = f"cell {cell.get('id')}"
        path = ABSOLUTE.search("".join(cell["source"]))
        if path:
            found.append(f"{name}: a path of one machine is written: {path[0]}")
        for output in cell.get("outputs", []):
            found += [f"{name}: {why}" for why in complaints_of_output(cell, output)]
    if "widgets" in notebook["metadata"]:
        found.append("the state of widgets is kept")
    if size(notebook) > PER_NOTEBOOK:
        found.append(f"outputs of {size(notebook):,} bytes, at most {PER_NOTEBOOK:,} are allowed")
    return found


def stripped(notebook):
    """The notebook without the outputs that may not be kept."""
    for cell in notebook["cells"]:
        if cell.get("outputs"):
            cell["outputs"] = [o for o in cell["outputs"] if not complaints_of_output(cell, o)]
    notebook["metadata"].pop("widgets", None)
    return notebook


def check(tree):
    """All complaints of a tree, with the notebook they are about."""
    read = {path: json.loads(path.read_text()) for path in notebooks(tree)}
    found = [f"{path.relative_to(tree)}: {why}" for path, book in read.items() for why in complaints(book)]
    total = sum(map(size, read.values()))
    if total > IN_ALL:
        found.append(f"outputs of all notebooks: {total:,} bytes, at most {IN_ALL:,} are allowed")
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strip", action="store_true")
    if parser.parse_args().strip:
        for path in notebooks(ROOT):
            said = path.read_text()
            kept = json.dumps(stripped(json.loads(said)), indent=1, ensure_ascii=False) + "\n"
            if kept != said:
                Path(path).write_text(kept)
    found = check(ROOT)
    print("\n".join(found) or "nothing is kept that should not be")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
