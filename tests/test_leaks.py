"""What training must not see: scores that are hidden, scores of validation clips, and test clips at all.

Every method of the registry learns the same toy four times. What changed beside the first time may not change a bit of
any weight, of any answer about a training clip, or of the history. The same for what is prepared before training, and
for whole runs from files.
"""

import importlib.util

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from trs_lab.core.parameters import Config
from trs_lab.data.clips import hide_scores, people_folds, random_folds
from trs_lab.features.motion import MOTION_BLOCKS
from trs_lab.learn.toy import ToyViews, learner_on, toy_config
from trs_lab.methods import tuned, units_by_evidence
from trs_lab.methods.registry import METHODS, method_class
from trs_lab.runs.prepare import feature_data, in_units

N, TEST = 40, 8
SHORT = dict(epochs=2, burn_in_epochs=2, batch_size=4)
SMALL = dict(
    summary_width=8, folds=3, trees=10, n_parts=2, part_margin=0.5, views=2
)  # of who has such an option


def dives(seed=0):
    """A reader's table: test clips among the others, people with several clips, three judges, announced dives."""
    draw = np.random.default_rng(seed)
    judges = draw.normal(7, 1, (N, 3)).round(1)
    difficulty = draw.choice([1.5, 2.0, 3.0], N)
    table = pd.DataFrame(
        dict(
            clip_id=[f"clip{i:02d}" for i in range(N)],
            kind="features",
            source=[f"clip{i:02d}.npy" for i in range(N)],
            score=judges.sum(1) * difficulty,
            split=np.where(np.arange(N) % 5 == 1, "test", "train"),
            group=["g0", "g1"] * (N // 2),
            user=[f"person {i % 7}" for i in range(N)],
            judge_scores=[tuple(j) for j in judges.tolist()],
            difficulty=difficulty,
            start=pd.array([None] * N, dtype="Int64"),
            end=pd.array([None] * N, dtype="Int64"),
            position=draw.integers(0, 3, N),
            armstand=draw.integers(0, 2, N),
            rotation_type=draw.integers(0, 4, N),
            ss_no=draw.integers(0, 10, N),
            tw_no=draw.integers(0, 8, N),
        )
    )
    table.attrs.update(dataset="toy", sampling="even", score_range=(0.0, 100.0), range_source="protocol")
    return table


FULL = dives()
VISIBLE, _ = hide_scores(FULL, ratio=0.4, seed=1, validation=0.2)
HIDDEN = VISIBLE.role.isin(["unlabelled", "test"]).to_numpy()
FEATURES = ToyViews(FULL.score.to_numpy()).x / 2


def views(x=FEATURES):
    found = ToyViews(np.full(len(x), 70.0))
    found.x = x
    return found


def elsewhere(rows, seed=5):
    """The reader's table with judges' marks and scores of these clips dealt anew among them."""
    order, rows = np.arange(N), np.flatnonzero(rows)
    order[rows] = np.roll(np.random.default_rng(seed).permutation(rows), 1)
    assert (FULL.score.to_numpy()[order] != FULL.score)[rows].mean() > 0.5
    marks = pd.Series([FULL.judge_scores[i] for i in order], dtype=object)
    table = FULL.assign(score=FULL.score.to_numpy()[order], judge_scores=marks)
    table.attrs = dict(FULL.attrs)
    return table


def planted(rows, seed=6):
    """A visible table in which somebody forgot to blank these clips, and what stands there is wild."""
    draw, marks = np.random.default_rng(seed), VISIBLE.judge_scores.copy()
    for i in np.flatnonzero(rows):
        marks[i] = tuple(draw.normal(1e3, 1e3, 3).tolist())
    return VISIBLE.assign(score=VISIBLE.score.mask(rows, draw.normal(1e4, 1e3, N)), judge_scores=marks)


def learn(name, table=VISIBLE, x=FEATURES, **changes):
    """-> all that training leaves: weights, answers about training clips, beliefs, history."""
    method = method_class(name)
    small = {k: v for k, v in SMALL.items() if k in method.Options.__dataclass_fields__}
    learner = learner_on(method, toy_config(method, **{**SHORT, **small, **changes}), views(x), table).fit()
    trained = torch.as_tensor(np.flatnonzero(table.split == "train"))
    answers = {name: learner.method.predict(name, trained) for name in learner.method.scorers}
    return learner.networks.state_dict(), answers, learner.method.state()["memories"], learner.history.table()


def assert_same(ours, theirs):
    """Not a bit differs."""
    (weights, answers, memories, history), (others, other_answers, other_memories, other_history) = (
        ours,
        theirs,
    )
    assert weights and weights.keys() == others.keys()
    bits = lambda x: np.ascontiguousarray(np.asarray(x)).tobytes()
    assert not [k for k in weights if bits(weights[k]) != bits(others[k])]
    for name, pair in answers.items():
        assert [bits(a) for a in pair] == [bits(a) for a in other_answers[name]], name
    for name, memory in memories.items():
        assert {k: bits(v) for k, v in memory.items()} == {
            k: bits(v) for k, v in other_memories[name].items()
        }
    pd.testing.assert_frame_equal(history, other_history, check_exact=True)


def small_grid(kernels, widths, regressor, tried):
    """A tenth of what is tried in earnest."""
    return kernels[:1], widths[:1], regressor, {name: values[1:3] for name, values in tried.items()}


def differ(ours, theirs):
    return any(not np.array_equal(a, b) for n in ours[1] for a, b in zip(ours[1][n], theirs[1][n]))


@pytest.mark.parametrize("name", METHODS)
def test_no_method_sees_what_it_must_not(name, monkeypatch):
    if name == "gpboost" and not importlib.util.find_spec("gpboost"):
        pytest.skip("gpboost is an extra")
    monkeypatch.setattr(tuned, "GRIDS", {k: small_grid(*grid) for k, grid in tuned.GRIDS.items()})
    test, wild = (VISIBLE.split == "test").to_numpy(), FEATURES.clone()
    wild[test] = 1e3 * torch.randn(wild[test].shape, generator=torch.Generator().manual_seed(7))
    others = planted(HIDDEN | (VISIBLE.role == "validation"))  # which only a selection may see
    for column in ("group", "position", "user"):
        others[column] = others[column].where(~test, others[column][::-1].values)
    honest = learn(name)
    assert_same(honest, learn(name, others, wild))  # other clips are tested
    without = VISIBLE[~test].reset_index(drop=True)
    without.attrs = dict(VISIBLE.attrs)
    assert_same(honest, learn(name, without, FEATURES[~test]))  # none is tested
    first = int(np.flatnonzero(VISIBLE.role == "labelled")[0])
    marks = VISIBLE.judge_scores.copy()
    marks[first] = tuple(m + 1 for m in marks[first])
    points = VISIBLE.score.where(VISIBLE.index != first, VISIBLE.score + 3 * VISIBLE.difficulty)
    assert differ(honest, learn(name, VISIBLE.assign(score=points, judge_scores=marks)))  # that it could fail


def test_hidden_scores_are_not_in_what_training_gets():
    for rows in (HIDDEN, VISIBLE.role == "test", VISIBLE.role == "unlabelled"):
        other, _ = hide_scores(elsewhere(rows), ratio=0.4, seed=1, validation=0.2)
        pd.testing.assert_frame_equal(other, VISIBLE, check_exact=True)
        assert other.attrs == VISIBLE.attrs
    full = FULL.copy()
    full.attrs = dict(FULL.attrs, range_source="scores", score_range=(FULL.score.min(), FULL.score.max()))
    assert hide_scores(full, ratio=0.4, seed=1)[0].attrs["score_range"] is None


@pytest.mark.parametrize("deal", [random_folds, people_folds])
def test_folds_do_not_look_at_scores(deal):
    """Nor does the draw of labelled clips, which the test above shows."""
    every = np.ones(N, bool)
    assert deal(FULL, 3, seed=2).tolist() == deal(elsewhere(every), 3, seed=2).tolist()


@pytest.mark.parametrize(
    "changes",
    [
        dict(),
        dict(components=3),
        dict(denoise=True),
        dict(motion=True),
        dict(denoise=True, motion=True, components=3),
        dict(group_units="yes"),
        dict(denoise=True, motion=True, group_units="yes"),
    ],
    ids=lambda c: "+".join(c) or "standardised",
)
def test_features_are_prepared_without_test_clips_and_scores(changes):
    draw = np.random.default_rng(4)
    x, motion = (
        draw.normal(size=(N, 4, 4, 6)).astype(np.float32),
        draw.normal(size=(N, 4, sum(MOTION_BLOCKS.values()))).astype(np.float32),
    )
    test = (VISIBLE.split == "test").to_numpy()
    config = Config(**dict(n_weak=2, n_strong=1, group_units="no") | changes)
    of_all = lambda table, x, motion: feature_data(config, table, "cpu", x, 2, motion)
    prepared = lambda table, x, motion: in_units(
        config, of_all(table, x, motion if "motion" in changes else None)
    )
    mapped = lambda data: data.views.clean(torch.as_tensor(np.flatnonzero(~test)))
    honest = prepared(VISIBLE, x, motion)
    wild = [np.where(test.reshape(-1, *[1] * (a.ndim - 1)), 1e3 * a[::-1], a) for a in (x, motion)]
    for other in (prepared(planted(HIDDEN), x, motion), prepared(VISIBLE, *wild)):
        buffers, others = (data.whitening.state_dict() for data in (honest, other))
        assert len(buffers) == (4 if "group_units" in changes else 2)
        assert all(torch.equal(buffers[name], others[name]) for name in buffers)
        assert torch.equal(mapped(honest), mapped(other))
    train = 3 * x[~test]
    assert not torch.equal(
        honest.whitening.matrix, prepared(VISIBLE, np.resize(train, x.shape), motion).whitening.matrix
    )


def test_labelled_clips_alone_choose_units_of_the_group(monkeypatch):
    factors, of = [], units_by_evidence.bayes_factor
    monkeypatch.setattr(
        units_by_evidence, "bayes_factor", lambda *given: factors.append(of(*given)) or factors[-1]
    )

    def said(table, x=FEATURES):
        units_by_evidence.chosen_units(Config(group_units="auto"), table, x)
        return factors.pop()

    honest = said(VISIBLE)
    assert said(planted(HIDDEN)) == honest
    wild = FEATURES.clone()
    wild[(VISIBLE.role == "test").to_numpy()] *= 1e3
    assert said(VISIBLE, wild) == honest
    labelled, other = VISIBLE.role == "labelled", VISIBLE.score.copy()
    other[labelled] = np.roll(other[labelled], 3)
    assert said(VISIBLE.assign(score=other)) != honest


def test_a_run_from_files_sees_no_hidden_score(train, feature_folder, tmp_path):
    """Everything that a run writes of training clips, beside the true scores themselves; with its baselines."""
    given = dict(
        dataset="folder", backbone="none", ratio=0.2, epochs=2, burn_in_epochs=1, device="cpu", figures=False
    )
    given |= dict(cache_dir=tmp_path / "cache", validation=0.2, selection="validation")
    given |= dict(
        eval_batch_size=20
    )  # training clips are asked in the same batches, whoever is tested: the same rounding

    def run(name, table, x=lambda clip: None):
        root = tmp_path / name
        (root / "features").mkdir(parents=True)
        for clip in table.clip_id:
            found = np.load(feature_folder / "features" / f"{clip}.npy")
            np.save(root / "features" / f"{clip}.npy", found if x(clip) is None else x(clip))
        table.to_csv(root / "clips.csv", index=False)
        train(**given, root=root, out_dir=tmp_path / f"{name}_run")
        predictions = pd.read_csv(tmp_path / f"{name}_run" / "predictions.csv")
        seen = predictions[predictions.split == "train"].drop(columns="score").reset_index(drop=True)
        return load_file(tmp_path / f"{name}_run" / "model.safetensors"), seen, predictions

    table = pd.read_csv(feature_folder / "clips.csv")
    weights, seen, predictions = run("honest", table)
    hidden = predictions.set_index("clip_id").role.loc[table.clip_id].isin(["unlabelled", "test"]).to_numpy()
    shuffled = table.copy()
    shuffled.loc[hidden, "score"] = shuffled.score[hidden].sample(frac=1, random_state=3).to_numpy()
    tested = set(table.clip_id[table.split == "test"])
    wild = lambda clip: (
        np.full((10, 12), 50.0, np.float32) * np.arange(10)[:, None] if clip in tested else None
    )
    for name, other, x in (
        ("shuffled", shuffled, lambda clip: None),
        ("exchanged", table, wild),
        ("removed", table[table.split == "train"], lambda clip: None),
    ):
        others, other_seen, _ = run(name, other, x)
        assert all(torch.equal(weights[k], others[k]) for k in weights), name
        pd.testing.assert_frame_equal(seen, other_seen, check_exact=True, obj=name)
