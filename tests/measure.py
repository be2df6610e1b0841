"""The house in figures: how long, how tangled, how readable on a code host, how fast to start.

    python tests/measure.py TREE [TREE ...]                a table in Markdown, one column a tree (default: this one)
    python tests/measure.py TREE OTHER --seconds           and how long they take to start, alternately, median of five
    python tests/measure.py --arrows                       the imports that point the wrong way, one a line

Every tree is measured in a copy that ruff has formatted to 100 columns, so that long lines hide nothing.
"""

import argparse
import ast
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "trs_lab"
# Which wings a wing may import, beside itself. The order is the order of reading.
WINGS = {
    "core": [],
    "data": ["core"],
    "features": ["core", "data"],
    "dives": ["core", "data", "features"],
    "learn": ["core", "data", "features"],
    "trs": ["core", "data", "features", "learn"],
    "methods": ["core", "data", "features", "learn", "trs"],
    "runs": ["core", "data", "features", "dives", "learn", "trs", "methods"],
    "results": ["core", "data", "features", "dives", "learn", "trs", "methods", "runs"],
    "score": ["core", "data", "features", "dives", "learn", "trs", "methods", "runs", "results"],
    "inspect": ["core", "data", "features", "dives", "learn", "trs", "methods", "runs", "results", "score"],
}

# Folders of notebooks that export nothing: they may use every wing, and no wing knows of them.
READING = ("tutorials",)


def modules(tree):
    """dotted name -> path, of all that notebooks export."""
    found = sorted((Path(tree) / PACKAGE).rglob("*.py"))
    dotted = {".".join(p.relative_to(tree).with_suffix("").parts): p for p in found}
    return {name: p for name, p in dotted.items() if p.name not in ("__init__.py", "_modidx.py")}


def notebooks(tree):
    """All notebooks as nbdev finds them: names and folders that begin with _ or . are not the project's."""
    found = sorted(p.relative_to(tree) for p in (Path(tree) / "nbs").rglob("*.ipynb"))
    return [Path(tree) / p for p in found if not any(part.startswith(("_", ".")) for part in p.parts)]


