"""Boundaries of the null hypotheses of claims 1 to 3; see ``nulls``."""

import itertools

import numpy as np
from support.nulls import BAD, HALF, RARE, C, S, null
from support.simulated import SEEDS, SETS, constant, draw, half, level, smooth

from seqjax.stats.decisions.theory import FAMILIES

CHANCE = 1 / 8
BLIND = {"feedforward": 0.0, "feedforward_equal": 0.0}


def near(rng, shape, mean):
    """(SETS, n) with a spread of .003: accuracies of nets that can only guess."""
    if shape == "half":
        return np.clip(half(rng, mean, seems="more"), 0, 1)
    return mean + 0.1 * (draw(rng, smooth(0.5))[0] - 0.5)


def recall(**arms):
    """Accuracies under both readouts: those of the softmax as given, the others clear."""
    clear = {arm: constant(0.95, seed=3) if arm.startswith("elman") else GUESSES for arm in arms}

    def make(s):
        given = {("softmax", arm): x[s] for arm, x in arms.items()}
        return given | {("logistic", arm): x[s] for arm, x in clear.items()}, BLIND, CHANCE

    return make


GUESSES = np.broadcast_to(near(np.random.default_rng(0), "", CHANCE)[:1], (SETS, SEEDS))


@null("1", S, "accuracy .9 of one Elman network", ("smooth",), ("solved or not", *RARE), HALF)
def _(rng, shape):
    tanh, clear = level(rng, shape, 0.9), constant(0.95, seed=3)
    return recall(
        feedforward=GUESSES, feedforward_equal=GUESSES, elman_logistic=clear, elman_tanh=tanh
    )


@null("1", S, "a feed-forward net at chance + .01", ("smooth",))
def _(rng, shape):
    seeing, clear = near(rng, shape, CHANCE + 0.01), constant(0.95, seed=3)
    return recall(
        feedforward=GUESSES, feedforward_equal=seeing, elman_logistic=clear, elman_tanh=clear
    )


@null("1", C, "both feed-forward nets at chance + .02", ("smooth",), medians=HALF)
def _(rng, shape):
    one, two = (near(rng, shape, CHANCE + 0.02) for _ in range(2))
    return recall(feedforward=one, feedforward_equal=two, elman_logistic=BAD, elman_tanh=BAD)


GAINS = (0.5, 0.9, 1.0, 1.1, 1.5, 2.0)
CELLS = list(itertools.product(("tanh", "logistic"), GAINS, (False, True)))
DRAWS = 12  # the study has 20, whose million subsets are slow a thousand times over


def gradients(slopes, probes):
    """Slopes of the first cells as given, (SETS, draws) each, the rest clear; probes likewise."""
    steep = np.linspace(-0.12, -0.1, DRAWS)
    low = np.linspace(0.01, 0.03, DRAWS)
    early = [key for key in CELLS if key[1] <= 1]

    def make(s):
        filled = [x[s] for x in slopes] + [steep] * (len(CELLS) - len(slopes))
        read = [x[s] for x in probes] + [low] * (len(early) - len(probes))
        return dict(zip(CELLS, filled, strict=True)), dict(zip(early, read, strict=True))

    return make


def scores_of_draws(rng, shape, mean, seems="more"):
    x = np.concatenate([level(rng, shape, mean, seems=seems) for _ in range(2)], axis=1)
    return x[:, :DRAWS]


@null("2", S, "five slopes of .02, so that 19 of 24 are steep", ("smooth",))
def _(rng, shape):
    return gradients([rng.normal(0.02, 0.01, (SETS, DRAWS)) for _ in range(5)], [])


@null("2", S, "a probe score of .1", ("smooth",), RARE, HALF)
def _(rng, shape):
    return gradients([], [scores_of_draws(rng, shape, 0.1, seems="less")])


@null("2", C, "a probe score of .5", ("smooth", "solved or not"), RARE, HALF)
def _(rng, shape):
    flat = [np.broadcast_to(np.linspace(-0.001, 0.001, DRAWS), (SETS, DRAWS))] * len(CELLS)
    early = sum(key[1] <= 1 for key in CELLS)
    high = np.broadcast_to(np.linspace(0.9, 0.95, DRAWS), (SETS, DRAWS))
    probe = scores_of_draws(rng, shape, 0.5)
    return gradients(flat, [probe] + [high] * (early - 1))


def windows(rng, *shares):
    """Counts of 200 draws at k=50 over four scales, two of them at the largest share.

    ``shares`` are (independent, shared) of the first families; the rest are clear.
    """
    counts = {}
    for family, pair_of in itertools.zip_longest(FAMILIES, shares, fillvalue=(1.0, 0.3)):
        for shared, share in zip((False, True), pair_of, strict=True):
            p = share * np.array([0.5, 1.0, 1.0, 0.5])
            counts[family, shared, 50] = rng.binomial(200, p, (SETS, 4))
    return lambda s: ({key: x[s] for key, x in counts.items()}, 200)


@null("3", S, "one family without a difference", ("binomial",))
def _(rng, shape):
    return windows(rng, (0.95, 0.95))


@null("3", S, "F_independent = .95 in one family", (), ("binomial",), ("binomial",))
def _(rng, shape):
    return windows(rng, (0.95, 0.3))


@null("3", S, "F_shared = .5 in one family", (), ("binomial",), ("binomial",))
def _(rng, shape):
    return windows(rng, (1.0, 0.5))


@null("3", C, "a difference of .05 in one family", ("binomial",), medians=("binomial",))
def _(rng, shape):
    return windows(rng, (1.0, 0.95), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0))
