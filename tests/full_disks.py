"""The disk is full at the n-th file operation of a call; then there is room again, and the same call is made again.

    python tests/full_disks.py FOLDER --points 10                  every kind, so many points each
    python tests/full_disks.py FOLDER --kind frames --points 100
    python tests/full_disks.py FOLDER --kind export score report decisions --kill    killed there, with room on the disk

Just before a random file is opened for writing, renamed or removed, the disk is filled but for 0 to 64 kB, so that
every write after it fails as the system has it, also those of libraries in C++ and Rust. The disk is a small file
system of its own (tmpfs), for which one must be root; others get a limit on the size of files, which fails the
same writes.

A sweep writes in processes of its own: there the disk has too little room from the start.

Expected is one sentence with path and free space; whole files, whatever they say; and from the second call the result
of an undisturbed one, bit for bit, with no temporary file left. A line is printed for each point, a table at the end,
and the exit status is 1 where anything differs.
"""

import argparse
import contextlib
import io
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import traceback
import zlib
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from kills import (
    PIXELS,
    forks,
    is_write,
    left_behind,
    make_clips,
    make_films,
    of_features,
    of_films,
    outcomes,
)  # noqa: E402

SIZE = 256  # MB of the small disk
LEFT = (0, 0, 4096, 16384, 65536)  # bytes that are free where it is full
SAID = re.compile(
    r"(trs_lab\.[\w.]+|NoRoom|DiskFull): .*/.* ([kMGT]?B|bytes) are free"
)  # an error of ours, with path and free space


# -- what is called: each makes or goes on with what is in `place` ----------------------------------------------------


def train(home, place, **parameters):
    from trs_lab.runs.configure import make_config
    from trs_lab.runs.train_run import train_run

    run = place / "run"
    resume = (run / "config.json").exists()
    given = parameters | dict(cache_dir=str(place / "cache"), out_dir=str(run), resume=resume)
    train_run(make_config(**given), threads=1)


def features(home, place):
    train(home, place, **of_features(home, "trs_process"))


def frames(home, place):
    train(home, place, **of_films(home, "trs", **PIXELS))


def caching(home, place):
    train(home, place, **of_films(home, "supervised", motion=True, epochs=1, burn_in_epochs=1))


def trained(home):
    """A finished run outside of the small disk."""
    if not (home / "trained" / "summary.json").exists():
        short = dict(epochs=2, burn_in_epochs=2, out_dir=str(home / "trained"), cache_dir=str(home / "cache"))
        from trs_lab.runs.configure import make_config
        from trs_lab.runs.train_run import train_run

        train_run(make_config(**of_features(home, "process") | short), threads=1)
    return home / "trained"


def score(home, place):
    from trs_lab.score.session import open_scorer, score_folder

    scorer = open_scorer(trained(home), device="cpu", folds=0)
    score_folder(scorer, home / "clips" / "features", place / "scored", part=20, progress=False)


def export(home, place):
    from trs_lab.score.session import open_scorer
    from trs_lab.score.share import export as export_model

    if not (place / "model").exists() or not any((place / "model").iterdir()):
        export_model(open_scorer(trained(home), device="cpu", folds=0), place / "model")


def report(home, place):
    import matplotlib.pyplot as plt

    from trs_lab.results.plots import keep_figure
    from trs_lab.results.reports import write_page, write_tables
    from trs_lab.results.rows import read_runs, write_rows

    found = read_runs([trained(home)])
    figure = plt.figure()
    figure.add_subplot().plot(range(9))
    write_tables(place / "report", dict(rows=found.rows), dict(Rows=(found.rows.astype(str), "All of them.")))
    keep_figure(figure, place / "report" / "curves.png")
    write_rows(found, place / "page")
    write_page(place / "page", ["# Results", found.rows, ("curves", "Curves.", figure)])


def decisions(home, place):
    """Thirty decisions; a click that failed is made again."""
    from trs_lab.data.decisions import Decisions
    from trs_lab.data.ratings import Ratings, Scale, write_rated

    kept, names = Decisions(place / "decisions.json", [f"c{i}" for i in range(30)], (0, 100)), []
    rater = Ratings(place, "ann", Scale(0, 10, 0.5), clip_ids=kept.clip_ids)
    for i in range(30):
        names.append(f"c{i}")
        if kept.get(f"c{i}") is None:
            kept.correct(f"c{i}", float(i), note="n" * 200)
        if rater.of(f"c{i}")[0] != i % 10:
            rater.rate(f"c{i}", i % 10)
    write_rated(place, names)


