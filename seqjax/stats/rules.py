"""When a run counts as failed, its score, and the version of all rules that decide.

The version covers this module, ``intervals`` and ``decisions``. It is in every record. Raise it,
with a line in ``CHANGES``, whenever the same inputs can give another failure, score or verdict; the
golden tests fail then. Wording does not count.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

VERSION = 1
CHANGES = {
    1: "failed runs, scores and the verdicts of claims 1 to 13f as first registered",
}
"""What each version changed."""

HASHES = {"b92c74ae9ff141de": 1, "c717e17a958068f9": 1, "51db7adab0ca2ba5": 1}
"""Versions of records that hold a hash of the rules' source instead."""

CONFIDENCE = 0.95
"""Level of every interval over seeds (Student's t)."""

ABOVE_CHANCE = 1.1
"""A run has failed whose mean loss over the last tenth of its steps exceeds this times chance."""

COLLAPSED, LEARNT = 0.5, 0.1
"""A run has failed whose final score is under this share of its best, if it had learnt anything:
below a best score of .1 the scores of a run at chance are noise around 0, and halve by accident."""

SOLVED = 0.9
"""A run has solved its task whose score is at least this, and at the first validation with it has
come to the criterion."""

RARELY, ALWAYS = 0.01, 0.9
"""Clipped fractions below which a run says nothing about clipping, and above which the update is
the gradient's direction alone: normalised SGD."""


def version_of(recorded: int | str) -> int | str:
    """The version of the rules that a record names; an unknown hash stays as it is.

    >>> version_of("b92c74ae9ff141de"), version_of(2), version_of("0")
    (1, 2, '0')
    """
    return HASHES.get(recorded, recorded) if isinstance(recorded, str) else recorded


def score(loss: float, chance: float, best: float) -> float:
    """(chance - loss) / (chance - best), cut at 0: 0 at chance, 1 at the best possible loss.

    >>> score(0.25, chance=1.0, best=0.0), score(3.0, chance=1.0, best=0.0)
    (0.75, 0.0)
    """
    return max(0.0, (chance - loss) / (chance - best))


def accuracy_score(accuracy: float, chance: float) -> float:
    """(accuracy - chance) / (1 - chance), cut at 0."""
    return max(0.0, (accuracy - chance) / (1 - chance))


def failure(
    nonfinite_step: int | None, losses: np.ndarray, chance_loss: float, scores: list[float]
) -> dict | None:
    """Why a finished run counts as failed, or None.

    Args:
      nonfinite_step: the step at which a loss, gradient or final metric was not finite, or None.
      losses: the training loss at every step.
      chance_loss: the loss of the best constant prediction.
      scores: validation scores at the evaluation points, the final one last.
    """
    if nonfinite_step is not None:
        return {"reason": "nonfinite", "step": nonfinite_step}
    tail = losses[-max(1, len(losses) // 10) :]
    if np.mean(tail) > ABOVE_CHANCE * chance_loss:
        return {"reason": "above_chance", "step": len(losses)}
    if max(scores) >= LEARNT and scores[-1] < COLLAPSED * max(scores):
        return {"reason": "collapsed", "step": len(losses)}
    return None


def score_of(metric: float | None, higher_is_better: bool, chance: float, best: float) -> float:
    """The score of a metric that is a share (higher is better) or a loss; 0 where it is no number.

    >>> score_of(0.75, True, chance=0.5, best=0.0), score_of(0.25, False, chance=1.0, best=0.0)
    (0.5, 0.75)
    """
    if metric is None or not math.isfinite(metric):
        return 0.0
    return accuracy_score(metric, chance) if higher_is_better else score(metric, chance, best)


def entered(record: Mapping[str, Any], part: str) -> float:
    """What a run counts as in a mean: its metric on a part, or chance if it failed."""
    if record["failed"] is not None:
        return record["chance"]["metric"]
    return record[part][record["metric"]]


def counted(record: Mapping[str, Any]) -> float:
    """What a run counts as in the table of its study: its score, or its test metric."""
    return record["score"] if record["compared"] == "score" else entered(record, "test")


def selected(tried: Mapping[Any, Sequence[Mapping[str, Any]]]) -> Any:
    """The value of a tuned axis with the best mean validation metric of its runs.

    As scores are cut at chance, a mean below chance is no worse than chance; between equal means
    the value with fewer failed runs wins, and then the first.
    """

    def merit(value: Any) -> tuple[float, int]:
        records = tried[value]
        sign = 1 if records[0]["higher_is_better"] else -1
        mean = sign * float(np.mean([entered(record, "validation") for record in records]))
        failed = sum(record["failed"] is not None for record in records)
        return max(mean, sign * records[0]["chance"]["metric"]), -failed

    return max(tried, key=merit)