def imported(name, source, known):
    """Modules of the package that module `name` imports anywhere, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            asked = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = name.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            asked = [base, *(f"{base}.{a.name}" for a in node.names)]  # a name may be a module of its own
        else:
            continue
        found |= {a for a in asked if a in known}
    return found - {name}


def imports(tree):
    """dotted name -> the modules of the package that it imports."""
    known = modules(tree)
    return {name: imported(name, path.read_text(), known) for name, path in known.items()}


def wing(module):
    return module.split(".")[1]


def wrong_arrows(tree):
    """Pairs (importing module, imported module) that the table of wings does not allow."""
    arrows = [(a, b) for a, targets in imports(tree).items() for b in targets if wing(a) != wing(b)]
    return sorted((a, b) for a, b in arrows if wing(b) not in WINGS.get(wing(a), []))


def is_patch(function):
    return any("patch" in ast.unparse(d) for d in function.decorator_list) and function.args.args


def length(node):
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return node.end_lineno - first + 1


def body_length(function):
    """Lines without the head, whose arguments have a documented line each, and without the docstring."""
    documented = ast.get_docstring(function) is not None and len(function.body) > 1
    return function.end_lineno - function.body[documented].lineno + 1


def functions_and_classes(source):
    """[(name, lines of its body)] and {name: (lines, methods)} of classes; a patched method belongs to its class."""
    tree, functions, classes = ast.parse(source), [], {}
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds):
            functions.append((node.name, body_length(node)))
        if isinstance(node, ast.ClassDef):
            classes[node.name] = (length(node), sum(isinstance(n, kinds) for n in node.body))
    for node in tree.body:
        if isinstance(node, kinds) and is_patch(node) and node.args.args[0].annotation is not None:
            owner = ast.unparse(node.args.args[0].annotation)
            lines, methods = classes.get(owner, (0, 0))
            classes[owner] = (lines + length(node), methods + 1)
    return functions, classes


def annotated_fields(source, name):
    """Fields of a dataclass and its bases, read without importing it; 0 if there is no such class."""
    classes = {n.name: n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef)}
    if name not in classes:
        return 0
    own = sum(isinstance(n, ast.AnnAssign) for n in classes[name].body)
    return own + sum(annotated_fields(source, ast.unparse(base)) for base in classes[name].bases)


def has_picture(notebook):
    """Whether someone who reads it on a code host sees a picture."""
    for cell in json.loads(notebook.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and re.search(r"!\[[^]]*\]\(|<img |<svg", source):
            return True
        kinds = {kind for output in cell.get("outputs", []) for kind in output.get("data", {})}
        if any(kind.startswith("image/") for kind in kinds):
            return True
    return False


def formatted(tree, columns=100):
    """dotted name -> source as ruff wraps it."""
    command = [
        Path(sys.executable).with_name("ruff"),
        "format",
        "--isolated",
        f"--line-length={columns}",
        "-",
    ]
    run = lambda p: subprocess.run(command, input=p.read_text(), capture_output=True, text=True, check=True)
    return {name: run(path).stdout for name, path in modules(tree).items()}


def measures(tree):
    """name -> figure, of one tree."""
    tree = Path(tree).resolve()
    raw = {name: path.read_text() for name, path in modules(tree).items()}
    lines = [line for source in raw.values() for line in source.splitlines()]
    wrapped = formatted(tree)
    functions, classes = [], {}
    for name, source in wrapped.items():
        own, held = functions_and_classes(source)
        functions += [(f"{name.removeprefix(PACKAGE + '.')}.{f}", n) for f, n in own]
        classes |= held
    longest = max(functions, key=lambda f: f[1])
    largest = max(classes, key=lambda c: classes[c][0])
    pages = sorted(p for kind in ("js", "css") for p in (tree / PACKAGE).rglob(f"*.{kind}"))
    books = notebooks(tree)
    flat = {wing(name) for name in raw} - set(WINGS)
    return {
        "modules": len(raw),
        "exported lines": len(lines),
        "the same, wrapped at 100 columns": sum(len(s.splitlines()) for s in wrapped.values()),
        "lines of JavaScript and CSS in files of their own": sum(
            len(p.read_text().splitlines()) for p in pages
        ),
        "largest class: lines (wrapped), methods": f"{largest}: {classes[largest][0]}, {classes[largest][1]}",
        "longest function: lines of its body (wrapped)": f"{longest[0]}: {longest[1]}",
        "functions with a body over 30 lines (wrapped)": sum(n > 30 for _, n in functions),
        "functions with a body over 40 lines (wrapped)": sum(n > 40 for _, n in functions),
        "functions": len(functions),
        "lines over 120 columns": f"{sum(len(x) > 120 for x in lines) / len(lines):.1%}",
        "configuration fields": sum(annotated_fields(s, "Config") for s in raw.values()),
        "imports that point the wrong way": f"no wings ({len(flat)} modules)"
        if flat
        else len(wrong_arrows(tree)),
        "notebooks": len(books),
        "notebooks with a picture": sum(map(has_picture, books)),
        "words of README": len((tree / "README.md").read_text().split()),
    }


def seconds_of(tree, command, until=None):
    """Seconds until the command has ended, or until the file `until` is there (then it is ended)."""
    inherited = {k: v for k, v in os.environ.items() if k != "IN_TEST"}
    environment = {**inherited, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    begun = time.perf_counter()
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    process = subprocess.Popen(command, cwd=tree, env=environment, **quiet)
    while process.poll() is None and not (until and until.exists()):
        time.sleep(0.01)
    taken = time.perf_counter() - begun
    if process.poll() is None:
        process.terminate()
    error = process.communicate()[1]
    if process.returncode > 0:
        raise RuntimeError(f"{tree}: {error.decode()[-2000:]}")
    return taken


def seconds(trees, times=5):
    """Seconds of the package's import, of all its modules', and of a short training: name -> one median a tree."""
    from digests import make_features  # beside this file; needs numpy, which the rest of it does not

    names = (
        "`import trs_lab`",
        "import of what train.ipynb imports",
        "start of a training: to its first step",
    )
    names = {n: [[] for _ in trees] for n in (*names, "the whole of it: two stages of one epoch")}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        make_features(data)
        for turn in range(times + 1):
            for i, tree in enumerate(trees):
                commands = start_commands(tree, data, Path(folder) / f"{turn}-{i}")
                taken = [seconds_of(tree, *command) for command in commands]
                for found, t in zip(names.values(), taken):
                    found[i] += [t] if turn else []  # the first compiles what is imported
    return {n: [f"{statistics.median(f):.2f}" for f in found] for n, found in names.items()}


def start_commands(tree, data, run):
    """The commands that `seconds` times, each with the file that ends it early."""
    cells = json.loads((Path(tree) / "nbs" / "train.ipynb").read_text())["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    wanted = "\n".join(re.findall(rf"^from {PACKAGE}\S* import (?:\([^)]*\)|.+)$", text, re.M))
    settings = dict(dataset="folder", root=data, backbone="none", ratio=0.2, device="cpu", figures=False)
    settings |= dict(epochs=1, burn_in_epochs=1, cache_dir=run / "cache")

    def train(out):
        out.mkdir(parents=True)
        flags = [str(x) for k, v in (settings | dict(out_dir=out)).items() for x in ("-p", k, v)]
        papermill = [
            sys.executable,
            "-m",
            "papermill",
            "--no-progress-bar",
            "nbs/train.ipynb",
            str(out / "t.ipynb"),
        ]
        return papermill + flags

    python = [sys.executable, "-c"]
    return [
        ([*python, f"import {PACKAGE}"],),
        ([*python, wanted],),
        (train(run / "begun"), run / "begun" / "progress.json"),
        (train(run / "whole"),),
    ]


def table(heads, rows):
    lines = [
        ["", *heads],
        ["---", *("---:" for _ in heads)],
        *([name, *cells] for name, cells in rows.items()),
    ]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trees", nargs="*", type=Path, default=[ROOT])
    parser.add_argument("--seconds", action="store_true")
    parser.add_argument("--arrows", action="store_true")
    args = parser.parse_args()
    trees = [tree.resolve() for tree in args.trees]
    if args.arrows:
        print("\n".join(f"{a} -> {b}" for tree in trees for a, b in wrong_arrows(tree)))
        return
    columns = [measures(tree) for tree in trees]
    rows = {name: [c[name] for c in columns] for name in columns[0]}
    if args.seconds:
        rows |= {f"{name}, seconds": found for name, found in seconds(trees).items()}
    print(table([tree.name for tree in trees], rows))


if __name__ == "__main__":
    main()
