"""What holds for published annotations, films and weights; their folder is not part of the project.

It is found as `data` in the folder that TRS_SHARED names, or in `shared` beside the project.
"""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
import speed21
from conftest import ROOT
from ui_prmd import convert

DATA = Path(os.environ.get("TRS_SHARED", ROOT.parent / "shared")).resolve() / "data"
NOTES, FILMS = DATA / "annotations", DATA / "jigsaws_video_small"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data at {DATA} (set TRS_SHARED)")
MTL_AQA = {
    "original": NOTES / "mtl_aqa_original",
    "musdl": NOTES / "musdl" / "MTL-AQA",
    "core": NOTES / "core_mtl",
}


# -- annotations


def read_dives_of(variant, **options):
    from trs_lab.data.mtl_aqa import read_mtl_aqa

    return read_mtl_aqa(MTL_AQA[variant], annotations=MTL_AQA[variant], require_media=False, **options)


@pytest.mark.parametrize("variant", MTL_AQA)
def test_published_dictionaries_of_mtl_aqa(variant):
    table = read_dives_of(variant)
    assert table.attrs["variant"] == variant
    assert table.split.value_counts().to_dict() == dict(train=1059, test=353)
    assert (table.score.min(), table.score.max()) == (0, 104.5) and abs(table.score.mean() - 67) < 0.05
    judges = table.judge_scores.map(lambda j: 0 if j is None else len(j))
    assert judges.unique().tolist() == [0 if variant == "original" else 7]
    assert table.score.tolist() == read_dives_of("original").score.tolist()


def test_difficulty_alone_and_the_rule_of_the_sport():
    from scipy.stats import spearmanr

    table = read_dives_of("core")
    test = table[table.split == "test"]
    assert spearmanr(test.difficulty, test.score).statistic == pytest.approx(0.56, abs=0.01)
    marks = np.array(table.judge_scores.tolist())
    assert marks.shape == (1412, 7)
    assert np.sqrt(marks.var(1, ddof=1).mean()) == pytest.approx(0.36, abs=0.05)
    rule = np.sort(marks)[:, 2:5].sum(1) * table.difficulty
    assert np.isclose(rule, table.score, atol=0.06).mean() == pytest.approx(0.98, abs=0.005)


@pytest.mark.parametrize("size, left", [(140, 107), (280, 199), (450, 328)])
def test_smaller_training_sets_lose_the_clips_of_the_test(size, left):
    with pytest.warns(UserWarning, match="are in the test part"):
        table = read_dives_of("original", train_size=size)
    assert table.split.value_counts().to_dict() == dict(train=left, test=353)


def test_missing_dives_are_named_with_the_places(tmp_path):
    from trs_lab.data.mtl_aqa import read_mtl_aqa

    with pytest.raises(
        FileNotFoundError, match="for 1412 of 1412 clips, such as '18_67', '04_105', '02_94'"
    ) as e:
        read_mtl_aqa(tmp_path, annotations=NOTES / "core_mtl")
    assert str(tmp_path / "videos" / "18_67.mp4") in str(e.value)


def test_jigsaws():
    from trs_lab.data.jigsaws import read_jigsaws

    table = read_jigsaws(FILMS, "all", fold=0)  # the annotations lie beside it, as ../annotations
    assert len(table) == 103 and table.kind.unique().tolist() == ["video"]
    assert table.source.map(os.path.isfile).all()
    lines = [
        line.split() for m in FILMS.glob("meta_file_*.txt") for line in m.read_text().splitlines() if line
    ]
    ratings = {f[0]: (float(f[2]), tuple(map(float, f[3:]))) for f in lines if f}
    assert [ratings[c] for c in table.clip_id] == list(zip(table.score, table.judge_scores))
    random = [read_jigsaws(FILMS, "all", f"random:{i}/5").split.eq("test").sum() for i in range(5)]
    assert random == [21, 21, 21, 20, 20]


