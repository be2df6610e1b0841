"""What limits a score? Experiments that look at what no training may see. Nothing is chosen by them.

    python tests/oracles.py faults DIVES TARGET     the dives as a `folder` data set whose features are the true faults
    python tests/oracles.py people RUN [RUN ...]    Spearman of finished runs, and with the levels or the order told
    python tests/oracles.py judges DIVES            Spearman of the true quality with the judges' scores

`faults` tells all that the simulated judges look at, seven severities and the degree of difficulty: what is still
missing then is missing because few clips are labelled. `people` asks what a run lacks: the level of each person (`level
told`: the mean prediction of a person is replaced by the mean score), or the order of the clips of one person (`order
told`: the scores of a person around the mean prediction).
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from trs_lab.data.pickles import load_pickle

FAULTS = ["legs", "knees", "shape", "rotation", "distance", "splash", "toes"]


def judged_dives(folder):
    """One row a dive: true faults and execution, difficulty, score, and the part it belongs to."""
    folder = Path(folder)
    table = pd.read_csv(folder / "oracle.csv")
    told = load_pickle(folder / "final_annotations_dict_with_dive_number.pkl")
    test = set(map(tuple, load_pickle(folder / "test_split_0.pkl")))
    dives = list(zip(table.video, table["sample"]))
    table["difficulty"] = [told[dive]["difficulty"] for dive in dives]
    table["score"] = [told[dive]["final_score"] for dive in dives]
    table["split"] = ["test" if dive in test else "train" for dive in dives]
    table["clip_id"] = [f"{video}_{sample}" for video, sample in dives]
    return table


def faults(folder, target):
    """Features (2, 8), both segments alike: size of each fault (its direction does not count), and difficulty."""
    target, table = Path(target), judged_dives(folder)
    (target / "features").mkdir(parents=True, exist_ok=True)
    for row in table.itertuples():
        told = [abs(getattr(row, fault)) for fault in FAULTS] + [row.difficulty]
        np.save(target / "features" / f"{row.clip_id}.npy", np.float32([told, told]))
    table[["clip_id", "score", "split"]].to_csv(target / "clips.csv", index=False)


def judges(folder):
    """On test clips: true execution times difficulty against the score that the judges gave."""
    test = judged_dives(folder).query("split == 'test'")
    print(
        f"{len(test)} test clips: Spearman {spearmanr(test.execution * test.difficulty, test.score)[0]:.3f}"
    )


def spearman(run):
    """(as predicted, level told, order told) of the test clips of a run folder."""
    table = pd.read_csv(Path(run) / "predictions.csv").query("role == 'test'").dropna(subset="score")
    predicted, score = table.predicted, table.score
    level, true_level = (values.groupby(table.user).transform("mean") for values in (predicted, score))
    guesses = (predicted, predicted - level + true_level, score - true_level + level)
    return [spearmanr(guess, score)[0] for guess in guesses]


def people(*runs):
    means = np.mean([spearman(run) for run in runs], 0)
    print(
        f"{len(runs)} runs: as predicted {means[0]:.3f}, level told {means[1]:.3f}, order told {means[2]:.3f}"
    )


if __name__ == "__main__":
    dict(faults=faults, people=people, judges=judges)[sys.argv[1]](*sys.argv[2:])
