"""Claims 8 to 10: saturation of gates, initial biases of gates, and the most important gate."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from seqjax.stats import intervals
from seqjax.stats.decisions.analysis import Analysis, claim_rule, describe, make_verdict
from seqjax.stats.decisions.base import (
    NO,
    NON_INFERIOR,
    YES,
    Comparison,
    Evidence,
    EvidenceError,
    Verdict,
    above,
    below,
    lookup,
    scores_of,
    tasks_of,
)

REGISTERED = (0.1, 1)
ENOUGH_TASKS = 3

Shares = Mapping[tuple[str, int, str], np.ndarray]
"""(n,) shares of saturated gate values by (task, layer, gate)."""


@claim_rule
def claim_8(analysis: Analysis, shares: Mapping[tuple[float, int], Shares]) -> list[Verdict]:
    """Shares of gate values below a cut-off or above 1 minus it, on valid steps of held-out data.

    S: lower > .8 for every gate and layer on >= 3 tasks. P: lower > .5 for some gate on >= 3 tasks.
    C: upper < .5 for all gates and layers on >= 3 tasks. m counts all gates, layers and tasks.

    Args:
      shares: by (cut-off, multiple of the training steps); (.1, 1) decides, and all other keys give
        exploratory verdicts.

    Raises:
      EvidenceError: no shares at (.1, 1).
    """
    lookup(shares, *REGISTERED)
    rest = [setting for setting in shares if setting != REGISTERED]
    return [_saturated(analysis, setting, shares[setting]) for setting in (REGISTERED, *rest)]


def _saturated(analysis: Analysis, setting: tuple[float, int], shares: Shares) -> Verdict:
    cut, times = setting
    levels = {
        (task, layer, gate): analysis.mean(f"{task} {layer} {gate}", x, len(shares))
        for (task, layer, gate), x in shares.items()
    }
    by_task = {
        task: [level for key, level in levels.items() if key[0] == task]
        for task in tasks_of(levels)
    }
    nearly_all = [task for task, cs in by_task.items() if all(above(c.lower, 0.8) for c in cs)]
    mostly = [task for task, cs in by_task.items() if any(above(c.lower, 0.5) for c in cs)]
    few = [task for task, cs in by_task.items() if all(below(c.upper, 0.5) for c in cs)]
    verdict = make_verdict(
        "8",
        "In a trained LSTM nearly all gate values are very near 0 or 1.",
        list(levels.values()),
        f"of {len(by_task)} tasks all gates are above .8 on {len(nearly_all)}, some above .5 on "
        f"{len(mostly)}, all under .5 on {len(few)}; shares {_range(by_task)}",
        supported=len(nearly_all) >= ENOUGH_TASKS,
        in_part=len(mostly) >= ENOUGH_TASKS,
        contradicted=len(few) >= ENOUGH_TASKS,
    )
    if setting == REGISTERED:
        return verdict
    return verdict.as_exploratory(f"beyond {cut:g}, {times} × the steps")


def _range(by_task: Mapping[str, list[Comparison]]) -> str:
    """Smallest and largest mean on each task."""
    means = {task: [c.mean for c in levels] for task, levels in by_task.items()}
    return ", ".join(f"{min(x):.3f} to {max(x):.3f} on {task}" for task, x in means.items())


REGISTERED_BIASES = ("f", "i", "o", "f_drawn", "i_drawn", "o_drawn")


@claim_rule
def claim_9(analysis: Analysis, scores: Evidence) -> list[Verdict]:
    """LSTM with a bias of mean 1 for one gate, compared with a GRU of equal parameters.

        a = GRU - LSTM₀        b = LSTM_x - GRU        c = LSTM_x - LSTM₀

    Tasks with a = YES decide; there must be at least two. S: on all of them b is non-inferior and c
    is YES. P: c is YES on all of them. C: c is NO on most of them. Each x has a verdict with three
    comparisons a task.

    Args:
      scores: tuned, by (task, arm): "gru", "lstm_0" (zero biases), "lstm_f", "lstm_i", "lstm_o",
        and "lstm_f_drawn", …, drawn from N(1, .1²); biased arms may be missing. Other arms that
        begin with lstm_ give exploratory verdicts.

    Raises:
      EvidenceError: no arm with a bias, or an arm is missing on a task.
    """
    given = [arm.removeprefix("lstm_") for _, arm in scores if arm.startswith("lstm_")]
    variants = [x for x in dict.fromkeys(given) if x != "0"]
    if not variants:
        raise EvidenceError(f"evidence: expected an arm lstm_x, got {sorted(map(str, scores))}")
    return [
        _bias(analysis, scores, x)
        if x in REGISTERED_BIASES
        else dataclasses.replace(_bias(analysis, scores, x), exploratory=True)
        for x in variants
    ]


def _bias_name(x: str) -> str:
    """Description of a bias: f is b_f = 1, f_drawn is b_f drawn about 1, f_-2 is b_f = -2."""
    gate, _, how = x.partition("_")
    return f"b_{gate} {'drawn about 1' if how == 'drawn' else f'= {how or 1}'}"


def _bias(analysis: Analysis, scores: Evidence, x: str) -> Verdict:
    tasks = tasks_of(scores)
    m = 3 * len(tasks)
    a = {task: analysis.difference(scores, task, "gru", "lstm_0", m) for task in tasks}
    b = {task: analysis.difference(scores, task, f"lstm_{x}", "gru", m) for task in tasks}
    c = {task: analysis.difference(scores, task, f"lstm_{x}", "lstm_0", m) for task in tasks}
    gap = [task for task in tasks if YES in a[task].conclusions]
    closing = [task for task in gap if YES in c[task].conclusions]
    level = [task for task in gap if NON_INFERIOR in b[task].conclusions]
    unchanged = [task for task in gap if NO in c[task].conclusions]
    enough = len(gap) >= 2
    if enough:
        used = [comparison[task] for task in gap for comparison in (a, b, c)]
        reason = f"GRU is ahead of the LSTM with zero biases on {', '.join(gap)}: " + describe(
            used, most=len(used)
        )
    else:
        reason = f"no gap: GRU is ahead on {len(gap)} of {len(tasks)} tasks: " + describe(
            list(a.values())
        )
    return make_verdict(
        f"9{x}",
        f"{_bias_name(x)} makes an LSTM about as good as a GRU.",
        [*a.values(), *b.values(), *c.values()],
        reason,
        supported=enough and closing == gap and level == gap,
        in_part=enough and closing == gap,
        contradicted=enough and 2 * len(unchanged) > len(gap),
    )


REMOVED = {"f": "nfg", "i": "nig", "o": "nog"}


@claim_rule
def claim_10(analysis: Analysis, scores: Evidence) -> list[Verdict]:
    """Gates removed one at a time: d_f, d_i, d_o are the scores that the LSTM loses.

    S: lower > 0 for d_f - d_i and for d_i - d_o on >= 3 tasks. P: lower > 0 for d_f - d_i and for
    d_f - d_o on >= 3 tasks. C: upper < 0 for d_f - d_i or for d_i - d_o on >= 2 tasks. m is three
    contrasts a task. The reason lists the bootstrap share of each order.

    Args:
      scores: tuned, by (task, arm): "lstm", "nfg", "nig" and "nog".
    """
    tasks = tasks_of(scores)
    m = 3 * len(tasks)
    # d_f - d_i = (LSTM - NFG) - (LSTM - NIG) = NIG - NFG
    f_i = [analysis.difference(scores, task, "nig", "nfg", m) for task in tasks]
    i_o = [analysis.difference(scores, task, "nog", "nig", m) for task in tasks]
    f_o = [analysis.difference(scores, task, "nog", "nfg", m) for task in tasks]
    in_order = sum(above(x.lower, 0) and above(y.lower, 0) for x, y in zip(f_i, i_o, strict=True))
    forget = sum(above(x.lower, 0) and above(y.lower, 0) for x, y in zip(f_i, f_o, strict=True))
    reversed_ = sum(below(x.upper, 0) or below(y.upper, 0) for x, y in zip(f_i, i_o, strict=True))
    shares = ", ".join(f"{_orders(scores, task)} on {task}" for task in tasks)
    return [
        make_verdict(
            "10",
            "Gates matter in the order forget > input > output.",
            [*f_i, *i_o, *f_o],
            f"of {len(tasks)} tasks {in_order} in this order, forget largest on {forget}, an "
            f"adjacent pair reversed on {reversed_}; orders of joint resamples: {shares}",
            supported=in_order >= ENOUGH_TASKS,
            in_part=forget >= ENOUGH_TASKS,
            contradicted=reversed_ >= 2,
        )
    ]


def _orders(scores: Evidence, task: str) -> str:
    """Bootstrap share of each order of the losses, such as f>i>o 70%."""
    lstm = scores_of(scores, task, "lstm")
    losses = {gate: lstm - scores_of(scores, task, arm) for gate, arm in REMOVED.items()}
    shares = intervals.orders(losses)
    return " ".join(f"{order.replace(' ', '')} {share:.0%}" for order, share in shares.items())
