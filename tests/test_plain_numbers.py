"""The numbers of training beside a slow plain calculation of the same: tests/plain_trs.py and tests/plain_process.py.

Everything is in float64 here; the two have to agree within 1e-6, step after step, each going on from its own numbers.
"""

import math

import numpy as np
import pytest
import torch
from plain_process import (
    PlainLinear,
    PlainProcess,
    averaged_share,
    medians_of,
    spreads_of,
    squared_distances,
    wiener_filter,
)
from plain_trs import PlainTRS, nearest

from trs_lab.learn.learner import Callback
from trs_lab.learn.schedules import learning_rate
from trs_lab.learn.toy import ToyViews, learner_on, toy_config, toy_table
from trs_lab.methods.kernels import matern_sum, negative_evidence, prior, settle, with_noise
from trs_lab.methods.process import FittedProcess
from trs_lab.trs.method import TRSMethod

NEAR = dict(rtol=0, atol=1e-6)


@pytest.fixture(autouse=True)
def float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def plain(network):
    """Weights as NumPy."""
    return {k: v.detach().numpy().copy() for k, v in network.state_dict().items()}


class Seen(ToyViews):
    """Views that can be asked for what they gave last."""

    def weak(self, index, generator):
        self.last_weak = super().weak(index, generator)
        return self.last_weak

    def strong(self, index, generator):
        self.last_strong = super().strong(index, generator)
        return self.last_strong


class Beside(TRSMethod):
    """TRS that lets the plain calculation do every step, too, and compares."""

    def __init__(self, *args):
        super().__init__(*args)
        self.plain, self.compared = None, {"burn_in": 0, "semi_supervised": 0}
        self.drawn = np.random.default_rng(0)

    def begin(self):
        rows, net = self.clips.labelled.tolist(), self.networks
        scores = dict(zip(rows, self.exact_scores))
        exemplars = {r: self.data.views.clean([r])[0].numpy() for r in rows}
        weights = [plain(n) for n in (net.student, net.reference, net.teacher)]
        self.plain = PlainTRS(*weights, scores, exemplars, self.options.reference_heads, self.config)

    def labelled_view(self, rows):
        found = super().labelled_view(rows)
        self.weak_labelled = found
        return found

    def choose_exemplars(self, *args):
        self.chosen = super().choose_exemplars(*args)
        return self.chosen

    def burn_in_step(self, labelled, unlabelled=None):
        if self.plain is None:
            self.begin()
        losses = super().burn_in_step(labelled)
        weak = self.weak_labelled.numpy()
        theirs = lambda s, r: self.plain.labelled_losses(
            s, r, weak, [self.plain.scores[c] for c in labelled.tolist()]
        )
        self.compare("burn_in", losses, theirs)
        return losses

    def step(self, labelled, unlabelled):
        losses = super().step(labelled, unlabelled)
        p, views = self.plain, self.data.views
        weak_unlabelled, strong = self.weak_unlabelled.numpy(), views.last_strong.numpy()
        pseudo_labels = []
        for clip, weak, chosen in zip(unlabelled.tolist(), weak_unlabelled, self.chosen.tolist()):
            pseudo_labels.append(p.pseudo_label(clip, weak, self.exemplars_of(clip, weak, chosen)))
        ours = [t[self.clips.position[unlabelled]] for t in self.history.now["pseudo"]]
        np.testing.assert_allclose(np.stack(ours, 1), pseudo_labels, **NEAR)
        for name, memory in self.memories.items():
            held = np.stack([t[self.clips.position[unlabelled]] for t in (memory.mean, memory.log_var)], 1)
            np.testing.assert_allclose(held, [p.memories[name][c] for c in unlabelled.tolist()], **NEAR)
        rows, weak = labelled.tolist(), self.weak_labelled.numpy()
        self.compare(
            "semi_supervised", losses, lambda s, r: p.losses(s, r, rows, weak, strong, pseudo_labels)
        )
        return losses

    def weak_view(self, rows):
        self.weak_unlabelled = super().weak_view(rows)
        return self.weak_unlabelled

    def exemplars_of(self, clip, weak, chosen):
        """Rows of the exemplars; those drawn at random are taken over once they are seen to be allowed."""
        labelled, groups = self.clips.labelled.tolist(), self.clips.groups.tolist()
        allowed = [i for i, row in enumerate(labelled) if groups[row] == groups[clip]]
        k = self.options.n_exemplars
        if self.options.exemplar_choice == "nearest":
            features = [self.plain.exemplars[r] for r in labelled]
            assert chosen == nearest(weak, features, allowed, k)
        assert set(chosen) <= set(allowed) and len(set(chosen)) == min(k, len(allowed))
        return [labelled[i] for i in chosen]

    def compare(self, stage, losses, theirs):
        """Losses; and along a drawn direction the slope of their sum, which only the right gradient has."""
        p = self.plain
        expected = theirs(p.student, p.reference)
        assert losses.keys() == expected.keys()
        for name, loss in losses.items():
            np.testing.assert_allclose(loss.item(), expected[name], err_msg=name, **NEAR)
        self.compared[stage] += 1
        self.slope = None
        if self.compared[stage] in (1, 5):
            progress = self.progress()
            step, moved = 1e-6, lambda w, d, sign: {k: v + sign * 1e-6 * d[k] for k, v in w.items()}
            along = [
                {k: self.drawn.normal(size=v.shape) for k, v in w.items()} for w in (p.student, p.reference)
            ]
            there, back = (
                p.total(
                    theirs(*(moved(w, d, sign) for w, d in zip((p.student, p.reference), along))), progress
                )
                for sign in (1, -1)
            )
            self.slope = along, (there - back) / (2 * step)

    def progress(self):
        learner = self.learner
        return learner.epoch + (learner.batch - 1) / learner.n_batches


