"""A new video is prepared as those of training were: for every kind of run, test clips score again what they scored."""

import json
import re
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, ended_well

SMALL = dict(
    ratio=0.5,
    frame_height=48,
    frame_width=48,
    crop=32,
    n_weak=1,
    n_strong=1,
    epochs=1,
    burn_in_epochs=1,
    device="cpu",
    compare_supervised=False,
)
OF_DIVES = {
    "plain": dict(),
    "whitened": dict(components=8),
    "denoised": dict(components=8, denoise=True),
    "motion": dict(motion=True, method="supervised", network="mixer+pooled"),
    "difficulty": dict(use_difficulty=True, method="supervised"),
    "judges": dict(method="musdl"),
    "process": dict(method="process", components=8, motion=True),
    "trs_gp": dict(method="trs_gp", components=8),
    "trs_process": dict(method="trs_process", components=8),
    "whole pictures": dict(method="svr", fitting="letterbox"),
    "segments apart": dict(frame_rate=12.5, n_segments=4, motion=True, method="process", components=4),
    "motion alone": dict(backbone="motion", method="process"),
    "trained backbone": dict(finetune=True, method="supervised", batch_size=2),
    "image transformer": dict(backbone="hf:IMAGES", method="svr"),
    "two networks": dict(backbone="i3d+hf:IMAGES", method="supervised", components=4),
}
OF_FEATURES = {
    m: dict(method=m)
    for m in ("supervised", "core", "process", "coreg", "trs_process", "mixed", "mixed_forest")
} | {
    "units of the group": dict(method="supervised", group_units="yes"),
    "process in units": dict(method="trs_process", group_units="yes"),
    "people apart": dict(method="process", fold="people:0/3"),  # nobody tested is in training
    "npz": dict(method="ridge"),
    "h5": dict(method="ridge"),
}
OF_SKELETONS = {
    "ridge": dict(),
    "limbs and length": dict(limbs="0-1 1-2", motion=True),
    "process": dict(method="process"),
    "supervised": dict(method="supervised", epochs=1, burn_in_epochs=1),
}
OF_PICTURES = {"motion": dict(backbone="motion"), "i3d": dict(components=4)}


def test_table_of_what_is_scored_again_is_that_of_these_tests():
    """Each row of the table in score/prepare names its test."""
    text = json.dumps(json.loads((ROOT / "nbs" / "score" / "prepare.ipynb").read_text())["cells"])
    named = set(re.findall(r"`([a-z_]+)\[([^\]]+)\]`", text))
    tests = dict(dives=OF_DIVES, features=OF_FEATURES, skeletons=OF_SKELETONS, pictures=OF_PICTURES)
    assert named == {(kind, name) for kind, rows in tests.items() for name in rows}


def scored_again(run, scorer=None):
    """Largest difference between predictions.csv and the scores of the same test clips, read again from their files."""
    from trs_lab.results.run_folder import RunFolder, noted_clips
    from trs_lab.runs.manifest import read_manifest
    from trs_lab.score.scorer import Scorer

    folder = RunFolder.load(run)
    table = noted_clips(read_manifest(run), folder.config)
    test = table[table.role == "test"].drop(columns=["score", "judge_scores", "split", "role"])
    scorer = scorer or Scorer.from_run(run, device="cpu")
    assert set(test.kind) <= ({scorer.model.numbers} if scorer.model.numbers else {"video", "frames"})
    found = scorer.score(test, progress=False).set_index("clip_id")
    before = folder.predictions.set_index("clip_id").loc[found.index]
    assert not scorer.failures and len(found) == len(test) >= 3
    assert np.ptp(found.score) > 1e-3, "all clips score the same, which shows nothing"
    return max((found.score - before.predicted).abs().max(), (found.sigma - before.sigma).abs().max())


TRAVELLING = (
    "difficulty",
    "segments apart",
    "trained backbone",
    "two networks",
    "units of the group",
    "process in units",
)


def elsewhere(run, folder):
    """The scorer of a run, exported, moved to another path and opened there."""
    from trs_lab import Scorer

    Scorer.from_run(run, device="cpu").save_pretrained(folder / "exported")
    return Scorer.from_pretrained((folder / "exported").rename(folder / "moved"), device="cpu")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Frames and features of the dives, which the runs have in common; whoever scores reads the films again."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def image_model(tmp_path_factory):
    """DINOv2 of two thin layers with random weights, as transformers saves it."""
    import torch

    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("images")
    thin = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48)
    torch.manual_seed(0)
    model = transformers.AutoModel.from_config(
        transformers.Dinov2Config(image_size=28, patch_size=14, **thin)
    )
    model.save_pretrained(folder)
    about = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3, crop_size=28)
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    return folder


