"""Runs are killed with kill -9 at random points and started again; they must end as undisturbed ones do.

Half of the points are moments, half of them file operations: just before the n-th file is opened for writing, renamed
or removed. The second kind falls between a temporary file and its last name, which a moment rarely does.

    python tests/kills.py FOLDER --points 100                             every method, on features
    python tests/kills.py FOLDER --points 30 --kind frames                end to end on tiny frames
    python tests/kills.py FOLDER --points 30 --processes 2 --only trs     each run trained by two processes
    python tests/kills.py FOLDER --points 30 --kind caching               while frames are decoded, features extracted
    python tests/kills.py FOLDER --points 30 --kind sweep                 while a sweep makes its runs

Equal are weights, history, metrics (without seconds), predictions and cached arrays, bit for bit; no temporary file is
left in the run folder or the cache. A line is printed for each run, a table at the end, and the exit status is 1 where
anything differs.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SMALL = dict(mixer_depth=1, token_dim=8, channel_dim=16, epochs=6, burn_in_epochs=3, checkpoint_seconds=0)
QUICK = dict(summary_width=8, folds=3, trees=10, n_parts=2, views=2)  # of methods that have such an option
PLAIN = dict(figures=False, compare_supervised=False, device="cpu")
FILMS = dict(frame_height=48, frame_width=48, crop=32, n_frames=24, n_segments=2, ratio=0.4)
PIXELS = dict(
    finetune=True, batch_size=2, unlabelled_per_labelled=1, eval_batch_size=4, epochs=3, burn_in_epochs=2
)
NOT_SWEPT = ("dataset", "root", "ratio", "method", "figures", *QUICK)  # set by the plan, or of one method
LEFT = ("*.tmp", "*.tmp*", "*.new")  # what a write that was cut off might leave
SWEPT = """dataset = "folder"
root = {root}
methods = "trs_process supervised"
ratios = 0.4
[given]
{given}
[[grid]]
seeds = 3
"""


def make_clips(root):
    """Sixty clips of features, judges' marks, difficulty, groups and people; the first dimension carries the score."""
    rng, rows = np.random.default_rng(0), []
    (root / "features").mkdir(parents=True)
    for i in range(60):
        score = rng.normal(60, 10)
        x = rng.normal(size=(4, 8)).astype(np.float32)
        x[:, 0] += (score - 60) / 10
        np.save(root / "features" / f"c{i:02d}.npy", x)
        rows.append(dict(clip_id=f"c{i:02d}", score=round(score, 3), split="train" if i < 45 else "test"))
    table = pd.DataFrame(rows).assign(user=[f"p{i % 7}" for i in range(60)], group=["a", "b"] * 30)
    table["difficulty"] = rng.choice([1.5, 2.0, 3.0], 60)
    table.to_csv(root / "clips.csv", index=False)
    return root


def make_films(root):
    """Sixteen dives of 48 x 48 pixels."""
    from trs_lab.dives.dataset import make_dives

    return make_dives(root, 16, seed=3, size=(48, 48), progress=False)


def methods():
    """All that learn from such clips: musdl wants marks of single judges, c3d_avg_mtl what dive it was."""
    from importlib.util import find_spec

    from trs_lab.methods.registry import METHODS

    without = {"musdl", "c3d_avg_mtl"} | ({"gpboost"} if find_spec("gpboost") is None else set())
    return [m for m in METHODS if m not in without]


def with_networks():
    """All that train a backbone."""
    from trs_lab.methods.registry import METHODS

    fitted = {"svr", "ridge", "kernel_ridge", "svr_tuned", "mixed", "mixed_forest", "gpboost", "process"}
    return [m for m in METHODS if m not in fitted]


def of_features(folder, method):
    from trs_lab.methods.registry import option_names

    quick = {k: v for k, v in QUICK.items() if k in option_names(method)}
    data = dict(dataset="folder", root=str(folder / "clips"), backbone="none", ratio=0.4, n_segments=4)
    return dict(SMALL, **PLAIN, **data, **quick, method=method)


def of_films(folder, method, **more):
    return dict(SMALL, **PLAIN, **FILMS, dataset="dives", root=str(folder / "dives"), method=method) | more


