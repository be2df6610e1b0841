"""A run whose every string would do something on a page that took it for HTML or for mathematics."""

import json
from pathlib import Path

import pandas as pd

from trs_lab.results.synthetic import synthetic_run


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
