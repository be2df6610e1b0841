"""Runs whose every string would do something on a page that took it for HTML or for mathematics."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from cells import run_cells

from trs_lab.results.synthetic import example_runs, synthetic_run


def evil(where):
    """Runs where it is taken for HTML, and is gone where it is taken for mathematics."""
    return f"<img src=x onerror='window.ran=1'>$x_{where}$"


def evil_run(home):
    """A run folder of such a name; clips, groups, notes, times and what training says are like it."""
    run = synthetic_run(Path(home) / evil("folder"), n_clips=24, n_epochs=3)
    named = lambda names, what: {n: evil(f"{what}{i}") for i, n in enumerate(sorted(set(names)))}
    predictions, history = (
        pd.read_csv(run / "predictions.csv"),
        pd.read_parquet(run / "pseudo_labels.parquet"),
    )
    clips, groups = named(predictions.clip_id, "clip"), named(predictions.group, "group")
    predictions.clip_id, predictions.group = predictions.clip_id.map(clips), predictions.group.map(groups)
    predictions.to_csv(run / "predictions.csv", index=False)
    history.assign(clip_id=history.clip_id.map(clips)).to_parquet(run / "pseudo_labels.parquet", index=False)
    known = dict(id="1", decision="correct", score=50.0, previous=None, undone=False)
    known |= dict(note=evil("note"), time=evil("time"))
    entries = [dict(known, id=str(i), clip_id=c) for i, c in enumerate(history.clip_id.map(clips).unique())]
    (run / "decisions.json").write_text(json.dumps(dict(entries=entries)))
    told = dict(
        state="failed", ended=True, stage=evil("stage"), error=evil("error"), host=evil("host"), pid=1
    )
    told |= dict(epoch=1, epochs_done=0, n_epochs=2, step=1, n_steps=2, time=0.0)
    (run / "progress.json").write_text(json.dumps(told))
    (run / "control.json").write_text(evil("request"))
    (run / "metrics.csv").write_text(evil("metrics"))
    return run


def evil_runs(home):
    """Runs for a report: the names of data set, task, variant, group and folder, and why one of them failed."""
    methods, places = dict(supervised=0.6, trs=0.66, trs_gp=0.7), {"0": 0.0, evil("fold"): 0.0}
    settings = {evil("variant"): (0.0, dict(dropout=0.2))}
    how = dict(ratios={0.1: 0.0}, seeds=2, folds=places, dataset=evil("dataset"), task=evil("task"))
    runs = example_runs(Path(home) / "runs", methods, settings, **how)
    failed = runs / evil("failed_run")
    failed.mkdir()
    (failed / "config.json").write_text(json.dumps(dict(dataset="dives", method="vat")))
    (failed / "failed.json").write_text(json.dumps(dict(error=evil("failure"))))
    return runs


def evil_features(home, name, n):
    """A folder of clips that are features, which are called so, with a score each."""
    root, rng = Path(home) / name, np.random.default_rng(0)
    (root / "features").mkdir(parents=True)
    clips = pd.DataFrame(dict(clip_id=[evil(f"{name}{i}") for i in range(n)], score=rng.normal(60, 10, n)))
    clips = clips.assign(split="train", user=[evil(f"person{i % 3}") for i in range(n)])
    for clip, score in zip(clips.clip_id, clips.score):
        x = rng.normal(size=(4, 8)).astype(np.float32)
        x[:, 0] += (score - 60) / 10
        np.save(root / "features" / f"{clip}.npy", x)
    clips.to_csv(root / "clips.csv", index=False)
    return root


def executed(work):
    """Outputs of report.ipynb and of score.ipynb on such runs and clips."""
    from trs_lab.runs.configure import make_config
    from trs_lab.runs.train_run import train_run

    known, new = evil_features(work, "known", 20), evil_features(work, "new", 3)
    (new / "features" / f"{evil('broken')}.npy").write_bytes(b"no features")
    how = dict(dataset="folder", root=str(known), backbone="none", n_segments=4, method="ridge", ratio=1.0)
    run = work / evil("scorer")
    train_run(make_config(**how, device="cpu", figures=False, out_dir=str(run)), threads=1)
    report = dict(
        runs=[str(evil_runs(work))], out_dir=str(work / "report"), page=str(work / "page"), n_boot=50
    )
    scores = dict(model=str(run), videos=str(new / "features"), out_dir=str(work / "scores"), folds=2)
    return run_cells("report.ipynb", **report) + run_cells("score.ipynb", **scores)


def execute(work):
    """The same in a process of its own, into executed.json."""
    os.chdir(work)
    (work / "executed.json").write_text(json.dumps(executed(work)))