class Mover(Callback):
    """Lets the plain calculation move its weights by the same gradients, and compares where both have come to."""

    def watch(self, learner):
        clip = learner.clip
        learner.clip = lambda parameters: (self.take(learner), clip(parameters))
        learner.method.learner = learner
        return learner

    def take(self, learner):
        net = learner.networks
        self.gradients = {
            f"{name}.{k}": v.grad.numpy().copy()
            for name in ("student", "reference")
            for k, v in getattr(net, name).named_parameters()
        }

    def on_move(self, learner):
        method, follows = learner.method, learner.stage == "semi_supervised"
        p, c = method.plain, learner.config
        if method.slope is not None:
            along, slope = method.slope
            ours = sum(
                (self.gradients[f"{name}.{k}"] * d).sum()
                for name, direction in zip(("student", "reference"), along)
                for k, d in direction.items()
            )
            np.testing.assert_allclose(ours, slope, rtol=1e-6, atol=1e-6)
        lr = learning_rate(c.lr, c.schedule, method.progress(), learner.n_epochs)
        p.move(self.gradients, lr, follows)
        for name in ("student", "reference") + ("teacher",) * follows:
            for k, v in plain(getattr(learner.networks, name)).items():
                np.testing.assert_allclose(v, getattr(p, name)[k], err_msg=f"{name} {k}", **NEAR)

    def on_stage_end(self, learner):
        if learner.stage == "burn_in":
            learner.method.plain.begin_second_stage()


@pytest.mark.parametrize(
    "options",
    [
        dict(),
        dict(memory_rule="ema", fusion="mean", pseudo_loss="nll", groups=2, n_exemplars=8),
        dict(memory_rule="latest", fusion="most_confident", exemplar_choice="nearest", weight_decay=1e-2),
        dict(use_memory=False, unlabelled_weight=2.0, ramp_epochs=0, reference_weight=0.5, schedule="cosine"),
    ],
    ids=["as_in_the_paper", "ema_mean_nll_groups", "latest_surest_nearest", "no_memory_cosine"],
)
def test_trs_is_what_the_plain_calculation_says(options):
    table, truth = toy_table(24, labelled=6, test=4, groups=options.pop("groups", 1))
    sizes = dict(
        dropout=0.0, epochs=4, burn_in_epochs=2, token_dim=4, channel_dim=6, reference_dim=8, n_exemplars=3
    )
    config, mover = toy_config(Beside, **{**sizes, **options}), Mover()
    learner = mover.watch(learner_on(Beside, config, Seen(truth), table, [mover]))
    shown = table.score[:6].to_numpy()
    learner.method.exact_scores = (shown - shown.mean()) / shown.std()
    learner.clips.scores = learner.clips.scores.double()
    learner.clips.scores[:6] = torch.as_tensor(learner.method.exact_scores)
    learner.fit()
    assert learner.method.compared == {"burn_in": 4, "semi_supervised": 8}


def some_clips():
    """Scores of people, features of five segments in three views; the last two clips have no score."""
    draw = np.random.default_rng(3)
    people = np.array([0, 0, 1, 1, 2, 3, 3, -1, -1, 2, 5])
    films = draw.normal(size=(11, 1, 5, 3)) * [1, 3, 0.2] + [0, 5, 1]
    views = films + 0.3 * draw.normal(size=(11, 3, 5, 3))
    scores = films[:9, 0, :, 0].mean(1) + 0.5 * draw.normal(size=9)
    return views, (scores - scores.mean()) / scores.std(), people