@pytest.mark.parametrize(
    "task, sizes", [("Suturing", [9, 10, 10, 10]), ("Needle_Passing", [7] * 4), ("Knot_Tying", [9] * 4)]
)
def test_official_folds_of_jigsaws(task, sizes):
    from trs_lab.data.readers import read_clips

    folds = [read_clips("jigsaws", FILMS, task=task, fold=str(f), annotations=str(NOTES)) for f in range(4)]
    tested = [f.split.eq("test").astype(int) for f in folds]
    assert [t.sum() for t in tested] == sizes and sum(tested).unique().tolist() == [1]


def test_a_surgeon_left_out_is_not_seen_in_training():
    from trs_lab.data.jigsaws import read_jigsaws

    def users(table, part):
        return set(table.user[table.split == part])

    official, left = read_jigsaws(FILMS, "suturing"), read_jigsaws(FILMS, "Suturing", "user:B")
    assert users(official, "test") <= users(official, "train")
    assert users(left, "test") == {"B"} and "B" not in users(left, "train")


def test_rhythmic_gymnastics():
    from trs_lab.data.rhythmic_gymnastics import APPARATUS, read_rhythmic_gymnastics

    root = NOTES / "rhythmic_gymnastics"
    table = read_rhythmic_gymnastics(root, require_media=False)
    assert table.split.value_counts().to_dict() == dict(train=800, test=200)
    assert sorted(table.group.unique()) == list(APPARATUS) and table.difficulty.isna().all()
    difficulty, execution, penalty = np.array(table.judge_scores.tolist()).T
    np.testing.assert_allclose(table.score, difficulty + execution - penalty, atol=0.011)
    ball = read_rhythmic_gymnastics(root, group="ball", target="execution", require_media=False)
    assert ball.score.tolist() == execution[table.group == "Ball"].tolist()
    with pytest.raises(FileNotFoundError, match="no features for 1000 of 1000 clips, such as 'Ball_001'"):
        read_rhythmic_gymnastics(root)


# -- films and weights


@pytest.mark.parametrize(
    "name, how",
    [("jigsaws_video_small/Suturing_B001.mp4", "even"), ("sample_videos/diving_sample.gif", "consecutive")],
)
def test_real_films_are_decoded(name, how):
    from trs_lab.data.video import read_clip

    row = dict(source=str(DATA / name), kind="video", start=None, end=None)
    clip = read_clip(row, 103, (90, 120), how)
    assert clip.shape == (103, 90, 120, 3)
    assert (
        clip.std() > 20 and np.abs(np.diff(clip.astype(float), axis=0)).mean() > 0.5
    )  # pictures, and they move


def published_i3d(style, folder):
    """A checkpoint file in a published layout, filled by a rule; and the rule, which makes the videos, too."""
    import torch

    parity = DATA / "i3d_oracle" / "parity"
    spec = importlib.util.spec_from_file_location("fill", parity / "fill.py")
    rule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)
    shapes = json.loads((parity / f"keys_{style}.json").read_text())
    path = folder / {"piergiaj": "rgb_imagenet.pt", "hassony2": "model_rgb.pth"}[style]
    torch.save({k: torch.from_numpy(np.asarray(rule.fill(k, tuple(s)))) for k, s in shapes.items()}, path)
    return path, rule


