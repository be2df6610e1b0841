"""Rehabilitation exercises of several kinds, done by the same people: python tests/exercises.py TARGET [SEED]

Skeletons (`-p backbone skeleton`), 5 exercises (`group`), 60 people (`user`), each of whom does every exercise once.
A person has a level, which counts for more than half of the variance of quality, and a body.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from unseen import drift, faults, made

BETWEEN = 0.55  # share of the variance of quality that lies between people
# What each exercise is: how far shoulders, elbows, hips and trunk turn, in radians; how often; what faults count.
EXERCISES = dict(
    arms=dict(shoulder=2.6, elbow=0.2, hip=0.0, trunk=0.0, times=2, counts=[1.6, 1.0, 0.8, 1.2, 0.4]),
    bow=dict(shoulder=0.6, elbow=0.0, hip=0.4, trunk=1.1, times=2, counts=[1.2, 0.6, 0.6, 0.4, 1.4]),
    squat=dict(shoulder=1.4, elbow=0.0, hip=1.3, trunk=0.4, times=3, counts=[1.8, 0.6, 1.2, 0.6, 1.0]),
    sway=dict(shoulder=0.2, elbow=0.8, hip=0.2, trunk=0.6, times=4, counts=[0.8, 1.6, 0.4, 1.2, 0.6]),
    reach=dict(shoulder=1.9, elbow=1.2, hip=0.1, trunk=0.3, times=2, counts=[1.4, 0.8, 1.0, 1.6, 0.2]),
)


def perform(rng, body, kind, fault):
    """(frames, 11, 2) pixels; `fault`: short way, tremor, one side less, late side, bent trunk."""
    short, tremor, uneven, late, bent = fault
    n = int(rng.uniform(90, 150))
    t = np.linspace(0, kind["times"], n)
    way = lambda shift, size: (
        size * np.clip(np.sin(np.pi * ((t - shift) % 1)), 0, None) ** 1.3 / (1 + 0.25 * short)
    )
    shake = lambda: drift(rng, n, 0.04 * tremor + 0.01, 2)
    lean = way(0, kind["trunk"]) * 0.6 + 0.1 * bent * way(0, 1) + drift(rng, n, 0.02, 8)
    depth = way(0, kind["hip"])
    joints = np.zeros((n, 11, 2))  # head, neck, hips, elbows, hands, knees, feet
    hips = np.stack([0.1 * np.sin(depth), body["leg"] * (np.cos(0.6 * depth) - 1)], 1)
    joints[:, 2] = hips
    joints[:, 1] = hips + body["trunk"] * np.stack([np.sin(lean), np.cos(lean)], 1)
    joints[:, 0] = joints[:, 1] + 0.2 * np.stack([np.sin(lean), np.cos(lean)], 1)
    for side, (elbow, hand, knee, foot) in ((-1, (3, 5, 7, 9)), (1, (4, 6, 8, 10))):
        less, shift = (1 + 0.2 * uneven, 0.06 * late) if side > 0 else (1, 0)
        angle = way(shift, kind["shoulder"]) / less + shake() + lean * side
        along = np.stack([side * np.sin(angle), -np.cos(angle)], 1)
        joints[:, elbow] = joints[:, 1] + body["arm"] * along
        angle = angle + way(shift, kind["elbow"]) / less + shake()
        joints[:, hand] = joints[:, elbow] + body["arm"] * np.stack([side * np.sin(angle), -np.cos(angle)], 1)
        joints[:, foot] = [0.2 * side, -body["leg"]]
        joints[:, knee] = (hips + joints[:, foot]) / 2 + np.stack([0.25 * side * np.sin(depth), 0 * depth], 1)
    joints += 0.015 * rng.normal(size=joints.shape)  # of the tracker
    pixels = joints * np.array([1, -1]) * body["pixels"] + body["place"]
    return np.where(rng.random((n, 11, 1)) < 0.02, np.nan, pixels).astype(np.float32)


def make(target, seed=0, people=60):
    rng, folder, rows = np.random.default_rng(seed), made(Path(target) / "poses"), []
    for p in range(people):
        level, look = rng.normal(), np.random.default_rng(int(rng.integers(2**31)))
        body = dict(trunk=look.uniform(0.5, 0.7), arm=look.uniform(0.28, 0.4), leg=look.uniform(0.8, 1.1))
        for name, kind in EXERCISES.items():
            where = dict(pixels=rng.uniform(80, 160), place=rng.uniform(200, 300, 2))
            quality = np.sqrt(BETWEEN) * level + np.sqrt(1 - BETWEEN) * rng.normal()
            fault = faults(rng, quality, 5)
            np.save(folder / f"{name}{p:02d}.npy", perform(rng, body | where, kind, fault))
            marks = 50 - 7 * fault @ kind["counts"] / 2 + 2.5 * rng.normal()
            rows.append((f"{name}{p:02d}", name, f"p{p:02d}", np.clip(np.round(2 * marks) / 2, 0, 50)))
    table = pd.DataFrame(rows, columns=["clip_id", "group", "user", "score"])
    test = table.user.isin([f"p{p:02d}" for p in rng.permutation(people)[: people // 4]])
    table.assign(split=np.where(test, "test", "train")).to_csv(Path(target) / "clips.csv", index=False)


if __name__ == "__main__":
    make(sys.argv[1], *map(int, sys.argv[2:]))
