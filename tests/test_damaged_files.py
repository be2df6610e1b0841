"""Files with a few bytes or words exchanged, by a seeded draw: read, or refused in words of ours.

Each of the readers gets DRAWS damaged copies of a sound file; the files are so small that a seeded draw finds what a
search would, and the same ones each time.
"""

import json
import pickle
import random
import warnings

import numpy as np
import pandas as pd
import pytest
import test_bad_inputs as sound
import torch
from own_errors import is_own
from safetensors.torch import save_file

from trs_lab.data.decisions import apply_decisions
from trs_lab.data.video import read_clip
from trs_lab.features.backbone import load_i3d
from trs_lab.results.history import read_history
from trs_lab.results.run_folder import read_predictions
from trs_lab.runs.configure import load_config
from trs_lab.runs.manifest import read_manifest
from trs_lab.runs.plans import plan_runs, read_plan

DRAWS = 80
WORDS = "0 -1 1e999 nan inf null true [] {} '' \" , ; \t \n \r \0 é ١ 𝟙 \ufeff ../ $x$ <b> 1_0 0x1".split(
    " "
) + ["9" * 30]


def damaged(content, dice):
    """One to three of: cut off, a byte flipped, a piece left out or doubled, a word or foreign bytes put in."""
    for _ in range(dice.randint(1, 3)):
        at, length = dice.randrange(len(content) + 1), dice.choice([1, 1, 2, 8, 64])
        before, piece, after = content[:at], content[at : at + length], content[at + length :]
        flipped = bytes(b ^ (1 << dice.randrange(8)) for b in piece[:1]) + piece[1:]
        word = dice.choice(WORDS).encode()
        content = dice.choice(
            [
                before,
                before + flipped + after,
                before + after,
                before + piece * 2 + after,
                before + word + after,
                before + word + piece + after,
                before + dice.randbytes(length) + after,
            ]
        )
    return content


def tensors(p, name):
    state = {"Conv3d_1a_7x7.conv3d.weight": torch.ones(1, 3, 1, 1, 1), "Conv3d_1a_7x7.bn.bias": torch.ones(1)}
    meta = sound.META_I3D
    torch.save(state, p / name) if name.endswith(".pt") else save_file(state, p / name, metadata=meta)
    return (p / name).read_bytes()


def saved(p, name, write):
    write(p / name)
    return (p / name).read_bytes()


def array(p):
    return saved(p, "x.npy", lambda f: np.save(f, np.arange(12, dtype=np.float32).reshape(4, 3)))


def history(p):
    from trs_lab.learn.history import HISTORY_COLUMNS

    frame = pd.DataFrame({c: [0.5, 1.5] for c in HISTORY_COLUMNS}).assign(epoch=[0, 0], clip_id=["a", "b"])
    return saved(p, "x.parquet", frame.to_parquet)


PREDICTED = (
    "clip_id,split,role,group,score,predicted,sigma\na,test,test,all,1.5,1.4,.2\nb,test,test,all,,2,.2\n"
)
MANIFEST = dict(
    version=1, dataset=dict(dataset="folder", score_range=[0, 1]), clips=dict(clip_id=["a"], source=["b"])
)
PLAN = 'dataset = "dives"\nmethods = "trs"\n[[grid]]\nseeds = 2\nratios = [0.1, 0.4]\n'
CONFIG = dict(dataset="dives", ratio=0.1, method="trs", epochs=3, seed=0, options=dict(memory_rule="best"))

# reader -> (sound content, what reads a file of that content)
READERS = {
    "clips.csv": (lambda p: "\n".join(sound.LINES).encode(), lambda p, c: sound.folder(p, raw=c)),
    "score_range.json": (lambda p: b"[0, 10]", lambda p, c: sound.folder(p, files={"score_range.json": c})),
    "features.npy": (array, lambda p, c: sound.folder(p, features=dict(b=c))),
    "meta_file.txt": (lambda p: "\n".join(sound.META).encode(), lambda p, c: sound.jigsaws(p, raw=c)),
    "label.pkl": (lambda p: pickle.dumps(sound.LABEL), lambda p, c: sound.jigsaws(p, pickled=c)),
    "splits.pkl": (lambda p: pickle.dumps(sound.SPLITS), lambda p, c: sound.jigsaws(p, splits=c, fold="1")),
    "annotations.pkl": (lambda p: pickle.dumps(sound.DIVES), lambda p, c: sound.mtl(p, dives=c)),
    "train_split.pkl": (lambda p: pickle.dumps([(1, 0), (1, 1)]), lambda p, c: sound.mtl(p, train=c)),
    "train.txt": (lambda p: "\n".join(sound.ROUTINES).encode(), lambda p, c: sound.gymnastics(p, train=c)),
    "decisions.json": (
        lambda p: json.dumps(
            {"entries": [sound.ENTRY, dict(sound.ENTRY, decision="reject", score=None)]}
        ).encode(),
        lambda p, c: apply_decisions(sound.TABLE, sound.write(p / "d.json", c)),
    ),
    "config.json": (
        lambda p: json.dumps(CONFIG).encode(),
        lambda p, c: load_config(sound.write(p / "c.json", c)),
    ),
    "run.json": (
        lambda p: json.dumps(MANIFEST).encode(),
        lambda p, c: read_manifest(sound.write(p / "run.json", c).parent),
    ),
    "plan.toml": (
        lambda p: PLAN.encode(),
        lambda p, c: plan_runs(read_plan(sound.write(p / "plan.toml", c)), "plan.toml"),
    ),
    "predictions.csv": (
        lambda p: PREDICTED.encode(),
        lambda p, c: read_predictions(sound.write(p / "p.csv", c)),
    ),
    "history.parquet": (history, lambda p, c: read_history(sound.write(p / "h.parquet", c))),
    "weights.pt": (lambda p: tensors(p, "w.pt"), lambda p, c: load_i3d(sound.write(p / "w.pt", c))),
    "weights.safetensors": (
        lambda p: tensors(p, "w.safetensors"),
        lambda p, c: load_i3d(sound.write(p / "w.safetensors", c)),
    ),
    "picture.png": (
        lambda p: picture(p),
        lambda p, c: sound.film(p, name="shots", kind="frames", files={"1.png": c}),
    ),
    "film.mp4": (lambda p: film(p), lambda p, c: read_film(sound.write(p / "x.mp4", c))),
}
FEW = {"film.mp4": 40}


def picture(p):
    from PIL import Image

    return saved(p, "x.png", Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save)


def film(p):
    import av

    with av.open(str(p / "x.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 16
        for i in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 10 * i, np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return (p / "x.mp4").read_bytes()


def read_film(path):
    return read_clip(
        dict(clip_id="x", source=str(path), kind="video", start=pd.NA, end=pd.NA), 16, (16, 16), "even"
    )


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_read_or_refused_in_words(name, tmp_path):
    make, read = READERS[name]
    content, dice, refused = make(tmp_path), random.Random(name), 0
    for draw in range(FEW.get(name, DRAWS)):
        wrong = damaged(content, dice)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(tmp_path, wrong)
        except Exception as e:
            assert is_own(e), f"draw {draw}: {type(e).__name__}: {e}; of {wrong[:300]!r}"
            refused += 1
    assert refused, "no draw was refused: nothing is looked at"