def sweep(home, place):
    from kills import NOT_SWEPT, SWEPT

    from trs_lab.runs.sweeps import main

    parameters = of_features(home, "trs_process") | dict(cache_dir=str(place / "cache"))
    given = {k: v for k, v in parameters.items() if k not in NOT_SWEPT}
    lines = "\n".join(f"{k} = {json.dumps(v)}" for k, v in given.items())
    plan = home / "plan.toml"
    plan.write_text(SWEPT.format(root=json.dumps(parameters["root"]), given=lines))
    with contextlib.redirect_stdout(io.StringIO()) as said:
        failed = main(["-p", "plan", str(plan), "-p", "folder", str(place / "runs"), "-p", "jobs", "1"])
    if failed:
        raise SystemExit(
            "\n".join(line for line in said.getvalue().splitlines() if line.startswith("failed: "))
        )


KINDS = dict(features=features, frames=frames, caching=caching, sweep=sweep, score=score, export=export)
KINDS |= dict(report=report, decisions=decisions)
FILMED = ("frames", "caching")


# -- the disk ---------------------------------------------------------------------------------------------------------


class SmallDisk:
    """A file system of SIZE MB; as root."""

    def __init__(self, place):
        self.place = place
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(place)], check=True)

    @staticmethod
    def fill(place, left):
        room = os.statvfs(place)
        with open(place.parent / "ballast", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(room.f_bavail * room.f_bsize - left, 1))

    def empty(self):
        (self.place / "ballast").unlink(missing_ok=True)

    def close(self):
        subprocess.run(["umount", str(self.place)], check=True)


class Killed:
    """No full disk: there the process is killed."""

    def __init__(self, place):
        self.place = place
        place.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def fill(place, left):
        os.kill(os.getpid(), signal.SIGKILL)

    def empty(self):
        """The process is gone."""

    close = empty


class Limit:
    """No file of the process may grow beyond what is left."""

    def __init__(self, place):
        self.place = place
        place.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def fill(place, left):
        resource.setrlimit(resource.RLIMIT_FSIZE, (left, resource.RLIM_INFINITY))

    def empty(self):
        """The process with the limit is gone."""

    close = empty


