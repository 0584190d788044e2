"""Declared effects beside ours: signs, intervals and sizes."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from seqjax.published.join import Cell, cell_of
from seqjax.published.table import Effect, PublishedTable
from seqjax.stats import intervals, rules


@dataclasses.dataclass(frozen=True)
class EffectResult:
    """A declared effect beside ours, in the direction of the effect: positive if signs agree.

    Attributes:
      effect: the declared effect.
      difference: our difference; NaN if a row was not run.
      lower, upper: limits of its 95 % interval; NaN if it has none.
      n: number of pairs, or of runs of the smaller row.
      paired: whether the runs are paired by seed.
      size, rounding: published size and its rounding error; NaN if no size is published.
    """

    effect: Effect
    difference: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    n: int = 0
    paired: bool = False
    size: float = math.nan
    rounding: float = math.nan

    @property
    def known(self) -> bool:
        """True if both rows have runs with the measure."""
        return not math.isnan(self.difference)

    @property
    def agrees(self) -> bool:
        """True if our difference has the declared sign."""
        return self.difference > 0

    @property
    def shown(self) -> bool:
        """True if the interval excludes 0 on the declared side."""
        return self.lower > 0

    @property
    def opposed(self) -> bool:
        """True if the interval excludes 0 on the other side."""
        return self.upper < 0

    @property
    def same_size(self) -> bool:
        """True if the published size lies in the interval, up to its rounding."""
        return self.lower - self.rounding <= self.size <= self.upper + self.rounding

    @property
    def ratio(self) -> float:
        """Our size over the published one; NaN if no size is published."""
        return self.difference / self.size if self.size else math.nan


def compare(
    table: PublishedTable, effect: Effect, cells: Sequence[Cell], protocol: str
) -> EffectResult:
    """Our difference for an effect, with its 95 % interval.

    Paired by seed with a Student-t interval if both rows have the same seeds; Welch's interval
    otherwise, and for the best trials of a search; Newcombe's interval for shares of runs.

    Args:
      table: the published table.
      effect: one of its effects.
      cells: rows with runs.
      protocol: protocol of the runs.
    """
    measure = table.measure_of(effect)
    size, rounding = table.size_of(effect) or (math.nan, math.nan)
    rows = [
        cell_of(cells, protocol, row, effect.task, effect.point)
        for row in (effect.better, effect.worse)
    ]
    result = EffectResult(effect, size=size, rounding=rounding)
    if None in rows:
        return result
    first, second = (cell.values(measure, effect.part) for cell in rows)
    n = min(len(first), len(second))
    if any(map(math.isnan, [*first.values(), *second.values()])):
        return dataclasses.replace(result, n=n)
    if measure.criterion:
        counts = [
            number for row in (first, second) for number in (round(sum(row.values())), len(row))
        ]
        limits = intervals.difference_of_proportions(*counts, rules.CONFIDENCE)
        paired = False
    else:
        paired = first.keys() == second.keys() and not table.top
        limits = _paired(first, second) if paired else _welch(first, second)
    difference, low, high = limits
    if not measure.higher_is_better:
        difference, low, high = -difference, -high, -low
    return dataclasses.replace(
        result, difference=difference, lower=low, upper=high, n=n, paired=paired
    )


def _paired(first: dict, second: dict) -> tuple[float, float, float]:
    """Mean difference of pairs, with the limits of its Student-t interval."""
    differences = [value - second[seed] for seed, value in first.items()]
    mean, half_width = intervals.student_interval(differences, rules.CONFIDENCE)
    return mean, mean - half_width, mean + half_width


def _welch(first: dict, second: dict) -> tuple[float, float, float]:
    """Difference of means, with the limits of Welch's interval; NaN for a single run."""
    a, b = (np.array(list(row.values())) for row in (first, second))
    difference = float(a.mean() - b.mean())
    if min(len(a), len(b)) < 2:
        return difference, math.nan, math.nan
    if a.std() == b.std() == 0:
        return difference, difference, difference
    found = stats.ttest_ind(a, b, equal_var=False).confidence_interval(rules.CONFIDENCE)
    return difference, float(found.low), float(found.high)
