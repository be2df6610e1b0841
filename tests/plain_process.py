"""The Gaussian process of `-p method process` in plain NumPy: float64, pair by pair, slow on purpose.

Written from Rasmussen and Williams (2006) and from the formulas of the notebook; it shares no line with trs_lab.
"""

import math

import numpy as np


def blocks_of(clip):
    """What a clip (S, D) is compared by: mean, spread, order, changes."""
    mean = sum(clip) / len(clip)
    if len(clip) == 1:
        return [mean]
    spread = np.sqrt(sum((segment - mean) ** 2 for segment in clip) / (len(clip) - 1))
    changes = [after - before for before, after in zip(clip, clip[1:])]
    return [mean, spread, np.concatenate(list(clip)), np.concatenate(changes)]


def spreads_of(clips):
    """Standard deviation of every entry of every block over the clips, at least a thousandth of the block's largest."""
    found = []
    for block in zip(*[blocks_of(clip) for clip in clips]):
        mean = sum(block) / len(block)
        spread = np.sqrt(sum((entries - mean) ** 2 for entries in block) / (len(block) - 1))
        found.append(np.maximum(spread, max(1e-3 * spread.max(), 1e-6)))
    return found


def squared_distances(a, b, spreads):
    """Of two clips, block by block, every entry in units of its spread."""
    return [(((p - q) / unit) ** 2).sum() for p, q, unit in zip(blocks_of(a), blocks_of(b), spreads)]


def medians_of(clips, spreads):
    """Of every block's squared distance between two different clips. The median of an even number is the lower one."""
    pairs = [squared_distances(clips[i], clips[j], spreads) for j in range(len(clips)) for i in range(j)]
    return [sorted(block)[(len(block) - 1) // 2] for block in zip(*pairs)]


def wiener_filter(views):
    """(D,) mean and (D, D) map of views (N, V, D): directions in which clips differ stay, those of views shrink."""
    n, v, d = views.shape
    means = views.mean(1)
    between_views, among = np.zeros((d, d)), np.zeros((d, d))
    for clip in range(n):
        for view in range(v):
            off = views[clip, view] - means[clip]
            between_views += np.outer(off, off) / (n * (v - 1))
        off = means[clip] - means.mean(0)
        among += np.outer(off, off) / (n - 1)
    values, directions = np.linalg.eigh(among - between_views / v)
    clips = sum(max(value, 0) * np.outer(u, u) for value, u in zip(values, directions.T))
    # three clips more that differ evenly in all directions
    clips = ((n - 1) * clips + 3 * np.trace(clips) / d * np.eye(d)) / (n - 1 + 3)
    ridge = 1e-6 * np.trace(clips + between_views) / d
    return means.mean(0), np.linalg.inv(clips + between_views + ridge * np.eye(d)) @ clips


class PlainProcess:
    """A process whose kernel is known; `theta` are logarithms: weights, widths, weight of the person, noise."""

    def __init__(self, theta, clips, scores, persons, units, asks_person):
        """`units`: (spreads of the entries, medians of the distances)."""
        self.theta, self.clips, self.scores, self.persons = np.exp(theta), clips, scores, persons
        self.spreads, self.medians = units
        self.n, self.asks_person = len(self.medians), asks_person
        self.noise = self.theta[-1]

    def kernel(self, a, b, person_a, person_b, same_clip=False):
        weights, widths, found = self.theta[: self.n], self.theta[self.n : 2 * self.n], 0.0
        apart = squared_distances(a, b, self.spreads)
        for weight, width, far, median in zip(weights, widths, apart, self.medians):
            r = math.sqrt(3 * far / median) / width
            found += weight * (1 + r) * math.exp(-r)
        return found + self.of_people(person_a, person_b, same_clip)

    def of_people(self, person_a, person_b, same_clip):
        """What the weight before the noise adds, where both clips show one person."""
        one = same_clip or (person_a >= 0 and person_a == person_b)
        return self.theta[-2] if self.asks_person and one else 0.0

    def covariance(self, rows):
        """Of the observed scores of these clips."""
        K = np.empty((len(rows), len(rows)))
        for i, r in enumerate(rows):
            for j, s in enumerate(rows):
                K[i, j] = self.kernel(
                    self.clips[r], self.clips[s], self.persons[r], self.persons[s], same_clip=r == s
                )
        return K + self.noise * np.eye(len(rows))

    def negative_evidence(self, prior):
        """Equation 5.8 and a normal prior on the logarithms, with the sign that makes it a cost."""
        A, y = self.covariance(range(len(self.scores))), self.scores
        off = np.log(self.theta) - prior
        return 0.5 * y @ np.linalg.inv(A) @ y + 0.5 * math.log(np.linalg.det(A)) + 0.5 * off @ off

    def predict(self, clip, person, without=None):
        """Equations 2.25 and 2.26 for the next score of a clip, from all labelled clips but one."""
        rows = [i for i in range(len(self.scores)) if i != without]
        k = np.array([self.kernel(clip, self.clips[r], person, self.persons[r]) for r in rows])
        weights = np.linalg.inv(self.covariance(rows)) @ k
        own = self.kernel(clip, clip, person, person, same_clip=True) + self.noise
        return weights @ self.scores[rows], own - weights @ k

    def calibration(self):
        """s^2: mean of squared errors over variances, each labelled clip left out in turn."""
        found = []
        for i, (clip, person) in enumerate(zip(self.clips, self.persons)):
            mean, variance = self.predict(clip, person, without=i)
            found.append((self.scores[i] - mean) ** 2 / variance)
        return sum(found) / len(found)


def straight_parts(clip, spreads):
    """Mean and order of a clip, every entry in units of its spread: what the linear process sees."""
    mean, _, order, _ = (block / unit for block, unit in zip(blocks_of(clip), spreads))
    return mean, order


class PlainLinear(PlainProcess):
    """A linear mixed model whose weights are known; `theta` are logarithms: weights, weight of the person, noise."""

    def __init__(self, theta, clips, scores, persons, spreads, all_clips, asks_person):
        super().__init__(theta, clips, scores, persons, (spreads, ()), asks_person)
        columns = list(zip(*[straight_parts(clip, spreads) for clip in all_clips]))
        self.middles = [sum(column) / len(column) for column in columns]
        squares = [[((p - c) ** 2).sum() for p in column] for column, c in zip(columns, self.middles)]
        self.sizes = [sum(column) / len(column) for column in squares]

    def kernel(self, a, b, person_a, person_b, same_clip=False):
        found = self.of_people(person_a, person_b, same_clip)
        parts = straight_parts(a, self.spreads), straight_parts(b, self.spreads)
        for weight, p, q, c, size in zip(self.theta, *parts, self.middles, self.sizes):
            found += weight * (p - c) @ (q - c) / size
        return found


def averaged_share(squares, n):
    """Mean of five shares, each half as probable as the one before it, by the squared errors that they leave on n."""
    shares, odds = (0, 0.25, 0.5, 0.75, 1), (16, 8, 4, 2, 1)
    return np.average(shares, weights=[o * s ** (-n / 2) for o, s in zip(odds, squares)])
