"""Three data sets that no setting was chosen on: python tests/unseen.py TARGET [SEED]

raises    arms that are raised, as in rehabilitation: skeletons, 30 people, 8 clips each (`-p backbone skeleton`)
routines  gymnastics of 70 segments: features, 40 gymnasts, 6 clips each (`-p backbone none -p n_segments 70`)
sewing    two instruments at a wound, seen from above: pictures, 20 people, 8 clips each (`-p backbone motion`)

Each is of another make than the dives: what is judged, what does not matter, and how faults make a score were written
down before a method had seen any of it. A person has a level (40 % of the variance of quality) and a look. Test clips
are those of a quarter of the people; `-p fold people:0/5` and `random:0/5` deal them otherwise.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter1d

BETWEEN = 0.4  # share of the variance of quality that lies between people


def drift(rng, n, scale, smooth):
    """(n,) of chance that wanders: standard deviation `scale`, over `smooth` moments alike."""
    walk = gaussian_filter1d(rng.normal(size=n + 8 * smooth), smooth)[4 * smooth : 4 * smooth + n]
    return scale * walk / max(walk.std(), 1e-9)


def faults(rng, quality, n):
    """(n,) sizes from 0 on of faults of which the better have fewer."""
    return np.log1p(np.exp(0.8 * rng.normal(size=n) - 1.2 * quality))


# raises


def raise_arms(rng, body, fault):
    """(frames, 9, 2) pixels of one lift and return; `fault`: short way, bent trunk, tremor, one arm late, haste."""
    short, bent, tremor, late, haste = fault
    n = int(rng.uniform(70, 130) / (1 + 0.3 * haste))
    t = np.linspace(0, 1, n)
    lift = lambda shift: np.clip(np.sin(np.pi * np.clip(t - shift, 0, 1)), 0, None) ** 1.5
    lean = 0.12 * bent * lift(0) + drift(rng, n, 0.02, 8)
    joints = np.zeros((n, 9, 2))  # head, neck, hips, two elbows, two hands, two feet
    joints[:, 1] = np.stack([np.sin(lean), np.cos(lean)], 1) * body["trunk"]
    joints[:, 0] = joints[:, 1] * (1 + 0.3 / body["trunk"])
    for side, (elbow, hand), shift in ((-1, (3, 5), 0), (1, (4, 6), 0.05 * late)):
        angle = (
            (2.9 / (1 + 0.25 * short)) * lift(shift) + drift(rng, n, 0.05 * tremor + 0.01, 2) + lean * side
        )
        along = np.stack([side * np.sin(angle), -np.cos(angle)], 1)
        joints[:, elbow] = joints[:, 1] + along * body["arm"]
        joints[:, hand] = joints[:, elbow] + along * body["arm"] + drift(rng, n, 0.02, 3)[:, None]
    joints[:, 7:] = np.array([[-0.2, -body["leg"]], [0.2, -body["leg"]]])
    joints += 0.015 * rng.normal(size=joints.shape)  # of the tracker
    lost = rng.random((n, 9)) < 0.02
    pixels = joints * np.array([1, -1]) * body["pixels"] + body["place"]
    return np.where(lost[..., None], np.nan, pixels).astype(np.float32)


def raises(target, rng, people=30, clips=8):
    folder = made(target / "poses")
    for clip, person, quality, look in cast(rng, people, clips):
        body = dict(trunk=look.uniform(0.5, 0.7), arm=look.uniform(0.28, 0.4), leg=look.uniform(0.8, 1.1))
        body |= dict(pixels=rng.uniform(80, 160), place=rng.uniform(200, 300, 2))
        fault = faults(rng, quality, 5)
        np.save(folder / f"{clip}.npy", raise_arms(rng, body, fault))
        marks = 20 - 3 * fault @ [1.6, 1.2, 1.0, 0.6, 0.8] / 2 + rng.normal() * 0.8
        yield clip, person, np.clip(np.round(2 * marks) / 2, 0, 20)  # half marks of 20


# routines


def routine(rng, look, quality, kinds, n=70, dim=256):
    """Features (n, dim) of elements at random times, each of a kind, done so well, and what the hall looks like."""
    which = rng.choice(len(kinds), rng.integers(8, 13), replace=False)
    done = quality + 0.8 * rng.normal(size=len(which))
    x = np.outer(np.ones(n), look.normal(size=dim)) * 0.7  # the gymnast, the hall
    x += np.stack([drift(rng, n, 0.5, 6) for _ in range(12)], 1) @ rng.normal(size=(12, dim)) / np.sqrt(12)
    for kind, own, start in zip(which, done, rng.uniform(3, n - 6, len(which))):
        bump = np.exp(-0.5 * ((np.arange(n) - start) / kinds[kind]["length"]) ** 2)
        x += np.outer(bump, 2 * kinds[kind]["look"] + 0.8 * own * kinds[kind]["done"])
    value = np.array([kinds[k]["value"] for k in which])
    return (x + 0.6 * rng.normal(size=x.shape)).astype(np.float32), value, done


def routines(target, rng, people=40, clips=6):
    folder = made(target / "features")
    common = rng.normal(size=256)  # part of good execution looks alike in every element
    kinds = [
        dict(look=rng.normal(size=256), value=rng.uniform(0.1, 0.8), length=rng.uniform(0.8, 2.5))
        | dict(done=0.6 * common + 0.8 * rng.normal(size=256))
        for _ in range(25)
    ]
    for clip, person, quality, look in cast(rng, people, clips):
        x, value, done = routine(rng, look, quality, kinds)
        np.save(folder / f"{clip}.npy", x)
        execution = 8 - 0.35 * np.log1p(np.exp(-2 * done)).sum() + 0.25 * rng.normal()
        yield clip, person, round(value.sum() + np.clip(execution, 0, 10), 2)


# sewing


def sew(rng, look, fault, size=96):
    """Pictures of two instruments that make stitches; `fault`: detours, shaking, waiting, tissue pulled, regrasping."""
    detour, shaking, waiting, pulled, regrasp = fault
    stops = np.repeat(np.linspace(20, 76, 5 + 2 * round(regrasp)), rng.integers(4, 8))
    stops = np.insert(stops, rng.integers(1, len(stops), int(8 * waiting)), np.nan)
    at = pd.Series(stops).ffill().to_numpy()
    path = gaussian_filter1d(at, 1.5) + drift(rng, len(at), 1 + 3 * detour, 4)
    tips = np.stack([path, 48 + 10 * np.sin(path / 3) + drift(rng, len(at), 0.3 + 1.2 * shaking, 1)], 1)
    other = np.stack([drift(rng, len(at), 4, 8) + 60, drift(rng, len(at), 2 + 2 * shaking, 3) + 66], 1)
    skin, steel = look.integers(120, 220, 3), look.integers(90, 190)
    grain = look.normal(size=(size, size, 1)) * 8
    for tip, helper in zip(tips, other):
        picture = Image.fromarray(np.clip(skin + grain, 0, 255).astype(np.uint8))
        draw = ImageDraw.Draw(picture)
        wound = 48 + pulled * 3 * np.sin(tip[0] / 5)
        draw.line([10, wound, size - 10, 48], fill=(140, 30, 30), width=3)
        draw.line([*tip, size, -10], fill=(steel,) * 3, width=4)
        draw.line([*helper, 0, size + 10], fill=(steel - 30,) * 3, width=4)
        yield picture


def sewing(target, rng, people=20, clips=8):
    for clip, person, quality, look in cast(rng, people, clips):
        folder, fault = made(target / "frames" / clip), faults(rng, quality, 5)
        for i, picture in enumerate(sew(rng, look, fault)):
            picture.save(folder / f"{i:04d}.jpg", quality=90)
        marks = 30 - 24 * np.tanh(fault @ [0.25, 0.3, 0.15, 0.2, 0.1]) + 1.2 * rng.normal()
        yield clip, person, int(np.clip(np.round(marks), 6, 30))  # six criteria of 1 to 5


# all


def made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cast(rng, people, clips):
    """(clip id, person, quality, what the person looks like), clips in random order of their ids."""
    number = iter(rng.permutation(people * clips))
    for p in range(people):
        level, seed = rng.normal(), int(rng.integers(2**31))
        for _ in range(clips):
            quality = np.sqrt(BETWEEN) * level + np.sqrt(1 - BETWEEN) * rng.normal()
            yield f"clip{next(number):03d}", f"p{p:02d}", quality, np.random.default_rng(seed)


def make(target, seed=0):
    for i, family in enumerate((raises, routines, sewing)):
        folder = made(Path(target) / family.__name__)
        table = pd.DataFrame(
            list(family(folder, np.random.default_rng([seed, i]))), columns=["clip_id", "user", "score"]
        )
        people = np.random.default_rng(seed).permutation(np.unique(table.user))
        test = table.user.isin(people[: len(people) // 4])
        table.assign(split=np.where(test, "test", "train")).sort_values("clip_id").to_csv(
            folder / "clips.csv", index=False
        )


if __name__ == "__main__":
    make(sys.argv[1], *map(int, sys.argv[2:]))
