"""From records to entries, the figures of a table. Pure functions; nothing is trained or guessed.

An entry is one arm at one point of the axes that are not tuned. Its tuned value is the one that
``rules.selected`` takes by validation; its figure is the mean test metric, or score, at that value
with a Student-t interval over seeds. A failed run enters at chance.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from seqjax.records.record import Record
from seqjax.stats import intervals, rules

MARKS = {
    "edge": ("†", "the best value stands at the edge of its grid"),
    "rare": ("°", "under 1 % of steps clipped: no evidence about clipping"),
    "always": ("‡", "over 90 % of steps clipped: normalised SGD"),
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """The figure of one arm at one point.

    Attributes:
      arm, point: where it stands; ``point`` without what is tuned.
      chosen: the tuned value, a tuple of those that were drawn together, or None.
      mean, half: the mean of the test metric or score, half its interval (NaN for one seed).
      n, failed: runs, and how many of them failed.
      validation: the mean validation metric that chose.
      clipped: the mean fraction of clipped steps.
      marks: keys of ``MARKS``.
      records: the runs behind it, by seed.
    """

    arm: str
    point: Mapping[str, Any]
    chosen: Any
    mean: float
    half: float
    n: int
    failed: int
    validation: float
    clipped: float
    marks: tuple[str, ...]
    records: tuple[Record, ...]

    @property
    def interquartile_mean(self) -> float:
        """Of what the runs count as, without the lowest and the highest quarter."""
        return intervals.interquartile_mean([rules.counted(record) for record in self.records])

    @property
    def solved(self) -> tuple[float, float, float]:
        """The share of runs that solved their task, and its exact interval."""
        k = sum(record.score >= rules.SOLVED for record in self.records)
        return k / self.n, *intervals.proportion_interval(k, self.n, rules.CONFIDENCE)

    @property
    def steps_to_criterion(self) -> float:
        """The median number of steps to the first validation that solves the task; may be inf."""
        return intervals.steps_to_criterion([_first_solved(record) for record in self.records])


def _first_solved(record: Record) -> int | None:
    curve = record.curve
    scale = record.higher_is_better, record.chance.metric, record.best_loss
    values = zip(curve["step"], curve[f"validation_{record.metric}"], strict=True)
    return next(
        (k for k, value in values if rules.metric_score(value, *scale) >= rules.SOLVED), None
    )


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the Student-t interval; NaN for a single value.

    >>> mean, half = interval([1.0, 2.0, 3.0])
    >>> round(mean, 3), round(half, 3)
    (2.0, 2.484)
    """
    n = len(values)
    if n < 2:
        return float(np.mean(values)), math.nan
    quantile = stats.t.ppf((1 + rules.CONFIDENCE) / 2, n - 1)
    return float(np.mean(values)), float(quantile * np.std(values, ddof=1) / math.sqrt(n))


def order(value: Any) -> tuple:
    """A key to sort by: nothing, then numbers by size, then names, then what was drawn together."""
    if value is None or value == "":
        return (0,)
    if isinstance(value, tuple):
        return (3, *map(order, value))
    return (2, value) if isinstance(value, str) else (1, float(value))


def make_entries(records: Sequence[Record], tune: str | None, studied: bool) -> list[Entry]:
    """One entry for each arm and point; see the head of this file.

    Marks about clipping are set where clipping is ``studied``.
    """
    tuned = tuple((tune or "").split(","))
    places: dict[tuple, dict[Any, list[Record]]] = {}
    for record in sorted(records, key=lambda r: r.seed):
        point = {path: value for path, value in record.point.items() if path not in tuned}
        values = tuple(record.point.get(path) for path in tuned)
        place = places.setdefault((record.arm, tuple(point.items())), {})
        place.setdefault(values if len(values) > 1 else values[0], []).append(record)
    entries = [_entry(arm, dict(point), tried, studied) for (arm, point), tried in places.items()]
    return [entry for entry in entries if entry is not None]


def _entry(arm: str, point: dict, tried: dict[Any, list[Record]], studied: bool) -> Entry | None:
    """The entry; None where the runs that count are still to come."""
    tried = {value: tried[value] for value in sorted(tried, key=order)}
    tuning = {value: _for(tried[value], "tuning") for value in tried}
    apart = {value: runs for value, runs in tuning.items() if runs}
    chosen = rules.selected(apart or tried)
    runs = _for(tried[chosen], "evaluation")
    if not runs:
        return None
    mean, half = interval([rules.counted(record) for record in runs])
    clipped = float(np.mean([record.clipped_fraction for record in runs]))
    settings = runs[0].settings
    # Under "step" the fraction is of pairs, most of which may carry no signal at all.
    counted = studied and (
        settings["clip.kind"] not in ("none", "step") and settings["clip.threshold"] != math.inf
    )
    ends = (min(tried, key=order), max(tried, key=order))
    marks = {
        "edge": len(tried) > 1 and chosen in ends and not isinstance(chosen, tuple),
        "rare": counted and clipped < rules.RARELY,
        "always": counted and clipped > rules.ALWAYS,
    }
    return Entry(
        arm=arm,
        point=point,
        chosen=chosen,
        mean=mean,
        half=half,
        n=len(runs),
        failed=sum(record.failed is not None for record in runs),
        validation=float(np.mean([rules.entered(record, "validation") for record in runs])),
        clipped=clipped,
        marks=tuple(mark for mark, holds in marks.items() if holds),
        records=tuple(runs),
    )


def _for(records: list[Record], purpose: str) -> list[Record]:
    return [record for record in records if record.purpose == purpose]