@pytest.mark.parametrize("filtered", [True, False], ids=["filtered", "standardised"])
def test_the_process_is_what_the_plain_calculation_says(filtered):
    views, y, people = some_clips()
    clips, n = views.mean(1), len(y)
    mean, sd = clips.mean((0, 1)), clips.std((0, 1))
    seen = (clips - mean) / sd
    if filtered:
        center, shrink = wiener_filter(((views - mean) / sd).mean(2))
        seen = (seen - center) @ shrink
    fitted = FittedProcess(3)
    x = torch.as_tensor(clips)
    fitted.fit(
        x[:n],
        torch.as_tensor(y),
        x,
        torch.as_tensor(people[:n]),
        torch.Generator().manual_seed(0),
        torch.as_tensor(views) if filtered else None,
        linear=0,
    )
    np.testing.assert_allclose(fitted.seen(x), seen, **NEAR)  # the filter itself is kept in float32
    seen = fitted.seen(x).numpy()
    spreads = spreads_of(seen)
    medians = medians_of(seen, spreads)
    np.testing.assert_allclose(fitted.spreads, np.concatenate(spreads), rtol=1e-9)
    np.testing.assert_allclose(fitted.medians, medians, rtol=1e-9)
    answers, far = {}, fitted.far(torch.as_tensor(seen))
    for name, asks in (("plain", False), ("with_people", True)):
        theta = getattr(fitted, name).theta.numpy()
        process = PlainProcess(theta, seen[:n], y, people[:n], (spreads, medians), asks)
        s2 = process.calibration()
        np.testing.assert_allclose(getattr(fitted, name).s2, s2, rtol=1e-6)
        same = fitted.same(torch.as_tensor(people)) if asks else None
        ours = np.stack(getattr(fitted, name).ask(far, same), 1)
        theirs = [process.predict(seen[i], people[i]) for i in (9, 10)]
        np.testing.assert_allclose(ours[9:], [(m, s2 * v) for m, v in theirs], **NEAR)
        answers[name] = ours[9:]
        left_out = np.array([process.predict(seen[i], people[i], without=i) for i in range(n)])
        alpha, diagonal = getattr(fitted, name).alpha, getattr(fitted, name).inverse.diagonal()
        np.testing.assert_allclose(y - (alpha / diagonal).numpy(), left_out[:, 0], **NEAR)
        np.testing.assert_allclose(1 / diagonal, left_out[:, 1], **NEAR)
    (m, v), (o, w) = (answers[name].T for name in answers)  # an even mixture of both
    variance = (v + w) / 2 + (m - o) ** 2 / 4
    mean, log_var = fitted.score(x[9:], torch.as_tensor(people[9:]))
    np.testing.assert_allclose(mean, (m + o) / 2, **NEAR)
    np.testing.assert_allclose(log_var, np.log(variance), **NEAR)


