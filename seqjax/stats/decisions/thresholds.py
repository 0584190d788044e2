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

    The reduction of the failure rate is measured at rates where at least half of the unclipped runs
    fail. A kind is good on a task if the reduction is >= 30 points with lower > 0, and the tuned
    score is non-inferior. S: both kinds are good on both tasks. P: both kinds on one task, or one
    kind on both tasks. C: upper < 10 points for both kinds on both tasks. A task without such rates
    decides nothing.

    Args:
      scores: tuned, by (task, arm) with the arms "none", "norm" and "value".
      failures: (rates, n) bools by (task, arm), True for failed runs.

    Raises:
      EvidenceError: an arm is missing.
    """
    tasks = tasks_of(scores)
    m = 2 * len(tasks) * len(KINDS)
    reductions, differences, good = {}, {}, {}
    for pair in ((task, kind) for task in tasks for kind in KINDS):
        task, kind = pair
        plain, clipped = lookup(failures, task, "none"), lookup(failures, task, kind)
        name = f"failures avoided by {kind} on {task}"
        reductions[pair] = analysis.reduction(name, plain, clipped, m)
        differences[pair] = analysis.difference(scores, task, kind, "none", m)
        good[pair] = analysis.reduces_failures(reductions[pair]) and (
            NON_INFERIOR in differences[pair].conclusions
        )
    rows = any(all(good[task, kind] for kind in KINDS) for task in tasks)
    columns = any(all(good[task, kind] for task in tasks) for kind in KINDS)
    calm = [task for task in tasks if reductions[task, KINDS[0]] is None]
    remark = f"; no rate fails half the time on {', '.join(calm)}" if calm else ""
    return [
        make_verdict(
            "4",
            "Exploding gradients are handled by clipping what exceeds a threshold.",
            [*reductions.values(), *differences.values()],
            describe(list(reductions.values())) + remark,
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
    """Gradient floors in several settings, each a task (recall at a lag) and a model (with a gain).

    The score without a floor decides what counts: a setting is solved at >= .9, lost at < .5.

      1. In solved settings every level of floors a and b lowers the score: YES, by >= .2.
      2. In lost settings no floor raises the score by .2: upper < .2.
      3. In solved settings the upper limit of the x-ratio is < .5.

    S: all three, each with at least one setting. P: at least one. C: in solved settings floors a
    and b change nothing (NO at every level), or a floor raises a lost score (YES, by >= .2).

    Args:
      scores: tuned, by (task, model, floor, level), of the Elman networks. The floor is "none",
        "a", "b" or "c"; every setting needs ("none", ""). Four settings with three floors at two
        levels give m = 24 at most. With ten seeds and m > 25 there is no interval, so the floors of
        an LSTM are listed but decide nothing.
      ratios: (n,) largest ‖∂L/∂x_t‖ of t2…t8 over ‖∂L/∂x_t‖ of t1, without a floor, by (task,
        model).

    Raises:
      EvidenceError: a setting without the arm "none", or a solved setting without ratios.
    """
    settings = list(dict.fromkeys(key[:2] for key in scores))
    floored = {key: scores_of(scores, *key) for key in scores}
    base = {setting: lookup(floored, *setting, "none", "") for setting in settings}
    solved = [setting for setting in settings if at_least(base[setting].mean(), 0.9)]
    lost = [setting for setting in settings if below(base[setting].mean(), 0.5)]
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
        analysis.mean(f"x-ratio, {' '.join(setting)}", lookup(ratios, *setting), m)
        for setting in solved
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
    """Largest effect in one kind of setting."""
    if not effects:
        return f"{where}: nowhere"
    largest = max(effects, key=lambda effect: effect.mean)
    return f"{where}, the largest of {len(effects)} effects is {describe([largest])}"


def _floor_name(key: tuple[str, str, str, str]) -> str:
    task, model, floor, level = key
    return f"floor {floor} {level}, {task} {model}"
