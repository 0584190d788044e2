"""Boundaries of the null hypotheses of claims 6 and 7; see ``nulls``."""

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
    rarely_perfect,
    smooth,
)


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


@null("7a", S, "no difference on one task", ("solved or not", "unlike", *RARE), medians=HALF)
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


@null("7b", S, "failures not reduced on one task", ("half fail",), medians=HALF)
def _(rng, shape):
    return exploding(failures(rng, shape, 0.5, 0.5), (ALWAYS, NEVER))


@null("7b", C, "failures reduced by .10 on one task", ("most fail",), ("all fail",), HALF)
def _(rng, shape):
    often = 0.8 if shape == "most fail" else 1.0
    return exploding(failures(rng, shape, often, often - 0.1), (ALWAYS, ALWAYS))


@null("7c", S, "no difference from one ungated arm on one task", BOUNDED[1:], RARE, HALF)
def _(rng, shape):
    lstm, ungated = pair(rng, shape, 0.0)
    return remembering(RECALL, lstm=lstm, irnn=ungated)


@null("7c", C, "every ungated arm .03 less on one task", ("smooth",), (*BOUNDED[1:], *RARE), HALF)
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
