"""Aggregation of records over seeds into the cells of a table.

A cell is one arm at one point of the axes that are not tuned. ``rules.select_best`` selects its
tuned value on validation data. The cell reports the mean test metric, or score, at that value with
a Student-t interval over seeds. A failed run counts as chance.
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from seqjax.reporting.failures import count_failures, in_words
from seqjax.stats import intervals, rules
from seqjax.stats.selection import group_runs, select_runs

MARKS = {
    "edge": ("†", "the best value is the first or last of its grid"),
    "rare": ("°", "fewer than 1 % of steps clipped: no evidence about clipping"),
    "always": ("‡", "more than 90 % of steps clipped: close to normalised SGD"),
}
"""Sign and meaning of each mark."""


class RunResult(rules.Result, Protocol):
    """Fields of a ``records.Record`` that tables and figures read.

    Results from elsewhere have no scores, settings and curves: NaN, and empty mappings.
    """

    id: str
    arm: str
    point: Mapping[str, Any]
    seed: int | str
    purpose: str
    tune: str | None
    best_loss: float
    baselines: Mapping[str, float]
    settings: Mapping[str, Any]
    clipped_fraction: float
    curve: Mapping[str, np.ndarray]
    observed: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class TableCell:
    """Aggregate of the runs of one arm at one point.

    Attributes:
      arm: its title.
      point: values of the axes that are not tuned, by path.
      chosen: the tuned value, a tuple if several fields are tuned together, or None.
      mean: mean test metric or score.
      half_width: half the width of its interval; NaN for one seed.
      n: number of runs.
      failed: number of failed runs.
      validation: mean validation metric at the tuned value.
      clipped_fraction: mean fraction of clipped steps.
      marks: keys of ``MARKS``.
      records: its runs, by seed: records, or results from elsewhere.
    """

    arm: str
    point: Mapping[str, Any]
    chosen: Any
    mean: float
    half_width: float
    n: int
    failed: int
    validation: float
    clipped_fraction: float
    marks: tuple[str, ...]
    records: tuple[RunResult, ...]

    @property
    def values(self) -> dict[int | str, float]:
        """Test metric or score of each run by seed; chance for a failed run."""
        return {run.seed: rules.reported_value(run) for run in self.records}

    def minus(self, other: "TableCell") -> dict[int | str, float]:
        """Differences to the values of another cell, for the seeds that both have."""
        values = other.values
        return {seed: a - values[seed] for seed, a in self.values.items() if seed in values}

    @property
    def failures(self) -> dict[str, int]:
        """Number of failed runs by reason, the most frequent reason first."""
        return count_failures(self.records)

    @property
    def failure(self) -> str:
        """The reasons as "failed (collapsed, nonfinite)" if all runs failed; otherwise ""."""
        if self.failed < self.n:
            return ""
        return f"failed ({', '.join(map(in_words, self.failures))})"

    @property
    def interquartile_mean(self) -> float:
        """Mean of the runs without the lowest and the highest quarter."""
        return intervals.interquartile_mean(list(self.values.values()))

    @property
    def solved(self) -> tuple[float, float, float]:
        """Proportion of runs that solved their task, with the limits of its exact interval.

        All NaN if the runs have no scores.
        """
        if any(math.isnan(record.score) for record in self.records):
            return math.nan, math.nan, math.nan
        k = sum(record.score >= rules.SOLVED for record in self.records)
        return k / self.n, *intervals.proportion_interval(k, self.n, rules.CONFIDENCE)

    @property
    def steps_to_criterion(self) -> float:
        """Median number of steps to the first validation that solves the task; may be inf.

        NaN if the runs have no curves.
        """
        if not all(record.curve for record in self.records):
            return math.nan
        return intervals.steps_to_criterion([_first_solved(record) for record in self.records])


def _first_solved(record: RunResult) -> int | None:
    """Step of the first validation that solves the task, or None."""
    scale = record.higher_is_better, record.chance.metric, record.best_loss
    metrics = record.curve[f"validation_{record.metric}"]
    for step, metric in zip(record.curve["step"], metrics, strict=True):
        if rules.metric_score(metric, *scale) >= rules.SOLVED:
            return int(step)
    return None


def aggregate(records: Sequence[RunResult], tune: str | None = None) -> list[TableCell]:
    """Aggregate records into one cell for each arm and point.

    Clipping is marked as rare or as close to always only if the records differ in clipping.

    Args:
      records: runs of one study.
      tune: path of the tuned axis, several joined by commas, or None.
    """
    clipping = {tuple(map(r.settings.get, ("clip.kind", "clip.threshold"))) for r in records}
    cells = [
        _cell(arm, dict(point), by_value, mark_clipping=len(clipping) > 1)
        for (arm, point), by_value in group_runs(records, tune).items()
    ]
    return [cell for cell in cells if cell is not None]


def _cell(
    arm: str, point: dict, by_value: dict[Any, list[RunResult]], *, mark_clipping: bool
) -> TableCell | None:
    """One table cell; None if all its runs are for tuning."""
    chosen, runs = select_runs(by_value)
    if not runs:
        return None
    values = [rules.reported_value(run) for run in runs]
    mean, half_width = intervals.student_interval(values, rules.CONFIDENCE)
    clipped_fraction = float(np.mean([run.clipped_fraction for run in runs]))
    settings = runs[0].settings
    # With clip.kind = step the fraction is over (step, example) pairs, many without any gradient.
    mark_clipping = (
        mark_clipping
        and settings["clip.kind"] not in ("none", "step")
        and settings["clip.threshold"] != math.inf
    )
    grid, tried = list(by_value), itertools.chain(*by_value.values())
    at_edge = chosen in (grid[0], grid[-1]) and not isinstance(chosen, tuple)
    marks = {
        "edge": len(grid) > 1 and at_edge and any(run.failed is None for run in tried),
        "rare": mark_clipping and clipped_fraction < rules.RARELY,
        "always": mark_clipping and clipped_fraction > rules.ALWAYS,
    }
    return TableCell(
        arm=arm,
        point=point,
        chosen=chosen,
        mean=mean,
        half_width=half_width,
        n=len(runs),
        failed=sum(run.failed is not None for run in runs),
        validation=float(np.mean([rules.metric_or_chance(run, "validation") for run in runs])),
        clipped_fraction=clipped_fraction,
        marks=tuple(mark for mark, holds in marks.items() if holds),
        records=tuple(runs),
    )