# kind -> (data, methods unless told, parameters of a method, whether each run has a cache of its own)
KINDS = dict(
    features=(make_clips, methods, of_features, False),
    frames=(
        make_films,
        with_networks,
        lambda folder, method: of_films(
            folder, method, **PIXELS, **dict(part_margin=0.1) if method == "tpt" else {}
        ),
        False,
    ),
    caching=(
        make_films,
        lambda: ["supervised", "process"],
        lambda folder, method: of_films(folder, method, motion=True, epochs=1, burn_in_epochs=1),
        True,
    ),
    sweep=(make_clips, lambda: ["sweep"], None, True),
)


def is_write(event, args):
    """Whether an audit event of Python is a file operation that changes a folder."""
    if event == "open":
        return isinstance(args[0], str) and bool(args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")


def quietly(log, writes, last):
    """Words go to a file; file operations are counted, and number `last` is not lived to see."""
    with open(log, "a") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    writes.value, own = 0, os.getpid()

    def count(event, args):
        if is_write(event, args) and os.getpid() == own:
            writes.value += 1
            if writes.value == last:
                os.kill(own, signal.SIGKILL)

    sys.addaudithook(count)


def train(run, log, parameters, writes, last):
    """One call of training, in a process that may be killed; what was begun is gone on with."""
    quietly(log, writes, last)
    from trs_lab.methods import tuned
    from trs_lab.runs.configure import make_config
    from trs_lab.runs.train_run import train_run

    for name, (kernels, widths, regressor, tried) in tuned.GRIDS.items():
        few = {k: v[1:3] for k, v in tried.items()}
        tuned.GRIDS[name] = kernels[:1], widths[:1], regressor, few
    resume = (run / "config.json").exists()
    train_run(make_config(**parameters, out_dir=str(run), resume=resume), threads=1)


def sweep(folder, log, parameters, writes, last):
    """One call of a sweep, likewise."""
    quietly(log, writes, last)
    from trs_lab.runs.sweeps import main

    plan = folder.with_suffix(".toml")
    data = dict(root=parameters["root"])
    given = {k: v for k, v in parameters.items() if k not in NOT_SWEPT}
    lines = "\n".join(f"{k} = {json.dumps(v)}" for k, v in given.items())
    plan.write_text(SWEPT.format(root=json.dumps(data["root"]), given=lines))
    raise SystemExit(main(["-p", "plan", str(plan), "-p", "folder", str(folder), "-p", "jobs", "2"]))


def kill(child, draw):
    """It and all that it has started; or it alone, so that its workers are left behind, which must then end."""
    family = psutil.Process(child.pid).children(recursive=True) if child.is_alive() else []
    for process in [child, *family] if draw.random() < 0.7 else [child]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    child.join()


def outcome(run):
    """Name -> checksum of what a run has found out."""
    found = {"model.safetensors": zlib.crc32((run / "model.safetensors").read_bytes())}
    found["predictions.csv"] = zlib.crc32((run / "predictions.csv").read_bytes())
    if (run / "pseudo_labels.parquet").exists():
        history = pd.read_parquet(run / "pseudo_labels.parquet")
        found["pseudo_labels"] = zlib.crc32(history.to_csv(index=False, float_format="%.17g").encode())
    metrics = pd.read_csv(run / "metrics.csv").drop(columns="seconds", errors="ignore")
    found["metrics"] = zlib.crc32(metrics.to_csv(index=False).encode())
    return found


def outcomes(folder, cache):
    """Of a run, or of all runs of a sweep, and of the arrays in the cache."""
    runs = (
        [folder] if (folder / "summary.json").exists() else [p.parent for p in folder.glob("*/summary.json")]
    )
    found = {run.name if run != folder else "": outcome(run) for run in sorted(runs)}
    kept = [p for p in Path(cache).rglob("*.npy")]
    return found | {str(p.relative_to(cache)): zlib.crc32(p.read_bytes()) for p in kept}


def left_behind(*folders):
    return sorted(str(p) for folder in folders for how in LEFT for p in Path(folder).rglob(how))


class Call:
    """What is killed and called again: a training, or a sweep."""

    def __init__(self, context, kind, parameters, folder, cache):
        self.context, self.folder, self.cache = context, folder, cache
        self.log, self.is_sweep = folder.with_suffix(".log"), kind == "sweep"
        self.work, self.parameters = sweep if self.is_sweep else train, dict(parameters, cache_dir=str(cache))
        self.writes = context.Value("i", 0, lock=False)  # file operations of the last call

    def start(self, last=0):
        given = (self.folder, self.log, self.parameters, self.writes, last)
        child = self.context.Process(target=self.work, args=given)
        child.start()
        return child

    def to_the_end(self):
        child = self.start()
        child.join()
        assert child.exitcode == 0, self.log.read_text()[-2000:]

    def finished(self):
        return not self.is_sweep and (self.folder / "summary.json").exists()

    def outcomes(self):
        return outcomes(self.folder, self.cache)


def end_or_kill(call, whole, draw):
    """Start it and kill it at a random point. Returns which, as a share of the undisturbed call; '' where it ended."""
    seconds, writes = whole
    last = draw.randint(1, int(1.05 * writes)) if draw.random() < 0.5 else 0
    delay = draw.uniform(0, 1.05) * seconds
    child = call.start(last)
    child.join(None if last else delay)
    if child.exitcode is None:
        kill(child, draw)
    elif child.exitcode != -signal.SIGKILL:
        assert child.exitcode == 0, call.log.read_text()[-2000:]
        return ""
    return f"file {last / writes:.2f}" if last else f"time {delay / seconds:.2f}"


def killed(call, whole, draw, most=3):
    """Kill it up to `most` times, then let it end. Returns at which points it was killed."""
    at = []
    for _ in range(draw.randint(1, most)):
        point = end_or_kill(call, whole, draw)
        if not point:
            return at
        at.append(point)
        if call.finished():
            return at
    call.to_the_end()
    return at


def asked():
    how = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=how)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--kind", choices=list(KINDS), default="features")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=None)
    return parser.parse_args()