def test_the_process_of_deviations_is_what_the_plain_calculation_says():
    """The order of a person's clips by what they have beside her mean, by a share that left-out clips decide.

    Of clips whose person is not known the other two answer."""
    views, y, people = some_clips()
    clips, n = views.mean(1), len(y)
    means = np.full(clips.shape, np.nan)
    for person in (0, 1, 2, 3):  # the others are unknown, or have one film
        means[people == person] = clips[people == person].mean(0)
    x, numbers, fitted = torch.as_tensor(clips), torch.as_tensor(people), FittedProcess(3)
    given = x[:n], torch.as_tensor(y), x, numbers[:n], torch.Generator().manual_seed(0)
    fitted.fit(*given, means=torch.as_tensor(means), linear=0)
    center, spread = clips.mean((0, 1)), clips.std((0, 1))
    films = np.where(np.isfinite(means), means, clips)
    away, known = (clips - films) / spread, np.isfinite(means).all((1, 2))
    seen, seen_films = (clips - center) / spread, (films - center) / spread
    spreads = spreads_of(seen)
    medians = medians_of(away[known], spreads)
    np.testing.assert_allclose(fitted.deviations.medians, medians, rtol=1e-9)
    units = spreads, medians_of(seen, spreads)
    theta = lambda name: getattr(fitted, name).theta.numpy()
    plain, with_people = (
        PlainProcess(theta(name), seen[:n], y, people, units, name == "with_people")
        for name in ("plain", "with_people")
    )
    deviations = PlainProcess(theta("deviations"), away[:n], y, people, (spreads, medians), True)

    def answers(i, without=None):
        """As the clip is, and in the order of its person's clips."""
        ask = lambda process, clip: process.predict(clip, people[i], without=without)[0]
        mean, level = ((ask(plain, c[i]) + ask(with_people, c[i])) / 2 for c in (seen, seen_films))
        return mean, level + ask(deviations, away[i]) - ask(deviations, 0 * away[i])

    judged = [i for i in range(n) if known[i]]
    squares = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        told = [(1 - share) * a + share * b for a, b in (answers(i, without=i) for i in judged)]
        squares.append(sum((y[i] - t) ** 2 for i, t in zip(judged, told)))
    share = averaged_share(squares, len(judged))
    np.testing.assert_allclose(fitted.deviations.share, share, **NEAR)
    s2 = plain.calibration(), with_people.calibration()
    for i in range(len(clips)):
        (m, v), (o, w) = plain.predict(seen[i], people[i]), with_people.predict(seen[i], people[i])
        mean, other = answers(i)
        c, variance = share * known[i], (s2[0] * v + s2[1] * w) / 2
        told = (1 - c) * mean + c * other
        apart = [(1 - c) / 2 * (m - told) ** 2, (1 - c) / 2 * (o - told) ** 2, c * (other - told) ** 2]
        ours = fitted.score(x[i : i + 1], numbers[i : i + 1], means=torch.as_tensor(means[i : i + 1]))
        np.testing.assert_allclose([float(t) for t in ours], [told, math.log(variance + sum(apart))], **NEAR)


def test_the_linear_process_is_what_the_plain_calculation_says():
    """A mixed model beside the likeness of clips, by a share that left-out clips decide; levels have it, too."""
    views, y, people = some_clips()
    clips, n = views.mean(1), len(y)
    x, numbers, fitted = torch.as_tensor(clips), torch.as_tensor(people), FittedProcess(3)
    means = np.full(clips.shape, np.nan)
    means[people == 3] = clips[people == 3].mean(0)
    given = x[:n], torch.as_tensor(y), x, numbers[:n], torch.Generator().manual_seed(0)
    fitted.fit(*given, means=torch.as_tensor(means))
    seen, films = (
        (c - clips.mean((0, 1))) / clips.std((0, 1))
        for c in (clips, np.where(np.isfinite(means), means, clips))
    )
    spreads = spreads_of(seen)
    theta = lambda name: getattr(fitted, name).theta.numpy()
    likeness = [
        PlainProcess(theta(name), seen[:n], y, people, (spreads, medians_of(seen, spreads)), name != "plain")
        for name in ("plain", "with_people")
    ]
    linear = PlainLinear(theta("linear"), seen[:n], y, people, spreads, seen, True)
    np.testing.assert_allclose(fitted.linear.s2, linear.calibration(), **NEAR)

    def answers(i, clip, without=None):
        """By likeness, by the line: (mean, variance) of each process."""
        return [p.predict(clip, people[i], without=without) for p in (*likeness, linear)]

    squares = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        told = [answers(i, seen[i], without=i) for i in range(n)]
        told = [(1 - share) * (a + b) / 2 + share * c for (a, _), (b, _), (c, _) in told]
        squares.append(sum((y[i] - t) ** 2 for i, t in enumerate(told)))
    share = averaged_share(squares, n)
    np.testing.assert_allclose(fitted.linear.share, share, **NEAR)
    assert 0.02 < share < 0.98
    shares = np.array([(1 - share) / 2, (1 - share) / 2, share])
    s2 = [p.calibration() for p in (*likeness, linear)]
    for i in range(len(clips)):
        m, v = np.array(answers(i, seen[i])).T
        told, variance = shares @ m, shares @ (s2 * v)
        ours = fitted.score(x[i : i + 1], numbers[i : i + 1])
        both = [told, math.log(variance + shares @ (m - told) ** 2)]
        np.testing.assert_allclose([float(t) for t in ours], both, **NEAR)
    i = list(people).index(3)
    fitted.deviations.fill(
        share=1
    )  # whoever is asked about her mean film gets its level, whatever the order says
    level = shares @ [mean for mean, _ in answers(i, films[i])]
    film = torch.as_tensor(means[i : i + 1])
    np.testing.assert_allclose(fitted.score(film, numbers[i : i + 1], means=film)[0], [level], **NEAR)


