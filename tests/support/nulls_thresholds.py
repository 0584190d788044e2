"""Boundaries of the null hypotheses of claims 4 and 5; see ``nulls``."""

import numpy as np
from support.nulls import ALWAYS, BAD, BOUNDED, GOOD, HALF, MIDDLE, NEVER, RARE, C, S, null
from support.simulated import (
    SEEDS,
    SHAPES,
    draw,
    failures,
    half,
    level,
    outcome,
    pair,
    smooth,
    solved_or_not,
)

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


@null("4", S, "failures not reduced in one place", ("half fail",), medians=HALF)
def _(rng, shape):
    return clipping(failures(rng, shape, 0.5, 0.5))


@null("4", S, "tuned score .03 less in one place", BOUNDED, RARE, HALF)
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