def called(kind, home, place, log, writes, last, fill, left):
    """In a process of its own: count file operations below `place`, and fill the disk just before number `last`."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    writes.value, filling = 0, []

    def count(event, args):
        if filling or not is_write(event, args) or not str(args[0]).startswith(str(place)):
            return
        writes.value += 1
        if writes.value == last:
            filling.append(True)
            fill(place, left)

    sys.addaudithook(count)
    if left and not last:
        filling.append(True)
        fill(place, left)
    code = 0
    try:
        KINDS[kind](home, place)
    except BaseException as e:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        log.write_text(str(e) if isinstance(e, SystemExit) else traceback.format_exc())
        code = 1
    os._exit(code)


# -- what is looked at ------------------------------------------------------------------------------------------------


def torn(place):
    """Files that are neither as they were nor as they should be: each must be whole for its kind."""
    import torch
    from safetensors.torch import load_file

    read = {
        ".json": lambda p: json.loads(p.read_text()),
        ".parquet": pd.read_parquet,
        ".safetensors": load_file,
    }
    read |= {".pt": lambda p: torch.load(p, weights_only=True)}
    found = []
    for path in place.rglob("*"):
        inside = [part for part in path.relative_to(place).parts if part.endswith(".tmp")]
        if path.suffix in read and path.is_file() and not inside:
            try:
                read[path.suffix](path)
            except Exception as e:
                found.append(f"{path.name}: {type(e).__name__}")
    return found


def result(kind, place):
    """Name -> checksum of what the call has made."""
    if kind in ("features", "frames", "caching"):
        return outcomes(place / "run", place / "cache")
    if kind == "sweep":
        return outcomes(place / "runs", place / "cache")
    kept = [p for p in sorted(place.rglob("*")) if p.is_file() and p.name[0] != "." and p.name != "ballast"]
    return {str(p.relative_to(place)): _checksum(p) for p in kept if ".backup" not in p.name}


def _checksum(path):
    text = path.read_bytes()
    text = re.sub(rb'"(time|id|when)": "[^"]*"|20\d\d-\d\d-\d\dT[^",]*|"previous": "[^"]*"', b"", text)
    return zlib.crc32(text)


class Kind:
    """Calls of one kind on a small disk, each beside an undisturbed one."""

    def __init__(self, name, home, disk, context, seed):
        self.name, self.home, self.disk, self.context = name, home, disk, context
        self.draw, self.number, self.writes = (
            random.Random(f"{name} {seed}"),
            0,
            context.Value("i", 0, lock=False),
        )
        self.log = home / f"{name}.log"
        self.row = dict(kind=name, points=0, said=0, unharmed=0, alike=0)
        clips = home / ("dives" if name in FILMED else "clips")
        if not clips.exists():
            (make_films if name in FILMED else make_clips)(clips)
        place = disk.place / f"{name}-whole"
        assert not self.call(place, 0), self.log.read_text()
        self.n, self.whole = self.writes.value, result(name, place)
        self.used = sum(p.stat().st_size for p in place.rglob("*") if p.is_file())

    def call(self, place, last, left=0):
        """What it said in the end; '' where it ended well."""
        place.mkdir(exist_ok=True)
        self.log.unlink(missing_ok=True)
        given = (self.name, self.home, place, self.log, self.writes, last, type(self.disk).fill, left)
        child = self.context.Process(target=called, args=given)
        child.start()
        child.join()
        if child.exitcode == 0:
            return ""
        said = self.log.read_text() if self.log.exists() else f"ended with {child.exitcode}"
        return said.strip().splitlines()[-1]

    def point(self):
        """(number of the operation, bytes that are left); 0 = from the start, where other processes write."""
        if self.n:
            return self.draw.randint(1, self.n), self.draw.choice(LEFT)
        return 0, self.draw.randint(0, self.used)

    def once(self):
        """A full disk, then room; what is wrong, in words."""
        self.number += 1
        place = self.disk.place / f"{self.name}-{self.number}"
        last, left = self.point()
        said = self.call(place, last, left)
        self.disk.empty()
        wrong = torn(place)
        if said and not SAID.search(said) and not isinstance(self.disk, Killed):
            where = [line.strip() for line in self.log.read_text().splitlines() if "trs_lab/" in line]
            wrong.append(f"raw: {said[:300]} {where[-1:]}")
        again = self.call(place, 0)
        wrong += [f"second call: {again}"] if again else []
        different = [] if again else differing(result(self.name, place), self.whole)
        wrong += different + left_behind(place)
        self.row["points"] += 1
        self.row["said" if said else "unharmed"] += 1
        self.row["alike"] += not wrong
        print(
            f"{self.name:10} {last}/{self.n}, {left} bytes left: {said[-110:] or 'unharmed'} {wrong or ''}",
            flush=True,
        )
        if not wrong:
            subprocess.run(["rm", "-r", str(place)], check=True)
        return wrong


def differing(a, b):
    return [f"DIFFERS: {k}" for k in sorted({*a, *b}) if a.get(k) != b.get(k)]


def main():
    how = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=how)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--kind", nargs="*", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    limit = "a limit on the size of files in the place of a disk"
    parser.add_argument("--limit", action="store_true", help=limit)
    parser.add_argument("--kill", action="store_true", help="kill -9 in the place of a full disk")
    given = parser.parse_args()
    home, context, rows, wrong = given.folder.absolute(), forks(), [], []
    home.mkdir(parents=True, exist_ok=True)
    disk_of = Killed if given.kill else Limit if given.limit or os.getuid() else SmallDisk
    for name in given.kind:
        disk = disk_of(home / f"disk-{name}")
        with contextlib.closing(disk):
            kind = Kind(name, home, disk, context, given.seed)
            for _ in range(given.points):
                wrong += [kind.once()]
        rows.append(kind.row)
    print(pd.DataFrame(rows).to_string(index=False))
    sys.exit(any(wrong))


if __name__ == "__main__":
    main()
