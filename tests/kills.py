"""Runs of every method are killed with kill -9 at random moments and resumed; they must end as undisturbed runs do.

    python tests/kills.py FOLDER --points 100
    python tests/kills.py FOLDER --points 20 --only trs process     some methods
    python tests/kills.py FOLDER --points 10 --processes 2          each run trained by two processes

Equal are weights, history, metrics (without seconds) and predictions, bit for bit; no temporary file is left. A line is
printed for each run, a table at the end, and the exit status is 1 where anything differs.
"""

import argparse
import contextlib
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

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SMALL = dict(mixer_depth=1, token_dim=8, channel_dim=16, epochs=6, burn_in_epochs=3, checkpoint_seconds=0)
QUICK = dict(summary_width=8, folds=3, trees=10, n_parts=2, views=2)  # of methods that have such an option
LEFT = ("*.tmp", "*.tmp*", "*.new")  # what a write that was cut off might leave


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


def methods():
    """All that learn from such clips: musdl wants marks of single judges, c3d_avg_mtl what dive it was."""
    from importlib.util import find_spec

    from trs_lab.methods.registry import METHODS

    without = {"musdl", "c3d_avg_mtl"} | ({"gpboost"} if find_spec("gpboost") is None else set())
    return [m for m in METHODS if m not in without]


def work(parameters, log):
    """One call of training, in a process that may be killed."""
    os.setsid()
    with open(log, "a") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    from trs_lab.methods import tuned
    from trs_lab.runs.configure import make_config
    from trs_lab.runs.train_run import train_run

    for name, (kernels, widths, regressor, tried) in tuned.GRIDS.items():
        few = {k: v[1:3] for k, v in tried.items()}
        tuned.GRIDS[name] = kernels[:1], widths[:1], regressor, few
    train_run(make_config(**parameters), threads=1)


def start(context, parameters, log):
    child = context.Process(target=work, args=(parameters, log))
    child.start()
    return child


def kill(child):
    """It and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
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


def left_behind(*folders):
    return sorted(str(p.name) for folder in folders for how in LEFT for p in Path(folder).rglob(how))


def once_killed(context, parameters, run, seconds, draw, most=3):
    """Kill it up to `most` times, then let it end. Returns at which fractions of an undisturbed run it was killed."""
    at, log = [], run.with_suffix(".log")
    for _ in range(draw.randint(1, most)):
        begun = (run / "checkpoint.pt").exists()
        child, delay = start(context, parameters | dict(resume=begun), log), draw.uniform(0, 1.05) * seconds
        child.join(delay)
        if child.exitcode is not None:
            assert child.exitcode == 0, log.read_text()[-2000:]
            return at
        kill(child)
        at.append(delay / seconds)
        if (run / "summary.json").exists():
            return at
        if not (run / "checkpoint.pt").exists() and run.exists():  # nothing to go on from: it begins anew
            run.rename(run.with_name(f"{run.name}.gone{len(at)}"))
    child = start(context, parameters | dict(resume=(run / "checkpoint.pt").exists()), log)
    child.join()
    assert child.exitcode == 0, log.read_text()[-2000:]
    return at


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=None)
    asked = parser.parse_args()
    from trs_lab.methods.registry import option_names

    context = multiprocessing.get_context("forkserver")
    loaded = ["trs_lab.runs.train_run", "trs_lab.methods.tuned", "trs_lab.methods.trs_process"]
    context.set_forkserver_preload(loaded)
    root, draw, rows = make_clips(asked.folder / "clips"), random.Random(asked.seed), {}
    given = dict(
        SMALL, dataset="folder", root=str(root), backbone="none", ratio=0.4, n_segments=4, device="cpu"
    )
    given |= dict(figures=False, compare_supervised=False, cache_dir=str(asked.folder / "cache"))
    given |= dict(num_processes=asked.processes) if asked.processes > 1 else {}
    chosen, kills, wrong = asked.only or methods(), 0, []
    while kills < asked.points and not wrong:
        for method in chosen:
            parameters = (
                given | dict(method=method) | {k: v for k, v in QUICK.items() if k in option_names(method)}
            )
            whole = asked.folder / f"{method}-whole"
            if method not in rows:
                begun = time.monotonic()
                child = start(context, parameters | dict(out_dir=str(whole)), whole.with_suffix(".log"))
                child.join()
                assert child.exitcode == 0, whole.with_suffix(".log").read_text()[-2000:]
                rows[method] = dict(method=method, seconds=time.monotonic() - begun, runs=0, kills=0, alike=0)
            row = rows[method]
            run = asked.folder / f"{method}-{row['runs']}"
            at = once_killed(context, parameters | dict(out_dir=str(run)), run, row["seconds"], draw)
            same = outcome(run) == outcome(whole) and not left_behind(run, asked.folder / "cache")
            row["runs"], row["kills"], row["alike"] = (
                row["runs"] + 1,
                row["kills"] + len(at),
                row["alike"] + same,
            )
            kills += len(at)
            when = ", ".join(f"{a:.2f}" for a in at) or "-"
            print(f"{method:16} killed at {when}: {'alike' if same else 'DIFFERS'}", flush=True)
            wrong += [] if same else [run]
            if kills >= asked.points:
                break
    table = pd.DataFrame(rows.values()).drop(columns="seconds")
    print(table.to_string(index=False))
    runs, alike = table.runs.sum(), table.alike.sum()
    print(f"{kills} kills in {runs} runs of {len(table)} methods; {alike} runs end as undisturbed ones")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
