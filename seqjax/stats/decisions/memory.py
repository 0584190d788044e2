"""Claims 6 and 7: memory of an LSTM compared with networks without gates."""

from collections.abc import Mapping

import numpy as np

from seqjax.stats.decisions.analysis import Analysis, claim_rule, describe, make_verdict
from seqjax.stats.decisions.base import YES, Evidence, Verdict, at_least, below, lookup

TUTORIAL_DISTANCE = 7
GAP = 0.1


@claim_rule
def claim_6(analysis: Analysis, accuracies: Mapping[tuple[str, int], np.ndarray]) -> list[Verdict]:
    """Agreement over a distance of 7 with an opposite attractor, at equal parameters.

    6a, LSTM: S: lower >= .95. C: upper < .95. 6b, Elman network: S: upper < .75. C: lower >= .95.
    Each has m = 1. The reason names the smallest distance with LSTM - Elman >= .1.

    Args:
      accuracies: (n,) by (arm, distance), failed runs at chance. The arms "lstm" and "elman" at
        distance 7 decide; other arms and distances are listed.

    Raises:
      EvidenceError: "lstm" or "elman" is missing at 7.
    """
    levels = {
        (arm, k): analysis.mean(f"{arm} at {k}", x, m=1)
        for (arm, k), x in sorted(accuracies.items())
    }
    lstm, elman = (lookup(levels, arm, TUTORIAL_DISTANCE) for arm in ("lstm", "elman"))
    gaps = [
        k
        for arm, k in levels
        if arm == "lstm"
        and ("elman", k) in levels
        and at_least(levels["lstm", k].mean - levels["elman", k].mean, GAP)
    ]
    least = f"the least distance with a gap of {GAP:g} is {min(gaps)}" if gaps else "no gap of .1"
    additional = [level for level in levels.values() if level is not lstm and level is not elman]
    return [
        make_verdict(
            "6a",
            "An LSTM can choose singular or plural at t9 from t1.",
            [lstm],
            describe([lstm]),
            additional=additional,
            supported=at_least(lstm.lower, 0.95),
            contradicted=below(lstm.upper, 0.95),
        ),
        make_verdict(
            "6b",
            "A plain RNN cannot choose singular or plural at t9 from t1.",
            [elman],
            f"{describe([elman])}; {least}",
            additional=additional,
            supported=below(elman.upper, 0.75),
            contradicted=at_least(elman.lower, 0.95),
        ),
    ]


TASKS = ("recall", "adding")
UNGATED = ("elman", "irnn", "lstm_ungated")
GATED = ("janet", "gru")


@claim_rule
def claim_7(
    analysis: Analysis, scores: Evidence, failures: Mapping[tuple[str, str], np.ndarray]
) -> list[Verdict]:
    """Recall and adding at T=50.

    7a, LSTM - Elman: S: YES on both tasks, each mean >= .5. m = 2.
    7b, failures avoided at rates where at least half of the Elman runs fail: S: 30 points with
    lower > 0 on both tasks. C: upper < 10 points on both. m = 2.
    7c, LSTM - ungated arm: S: YES for every ungated arm on both tasks, and no arm non-inferior to
    the LSTM. C: an ungated arm is non-inferior to the LSTM on both tasks. m = 6.

    Args:
      scores: tuned, by (task, arm); JANET and GRU are optional and decide nothing.
      failures: (rates, n) bools by (task, arm), True for failed unclipped runs, of the arms "lstm"
        and "elman".

    Raises:
      EvidenceError: an arm is missing.
    """
    return [
        _solves_memory(analysis, scores),
        _removes_explosion(analysis, failures),
        _owes_it_to_gates(analysis, scores),
    ]


def _solves_memory(analysis: Analysis, scores: Evidence) -> Verdict:
    gains = [analysis.difference(scores, task, "lstm", "elman", m=len(TASKS)) for task in TASKS]
    return make_verdict(
        "7a",
        "The LSTM solves long-term dependency.",
        gains,
        describe(gains),
        supported=all(YES in c.conclusions and at_least(c.mean, 0.5) for c in gains),
    )


def _removes_explosion(
    analysis: Analysis, failures: Mapping[tuple[str, str], np.ndarray]
) -> Verdict:
    reductions = [
        analysis.reduction(
            f"failures avoided on {task}",
            lookup(failures, task, "elman"),
            lookup(failures, task, "lstm"),
            m=len(TASKS),
        )
        for task in TASKS
    ]
    calm = [task for task, c in zip(TASKS, reductions, strict=True) if c is None]
    remark = f"Elman fails half the time at no rate on {', '.join(calm)}"
    return make_verdict(
        "7b",
        "The LSTM removes exploding gradients.",
        reductions,
        "; ".join(filter(None, [describe(reductions), remark if calm else ""])),
        supported=all(map(analysis.reduces_failures, reductions)),
        contradicted=all(map(analysis.hardly_reduces_failures, reductions)),
    )


def _owes_it_to_gates(analysis: Analysis, scores: Evidence) -> Verdict:
    m = len(TASKS) * len(UNGATED)
    over = {
        (arm, task): analysis.difference(scores, task, "lstm", arm, m)
        for arm in UNGATED
        for task in TASKS
    }
    additional = [
        analysis.difference(scores, task, "lstm", arm, m)
        for arm in GATED
        for task in TASKS
        if (task, arm) in scores
    ]
    # The arm's lower limit over the LSTM is minus the LSTM's upper limit over the arm.
    margin = analysis.margins.non_inferior
    as_good = [arm for arm in UNGATED if all(below(over[arm, t].upper, margin) for t in TASKS)]
    needless = f"; non-inferior without gates: {', '.join(as_good)}" if as_good else ""
    return make_verdict(
        "7c",
        "It is because of its gates that the LSTM solves long-term dependency.",
        list(over.values()),
        describe(list(over.values())) + needless,
        additional=additional,
        supported=not as_good and all(YES in c.conclusions for c in over.values()),
        contradicted=bool(as_good),
    )