@pytest.mark.parametrize("kind", OF_DIVES)
def test_clips_of_a_run_score_what_they_scored(kind, train, small_dives, cache, tmp_path, request):
    given = (
        dict(dataset="dives", root=small_dives, out_dir=tmp_path / "run", cache_dir=cache) | OF_DIVES[kind]
    )
    if "IMAGES" in given.get("backbone", ""):
        folder = request.getfixturevalue("image_model")
        given["backbone"] = given["backbone"].replace("IMAGES", str(folder))
    train(**SMALL | given)
    assert scored_again(tmp_path / "run") < 1e-5
    if kind in TRAVELLING:
        assert scored_again(tmp_path / "run", elsewhere(tmp_path / "run", tmp_path)) < 1e-5


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Clips as folders of pictures; the more a dot trembles, the lower the score."""
    from PIL import Image

    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(4)
    lines, yx = ["clip_id,score,split"], np.mgrid[:48, :48]
    for i in range(15):
        tremor, folder = 4 * rng.random(), root / "frames" / f"p{i:02d}"
        folder.mkdir(parents=True)
        at = np.stack([np.full(24, 24.0), np.linspace(8, 40, 24)], 1) + tremor * rng.normal(size=(24, 2))
        for k, place in enumerate(at):
            grey = 250 * np.exp(-((yx - place[:, None, None]) ** 2).sum(0) / 30)
            Image.fromarray(grey.astype(np.uint8)).convert("RGB").save(folder / f"{k:03d}.png")
        lines.append(f"p{i:02d},{9 - tremor:.2f},{'train' if i < 11 else 'test'}")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize("kind", OF_PICTURES)
def test_folders_of_pictures_score_what_they_scored(kind, train, pictures, tmp_path):
    given = dict(dataset="folder", root=pictures, method="ridge", ratio=1.0, n_frames=32)
    train(**SMALL | given | OF_PICTURES[kind], out_dir=tmp_path / "run", cache_dir=tmp_path / "cache")
    assert scored_again(tmp_path / "run") < 1e-5


@pytest.fixture(scope="module")
def exercises(tmp_path_factory):
    """Features of two exercises, done by four people whose level differs."""
    root, rng = tmp_path_factory.mktemp("exercises"), np.random.default_rng(1)
    (root / "features").mkdir()
    lines = ["clip_id,score,split,group,user"]
    for i in range(40):
        person, level = "ABCD"[i % 4], 4 * (i % 4)
        x = rng.normal(size=(10, 6)).astype(np.float32)
        np.save(root / "features" / f"e{i:02d}.npy", x)
        score = 50 + level + 5 * x[:, 0].mean() + rng.normal()
        lines.append(
            f"e{i:02d},{score:.2f},{'train' if i < 30 else 'test'},{'run' if i % 3 else 'jump'},{person}"
        )
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


def packed(exercises, kind, root):
    """The same features in one file."""
    read = {p.stem: np.load(p) for p in sorted((exercises / "features").iterdir())}
    (root / "clips.csv").write_bytes((exercises / "clips.csv").read_bytes())
    if kind == "npz":
        np.savez(root / "features.npz", clip_id=list(read), features=np.stack(list(read.values())))
        return root
    with pytest.importorskip("h5py").File(root / "features.h5", "w") as file:
        for name, x in read.items():
            file[name] = x
    return root


@pytest.mark.parametrize("kind", OF_FEATURES)
def test_clips_of_features_score_what_they_scored(kind, train, exercises, tmp_path):
    root = packed(exercises, kind, tmp_path) if kind in ("npz", "h5") else exercises
    given = dict(dataset="folder", root=root, backbone="none", device="cpu", ratio=0.8, epochs=1)
    train(
        **given, **OF_FEATURES[kind], burn_in_epochs=1, out_dir=tmp_path / "run", cache_dir=tmp_path / "cache"
    )
    assert scored_again(tmp_path / "run") < 1e-5
    if kind in TRAVELLING:
        assert scored_again(tmp_path / "run", elsewhere(tmp_path / "run", tmp_path)) < 1e-5


def test_a_clip_of_a_group_that_training_did_not_have_is_said(train, exercises, tmp_path):
    """Where clips are seen in units of their group it has none; the program that travels asks for its number."""
    import torch
    from trs_lab import Scorer

    given = dict(dataset="folder", root=exercises, backbone="none", device="cpu", ratio=1.0, epochs=1)
    given |= dict(method="supervised", burn_in_epochs=1)
    train(**given, group_units="yes", out_dir=tmp_path / "run", cache_dir=tmp_path / "cache")
    scorer = Scorer.from_run(tmp_path / "run", device="cpu")
    table = pd.read_csv(exercises / "clips.csv").iloc[30:33].assign(group=["run", "swim", pd.NA])
    table["source"] = [str(exercises / "features" / f"{c}.npy") for c in table.clip_id]
    said = scorer.score(table.drop(columns=["score", "split"]).assign(kind="features"), progress=False)
    assert "group" not in said.warnings[0]
    assert "group swim is unknown: seen in units of all clips" in said.warnings[1]
    assert "the group is not given: seen in units of all clips" in said.warnings[2]
    scorer.save_pretrained(tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "the number of each clip's group (0 = jump, 1 = run, -1 = unknown)" in card
    program = torch.export.load(tmp_path / "out" / "student.pt2").module()
    x = torch.from_numpy(np.stack([np.load(p) for p in table.source])).float()
    answers, _ = program(x, torch.tensor([1, -1, -1]))
    assert np.abs(answers.detach().numpy() - said.score).max() < 1e-4


def test_features_that_are_short_are_said(train, exercises, tmp_path):
    from trs_lab.score.scorer import Scorer

    given = dict(dataset="folder", root=exercises, backbone="none", device="cpu", ratio=1.0, method="ridge")
    train(**given, out_dir=tmp_path / "run", cache_dir=tmp_path / "cache")
    scorer = Scorer.from_run(tmp_path / "run", device="cpu")
    shortest = scorer.shapes["shortest"]
    whole = np.load(next((exercises / "features").glob("*.npy")))
    for n in (1, shortest):
        warned = scorer.score(whole[:n], progress=False).warnings[0]
        assert ("too short: 1 segment, training had" in warned) == (n == 1), warned


@pytest.fixture(scope="module")
def poses(tmp_path_factory):
    """Skeletons of 40 to 90 frames with gaps; the more a hand trembles, the lower the score."""
    root, rng = tmp_path_factory.mktemp("skeletons"), np.random.default_rng(2)
    (root / "poses").mkdir()
    lines = ["clip_id,score,split"]
    for i in range(24):
        frames, tremor = rng.integers(40, 90), rng.random()
        x = np.cumsum(rng.normal(size=(frames, 6, 2)), 0) * 0.05 + rng.normal(size=(6, 2))
        x[:, 5] += tremor * rng.normal(size=(frames, 2))
        x[10:14, 2] = np.nan
        np.save(root / "poses" / f"s{i:02d}.npy", 100 * x)
        lines.append(f"s{i:02d},{9 - 5 * tremor:.2f},{'train' if i < 18 else 'test'}")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize("kind", OF_SKELETONS)
def test_skeletons_score_what_they_scored(kind, train, poses, tmp_path):
    from trs_lab.runs.manifest import read_manifest
    from trs_lab.score.scorer import Scorer

    run = tmp_path / "run"
    given = dict(dataset="folder", root=poses, backbone="skeleton", device="cpu", method="ridge")
    train(**given | OF_SKELETONS[kind], out_dir=run, cache_dir=tmp_path / "cache")
    assert scored_again(run) < 1e-5
    assert read_manifest(run)["dataset"]["input"] == "skeletons"
    before = pd.read_csv(run / "predictions.csv").set_index("clip_id").predicted
    scorer = Scorer.from_run(run, device="cpu")
    found = scorer.score(poses / "poses", progress=False).set_index("clip_id").score
    assert (found - before).abs().max() < 1e-5 and len(found) == 24
    array = scorer.score(np.load(poses / "poses" / "s20.npy"), progress=False)
    assert abs(array.score[0] - before.s20) < 1e-5
    assert scorer.score(np.ones((9, 7, 2)) * np.arange(7)[:, None], progress=False).empty
    assert "another skeleton" in scorer.failures[0][2]


EXTRA = pytest.mark.skipif(find_spec("gpboost") is None, reason="gpboost is an extra")


@pytest.mark.parametrize("method", ["process", "mixed", "mixed_forest", pytest.param("gpboost", marks=EXTRA)])
def test_people_whom_the_model_knows_are_scored_as_such(method, train, exercises, tmp_path):
    from trs_lab.score.scorer import Scorer

    run = tmp_path / "run"
    train(
        dataset="folder",
        root=exercises,
        backbone="none",
        device="cpu",
        ratio=1.0,
        method=method,
        out_dir=run,
    )
    scorer = Scorer.from_run(run, device="cpu")
    new = tmp_path / "new"
    new.mkdir()
    x = np.load(exercises / "features" / "e30.npy")
    for name in ("asA", "asD", "asZ", "bare"):
        np.save(new / f"{name}.npy", x)
    (new / "clips.csv").write_text("clip_id,user,group\nasA,A,jump\nasD,D,jump\nasZ,Z,jump\nbare,,jump\n")
    found = scorer.score(new, progress=False).set_index("clip_id")
    assert found.score.asD > found.score.asA + 2, "D is better than A, whatever the clip"
    assert found.score.asZ == found.score.bare, "an unknown person is anybody"
    assert found.warnings.asA == "" and "person Z is unknown" in found.warnings.asZ
    assert "the person is not given" in found.warnings.bare


def test_films_of_a_new_person_are_not_compared_with_each_other(train, exercises, tmp_path):
    """Whatever else is in the call: a clip has one score, and the warning says what was left out."""
    from trs_lab.score.scorer import Scorer

    run, new = tmp_path / "run", tmp_path / "new"
    given = dict(dataset="folder", root=exercises, backbone="none", device="cpu", method="process")
    train(**given, ratio=1.0, out_dir=run)
    new.mkdir()
    for i in (30, 31, 32):
        np.save(new / f"n{i}.npy", np.load(exercises / "features" / f"e{i}.npy"))
    (new / "clips.csv").write_text("clip_id,user,group\nn30,Z,jump\nn31,Z,\nn32,A,run\n")
    scorer = Scorer.from_run(run, device="cpu")
    both = scorer.score(new, progress=False).set_index("clip_id")
    alone = scorer.score(new / "n31.npy", progress=False)
    assert alone.score[0] == both.score.n31
    assert "the group is not given: scored without what is known of groups" in both.warnings.n31
    assert "no mean of this person's films is known" in both.warnings.n30 and both.warnings.n32 == ""


def test_wrong_features_are_named(train, exercises, tmp_path):
    from trs_lab.score.scorer import Scorer

    run, new = tmp_path / "run", tmp_path / "new"
    train(
        dataset="folder", root=exercises, backbone="none", device="cpu", method="svr", ratio=1.0, out_dir=run
    )
    new.mkdir()
    np.save(new / "wide.npy", np.zeros((10, 7)))
    np.save(new / "turned.npy", np.zeros((6, 10)))
    np.save(new / "fine.npy", np.load(exercises / "features" / "e31.npy"))
    scorer = Scorer.from_run(run, device="cpu")
    assert scorer.score(new, progress=False).clip_id.tolist() == ["fine"]
    turned, wide = (reason for _, _, reason in scorer.failures)
    assert wide.endswith("7 features a segment, the model expects 6")
    assert turned.endswith(
        "10 features a segment, the model expects 6; axis 0 has as many: are segments and features exchanged?"
    )
    kept = [np.load(exercises / "features" / f"e{i}.npy") for i in (31, 32)]
    np.savez(tmp_path / "features.npz", clip_id=["e31", "e32"], features=np.stack(kept))
    found = scorer.score(tmp_path / "features.npz", progress=False).set_index("clip_id").score
    before = pd.read_csv(run / "predictions.csv").set_index("clip_id").predicted
    assert (found - before[["e31", "e32"]]).abs().max() < 1e-5


def test_notebook_scores_a_folder(started, train, exercises, tmp_path):
    """With intervals and pictures; a damaged file is named, and the rest is scored."""
    run, new, out = tmp_path / "run", tmp_path / "new", tmp_path / "out"
    given = dict(dataset="folder", root=exercises, backbone="none", device="cpu", ratio=1.0, method="process")
    train(**given, out_dir=run, cache_dir=tmp_path / "cache")
    new.mkdir()
    for name in ("e30", "e31", "e32"):
        (new / f"{name}.npy").write_bytes((exercises / "features" / f"{name}.npy").read_bytes())
    (new / "broken.npy").write_bytes(b"no numbers")
    (new / "clips.csv").write_text("clip_id,user,group\ne30,C,jump\ne31,D,run\n")
    done = started("score.ipynb", model=run, videos=new, out_dir=out, folds=3, device="cpu")
    assert ended_well(done), done.said()[-3000:]
    scores = pd.read_csv(out / "scores.csv").set_index("clip_id")
    before = pd.read_csv(run / "predictions.csv").set_index("clip_id").predicted
    assert scores.index.tolist() == ["e30", "e31", "e32"]
    assert abs(scores.score.e30 - before.e30) < 1e-5 and abs(scores.score.e31 - before.e31) < 1e-5
    assert (scores.low < scores.score).all() and (scores.score < scores.high).all()
    assert pd.read_csv(out / "failures.csv").clip_id.tolist() == ["broken"]
    outputs = json.loads((tmp_path / "outputs.json").read_text())
    said = "".join("".join(o.get("text", "")) for o in outputs)
    assert (
        "80% of the scores lie between them" in said
        and "3 clips scored, 1 not" in said
        and "broken: " in said
    )
    assert sum("image/png" in o.get("data", {}) for o in outputs) == 2
