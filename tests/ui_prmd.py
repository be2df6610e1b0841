"""UI-PRMD deep squats as a `folder` data set: python tests/ui_prmd.py SOURCE TARGET [FOLD]

SOURCE holds Autoencoder_Output_{Correct,Incorrect}.csv (a row per sequence: 240 moments x 4 values) and
Labels_{Correct,Incorrect}.csv. Every fifth sequence (seeded) is a test clip. A segment is ten moments: (24, 40).
"""

import sys
from pathlib import Path

import numpy as np


def convert(source, target, fold=0, n_segments=24):
    source, target = Path(source), Path(target)
    (target / "features").mkdir(parents=True, exist_ok=True)
    kinds = ("Correct", "Incorrect")
    x = np.concatenate([np.loadtxt(source / f"Autoencoder_Output_{k}.csv", delimiter=",") for k in kinds])
    y = np.concatenate([np.loadtxt(source / f"Labels_{k}.csv", delimiter=",") for k in kinds])
    parts = np.random.default_rng(0).permutation(len(y)) % 5
    lines = ["clip_id,score,split"]
    for i, (sequence, score) in enumerate(zip(x.reshape(len(y), n_segments, -1).astype(np.float32), y)):
        np.save(target / "features" / f"squat{i:03d}.npy", sequence)
        lines.append(f"squat{i:03d},{score:.5f},{'test' if parts[i] == fold else 'train'}")
    (target / "clips.csv").write_text("\n".join(lines) + "\n")
    return target


if __name__ == "__main__":
    convert(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
