"""SPEED21 speed climbing as a `folder` data set: python tests/speed21.py SOURCE TARGET [DRAW]

SOURCE holds runs.csv (clip_id, time_s, climber, fps) and poses/<clip_id>.npy (frames, 16 joints, x and y; NaN where
the tracker lost the climber). The score is minus the official time in seconds. A quarter of the climbers, drawn with
DRAW, are the test part. The number of frames is the time, so every run is resampled to the same 160 moments, and its
length goes nowhere. A segment is ten moments: mean and standard deviation of each coordinate, (16, 64). TARGET has the
skeletons, too, for `-p backbone skeleton`.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd


def without_gaps(pose):
    """(frames, 32) coordinates, lost ones interpolated over time."""
    flat, t = pose.reshape(len(pose), -1).astype(float), np.arange(len(pose))
    for column in flat.T:
        seen = np.isfinite(column)
        column[:] = np.interp(t, t[seen], column[seen]) if seen.any() else 0
    return flat


def segments(pose, n_segments=16, moments=10):
    """(n_segments, 64): the climber in the middle of the picture and of size 1, at any length of the run."""
    body = without_gaps(pose).reshape(len(pose), -1, 2)
    body = body - body.mean(1, keepdims=True)
    body = (body / body.std(axis=(0, 1)).mean()).reshape(len(pose), -1)
    at = np.linspace(0, len(body) - 1, n_segments * moments)
    even = np.stack([np.interp(at, np.arange(len(body)), c) for c in body.T], 1)
    even = even.reshape(n_segments, moments, -1)
    return np.concatenate([even.mean(1), even.std(1)], 1).astype(np.float32)


def convert(source, target, draw=0, share=0.25):
    source, target = Path(source), Path(target)
    (target / "features").mkdir(parents=True, exist_ok=True)
    runs = pd.read_csv(source / "runs.csv", dtype=dict(clip_id=str, climber=str))
    climbers = np.random.default_rng(draw).permutation(np.unique(runs.climber))
    test = runs.climber.isin(climbers[: round(share * len(climbers))])
    for clip in runs.clip_id:
        np.save(target / "features" / f"{clip}.npy", segments(np.load(source / "poses" / f"{clip}.npy")))
    table = dict(clip_id=runs.clip_id, score=-runs.time_s, split=np.where(test, "test", "train"))
    pd.DataFrame(table | dict(user=runs.climber)).to_csv(target / "clips.csv", index=False)
    if not (target / "poses").exists():
        (target / "poses").symlink_to((source / "poses").resolve())
    return target


if __name__ == "__main__":
    convert(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
