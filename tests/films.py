"""Small dives that several tests ask for are rendered once in a session; each gets a copy."""

import hashlib
import os
import shutil
from pathlib import Path

from filelock import FileLock


def rendered(kept, render, folder, *args, **kwargs):
    """A copy, in that folder, of what `render` makes of these arguments; `kept` holds what it has made."""
    asked = repr((args, sorted(kwargs.items())))
    films = kept / hashlib.sha256(asked.encode()).hexdigest()[:16]
    with FileLock(f"{films}.lock"):
        if not films.exists():
            render(f"{films}.new", *args, **kwargs)
            os.rename(f"{films}.new", films)
    return Path(shutil.copytree(films, folder, dirs_exist_ok=True))


def render_once(kept):
    """From now on `make_dives` does so in this process, unless the folder holds something."""
    from trs_lab.dives import dataset

    render = dataset.make_dives

    def make_dives(folder, *args, **kwargs):
        if Path(folder).exists() and any(Path(folder).iterdir()):
            return render(folder, *args, **kwargs)
        return rendered(kept, render, folder, *args, **kwargs)

    dataset.make_dives = make_dives