def relative(got, wanted):
    return float(np.abs(np.asarray(got) - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("style", ["piergiaj", "hassony2"])
def test_i3d_equals_the_published_implementations(style, tmp_path):
    """Thirty-two frames give three time steps and check the average over time. With another eps it would not hold."""
    import torch
    from trs_lab.features.backbone import load_i3d
    from trs_lab.features.registry import load_backbone_by_name

    path, rule = published_i3d(style, tmp_path)
    model, expected = load_i3d(path), np.load(DATA / "i3d_oracle" / "parity" / "expected.npz")
    with torch.no_grad():
        for frames in (16, 32):
            features = model.features_over_time(torch.from_numpy(rule.video(frames, 224)[:1]))
            logits = model.logits.conv3d(features[..., None, None])[..., 0, 0]
            wanted = expected[f"{style}_{frames}x224_logits"][:1]
            assert relative(logits if wanted.ndim == 3 else logits.mean(-1), wanted) < 1e-5
            if f"{style}_{frames}x224_features" in expected:
                assert relative(features, expected[f"{style}_{frames}x224_features"][:1]) < 1e-5
        small = torch.from_numpy(rule.video(16, 64)[:1])
        before = model.features(small)
        for m in model.modules():
            if isinstance(m, torch.nn.BatchNorm3d):
                m.eps = 1e-5  # PyTorch's default
        assert relative(model.features(small), before.numpy()) > 1e-4
        as_published = load_backbone_by_name("i3d_core", path).features(small)
        assert relative(as_published, model.features(small).numpy()) < 1e-6


# -- training


def test_jigsaws_video_to_the_end(train, tmp_path, summary):
    train(
        dataset="jigsaws",
        root=FILMS,
        annotations=NOTES,
        task="Knot_Tying",
        fold=0,
        ratio=0.4,
        epochs=2,
        burn_in_epochs=2,
        n_weak=1,
        n_strong=1,
        cache_dir=tmp_path / "cache",
        out_dir=tmp_path / "run",
        device="cpu",
    )
    s = summary(tmp_path / "run")
    assert s["test"] == 9 and s["labelled"] + s["unlabelled"] == 27 and s["labelled"] == 11
    assert "ridge (frame differences and colours)" in s["baselines"]


def test_motion_capture_features(train, tmp_path, summary):
    root = convert(DATA / "ui_prmd_m01_autoencoder", tmp_path / "squats")
    train(
        dataset="folder",
        root=root,
        backbone="none",
        ratio=0.1,
        epochs=2,
        burn_in_epochs=2,
        out_dir=tmp_path / "run",
        device="cpu",
    )
    assert summary(tmp_path / "run")["labelled"] == 14


def test_missing_frames_name_the_folder(train, tmp_path):
    (tmp_path / "frames").mkdir()
    notes, run = NOTES / "core_mtl" / "MTL-AQA" / "info", tmp_path / "run"
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "frames")):
        train(dataset="mtl_aqa", root=tmp_path / "frames", annotations=notes, out_dir=run)
    assert not run.exists()


def test_ridge_regression_on_real_sequences():
    """Squats measured by motion sensors: all scores rank better than a tenth; four seeds, five folds."""
    from trs_lab.learn.metrics import spearman
    from trs_lab.runs.baselines import feature_statistics, ridge_baseline

    squats, kinds = DATA / "ui_prmd_m01_autoencoder", ("Correct", "Incorrect")
    read = lambda what: np.concatenate([np.loadtxt(squats / f"{what}_{k}.csv", delimiter=",") for k in kinds])
    y = read("Labels")
    X = np.stack([feature_statistics(x.reshape(240, 4)) for x in read("Autoencoder_Output")])
    found = {0.1: [], 0.4: [], 1.0: []}
    for seed in range(4):
        for fold in np.array_split(np.random.default_rng(seed).permutation(len(y)), 5):
            train = np.random.default_rng(seed + 100).permutation(np.setdiff1d(np.arange(len(y)), fold))
            for ratio, values in found.items():
                known = train[: round(ratio * len(train))]
                values.append(spearman(y[fold], ridge_baseline(X, y[known], known, scale_index=train)[fold]))
    means = {ratio: np.mean(values) for ratio, values in found.items()}
    assert means[1.0] > means[0.1] > 0.4


def test_speed21_keeps_people_apart_and_runs_at_one_length(tmp_path):
    root = speed21.convert(DATA / "speed21", tmp_path / "climbs")
    from trs_lab.data.own_folder import read_folder

    table = read_folder(root)
    assert len(table) == 362 and table.user.nunique() == 55
    assert (table.groupby("user").split.nunique() == 1).all() and table.split.eq("test").any()
    assert {np.load(p).shape for p in (root / "features").iterdir()} == {(16, 64)}
    apart = read_folder(root, fold="people:0/5")
    assert (apart.groupby("user").split.nunique() == 1).all()
    with pytest.warns(UserWarning, match="people:0/5 keeps people apart"):
        read_folder(root, fold="random:0/5")
