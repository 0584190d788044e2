"""Claims 4 and 5: gradient clipping, and floors under small gradients."""

from collections.abc import Mapping

import numpy as np

from seqjax.stats.decisions.analysis import Analysis, claim_rule, describe, make_verdict
from seqjax.stats.decisions.base import (
    NO,
    NON_INFERIOR,
    YES,
    Comparison,
    Evidence,
    SeedScores,
    Verdict,
    at_least,
    below,
    lookup,
    scores_of,
    tasks_of,
)

KINDS = ("norm", "value")


@claim_rule
def claim_4(
    analysis: Analysis, scores: Evidence, failures: Mapping[tuple[str, str], np.ndarray]
) -> list[Verdict]:
    """Clipping by norm and by value at tuned thresholds, compared with none, on two tasks.

    The reduction of the failure rate is taken at the rates where the unclipped arm fails half the
    time. S: reduction >= 30 points with lower > 0 on both tasks and the tuned score non-inferior,
    for both kinds. P: both kinds on one task, or one kind on both. C: upper of the reduction < 10
    points on both tasks for both kinds. A task where nothing fails half the time decides nothing.

    Args:
      scores: tuned, by (task, arm) with the arms "none", "norm" and "value".
      failures: by (task, arm) the (rates, n) bools of which runs failed.

    Raises:
      EvidenceError: an arm is missing.
    """
    tasks = tasks_of(scores)
    m = 2 * len(tasks) * len(KINDS)
    reductions, differences, good = {}, {}, {}
    for place in ((task, kind) for task in tasks for kind in KINDS):
        task, kind = place
        plain, clipped = lookup(failures, task, "none"), lookup(failures, task, kind)
        name = f"failures avoided by {kind} on {task}"
        reductions[place] = analysis.reduction(name, plain, clipped, m)
        differences[place] = analysis.difference(scores, task, kind, "none", m)
        good[place] = analysis.reduces_failures(reductions[place]) and (
            NON_INFERIOR in differences[place].conclusions
        )
    rows = any(all(good[task, kind] for kind in KINDS) for task in tasks)
    columns = any(all(good[task, kind] for task in tasks) for kind in KINDS)
    calm = [task for task in tasks if reductions[task, KINDS[0]] is None]
    nothing = f"; no rate fails half the time on {', '.join(calm)}" if calm else ""
    return [
        make_verdict(
            "4",
            "Exploding gradients are handled by clipping what exceeds a threshold.",
            [*reductions.values(), *differences.values()],
            describe(list(reductions.values())) + nothing,
            supported=all(good.values()) and len(tasks) > 1,
            in_part=rows or columns,
            contradicted=len(tasks) > 1
            and all(map(analysis.hardly_reduces_failures, reductions.values())),
        )
    ]


LOWERING = ("a", "b")
"""Floors on the back-propagated gradient, and on each step's contribution to the gradient."""


@claim_rule
def claim_5(
    analysis: Analysis,
    scores: Mapping[tuple[str, str, str, str], SeedScores],
    ratios: Mapping[tuple[str, str], np.ndarray],
) -> list[Verdict]:
    """Gradient floors at several places: a task (recall at a lag) and a model (with a gain).

    Three parts. Where no floor scores >= .9 every level of floors a and b lowers it: YES, by >= .2.
    Where no floor scores < .5 no floor adds .2: upper < .2. The x-ratio's upper < .5 where no floor
    scores >= .9. S: all three, each somewhere. P: at least one. C: no floor lowers (NO for a and b
    at every level) or one rescues (YES, by >= .2).

    Args:
      scores: tuned, by (task, model, floor, level), of the Elman networks. The floor is "none",
        "a", "b" or "c"; every place needs ("none", ""). Four places of three floors at two levels
        give m = 24 at most. Ten seeds have no interval where m exceeds 25, so floors of an LSTM
        are printed without deciding.
      ratios: by (task, model) the (n,) largest ‖∂L/∂x_t‖ of t2…t8 over that of t1, without floor.

    Raises:
      EvidenceError: a place without the arm "none", or a solved place without ratios.
    """
    places = list(dict.fromkeys(key[:2] for key in scores))
    floored = {key: scores_of(scores, *key) for key in scores}
    base = {place: lookup(floored, *place, "none", "") for place in places}
    solved = [place for place in places if at_least(base[place].mean(), 0.9)]
    lost = [place for place in places if below(base[place].mean(), 0.5)]
    lowered = [key for key in scores if key[:2] in solved and key[2] in LOWERING]
    raised = [key for key in scores if key[:2] in lost and key[2] != "none"]
    m = max(1, len(lowered) + len(raised) + len(solved))
    takes = [
        analysis.paired(f"taken by {_floor_name(key)}", base[key[:2]], floored[key], m)
        for key in lowered
    ]
    adds = [
        analysis.paired(f"added by {_floor_name(key)}", floored[key], base[key[:2]], m)
        for key in raised
    ]
    x_ratios = [
        analysis.mean(f"x-ratio, {' '.join(place)}", lookup(ratios, *place), m) for place in solved
    ]
    size = analysis.margins.floor_effect
    destroyed = bool(takes) and all(YES in c.conclusions and at_least(c.mean, size) for c in takes)
    hopeless = bool(adds) and all(below(c.upper, size) for c in adds)
    small = bool(x_ratios) and all(below(c.upper, 0.5) for c in x_ratios)
    harmless = bool(takes) and all(NO in c.conclusions for c in takes)
    rescued = any(YES in c.conclusions and at_least(c.mean, size) for c in adds)
    conditions = {
        "the floors that should destroy do": destroyed,
        "no floor rescues": hopeless,
        "the x-ratio is small": small,
        "the floors that should destroy change nothing": harmless,
        "a floor rescues": rescued,
    }
    holding = [condition for condition, holds in conditions.items() if holds]
    return [
        make_verdict(
            "5",
            "Vanishing gradients cannot be handled by a threshold from below: raising small "
            "gradients destroys long-term memory.",
            [*takes, *adds, *x_ratios],
            f"{', '.join(holding) or 'no condition holds'}: "
            f"{_largest('where the task is solved without a floor', takes)}; "
            f"{_largest('where it is not', adds)}; "
            f"{describe(x_ratios) or 'no x-ratio, as no place is solved'}",
            supported=destroyed and hopeless and small,
            in_part=destroyed or hopeless or small,
            contradicted=harmless or rescued,
        )
    ]


def _largest(where: str, effects: list[Comparison]) -> str:
    """Largest effect in one kind of place."""
    if not effects:
        return f"{where}: nowhere"
    largest = max(effects, key=lambda effect: effect.mean)
    return f"{where}, the largest of {len(effects)} effects is {describe([largest])}"


def _floor_name(key: tuple[str, str, str, str]) -> str:
    task, model, floor, level = key
    return f"floor {floor} {level}, {task} {model}"
