"""Evidence just below and just above the limits of each rule, without spread over seeds."""

import numpy as np
from support.clear_evidence import (
    N,
    agreement,
    arm,
    biased,
    clipping,
    digits,
    floors,
    gradients,
    poems,
    recall,
    remembering,
    removed,
    saturation,
    use,
    windows,
)
from support.nulls_gates import TASKS
from support.nulls_theory import CELLS, CHANCE

from seqjax.stats.decisions import SeedScores

EITHER_SIDE = (-0.005, 0.005)


def flat(evidence):
    """The evidence with the mean of each array of numbers in place of every number."""
    if isinstance(evidence, dict):
        return {key: flat(value) for key, value in evidence.items()}
    if isinstance(evidence, SeedScores):
        return SeedScores(*map(flat, evidence))
    if isinstance(evidence, tuple):
        return tuple(map(flat, evidence))
    if isinstance(evidence, np.ndarray) and evidence.dtype == np.float64:
        return np.full(evidence.shape, np.round(evidence.mean(), 9))
    return evidence


def failing(share, baseline=1.0):
    """(10, N) bools of baseline runs and of others: shares of seeds, and of rates."""
    others = np.broadcast_to(np.arange(10)[:, None] < round(10 * share), (10, N))
    return np.broadcast_to(np.arange(N) < round(N * baseline), (10, N)), others


def reduced(share, baseline=1.0):
    """Evidence of claims 4 and 7 with this share of failures left."""
    plain, other = failing(share, baseline)
    clipped, _ = clipping()
    failed = {(task, kind): other for task, kind in clipped}
    failed |= {(task, "none"): plain for task, _ in clipped}
    memory, _ = remembering()
    lstm = {(task, "lstm"): other for task in ("recall", "adding")}
    return (clipped, failed), (memory, lstm | {(task, "elman"): plain for task, _ in lstm})


def closed_on(count):
    """Evidence of claim 9 in which the bias closes the gap on this many of four tasks."""
    (scores,) = biased()
    for k, task in enumerate(TASKS):
        scores[task, "lstm_o"] = arm(0.8 if k < count else 0.4)
    return (scores,)


def near_limits():
    """Cases as (number of the rule, arguments), by name."""
    cases = {}

    def add(rule, limit, *made):
        for k, evidence in enumerate(made):
            cases[f"{rule} {limit}, {('below', 'above')[k % 2]} {k // 2}"] = rule, flat(evidence)

    def around(limit):
        return [limit + step for step in EITHER_SIDE]

    add("1", "accuracy of Elman", *(recall(logistic=x) for x in around(0.9)))
    for margin in (0.01, 0.02):
        add("1", f"chance + {margin}", *(recall(ff=CHANCE + margin + s / 5) for s in EITHER_SIDE))
    add("2", "slope", *(gradients(slope=s * x) for s in (-1, 1) for x in around(0.02)))
    steep = [k / len(CELLS) for k in (19, 20, 11, 12)]
    add("2", "share of slopes", *(gradients(share=x, probe=p) for p in (0.02, 0.7) for x in steep))
    add("2", "probe", *(gradients(probe=x, share=0.25) for y in (0.1, 0.5) for x in around(y)))
    good = (1.0, 0.3)
    for k, pair in enumerate([(0.945, 0.3), (0.95, 0.3), (1.0, 0.5), (1.0, 0.505)]):
        add("3", f"shares {k}", windows(pair, good, good, good))
    for k in range(12):
        add("3", f"difference {k}", windows((0.9, 0.9 - k / 50), *[(1.0, 1.0)] * 3))
        add("3", f"no difference {k}", windows(*[(1.0, 1.0 - k / 200)] * 4))
    for left in (0.6, 0.7, 0.8, 0.9, 1.0):
        for baseline in (0.4, 0.5, 1.0):
            by_claim = reduced(left, baseline)
            for rule, evidence in zip(("4", "7"), by_claim, strict=True):
                add(rule, f"failures {left}, baseline {baseline}", evidence)
    add("4", "score", *(clipping(scored=x) for y in (0.67, 0.75) for x in around(y)))
    add("5", "taken", *(floors(solved=x) for y in (0.75, 0.9) for x in around(y)))
    add("5", "added", *(floors(lost=x) for x in around(0.3)))
    add("5", "solved", *(floors(base=x) for x in around(0.9)))
    add("5", "ratio", *(floors(ratio=x) for x in around(0.5)))
    add("6", "LSTM", *(agreement(lstm=x) for x in around(0.95)))
    add("6", "Elman", *(agreement(elman=x) for y in (0.75, 0.95) for x in around(y)))
    add("7", "Elman", *(remembering(elman=x) for y in (0.4, 0.85, 0.87) for x in around(y)))
    add("7", "ungated", *(remembering(ungated=x) for y in (0.85, 0.87) for x in around(y)))
    add("8", "all gates", *(saturation(x, x, x, 0.1) for y in (0.5, 0.8) for x in around(y)))
    add("8", "one gate", *(saturation(*[0.4] * 3, 0.1, spare=x) for x in around(0.5)))
    add("8", "tasks", *(saturation(*[0.9] * k, *[0.1] * (4 - k)) for k in (1, 2, 3, 4)))
    add("9", "gap", *(biased(zero=x) for x in around(0.75)))
    add("9", "bias", *(biased(x=x) for y in (0.77, 0.45) for x in around(y)))
    add("9", "tasks", *(biased(gaps=k) for k in (1, 2, 3)), *(closed_on(k) for k in (1, 2, 3)))
    in_order, level = (0.1, 0.4, 0.8), (0.5, 0.5, 0.5)
    for k in range(5):
        for name, triple in (("reversed", (0.4, 0.1, 0.8)), ("level", level)):
            add(
                "10",
                f"{k} in order, the others {name}",
                removed(*[in_order] * k, *[triple] * (4 - k)),
            )
    add("11", "gain", *(digits(elman=x, lstm=y) for y in (0.5, 0.0) for x in around(0.05)))
    add("12", "gain", *(poems(trigram=x) for x in around(0.05)))
    add("12", "form", *(poems(formed=x) for y in (0.5, 0.9) for x in around(y)))
    add("13", "gain", *(use(x, y) for y in (0.5, 0.0) for x in around(0.05)))
    return cases
