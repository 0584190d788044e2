"""Simulated scores: bounded, tied, bimodal, with failed runs at 0, and correlated within seeds.

A population is a sorted list of equally likely scores with an exact mean. The arms of a seed share
a normal factor, so that their scores are correlated.
"""

import numpy as np
from scipy import special
from support.cells import QUICK

from seqjax.stats.decisions import SeedScores
from seqjax.stats.decisions.analysis import Analysis

SETS, SEEDS = 100 if QUICK else 1000, 10
SHARED = 0.5  # the correlation of the normal factors within a seed
TIED = np.round(special.ndtri((np.arange(200) + 0.5) / 200) * 0.03, 2)  # steps of .01, mean 0


def smooth(mean):
    return mean + np.clip(TIED, -0.05, 0.05)


def solved_or_not(mean):
    """Most runs near .95 or .1; one in twenty failed, at 0."""
    solved = round(200 * (mean - 0.085) / (0.95 - 0.085))
    x = np.concatenate([np.zeros(10), 0.1 + np.clip(np.resize(TIED, 190 - solved), -0.05, 0.05)])
    rest = (200 * mean - x.sum()) / solved
    return np.concatenate([x, np.full(solved, rest)])


def rarely_failed(mean):
    """Nine runs in ten at the same score, the tenth failed, at 0."""
    return np.concatenate([np.zeros(20), np.full(180, mean / 0.9)])


def rarely_perfect(mean):
    """Nine runs in ten at the same score, the tenth at 1."""
    return 1 - rarely_failed(1 - mean)[::-1]


SHAPES = {
    "smooth": (smooth, smooth),
    "solved or not": (solved_or_not, solved_or_not),
    "unlike": (solved_or_not, smooth),
    "rarely failed": (rarely_failed, smooth),
}
"""Populations of a and b. The last two have skewed differences, which the rules take to be none."""


def half(rng, median, *, seems="more"):
    """(SETS, n): half of the seeds just above a median and half far below, or the other way."""
    far = np.where(rng.random((SETS, SEEDS)) < 0.5, 0.01, -0.3)
    return median + (far if seems == "more" else -far)


def draw(rng, *populations, sets=SETS, n=SEEDS):
    """(sets, n) scores from each population."""
    factor = rng.normal(size=(sets, n))
    drawn = []
    for atoms in populations:
        assert atoms[0] >= 0 and atoms[-1] <= 1 + 1e-12, (atoms[0], atoms[-1])
        z = np.sqrt(SHARED) * factor + np.sqrt(1 - SHARED) * rng.normal(size=(sets, n))
        drawn.append(atoms[(special.ndtr(z) * len(atoms)).astype(np.int64)])
    return drawn


def pair(rng, shape, delta, *, seems="more"):
    """Scores a and b with mean(a - b) = delta, skewed so that a - b mostly seems more, or less."""
    if shape == "half":  # the median is delta
        b = draw(rng, smooth(0.5))[0]
        return b + half(rng, delta, seems=seems), b
    first, second = SHAPES[shape]
    if seems == "less":  # b - a is skewed the other way
        b, a = pair(rng, shape, -delta)
        return a, b
    return draw(rng, first(0.7 + delta / 2), second(0.7 - delta / 2))


def level(rng, shape, mean, *, seems="more"):
    """Scores of a known mean, skewed so that most of them are above it, or below."""
    if shape == "half":
        return np.clip(half(rng, mean, seems=seems), 0, 1)
    kinds = {"smooth": smooth, "solved or not": solved_or_not, "rarely failed": rarely_failed}
    if shape == "rarely failed" and seems == "less":
        return draw(rng, rarely_perfect(mean))[0]
    return draw(rng, kinds[shape](mean))[0]


def constant(mean, seed=0):
    """(SETS, n) clear evidence, the same in each set."""
    x = draw(np.random.default_rng(seed), smooth(mean), sets=1)[0]
    return np.broadcast_to(x, (SETS, SEEDS))


class CachedAnalysis(Analysis):
    """Analysis that computes equal comparisons once: most arms are the same in every data set."""

    def __init__(self, **options):
        super().__init__(**options)
        object.__setattr__(self, "cache", {})

    def _cached(self, function, arguments, *key):
        if key not in self.cache:
            self.cache[key] = function(*arguments)
        return self.cache[key]

    def mean(self, name, values, m):
        return self._cached(super().mean, (name, values, m), name, values.tobytes(), m)

    def paired(self, name, a, b, m):
        return self._cached(super().paired, (name, a, b, m), name, a.tobytes(), b.tobytes(), m)

    def difference(self, evidence, task, a, b, m):
        # Failed runs follow from the scores: see ``outcome``.
        scores = (evidence[task, arm].scores.tobytes() for arm in (a, b))
        arguments = evidence, task, a, b, m
        return self._cached(super().difference, arguments, task, a, b, m, *scores)


def outcome(scores):
    return SeedScores(scores, scores == 0.0)


def failures(rng, shape, *shares, rates=2):
    """(SETS, rates, n) bools by arm: at each rate runs fail with the arm's share.

    Half: those of the first arm always fail, and of the second those of half of the seeds.

    The rates below are added with no failures, so that the rule has rates to leave out.
    """
    if shape == "half":
        coin = np.broadcast_to(rng.random((SETS, 1, SEEDS)) < 0.5, (SETS, rates, SEEDS))
        failing = [np.ones_like(coin), coin]
    else:
        factor = np.sqrt(SHARED) * rng.normal(size=(SETS, 1, SEEDS))
        own = (rng.normal(size=(SETS, rates, SEEDS)) for _ in shares)
        failing = [
            special.ndtr(factor + np.sqrt(1 - SHARED) * z) < share
            for share, z in zip(shares, own, strict=True)
        ]
    return [np.concatenate([np.zeros_like(failed), failed], axis=1) for failed in failing]
