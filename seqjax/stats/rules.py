"""Failures, scores and selection of runs, and the version of all rules.

The version covers this module, ``intervals`` and ``decisions``, and is in every record. Raise it,
with a line in ``CHANGES``, whenever the same inputs can give another failure, score, selection or
verdict: tests/stats/test_golden_decisions.py then fails. Wording does not count.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

VERSION = 2
CHANGES = {
    1: "failed runs, scores and the verdicts of claims 1 to 13f as first registered",
    2: "a run that reports its best validation step is not collapsed; the score of a data set is "
    "relative to its lowest published loss (tasks.lowest), which the record has as best_loss",
}
"""Change of each version."""

EQUIVALENT = (1,)
"""Earlier versions whose records have the same failures, scores and verdicts under ``VERSION``: no
record of version 1 reports its best validation step, and scores use the record's own best_loss."""

HASHES = {"b92c74ae9ff141de": 1, "c717e17a958068f9": 1, "51db7adab0ca2ba5": 1}
"""Versions of old records, which hold a hash of the rules' source instead."""

CONFIDENCE = 0.95
"""Level of every interval over seeds (Student's t)."""

ABOVE_CHANCE = 1.1
"""A run failed if its mean loss over the last tenth of its steps exceeds this times chance."""

COLLAPSED, LEARNT = 0.5, 0.1
"""A run failed if its final score is below this share of its best score, and the best score is at
least .1: smaller scores are noise around chance and may halve by chance."""

SOLVED = 0.9
"""A run solved its task if its score is at least this; the first validation that reaches it is the
criterion."""

RARELY, ALWAYS = 0.01, 0.9
"""Fractions of clipped steps below which a run is no evidence about clipping, and above which only
the direction of the gradient matters: normalised SGD."""


def version_of(recorded: int | str) -> int | str:
    """Version of the rules in a record; an unknown hash is returned unchanged.

    >>> version_of("b92c74ae9ff141de"), version_of(2), version_of("0")
    (1, 2, '0')
    """
    return HASHES.get(recorded, recorded) if isinstance(recorded, str) else recorded


def equivalent(version: int | str) -> int | str:
    """``VERSION`` for versions whose records are decided as under it; others unchanged.

    >>> equivalent(version_of("b92c74ae9ff141de")) == VERSION, equivalent("0")
    (True, '0')
    """
    return VERSION if version in EQUIVALENT else version


def loss_score(loss: float, chance: float, best: float) -> float:
    """(chance - loss) / (chance - best), at least 0: 0 at chance, 1 at the best loss.

    The score exceeds 1 if ``best`` is the lowest published loss and ``loss`` is lower.

    >>> loss_score(0.25, chance=1.0, best=0.0), loss_score(3.0, chance=1.0, best=0.0)
    (0.75, 0.0)
    """
    return max(0.0, (chance - loss) / (chance - best))


def accuracy_score(accuracy: float, chance: float) -> float:
    """(accuracy - chance) / (1 - chance), at least 0."""
    return max(0.0, (accuracy - chance) / (1 - chance))


def failure(
    nonfinite_step: int | None,
    losses: np.ndarray,
    chance_loss: float,
    scores: list[float],
    best_selected: bool = False,
) -> dict | None:
    """Reason why a finished run counts as failed, or None.

    Args:
      nonfinite_step: the step at which a loss, gradient or final metric was not finite, or None.
      losses: training loss at every step that was taken.
      chance_loss: loss of the best constant prediction.
      scores: validation scores at the evaluation points, the final one last.
      best_selected: the run reports the metrics of its best validation step; what it forgot later
        is then no failure.
    """
    if nonfinite_step is not None:
        return {"reason": "nonfinite", "step": nonfinite_step}
    tail = losses[-max(1, len(losses) // 10) :]
    if np.mean(tail) > ABOVE_CHANCE * chance_loss:
        return {"reason": "above_chance", "step": len(losses)}
    collapsed = max(scores) >= LEARNT and scores[-1] < COLLAPSED * max(scores)
    if collapsed and not best_selected:
        return {"reason": "collapsed", "step": len(losses)}
    return None


def metric_score(metric: float | None, higher_is_better: bool, chance: float, best: float) -> float:
    """Score of a metric that is an accuracy (higher is better) or a loss; 0 if it is not finite.

    >>> metric_score(0.75, True, chance=0.5, best=0.0)
    0.5
    >>> metric_score(0.25, False, chance=1.0, best=0.0)
    0.75
    """
    if metric is None or not math.isfinite(metric):
        return 0.0
    return accuracy_score(metric, chance) if higher_is_better else loss_score(metric, chance, best)


class Result(Protocol):
    """Fields of a ``records.Record`` that these rules read."""

    metric: str
    higher_is_better: bool
    chance: Any
    failed: Any
    compared: str
    validation: Mapping[str, float | None]
    test: Mapping[str, float | None]
    score: float


def metric_or_chance(record: Result, part: str) -> float:
    """Metric of a run on "validation" or "test", or chance if it failed."""
    if record.failed is not None:
        return record.chance.metric
    metrics = record.validation if part == "validation" else record.test
    return metrics[record.metric]


def reported_value(record: Result) -> float:
    """Value of a run in the table of its study: its score, or its test metric."""
    return record.score if record.compared == "score" else metric_or_chance(record, "test")


def select_best(tried: Mapping[Any, Sequence[Result]]) -> Any:
    """Value of a tuned axis with the best mean validation metric of its runs.

    Means below chance count as chance. Ties go to the value with fewer failed runs, then to the
    first value.

    Args:
      tried: runs by value of the axis.
    """

    def quality(value: Any) -> tuple[float, int]:
        records = tried[value]
        sign = 1 if records[0].higher_is_better else -1
        mean = sign * float(np.mean([metric_or_chance(run, "validation") for run in records]))
        failed = sum(record.failed is not None for record in records)
        return max(mean, sign * records[0].chance.metric), -failed

    return max(tried, key=quality)
