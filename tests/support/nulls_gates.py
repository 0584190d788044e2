"""Boundaries of the null hypotheses of claims 8 to 10; see ``nulls``."""

import numpy as np
from support.nulls import BAD, BOUNDED, GOOD, HALF, MIDDLE, RARE, C, S, null
from support.simulated import SEEDS, SETS, SHAPES, constant, draw, level, outcome, pair

GATES = [
    (task, layer, gate)
    for task, layers in (("adding", 1), ("agreement", 1), ("digits_rows", 1), ("characters", 2))
    for layer in range(layers)
    for gate in "ifo"
]


def saturated(clear, off, given):
    """Shares of claim 8: one gate as given, three tasks otherwise clear, the fourth ``off``."""

    def make(s):
        shares = {key: (off if key[0] == "characters" else clear)[s] for key in GATES}
        shares[GATES[0]] = given[s]
        return ({(0.1, 1): shares},)

    return make


@null("8", S, "one gate at .8", ("smooth",), ("solved or not", *RARE), HALF)
def _(rng, shape):
    return saturated(constant(0.95, seed=4), MIDDLE, level(rng, shape, 0.8))


@null("8", C, "one gate at .5", ("smooth", "solved or not"), RARE, HALF)
def _(rng, shape):
    return saturated(BAD, GOOD, level(rng, shape, 0.5, seems="less"))


TASKS = ("adding", "temporal_order", "xml", "characters")


def biased(*given):
    """Scores of claim 9: (GRU, LSTM_0, LSTM_x) of the first tasks; without a gap on the others."""

    def make(s):
        scores = {}
        for k, task in enumerate(TASKS):
            gru, zero, x = (a[s] for a in given[k]) if k < len(given) else (MIDDLE[s],) * 3
            for arm, scored in (("gru", gru), ("lstm_0", zero), ("lstm_o", x)):
                scores[task, arm] = outcome(scored)
        return (scores,)

    return make


@null("9o", S, "LSTM_o .03 under GRU on one of two tasks", BOUNDED, RARE, HALF)
def _(rng, shape):
    better, gru = pair(rng, shape, -0.03)
    return biased((gru, BAD, better), (GOOD, BAD, GOOD))


@null("9o", S, "neither a gap nor a gain on one of two tasks", BOUNDED[1:], RARE)
def _(rng, shape):
    one, other = SHAPES[shape]
    gru, better, zero = draw(rng, one(0.7), one(0.7), other(0.7))
    return biased((gru, zero, better), (GOOD, BAD, GOOD))


@null(
    "9o",
    C,
    "a gain of .05 on one of two tasks",
    ("smooth", "unlike"),
    ("solved or not", *RARE),
    HALF,
)
def _(rng, shape):
    better, zero = pair(rng, shape, 0.05, seems="less")
    return biased((np.ones((SETS, SEEDS)), zero, better), (GOOD, BAD, BAD))


def removed(*given):
    """Scores of claim 10: (nfg, nig, nog) of the first tasks; no order on the others."""

    def make(s):
        scores = {}
        for k, task in enumerate(TASKS):
            arms = [a[s] for a in given[k]] if k < len(given) else [MIDDLE[s]] * 3
            scores |= {(task, "lstm"): outcome(GOOD[s])}
            for arm, x in zip(("nfg", "nig", "nog"), arms, strict=True):
                scores[task, arm] = outcome(x)
        return (scores,)

    return make


IN_ORDER = (BAD, MIDDLE, GOOD)


@null("10", S, "forget = input on one of three tasks", BOUNDED[1:], RARE, HALF)
def _(rng, shape):
    nig, nfg = pair(rng, shape, 0.0)
    ahead = np.ones((SETS, SEEDS))
    return removed((nfg, nig, ahead), IN_ORDER, IN_ORDER)


@null("10", S, "input = output on one of three tasks", ("unlike",))
def _(rng, shape):
    nog, nig = pair(rng, shape, 0.0)
    return removed((np.zeros((SETS, SEEDS)), nig, nog), IN_ORDER, IN_ORDER)


@null("10", C, "all equal on three tasks, one reversed", ("smooth",))
def _(rng, shape):
    equal = [draw(rng, *[SHAPES[shape][0](0.7)] * 3) for _ in range(3)]
    return removed(IN_ORDER[::-1], *equal)


@null("10", C, "forget = input on one task, one reversed", ("unlike",), RARE, HALF)
def _(rng, shape):
    nig, nfg = pair(rng, shape, 0.0, seems="less")
    ahead = np.ones((SETS, SEEDS))
    return removed(IN_ORDER[::-1], (nfg, nig, ahead), IN_ORDER, IN_ORDER)
