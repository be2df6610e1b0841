"""Two people change one notebook, with nbdev's hooks installed and its merge driver nowhere on the path."""

import json
import os
import subprocess
import sys
from pathlib import Path

NOTEBOOK = "nbs/core/progress.ipynb"


def test_a_merge_keeps_what_both_wrote(checkout):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= dict(HOME=str(checkout.parent), PATH="/usr/local/bin:/usr/bin:/bin")

    def run(*command):
        return subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, text=True, check=True
        )

    git = lambda *what: run("git", "-c", "user.name=a", "-c", "user.email=a@example.org", *what)

    def write_into(cell, text):
        notebook = json.loads((checkout / NOTEBOOK).read_text())
        notebook["cells"][cell]["source"] = [text]
        whole = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        (checkout / NOTEBOOK).write_text(whole)
        git("commit", "-qam", text, "--no-verify")

    run(str(Path(sys.executable).with_name("nbdev_install_hooks")))
    start = git("branch", "--show-current").stdout.strip()
    git("checkout", "-qb", "theirs")
    write_into(0, "# theirs")
    git("checkout", "-q", start)
    write_into(-1, "# ours")
    git("merge", "theirs")
    cells = [cell["source"] for cell in json.loads((checkout / NOTEBOOK).read_text())["cells"]]
    assert (cells[0], cells[-1]) == (["# theirs"], ["# ours"])
    assert ".gitconfig" not in git("status", "--short", "--untracked-files=all").stdout
