"""Claims 8 to 10: how gates end up, how they should begin, and which matters most."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from seqjax.stats import intervals
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
    entered,
    tasks_of,
)
from seqjax.stats.decisions.judge import Judge, decided, said, verdict

REGISTERED = (0.1, 1)
ENOUGH_TASKS = 3

Shares = Mapping[tuple[str, int, str], np.ndarray]
"""(n,) shares of saturated gate values by (task, layer, gate)."""


@decided
def claim_8(judge: Judge, shares: Mapping[tuple[float, int], Shares]) -> list[Verdict]:
    """The share of gate values below a cut-off or above 1 minus it, on held-out valid steps.

    S: lower > .8 for every gate and layer on >= 3 tasks. P: lower > .5 for some gate on >= 3.
    C: upper < .5 for all gates and layers on >= 3. m is the number of gates, layers and tasks.

    Args:
      shares: by (cut-off, times the steps): (.1, 1) decides; the others give exploratory verdicts.
    """
    if REGISTERED not in shares:
        raise EvidenceError(f"evidence: nothing for {REGISTERED}; there is {sorted(shares)}")
    rest = [setting for setting in shares if setting != REGISTERED]
    return [_saturated(judge, setting, shares[setting]) for setting in (REGISTERED, *rest)]


def _saturated(judge: Judge, setting: tuple[float, int], shares: Shares) -> Verdict:
    cut, times = setting
    made = {
        (task, layer, gate): judge.mean(f"{task} {layer} {gate}", x, len(shares))
        for (task, layer, gate), x in shares.items()
    }
    by_task = {task: [c for key, c in made.items() if key[0] == task] for task in tasks_of(made)}
    nearly_all = [t for t, own in by_task.items() if all(above(c.lower, 0.8) for c in own)]
    mostly = [t for t, own in by_task.items() if any(above(c.lower, 0.5) for c in own)]
    few = [t for t, own in by_task.items() if all(below(c.upper, 0.5) for c in own)]
    own = verdict(
        "8",
        "In a trained LSTM nearly all gate values are very near 0 or 1.",
        list(made.values()),
        f"of {len(by_task)} tasks all gates are above .8 on {len(nearly_all)}, some above .5 on "
        f"{len(mostly)}, all under .5 on {len(few)}; shares {_range(by_task)}",
        supported=len(nearly_all) >= ENOUGH_TASKS,
        in_part=len(mostly) >= ENOUGH_TASKS,
        contradicted=len(few) >= ENOUGH_TASKS,
    )
    if setting == REGISTERED:
        return own
    return own.beside(f"beyond {cut:g}, {times} × the steps")


def _range(by_task: Mapping[str, list[Comparison]]) -> str:
    """The least and the largest mean on each task."""
    means = {task: [c.mean for c in own] for task, own in by_task.items()}
    return ", ".join(f"{min(own):.3f} to {max(own):.3f} on {task}" for task, own in means.items())


REGISTERED_BIASES = ("f", "i", "o", "f_drawn", "i_drawn", "o_drawn")


@decided
def claim_9(judge: Judge, scores: Evidence) -> list[Verdict]:
    """A bias of mean 1 for one gate of an LSTM, beside a GRU of equal parameters.

    A = GRU - LSTM₀, B = LSTM_x - GRU, C = LSTM_x - LSTM₀. On the tasks with A = YES, at least two,
    S: B non-inferior and C YES on all. P: C YES on all, B not. C: C NO on most. A verdict for each
    x, whose m is three comparisons a task.

    Args:
      scores: tuned, by (task, arm): "gru", "lstm_0" (zero biases), "lstm_f", "lstm_i", "lstm_o",
        and "lstm_f_drawn" and its like, drawn from N(1, .1²): those of them that there are. Other
        arms that begin with lstm_ give exploratory verdicts.
    """
    given = [arm.removeprefix("lstm_") for _, arm in scores if arm.startswith("lstm_")]
    variants = [x for x in dict.fromkeys(given) if x != "0"]
    if not variants:
        raise EvidenceError(f"evidence: no arm lstm_x; there is {sorted(map(str, scores))}")
    return [
        _bias(judge, scores, x)
        if x in REGISTERED_BIASES
        else dataclasses.replace(_bias(judge, scores, x), exploratory=True)
        for x in variants
    ]


def _named(x: str) -> str:
    """f is b_f = 1; f_drawn is b_f drawn about 1; f_-2 is b_f = -2."""
    gate, _, how = x.partition("_")
    return f"b_{gate} {'drawn about 1' if how == 'drawn' else f'= {how or 1}'}"


def _bias(judge: Judge, scores: Evidence, x: str) -> Verdict:
    tasks = tasks_of(scores)
    m = 3 * len(tasks)
    a = {task: judge.difference(scores, task, "gru", "lstm_0", m) for task in tasks}
    b = {task: judge.difference(scores, task, f"lstm_{x}", "gru", m) for task in tasks}
    c = {task: judge.difference(scores, task, f"lstm_{x}", "lstm_0", m) for task in tasks}
    gap = [task for task in tasks if YES in a[task].judgement]
    closing = [task for task in gap if YES in c[task].judgement]
    level = [task for task in gap if NON_INFERIOR in b[task].judgement]
    idle = [task for task in gap if NO in c[task].judgement]
    enough = len(gap) >= 2
    numbers = said(
        [comparison[task] for task in gap for comparison in (a, b, c)], most=3 * len(gap)
    )
    return verdict(
        f"9{x}",
        f"{_named(x)} makes an LSTM about as good as a GRU.",
        [*a.values(), *b.values(), *c.values()],
        f"GRU is ahead of the LSTM with zero biases on {', '.join(gap)}: {numbers}"
        if enough
        else f"no gap: GRU is ahead on {len(gap)} of {len(tasks)} tasks: {said(list(a.values()))}",
        supported=enough and closing == gap and level == gap,
        in_part=enough and closing == gap,
        contradicted=enough and 2 * len(idle) > len(gap),
    )


REMOVED = {"f": "nfg", "i": "nig", "o": "nog"}


@decided
def claim_10(judge: Judge, scores: Evidence) -> list[Verdict]:
    """Gates removed one at a time: d_f, d_i, d_o are what LSTM loses.

    S: d_f - d_i and d_i - d_o intervals > 0 on >= 3 tasks. P: d_f largest (both intervals > 0) on
    >= 3. C: an adjacent pair reversed (upper < 0) on >= 2. m is three contrasts a task. The share
    of joint resamples of the seeds with each order is printed.

    Args:
      scores: tuned, by (task, arm): "lstm", "nfg", "nig" and "nog".
    """
    tasks = tasks_of(scores)
    m = 3 * len(tasks)
    # d_f - d_i = (LSTM - NFG) - (LSTM - NIG): the score of LSTM drops out.
    f_i = [judge.difference(scores, task, "nig", "nfg", m) for task in tasks]
    i_o = [judge.difference(scores, task, "nog", "nig", m) for task in tasks]
    f_o = [judge.difference(scores, task, "nog", "nfg", m) for task in tasks]
    in_order = sum(above(x.lower, 0) and above(y.lower, 0) for x, y in zip(f_i, i_o, strict=True))
    forget = sum(above(x.lower, 0) and above(y.lower, 0) for x, y in zip(f_i, f_o, strict=True))
    reversed_ = sum(below(x.upper, 0) or below(y.upper, 0) for x, y in zip(f_i, i_o, strict=True))
    shares = ", ".join(f"{_orders(scores, task)} on {task}" for task in tasks)
    made = [*f_i, *i_o, *f_o]
    return [
        verdict(
            "10",
            "Gates matter in the order forget > input > output.",
            made,
            f"of {len(tasks)} tasks {in_order} in this order, forget largest on {forget}, an "
            f"adjacent pair reversed on {reversed_}; orders of joint resamples: {shares}",
            supported=in_order >= ENOUGH_TASKS,
            in_part=forget >= ENOUGH_TASKS,
            contradicted=reversed_ >= 2,
        )
    ]


def _orders(scores: Evidence, task: str) -> str:
    """Each order of the losses with its share, such as f>i>o 70%."""
    whole = entered(scores, task, "lstm")
    losses = {gate: whole - entered(scores, task, arm) for gate, arm in REMOVED.items()}
    shares = intervals.orders(losses)
    return " ".join(f"{order.replace(' ', '')} {share:.0%}" for order, share in shares.items())
