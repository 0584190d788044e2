"""The boundary of the null of each claim's rule, as data sets.

A rule says "supported" where every one of its conditions holds. Its null is that one of them does
not, so the boundary which is hardest for it has exactly one at its limit, and all others clearly
fulfilled (the least favourable point of an intersection of hypotheses). Where a rule says
"contradicted" if any of several things is seen, all of them stand at their limit. The limit of a
YES is a difference of 0, which its interval has to exclude; its .05, as the 30 points of claim 4
and the .5 of claim 7a, is what the estimate must reach besides and is not tested.

Several rules rest on an interval that takes differences to be symmetric about their mean, or on a
share that passes a threshold by its estimate alone. Where ten seeds mostly show none of the rare
runs that make a mean what it is, such rules are wrong more often than one time in twenty. These
shapes are named under ``exceeds``, and the excess is measured. The exact judge speaks of medians:
its limits stand where one half of the seeds lies just on one side and the other far on the other.

Each function takes a generator and a shape, and returns what makes the arguments of data set s.
"""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
from simulated import (
    SEEDS,
    SETS,
    SHAPES,
    constant,
    draw,
    failures,
    half,
    level,
    outcome,
    pair,
    rarely_perfect,
    smooth,
    solved_or_not,
)

from seqjax.decisions.theory import FAMILIES

GOOD, MIDDLE, BAD = constant(0.93), constant(0.5, seed=1), constant(0.07, seed=2)
RARE = ("rarely failed",)
HALF = ("half",)
KEPT = ("smooth", "solved or not", "unlike")
ALWAYS = np.broadcast_to(np.array([[False]] * 2 + [[True]] * 2), (SETS, 4, SEEDS))
NEVER = np.zeros_like(ALWAYS)


@dataclasses.dataclass(frozen=True)
class Null:
    """``says`` is the verdict that would be false; ``what`` stands at its limit."""

    claim: str
    says: str
    what: str
    shapes: tuple[str, ...]
    exceeds: tuple[str, ...]
    exact: tuple[str, ...]
    make: Callable

    @property
    def rule(self) -> str:
        return self.claim.rstrip("abcfio")


NULLS: list[Null] = []


def null(claim, says, what, shapes=(), exceeds=(), exact=()):
    """Of the registered rule under ``shapes`` and ``exceeds``, of the exact one under ``exact``."""

    def register(make):
        NULLS.append(Null(claim, says, what, shapes, exceeds, exact, make))
        return make

    return register


S, C = "supported", "contradicted"
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


@null("1", C, "both feed-forward nets at chance + .02", ("smooth",), exact=HALF)
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


@null("3", C, "a difference of .05 in one family", ("binomial",), exact=("binomial",))
def _(rng, shape):
    return windows(rng, (1.0, 0.95), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0))


PLACES = [
    (task, kind) for task in ("temporal_order", "digits_pixels") for kind in ("norm", "value")
]


def clipping(failed=None, scored=None, *, elsewhere=NEVER):
    """Evidence of claim 4: failures or scores of the first task and kind at a limit, others clear.

    Args:
      failed: (unclipped, clipped) failures there; elsewhere all unclipped runs fail.
      scored: (clipped, unclipped) scores there.
      elsewhere: failures of the clipped runs; None for those of the unclipped ones.
    """

    def make(s):
        scores, flags = {}, {}
        for task, kind in PLACES:
            first = task == PLACES[0][0]
            flags[task, "none"] = (failed[0] if failed and first else ALWAYS)[s]
            flags[task, kind] = flags[task, "none"] if elsewhere is None else elsewhere[s]
            scores[task, "none"] = outcome((scored[1] if scored and first else MIDDLE)[s])
            scores[task, kind] = outcome(GOOD[s])
        if failed:
            flags[PLACES[0]] = failed[1][s]
        if scored:
            scores[PLACES[0]] = outcome(scored[0][s])
        return scores, flags

    return make


@null("4", S, "failures not reduced in one place", ("half fail",), exact=HALF)
def _(rng, shape):
    return clipping(failures(rng, shape, 0.5, 0.5))


@null("4", S, "tuned score .03 less in one place", KEPT, RARE, HALF)
def _(rng, shape):
    return clipping(scored=pair(rng, shape, -0.03))