def test_the_process_in_groups_is_what_the_plain_calculation_says():
    """Clips in units of their group, with a level for each group, by a share that left-out clips decide."""
    views, y, people = some_clips()
    clips, n, kinds = views.mean(1), len(y), np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0])
    clips = clips + 4 * kinds[:, None, None] * np.array([1, -2, 0.5])
    nobody, kinds_of = np.full(len(clips), -1), torch.as_tensor(kinds)
    x, numbers, fitted = torch.as_tensor(clips), torch.as_tensor(nobody), FittedProcess(3)
    given = x[:n], torch.as_tensor(y), x, numbers[:n], torch.Generator().manual_seed(0)
    fitted.fit(*given, groups=kinds_of)
    seen = (clips - clips.mean((0, 1))) / clips.std((0, 1))
    placed = np.empty_like(seen)
    for kind in (0, 1):
        films = seen[kinds == kind]
        placed[kinds == kind] = (films - films.mean((0, 1))) / films.std((0, 1))
    spreads, spreads_in = spreads_of(seen), spreads_of(placed)
    theta = lambda name: getattr(fitted, name).theta.numpy()
    units, units_in = (spreads, medians_of(seen, spreads)), (spreads_in, medians_of(placed, spreads_in))
    plain = PlainProcess(theta("plain"), seen[:n], y, nobody, units, False)
    in_groups = PlainProcess(theta("in_groups"), placed[:n], y, kinds, units_in, True)
    squares = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        told = [
            (1 - share) * plain.predict(seen[i], -1, i)[0]
            + share * in_groups.predict(placed[i], kinds[i], i)[0]
            for i in range(n)
        ]
        squares.append(sum((y - told) ** 2))
    share = averaged_share(squares, n)
    np.testing.assert_allclose(fitted.in_groups.share, share, **NEAR)
    assert 0.01 < share < 0.99
    s2 = plain.calibration(), in_groups.calibration()
    for i in range(len(clips)):
        (m, v), (o, w) = plain.predict(seen[i], -1), in_groups.predict(placed[i], kinds[i])
        told, variance = (1 - share) * m + share * o, (1 - share) * s2[0] * v + share * s2[1] * w
        variance += (1 - share) * (m - told) ** 2 + share * (o - told) ** 2
        ours = fitted.score(x[i : i + 1], numbers[i : i + 1], kinds_of[i : i + 1])
        np.testing.assert_allclose([float(t) for t in ours], [told, math.log(variance)], **NEAR)


@pytest.mark.parametrize("asks", [False, True], ids=["plain", "with_people"])
def test_the_evidence_is_what_the_plain_calculation_says(asks):
    """Its value and its slope anywhere, and that what was found is the lowest place around."""
    views, y, people = some_clips()
    clips = views[: len(y), 0]
    spreads, n, start = spreads_of(clips), len(y), prior(4, asks)
    medians = medians_of(clips, spreads)
    units = spreads, medians
    far = torch.as_tensor([[squared_distances(a, b, spreads) for b in clips] for a in clips])
    far = far.permute(2, 0, 1) / torch.as_tensor(medians)[:, None, None]
    alike = (people[:n, None] == people[:n]) & (people[:n, None] >= 0) | np.eye(n, dtype=bool)
    same, y_t = torch.as_tensor(alike).double() if asks else None, torch.as_tensor(y)
    cost = lambda theta: PlainProcess(theta, clips, y, people, units, asks).negative_evidence(start.numpy())
    found = settle(far, y_t, same)
    draw = np.random.default_rng(1)
    for theta in (start.numpy(), found.numpy(), start.numpy() + draw.normal(size=len(start))):
        plainly = PlainProcess(theta, clips, y, people, units, asks)
        theta = torch.tensor(theta, requires_grad=True)
        ours = negative_evidence(theta, far, y_t, same)
        np.testing.assert_allclose(
            with_noise(theta, far, same).detach(), plainly.covariance(range(n)), **NEAR
        )
        np.testing.assert_allclose(ours.item(), cost(theta.detach().numpy()), **NEAR)
        (slope,) = torch.autograd.grad(ours, theta)
        for i, step in enumerate(1e-5 * np.eye(len(theta))):
            at = theta.detach().numpy()
            np.testing.assert_allclose(slope[i], (cost(at + step) - cost(at - step)) / 2e-5, **NEAR)
    lowest = cost(found.numpy())
    assert lowest < cost(start.numpy())
    assert all(lowest < cost(found.numpy() + 0.1 * draw.normal(size=len(start))) for _ in range(20))
    assert (
        matern_sum(found, far, same)
        .diagonal()
        .allclose(found[:4].exp().sum() + (found[8].exp() if asks else 0))
    )
