"""How often intervals hold: python tests/intervals.py DRAWS NAME=VALUE ...

NAME=VALUE are parameters of train.ipynb (dataset=folder root=runs/speed21 backbone=none method=process ratio=0.4);
a fold `people:K` or `random:K` goes through its K parts, one for each draw (seed) in turn; `first=100` begins with seed
100. Ten students (or `folds=5`) are trained without a fold of the labelled clips, people apart where the test people
are, and one with all of them. Printed is the share of judged test clips inside their 80 % interval, for each draw and
over all of them, and the width in units of the standard deviation of all scores.
"""

import contextlib
import io
import sys

import numpy as np
import torch

from trs_lab.learn.device import make_accelerator
from trs_lab.runs.configure import make_config
from trs_lab.runs.prepare import load_clips, make_views
from trs_lab.score.intervals import FOLDS, LeftOut, deal_folds, needed, train_without


def value_of(text):
    """A number where it is one."""
    with contextlib.suppress(ValueError):
        return float(text) if "." in text else int(text)
    return {"True": True, "False": False}.get(text, text)


def one_draw(config, folds):
    """(share inside, width in sd of the scores, judged clips, test clips)"""
    table, hidden = load_clips(config)
    accelerator = make_accelerator(config)
    data = make_views(config, table, accelerator)
    labelled = data.table[data.table.role == "labelled"].reset_index(drop=True)
    fold = deal_folds(labelled, folds, "people" if config.fold.startswith(("people", "user")) else "clips")
    test = np.flatnonzero(data.table.role == "test")
    truth = hidden.of(data.table.clip_id.iloc[test])
    row_of = {c: i for i, c in enumerate(data.table.clip_id)}
    predicted = np.empty(len(labelled))
    ask = lambda learner, rows: learner.method.predict(learner.method.speaker, torch.as_tensor(rows))[0]
    for k in range(fold.max() + 1):
        out = labelled.clip_id[fold == k]
        learner = train_without(config, data, out, accelerator)
        predicted[fold == k] = ask(learner, [row_of[c] for c in out])
    scores = ask(train_without(config, data, [], accelerator), test)
    left_out = LeftOut(labelled.assign(fold=fold, predicted=predicted, per=1.0))
    low, high = left_out.interval(scores)
    known = np.isfinite(truth)
    spread = np.std(np.r_[labelled.score, truth[known]])
    inside = ((low <= truth) & (truth <= high))[known]
    return inside.mean(), (high - low).mean() / spread, len(labelled), known.sum()


def main(draws, *given):
    named = dict(pair.split("=", 1) for pair in given)
    first, folds = int(named.pop("first", 0)), int(named.pop("folds", FOLDS))
    rule, _, parts = named.pop("fold", "0").partition(":")
    found = []
    for seed in range(first, first + int(draws)):
        fold = f"{rule}:{seed % int(parts)}/{parts}" if parts else rule
        with contextlib.redirect_stdout(io.StringIO()):
            config = make_config(
                **{k: value_of(v) for k, v in named.items()}, fold=fold, seed=seed, device="cpu"
            )
            inside, width, judged, clips = one_draw(config, folds)
        if np.isnan(width):
            print(f"{fold}, seed {seed}: no interval, {judged} judged of the {needed()} it needs", flush=True)
            continue
        found.append((inside, width, judged, clips))
        print(f"{fold}, seed {seed}: {inside:.3f} of {clips}, {judged} judged", flush=True)
    if not found:
        return
    share, width, judged, clips = map(np.array, zip(*found))
    each = f"{share.mean():.3f} (sd {share.std(ddof=1):.3f}) of {len(share)} draws"
    pooled = (share * clips).sum() / clips.sum()
    print(
        f"inside: {each}, {pooled:.3f} of {clips.sum()} clips; {judged.mean():.0f} judged; width {width.mean():.2f} sd"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