@null("4", C, "failures reduced by .10 in one place", ("most fail",), ("all fail",), HALF)
def _(rng, shape):
    often = 0.8 if shape == "most fail" else 1.0
    return clipping(failures(rng, shape, often, often - 0.1), elsewhere=None)


FLOORS = [(floor, level) for floor in "abc" for level in ("low", "high")]
SOLVED = [("recall_9", "elman 1"), ("recall_30", "elman 1")]
LOST = [("recall_9", "elman 0.5"), ("recall_30", "elman 0.5")]


def floors(takes=None, adds=None, ratio=None, harmless=False):
    """Evidence of claim 5: one floored pair or ratio as given, the rest clear.

    ``takes`` is (no floor, floor a low) at a solved place; ``adds`` is a list of (floor, no floor)
    scores of all floors at the lost places.
    """
    low_ratio = np.linspace(0.1, 0.2, SEEDS)

    def make(s):
        scores = {}
        for place in SOLVED:
            scores[(*place, "none", "")] = outcome(GOOD[s])
            for floor in FLOORS:
                scores[(*place, *floor)] = outcome(GOOD[s] if harmless else BAD[s])
        for place in LOST:
            scores[(*place, "none", "")] = outcome(BAD[s])
            for floor in FLOORS:
                scores[(*place, *floor)] = outcome(BAD[s])
        if takes:
            scores[(*SOLVED[0], "none", "")] = outcome(takes[0][s])
            scores[(*SOLVED[0], "a", "low")] = outcome(takes[1][s])
            for floor in FLOORS[1:]:
                scores[(*SOLVED[0], *floor)] = outcome(takes[0][s] if harmless else BAD[s])
        for k, scored in enumerate(adds or []):
            scores[(*LOST[k], "none", "")] = outcome(scored[0][s])
            for floor, x in zip(FLOORS, scored[1:], strict=False):
                scores[(*LOST[k], *floor)] = outcome(x[s])
        ratios = dict.fromkeys(SOLVED, low_ratio)
        if ratio is not None:
            ratios[SOLVED[0]] = ratio[s]
        return scores, ratios

    return make


def near_solved(rng):
    """(no floor, floored): no floor solves the task, and the median of what it loses is .05."""
    none = draw(rng, smooth(0.94))[0]
    return none, none - half(rng, 0.05, seems="less")


@null("5", S, "a floor that takes nothing", ("smooth",))
def _(rng, shape):
    return floors(takes=draw(rng, smooth(0.94), smooth(0.94)))


@null("5", S, "a floor that adds .2", ("smooth",), ("unlike",))
def _(rng, shape):
    floored = smooth if shape == "smooth" else solved_or_not  # one run in four is rescued
    return floors(adds=[draw(rng, smooth(0.1), floored(0.3))])


@null("5", S, "an x-ratio of .5", ("smooth",), RARE, HALF)
def _(rng, shape):
    return floors(ratio=level(rng, shape, 0.5, seems="less"))


@null("5", C, "twelve floors that add nothing", ("solved or not",))
def _(rng, shape):
    kind = SHAPES[shape][0]
    return floors(adds=[draw(rng, *[kind(0.3)] * 7) for _ in LOST])


@null("5", C, "one floor that takes .05", ("smooth",), RARE, HALF)
def _(rng, shape):
    if shape == "half":
        return floors(takes=near_solved(rng), harmless=True)
    rarely = np.repeat([0.0, 0.89 / 0.95], [10, 190])  # one run in twenty
    floored = smooth(0.89) if shape == "smooth" else rarely
    return floors(takes=draw(rng, smooth(0.94), floored), harmless=True)


def agreement(lstm, elman):
    return lambda s: ({("lstm", 7): lstm[s], ("elman", 7): elman[s]},)


@null("6a", S, "LSTM at .95", ("smooth",), ("skewed",), HALF)
def _(rng, shape):
    return agreement(accuracy(rng, shape, 0.95, "more"), MIDDLE)


@null("6a", C, "LSTM at .95", ("smooth",), ("skewed",), HALF)
def _(rng, shape):
    return agreement(accuracy(rng, shape, 0.95, "less"), MIDDLE)


