"""Files that hold anything: each reader reads them, or refuses them in words of ours.

Half of the draws are sound files with bytes exchanged, half are sound content of which parts are replaced by anything.
A reader gets few of them here; a search is

    TRS_EXAMPLES=2000 python -m pytest tests/test_fuzz.py tests/test_damaged_run.py -rP -q
"""

import csv
import io
import json
import pickle

import av
import h5py
import numpy as np
import pandas as pd
import pytest
import test_bad_inputs as sound
import torch
from fuzz import ARRAYS, EXAMPLES, OBJECTS, PLAIN, as_json, damaged, exchanged, look
from hypothesis import assume
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from trs_lab.data.archives import read_archive
from trs_lab.data.decisions import apply_decisions
from trs_lab.data.layouts import read_features
from trs_lab.data.poses import check_poses
from trs_lab.data.ratings import read_ratings, read_scale, write_rated
from trs_lab.data.stores import create_store, open_store, rows_and_sums
from trs_lab.data.video import read_clip
from trs_lab.features.backbone import I3D, load_i3d
from trs_lab.inspect.monitor import read_curves
from trs_lab.learn.history import HISTORY_COLUMNS
from trs_lab.results.history import read_history
from trs_lab.results.reports import read_goals
from trs_lab.results.run_folder import read_predictions
from trs_lab.runs.configure import load_config, make_config
from trs_lab.runs.manifest import clip_differences, read_manifest
from trs_lab.runs.pause import read_progress, read_request
from trs_lab.runs.plans import plan_runs, read_plan, read_rows
from trs_lab.score.intervals import read_left_out
from trs_lab.score.scorer import COLUMNS
from trs_lab.score.session import open_scorer, read_scored
from trs_lab.score.videos import read_known

READERS = {}
NEVER_REFUSED = ["clips.csv of raters"]  # what is not understood stays as it is, and the ratings go elsewhere


def reader(name, content, read, values=st.nothing(), few=False):
    """read(folder, bytes); values are bytes, too, or anything else that the file may be made of."""
    READERS[name] = content, read, values, few


def csv_of(rows):
    """Bytes of a table; what is no row is written as a line."""
    text = io.StringIO(newline="")
    for row in rows if isinstance(rows, list | tuple) else [rows]:
        if isinstance(row, list | tuple):
            csv.writer(text).writerow(row)
        else:
            text.write(f"{row}\n")
    return text.getvalue().encode("utf-8", "replace")


def table(name, content, read):
    rows = [line.split(",") for line in content.split()]
    reader(name, content.encode(), read, exchanged(rows).map(csv_of))


def of_json(name, value, read):
    reader(name, as_json(value), read, exchanged(value).map(as_json))


def pickled(name, value, read):
    reader(name, pickle.dumps(value), read, exchanged(value, OBJECTS).map(pickle.dumps))


def put(content, path):
    """A file of this content, or one that is made by it."""
    return content(path) if callable(content) else sound.write(path, content)


