"""Small dives that several tests ask for are rendered once in a session; each gets a copy."""

import hashlib
import shutil
from pathlib import Path

from filelock import FileLock


def rendered(kept, render, folder, n, **how):
    """The first `n` of the dives that `make_dives` makes so, in that folder; `kept` holds the films made before.

    `render` is that function. A film depends on its number, not on how many there are."""
    from trs_lab.dives.dataset import Family

    films = kept / hashlib.sha256(repr(sorted(how.items())).encode()).hexdigest()[:16]
    names = [Family(how["seed"], how.get("divers", 0)).film(i) for i in range(n)]
    with FileLock(f"{films}.lock"):
        if not all((films / "videos" / name).exists() for name in names):
            render(films, n, **how)
    videos = Path(folder) / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(films / "videos" / name, videos)
    return render(folder, n, **how)  # writes what is beside the films


def render_once(kept):
    """From now on `make_dives` does so in this process, unless the folder holds something."""
    from trs_lab.dives import dataset

    render = dataset.make_dives

    def make_dives(folder, n, **how):
        if Path(folder).exists() and any(Path(folder).iterdir()):
            return render(folder, n, **how)
        return rendered(kept, render, folder, n, **how)

    dataset.make_dives = make_dives