@null("6b", S, "Elman at .75", ("smooth",), ("skewed",), HALF)
def _(rng, shape):
    return agreement(GOOD, accuracy(rng, shape, 0.75, "less"))


@null("6b", C, "Elman at .95", ("smooth",), ("skewed",), HALF)
def _(rng, shape):
    return agreement(GOOD, accuracy(rng, shape, 0.95, "more"))


def accuracy(rng, shape, mean, seems):
    """Accuracies of a choice of two. Skewed: all right or by chance; or mostly somewhat too low."""
    if shape in ("smooth", "half"):
        return level(rng, shape, mean, seems=seems)
    if seems == "less":
        return draw(rng, rarely_perfect(mean))[0]
    right = round(400 * (mean - 0.5))
    return draw(rng, np.repeat([0.5, 1.0], [200 - right, right]))[0]


RECALL, ADDING = "recall", "adding"
ARMS = ("lstm", "elman", "irnn", "lstm_ungated")


def remembering(task, **arms):
    """Scores of claim 7: arms of one task as given, elsewhere the LSTM clearly ahead."""

    def make(s):
        scores = {}
        for place in (RECALL, ADDING):
            for arm in ARMS:
                clear = GOOD if arm == "lstm" else BAD
                scores[place, arm] = outcome((arms.get(arm, clear) if place == task else clear)[s])
        return scores, QUIET

    return make


QUIET = {(t, a): np.zeros((4, SEEDS), bool) for t in (RECALL, ADDING) for a in ("lstm", "elman")}


@null("7a", S, "no difference on one task", ("solved or not", "unlike", *RARE), exact=HALF)
def _(rng, shape):
    lstm, elman = pair(rng, shape, 0.0)
    return remembering(RECALL, lstm=lstm, elman=elman)


def exploding(first, second):
    """Failures of claim 7b: (Elman, LSTM) on each task."""
    by_task = {RECALL: first, ADDING: second}

    def make(s):
        failed = {}
        for task, (elman, lstm) in by_task.items():
            failed |= {(task, "elman"): elman[s], (task, "lstm"): lstm[s]}
        return remembering(RECALL)(s)[0], failed

    return make


@null("7b", S, "failures not reduced on one task", ("half fail",), exact=HALF)
def _(rng, shape):
    return exploding(failures(rng, shape, 0.5, 0.5), (ALWAYS, NEVER))


@null("7b", C, "failures reduced by .10 on one task", ("most fail",), ("all fail",), HALF)
def _(rng, shape):
    often = 0.8 if shape == "most fail" else 1.0
    return exploding(failures(rng, shape, often, often - 0.1), (ALWAYS, ALWAYS))


@null("7c", S, "no difference from one ungated arm on one task", KEPT[1:], RARE, HALF)
def _(rng, shape):
    lstm, ungated = pair(rng, shape, 0.0)
    return remembering(RECALL, lstm=lstm, irnn=ungated)


@null("7c", C, "every ungated arm .03 less on one task", ("smooth",), (*KEPT[1:], *RARE), HALF)
def _(rng, shape):
    if shape == "half":
        lstm = draw(rng, smooth(0.5))[0]
        ungated = [lstm - half(rng, 0.03, seems="less") for _ in range(3)]
    else:
        one, other = SHAPES[shape]
        lstm, *ungated = draw(rng, other(0.7), *[one(0.67)] * 3)
    named = dict(zip(ARMS[1:], ungated, strict=True))
    at_limit = remembering(RECALL, lstm=lstm, **named)

    def make(s):
        scores, failed = at_limit(s)
        return {**scores, **{(ADDING, arm): outcome(GOOD[s]) for arm in ARMS}}, failed

    return make


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


@null("9o", S, "LSTM_o .03 under GRU on one of two tasks", KEPT, RARE, HALF)
def _(rng, shape):
    better, gru = pair(rng, shape, -0.03)
    return biased((gru, BAD, better), (GOOD, BAD, GOOD))


@null("9o", S, "neither a gap nor a gain on one of two tasks", KEPT[1:], RARE)
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


@null("10", S, "forget = input on one of three tasks", KEPT[1:], RARE, HALF)
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