def saved(write, suffix=""):
    """Bytes of what is written to a path."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / f"x{suffix}")
        return (Path(folder) / f"x{suffix}").read_bytes()


# -- what a person makes ----------------------------------------------------------------------------------------------

table("clips.csv", "\n".join(sound.LINES), lambda p, c: sound.folder(p, raw=c))
table(
    "clips.csv with people",
    "clip_id,score,split,user,group,difficulty\na,1,train,u,g,2\nb,2,train,u,g,3\nc,3,test,v,h,1.5",
    lambda p, c: sound.folder(p, raw=c, fold="user:v"),
)
of_json("score_range.json", [0, 10], lambda p, c: sound.folder(p, files={"score_range.json": c}))
of_json(
    "score_range.json of raters", [0, 10], lambda p, c: (put(c, p / "score_range.json"), read_scale("", p))
)
RATED = "clip_id,score,rater,when,note\na,1.5,ann,2026,x\nb,7,ann,2026,\na,,ann,2027,y"
table("ratings.csv", RATED, lambda p, c: (put(c, p / "ratings.ann.csv"), read_ratings(p)))


def merged(p, c):
    """What stood in the file is in it, or in the copy beside it."""
    path = put(c, p / "clips.csv")
    sound.write(p / "ratings.ann.csv", RATED.encode())
    for old in p.glob("clips.*.csv"):
        old.unlink()
    written = write_rated(p, ["a", "q"])
    assert c in [f.read_bytes() for f in (path, p / "clips.backup.csv") if f.exists()], written.said


table("clips.csv of raters", "clip_id,score,n_raters,rater_ann,split\na,1.5,1,1.5,train\nb,2,,,test", merged)
table(
    "clips.csv of videos to score",
    "clip_id,user,group,difficulty\na,u,g,2\nb,,,",
    lambda p, c: read_known(put(c, p / "k.csv")),
)
of_json(
    "decisions.json",
    {"entries": [sound.ENTRY, dict(sound.ENTRY, id="2", decision="reject", score=None)]},
    lambda p, c: apply_decisions(sound.TABLE, sound.write(p / "d.json", c)),
)
PLAN = b'dataset = "dives"\nmethods = "trs"\n[[grid]]\nseeds = 2\nratios = [0.1, 0.4]\n'
reader("plan.toml", PLAN, lambda p, c: plan_runs(read_plan(put(c, p / "plan.toml")), "plan.toml"))
GOALS = b'[[goal]]\ndata = "MTL-AQA"\nratio = 0.1\nat_least = 0.8\nwhy = "paper"\n'
reader("goals.toml", GOALS, lambda p, c: read_goals(put(c, p / "goals.toml")))

# -- numbers ----------------------------------------------------------------------------------------------------------

FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3)
POSE = np.arange(24, dtype=np.float32).reshape(4, 3, 2)


def npy(x):
    return saved(lambda path: np.save(path, x), ".npy")


def npz(arrays):
    return saved(lambda path: np.savez(path, **arrays), ".npz")


def h5(arrays):
    def write(path):
        with h5py.File(path, "w") as file:
            for name, x in arrays.items():
                file[name] = x

    try:
        return saved(write, ".h5")
    except (TypeError, ValueError, OSError):  # what HDF5 cannot hold
        assume(False)


reader("features.npy", npy(FEATURES), lambda p, c: sound.folder(p, features=dict(b=c)), ARRAYS.map(npy))
reader("pose.npy", npy(POSE), lambda p, c: check_poses([put(c, p / "x.npy")]), ARRAYS.map(npy))
for suffix, write in dict(npz=npz, h5=h5).items():

    def read(p, c, suffix=suffix):
        path = put(c, p / f"features.{suffix}")
        for name in read_archive(path):
            read_features(path, name)

    single, whole = dict(a=FEATURES, b=FEATURES), dict(clip_id=np.array(["a"]), features=FEATURES[None])
    arrays = st.one_of(exchanged(x, ARRAYS) for x in (single, whole)).filter(lambda x: isinstance(x, dict))
    reader(f"features.{suffix}", write(single), read, arrays.map(write))
    reader(f"features.{suffix} of all", write(dict(whole, clip_id=np.array([b"a"]))), read)

# -- published annotations --------------------------------------------------------------------------------------------

reader("meta_file.txt", "\n".join(sound.META).encode(), lambda p, c: sound.jigsaws(p, raw=c))
pickled("label.pkl", sound.LABEL, lambda p, c: sound.jigsaws(p, pickled=c))
pickled("splits.pkl", sound.SPLITS, lambda p, c: sound.jigsaws(p, splits=c, fold="1"))
pickled("annotations.pkl", sound.DIVES, lambda p, c: sound.mtl(p, dives=c))
pickled("train_split.pkl", [(1, 0), (1, 1)], lambda p, c: sound.mtl(p, train=c))
reader("train.txt", "\n".join(sound.ROUTINES).encode(), lambda p, c: sound.gymnastics(p, train=c))

# -- pictures and videos ----------------------------------------------------------------------------------------------


def picture(path, **how):
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(path, **how)


def film(path):
    with av.open(str(path), "w") as container:
        codec = {".webm": "vp9", ".gif": "gif"}.get(path.suffix, "mpeg4")
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb8" if codec == "gif" else "yuv420p"
        for i in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 10 * i, np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def read_film(path):
    row = dict(clip_id="x", source=str(path), kind="video", start=pd.NA, end=pd.NA)
    return read_clip(row, 16, (16, 16), "even")


for suffix in (".png", ".jpg"):
    shots = dict(name="shots", kind="frames")
    read = lambda p, c, s=suffix: sound.film(p, **shots, files={f"1{s}": c})
    reader(f"picture{suffix}", saved(picture, suffix), read)
for suffix in (".mp4", ".avi", ".mkv", ".webm", ".gif", ".ts"):
    reader(
        f"film{suffix}", saved(film, suffix), lambda p, c, s=suffix: read_film(put(c, p / f"x{s}")), few=True
    )

# -- weights ----------------------------------------------------------------------------------------------------------

WIDTH = 0.0625
STATE = dict(I3D(WIDTH).state_dict())
META_I3D = dict(sound.META_I3D, settings=dict(width=WIDTH, n_classes=400))
TENSORS = PLAIN | st.lists(st.integers(0, 3), max_size=5).map(lambda shape: torch.ones(shape))


def pt(state):
    return saved(lambda path: torch.save(state, path))


def safetensors(meta):
    known = meta if isinstance(meta, dict) else {}
    texts = {str(k): json.dumps(v) if k == "settings" else str(v) for k, v in known.items()}
    return saved(lambda path: save_file(STATE, path, metadata=texts))


reader(
    "weights.pt",
    pt(STATE),
    lambda p, c: load_i3d(put(c, p / "w.pt"), width=WIDTH),
    exchanged(STATE, TENSORS).map(pt),
)
reader(
    "weights.safetensors",
    safetensors(META_I3D),
    lambda p, c: load_i3d(put(c, p / "w.safetensors")),
    exchanged(META_I3D).map(safetensors),
)

# -- what a run, a report or a cache has written ----------------------------------------------------------------------

CONFIG = dict(dataset="dives", ratio=0.1, method="trs", epochs=3, seed=0, options=dict(memory_rule="best"))
of_json("config.json", CONFIG, lambda p, c: load_config(put(c, p / "c.json")))
CLIPS = dict(
    clip_id=["a", "b"], score=[1.0, None], source=["b", "c"], file=["1", "2"], role=["labelled", "test"]
)
MANIFEST = dict(version=1, dataset=dict(dataset="folder", score_range=[0, 1]), clips=CLIPS)


def manifest(p, c):
    read = read_manifest(put(c, p / "run.json").parent)
    return clip_differences(read["clips"], CLIPS)


of_json("run.json", MANIFEST, manifest)
PROGRESS = dict(
    state="running", ended=False, stage="burn_in", host="h", pid=1, time=0.5, epoch=1, epochs_done=0
)
PROGRESS |= dict(n_epochs=2, step=1, n_steps=2)
of_json("progress.json", PROGRESS, lambda p, c: (put(c, p / "progress.json"), read_progress(p)))
of_json(
    "control.json", dict(request="stop", time="now"), lambda p, c: read_request(put(c, p / "control.json"))
)
table(
    "metrics.csv",
    "epoch,stage,network,loss\n1,burn_in,student,.5\n2,x,teacher,",
    lambda p, c: (put(c, p / "metrics.csv"), read_curves(p, 1)),
)
PREDICTED = (
    "clip_id,split,role,group,score,predicted,sigma\na,test,test,all,1.5,1.4,.2\nb,test,test,all,,2,.2"
)
table("predictions.csv", PREDICTED, lambda p, c: read_predictions(put(c, p / "p.csv")))
HISTORY = {c: [0.5, 1.5] for c in HISTORY_COLUMNS} | dict(epoch=[0, 0], clip_id=["a", "b"])


def parquet(columns):
    try:
        return saved(pd.DataFrame(columns).to_parquet)
    except Exception:  # what is no table
        assume(False)


reader(
    "history.parquet",
    parquet(HISTORY),
    lambda p, c: read_history(put(c, p / "h.parquet")),
    exchanged(HISTORY).map(parquet),
)
LEFT_OUT = dict(made=dict(fold=dict(a=0, b=1), apart="clips", score=dict(a=1.0, b=2.0)))
LEFT_OUT |= dict(
    table=dict(clip_id=["a", "b"], fold=[0, 1], score=[1.0, 2.0], predicted=[1.5, 2.0], per=[1.0, 1.0])
)


def left_out(p, c):
    put(c, p / "left_out.json")
    found = read_left_out(p)
    return found and (found.interval([1.0]), str(found))


of_json("left_out.json", LEFT_OUT, left_out)
ROW = dict.fromkeys(COLUMNS, "x") | dict(
    score=1.5, sigma=0.2, low=None, high=None, percentile=50, distance=1.0
)
of_json("scored.json", dict(a=dict(key="k", row=ROW)), lambda p, c: read_scored(put(c, p / "scored.json")))
ROWS = "task,method,ratio,seed,fold,kind,digest,settings\n,trs,0.1,0,0,run,ab12,s\n,svr,0.1,0,0,baseline,,"
table("rows.csv", ROWS, lambda p, c: read_rows(put(c, p / "rows.csv")))
SETTINGS = dict(
    defaults=dict(epochs=3), runs=dict(s=dict(config=dict(lr=0.1), machine="2 cores", method="trs"))
)
of_json(
    "settings.json",
    SETTINGS,
    lambda p, c: (put(c, p / "settings.json"), read_rows(sound.write(p / "rows.csv", ROWS))),
)


def store(p, c, name):
    kept = rows_and_sums("frames", np.uint8, (2, 3))
    create_store(p / "store", kept, dict(clips=["a", "b"]))
    before = (p / "store" / name).read_bytes()
    try:
        sound.write(p / "store" / name, c)
        return open_store(p / "store", kept, "r", ["a", "b"])
    finally:
        sound.write(p / "store" / name, before)


STORE = dict(clips=["a", "b"])
reader(
    "frames.npy of a cache",
    npy(np.zeros((2, 3), np.uint8)),
    lambda p, c: store(p, c, "frames.npy"),
    ARRAYS.map(npy),
)
of_json("meta.json of a cache", STORE, lambda p, c: store(p, c, "meta.json"))


@pytest.mark.parametrize("name", READERS)
def test_anything_is_read_or_refused_in_words(name, tmp_path):
    content, read, values, few = READERS[name]
    read(tmp_path, content)
    examples = EXAMPLES // 2 if few else EXAMPLES
    look(name, damaged(content) | values, lambda c: read(tmp_path, c), examples, name not in NEVER_REFUSED)


# -- an exported model -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A mixed model of features, which knows people, as an earlier version exported it: without a list of its files."""
    from trs_lab.runs.configure import make_config
    from trs_lab.runs.train_run import train_run
    from trs_lab.score.share import LIST, export

    home, rng = tmp_path_factory.mktemp("model"), np.random.default_rng(0)
    (home / "features").mkdir()
    lines = ["clip_id,score,split,user"]
    for i in range(16):
        np.save(home / "features" / f"c{i}.npy", rng.normal(size=(4, 3)).astype(np.float32))
        lines.append(f"c{i},{rng.normal():.2f},{'test' if i % 4 == 3 else 'train'},{'AB'[i % 2]}")
    (home / "clips.csv").write_text("\n".join(lines) + "\n")
    how = dict(
        dataset="folder",
        root=str(home),
        backbone="none",
        method="mixed",
        ratio=1.0,
        device="cpu",
        figures=False,
    )
    train_run(make_config(**how, out_dir=str(home / "run"), cache_dir=str(home / "cache")))
    model = export(open_scorer(home / "run", device="cpu", folds=0), home / "exported")
    about = json.loads((model / "model.json").read_text())
    del about["preparation"]["listed"]
    (model / "model.json").write_bytes(as_json(about))
    (model / LIST).unlink()
    return model


@pytest.mark.parametrize(
    "name", ["model.json", "training.csv", "model.safetensors", "training.safetensors", "files.json"]
)
def test_an_exported_model_is_opened_or_refused_in_words(name, exported):
    clip, path = np.ones((4, 3), np.float32), exported / name
    listed = as_json(dict(files={"model.json": "0" * 64}))
    whole = path.read_bytes() if path.exists() else listed

    def score(content):
        path.write_bytes(content)
        open_scorer(exported, device="cpu").score(clip, progress=False)

    values = exchanged(json.loads(whole)).map(as_json) if name.endswith("json") else st.nothing()
    try:
        if name != "files.json":
            score(whole)
        look(name, damaged(whole) | values, score)
    finally:
        path.write_bytes(whole) if name != "files.json" else path.unlink()


PARAMETERS = dict(CONFIG, **CONFIG["options"], lr=0.1, n_frames=32, crop=32, weights="", figures=True)
del PARAMETERS["options"]


def test_any_parameter_is_taken_or_refused_in_words():
    named = exchanged(PARAMETERS).filter(lambda x: isinstance(x, dict))
    look("parameters", named, lambda x: make_config(**x))
