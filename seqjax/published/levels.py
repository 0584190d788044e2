"""Level of each row: a published figure beside our runs, and the rank correlation of all rows."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from seqjax.published.figures import Figure
from seqjax.published.join import Cell, best_trials, cell_of_figure, value_of
from seqjax.published.table import Measure, PublishedTable
from seqjax.stats import intervals, rules

LEAST_RANKED = 4
"""Fewest rows whose order is tested; of three rows τ is printed without a p-value."""


@dataclasses.dataclass(frozen=True)
class Level:
    """A row of the comparison: a published figure and the runs beside it.

    Numbers are NaN where they do not exist.

    Attributes:
      measure, part: the quantity.
      row, task, point: the place in the table.
      figure: the published figure, or None.
      cell: our runs, or None: "not run".
      mean: mean over runs, or the share of runs that meet a criterion.
      half_width: half the width of the Student-t interval of the mean; NaN for a share.
      lower, upper: limits of the prediction interval of one more run, widened by the rounding of
        the figure if there is one; for a share those of its Clopper-Pearson interval. NaN for the
        best trials of a search, which are no sample of what one more run may give.
      difference: our value less the published one; NaN for a figure from memory.
      difference_lower, difference_upper: Newcombe's interval, for shares with published n.
      inside: whether the published value agrees: it lies in the prediction interval, or Newcombe's
        interval of the difference holds 0. None if that is unknown, and for a metric of which runs
        failed, whose chance level would widen the interval until it holds any value.
      percentile: percentage of best-of-N results of our trials below the published value; NaN for
        fewer than N trials.
    """

    measure: Measure
    part: str
    row: str
    task: str
    point: dict
    figure: Figure | None
    cell: Cell | None
    mean: float = math.nan
    half_width: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    difference: float = math.nan
    difference_lower: float = math.nan
    difference_upper: float = math.nan
    inside: bool | None = None
    percentile: float = math.nan


@dataclasses.dataclass(frozen=True)
class Order:
    """Rank correlation of published figures and our means.

    Attributes:
      measure, part, task, point: the quantity and the data set.
      tau: Kendall's τ-b; NaN if all values of one side are equal.
      p: two-sided p-value, exact unless there are ties; NaN for fewer than ``LEAST_RANKED`` rows.
      rows: number of rows.
    """

    measure: Measure
    part: str
    task: str
    point: dict
    tau: float
    p: float
    rows: int


def levels_of(table: PublishedTable, protocol: str, cells: Sequence[Cell]) -> tuple[Level, ...]:
    """Rows of the figures, then of cells and of measures for which nothing is published."""
    levels, beside = [], []
    for figure in table.figures:
        cell = cell_of_figure(cells, protocol, figure)
        beside.append(cell)
        measure = table.measure(figure.metric)
        place = measure, figure.part, figure.arm, figure.task, dict(figure.point)
        levels.append(_level(table, Level(*place, figure, cell)))
    named = {figure.metric for figure in table.figures}
    for measure in table.measures:
        first = measure is table.measures[0]
        for cell in cells:
            alone = not any(cell is other for other in beside)
            if measure.name not in named or (first and alone):
                place = measure, "test", cell.key.row, cell.key.task, dict(cell.point)
                levels.append(_level(table, Level(*place, None, cell)))
    return tuple(levels)


def _level(table: PublishedTable, level: Level) -> Level:
    """The level with its numbers."""
    if level.cell is None:
        return level
    values = list(level.cell.values(level.measure, level.part).values())
    figure = level.figure if level.figure and not level.figure.from_memory else None
    if level.measure.criterion:
        return dataclasses.replace(level, **_share(values, figure))
    mean, half_width = intervals.student_interval(values, rules.CONFIDENCE)
    # t·s·√(1 + 1/n) = (t·s/√n)·√(n + 1)
    reach = half_width * math.sqrt(len(values) + 1) + (figure.rounding if figure else 0)
    reach = math.nan if table.top else reach
    numbers = {"mean": mean, "half_width": half_width, "lower": mean - reach, "upper": mean + reach}
    if figure is not None:
        known = not (math.isnan(reach) or level.cell.failed)
        numbers["inside"] = abs(mean - figure.value) <= reach if known else None
        numbers["difference"] = mean - figure.value
        if 0 < table.best_of <= len(level.cell.trials):
            trials = best_trials(level.cell.trials)
            ranked = [value_of(run, level.measure, level.part) for run in trials]
            numbers["percentile"] = best_of_percentile(ranked, table.best_of, figure.value)
    return dataclasses.replace(level, **numbers)


def _share(values: Sequence[float], figure: Figure | None) -> dict[str, float | bool | None]:
    """Numbers of a share of runs: Clopper-Pearson on ours, Newcombe on the difference."""
    if any(map(math.isnan, values)):
        return {}
    k, n = round(sum(values)), len(values)
    lower, upper = intervals.proportion_interval(k, n, rules.CONFIDENCE)
    numbers = {"mean": k / n, "lower": lower, "upper": upper}
    if figure is None:
        return numbers
    numbers["difference"] = k / n - figure.value
    if not figure.n:
        reach = figure.rounding
        return numbers | {"inside": lower - reach <= figure.value <= upper + reach}
    published = round(figure.value * figure.n)
    _, low, high = intervals.difference_of_proportions(k, n, published, figure.n, rules.CONFIDENCE)
    return numbers | {
        "difference_lower": low,
        "difference_upper": high,
        "inside": low <= 0 <= high,
    }


def best_of_percentile(ranked: Sequence[float], best_of: int, published: float) -> float:
    """Percentage of best-of-N results of our trials that are below a published value.

    N trials are drawn with replacement and the one of the best validation metric is reported. The
    probability that this is the k-th best of n trials is ((n-k+1)/n)^N - ((n-k)/n)^N, so that the
    bootstrap distribution is exact and no numbers are drawn. Ties count half.

    >>> best_of_percentile([1.0, 2.0], 1, 1.5)
    50.0

    Args:
      ranked: (n,) results of the trials, the best on validation data first.
      best_of: number N of trials of the publication.
      published: the published value.
    """
    results = np.asarray(ranked, np.float64)
    if np.isnan(results).any():
        return math.nan
    left = np.arange(len(results), -1, -1) / len(results)
    weights = -np.diff(left**best_of)
    below = (results < published) + 0.5 * (results == published)
    return float(100 * weights @ below)


def orders_of(levels: Sequence[Level]) -> list[Order]:
    """Rank correlation for each data set, measure and part with three rows or more."""
    groups: dict[tuple, list[Level]] = {}
    for level in levels:
        if not math.isnan(level.difference):
            key = level.measure, level.part, level.task, tuple(level.point.items())
            groups.setdefault(key, []).append(level)
    return [
        Order(*place, dict(point), *rank_correlation(_pairs(group)), len(group))
        for (*place, point), group in groups.items()
        if len(group) >= 3
    ]


def _pairs(levels: Sequence[Level]) -> list[tuple[float, float]]:
    """Published value and our mean of each row."""
    return [(level.figure.value, level.mean) for level in levels]


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Kendall's τ-b of pairs, and its p-value: exact unless there are ties, NaN below four pairs.

    >>> rank_correlation([(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)])
    (1.0, nan)
    """
    published, ours = zip(*pairs, strict=True)
    if len(set(published)) == 1 or len(set(ours)) == 1:
        return math.nan, math.nan
    found = stats.kendalltau(published, ours)
    p = float(found.pvalue) if len(pairs) >= LEAST_RANKED else math.nan
    return float(found.statistic), p