def forks():
    """Processes that have loaded most of what they need."""
    context = multiprocessing.get_context("forkserver")
    loaded = ["trs_lab.runs.train_run", "trs_lab.methods.tuned", "trs_lab.methods.trs_process", "distributed"]
    context.set_forkserver_preload(loaded)
    first = context.Process(target=int)  # which waits for that
    first.start()
    first.join()
    return context


class Kind:
    """Runs of one kind in a folder, each beside an undisturbed one."""

    def __init__(self, given):
        self.name, self.folder, self.processes = given.kind, given.folder.absolute(), given.processes
        make, usual, self.parameters_of, self.own_cache = KINDS[given.kind]
        self.folder.mkdir(parents=True, exist_ok=True)
        make(self.folder / ("dives" if make is make_films else "clips"))
        self.methods, self.context, self.rows = given.only or usual(), forks(), {}
        self.draw, self.wrong = random.Random(given.seed), []

    def call(self, method, name):
        given = (
            of_features(self.folder, "trs_process")
            if self.name == "sweep"
            else self.parameters_of(self.folder, method)
        )
        given |= dict(num_processes=self.processes) if self.processes > 1 else {}
        cache = self.folder / (f"{method}-{name}-cache" if self.own_cache else "cache")
        return Call(self.context, self.name, given, self.folder / f"{method}-{name}", cache)

    def undisturbed(self, method):
        whole, begun = self.call(method, "whole"), time.monotonic()
        whole.to_the_end()
        row = dict(method=method, runs=0, kills=0, alike=0)
        took = time.monotonic() - begun, whole.writes.value
        self.rows[method] = row, whole.outcomes(), took

    def once(self, method):
        """A killed run beside the undisturbed one; how often it was killed."""
        if method not in self.rows:
            self.undisturbed(method)
        row, whole, took = self.rows[method]
        call = self.call(method, row["runs"])
        at = killed(call, took, self.draw)
        left, same = left_behind(call.folder, call.cache), call.outcomes() == whole
        good = same and not left
        row["runs"], row["kills"], row["alike"] = row["runs"] + 1, row["kills"] + len(at), row["alike"] + good
        when = ", ".join(at) or "-"
        print(f"{method:16} killed at {when}: {'alike' if same else 'DIFFERS'} {' '.join(left)}", flush=True)
        self.wrong += [] if good else [call.folder]
        return len(at)

    def table(self):
        return pd.DataFrame([row for row, *_ in self.rows.values()])


def main():
    given = asked()
    kind, kills = Kind(given), 0
    while kills < given.points and not kind.wrong:
        for method in kind.methods:
            kills += kind.once(method)
            if kills >= given.points or kind.wrong:
                break
    table = kind.table()
    print(table.to_string(index=False))
    alike, runs = table.alike.sum(), table.runs.sum()
    print(
        f"{kind.name}: {kills} kills in {runs} runs; {alike} end as undisturbed ones, with nothing left behind"
    )
    sys.exit(bool(kind.wrong))


if __name__ == "__main__":
    main()
