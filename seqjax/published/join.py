"""The join of a published table to records: the runs behind each row, and their values."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from seqjax.published.figures import Figure
from seqjax.published.table import Measure, PublishedTable
from seqjax.records.record import LOSS, Record
from seqjax.stats.selection import group_runs, runs_for, select_runs
from seqjax.training.config import complete


class OpenAxisError(ValueError):
    """The runs sweep a field that a figure leaves open, so that several cells fit it."""


class ArmKey(NamedTuple):
    """The place of an arm in a published table: its protocol, its row, and its data set."""

    protocol: str
    row: str
    task: str


@dataclasses.dataclass(frozen=True)
class Cell:
    """The runs of one row under one protocol, at one point.

    Attributes:
      key: protocol, row and data set.
      point: values of the axes that are not tuned, by path.
      chosen: the tuned value, a tuple if several fields are tuned together, or None.
      runs: the reported runs, by seed.
      trials: the runs that the selection was made from, for papers that report the best of N.
      tried: the values of the tuned axis, in their order.
    """

    key: ArmKey
    point: Mapping[str, Any]
    chosen: Any
    tried: tuple
    runs: tuple[Record, ...]
    trials: tuple[Record, ...]

    def values(self, measure: Measure, part: str = "test") -> dict[int, float]:
        """Value of each run by seed, see ``value_of``; for trials of one seed by their position."""
        values = [value_of(run, measure, part) for run in self.runs]
        seeds = [run.seed for run in self.runs]
        keys = seeds if len(set(seeds)) == len(seeds) else range(len(seeds))
        return dict(zip(keys, values, strict=True))

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the first reported run by path; the others may differ in tuned fields."""
        return complete(self.runs[0].settings)

    @property
    def failed(self) -> int:
        """Number of failed runs."""
        return sum(run.failed is not None for run in self.runs)

    @property
    def clipped_fraction(self) -> float:
        """Mean share of clipped steps; NaN for runs without a threshold."""
        settings = self.runs[0].settings
        if settings["clip.kind"] == "none" or settings["clip.threshold"] == math.inf:
            return math.nan
        return float(np.mean([run.clipped_fraction for run in self.runs]))


class TaggedArm(Protocol):
    """Fields of a ``sweeps.study.Arm`` that name its place in a table."""

    title: str
    task: str
    tags: Mapping[str, Any]


def places_of(arms: Iterable[TaggedArm]) -> dict[str, ArmKey]:
    """Place of each arm by its title; arms without a tag "row" are no part of a table."""
    return {
        arm.title: ArmKey(arm.tags["protocol"], arm.tags["row"], arm.task)
        for arm in arms
        if "row" in arm.tags
    }


def value_of(record: Record, measure: Measure, part: str = "test") -> float:
    """Value of a run: its metric, or 1 or 0 for a share of runs.

    A failed run counts as chance if chance is known for the metric, and as not meeting a criterion.
    NaN if the record has no such metric.

    Args:
      record: the run.
      measure: the quantity.
      part: "test", or "train" for the metrics on the training set.
    """
    name = measure.of_records
    values = record.test if part == "test" else record.training
    if name not in values:
        return math.nan
    value = math.nan if values[name] is None else float(values[name])
    if measure.criterion:
        return float(record.failed is None and measure.meets(value))
    if record.failed is not None and has_chance(record, measure):
        return record.chance.loss if name == LOSS else record.chance.metric
    return value


def has_chance(record: Record, measure: Measure) -> bool:
    """Return whether a failed run has a value: chance, or 0 for a criterion."""
    return bool(measure.criterion) or measure.of_records in (LOSS, record.metric)


def join(
    table: PublishedTable, records: Sequence[Record], arms: Mapping[str, ArmKey], tune: str | None
) -> list[Cell]:
    """The cells of the table that have reported runs, in the order of ``arms``.

    Args:
      table: the published table.
      records: records of the study.
      arms: place of each arm by its title; other arms are left out.
      tune: path of the tuned axis, several joined by commas, or None.
    """
    cells = []
    groups = group_runs([record for record in records if record.arm in arms], tune)
    for (arm, point), by_value in groups.items():
        chosen, runs = select_runs(by_value)
        if not runs:
            continue
        every = [run for same in by_value.values() for run in same]
        trials = runs_for("tuning", every) or every
        if table.top:
            runs, chosen = best_trials(trials)[: table.top], None
        tried = tuple(by_value)
        cells.append(Cell(arms[arm], dict(point), chosen, tried, tuple(runs), tuple(trials)))
    position = {key: k for k, key in enumerate(arms.values())}
    return sorted(cells, key=lambda cell: position[cell.key])


def best_trials(trials: Sequence[Record]) -> list[Record]:
    """Trials in the order of their validation metric, the best first; failed runs are last."""

    def quality(run: Record) -> float:
        value = run.validation[run.metric]
        if run.failed is not None or value is None:
            return -math.inf
        return value if run.higher_is_better else -value

    return sorted(trials, key=quality, reverse=True)


def cell_of(
    cells: Sequence[Cell], protocol: str, row: str, task: str, point: Mapping[str, Any]
) -> Cell | None:
    """The cell of a row at a point under a protocol; None if it was not run.

    Raises:
      OpenAxisError: several cells fit, because the point leaves an axis open.
    """
    fitting = [
        cell
        for cell in cells
        if cell.key == (protocol, row, task)
        and all(cell.settings.get(path) == value for path, value in point.items())
    ]
    if len(fitting) > 1:
        points = "; ".join(str(dict(cell.point)) for cell in fitting)
        where = f" ({task})" if task else ""
        raise OpenAxisError(f"point: expected one cell of {row}{where}, got {points}")
    return fitting[0] if fitting else None


def cell_of_figure(cells: Sequence[Cell], protocol: str, figure: Figure) -> Cell | None:
    """The cell of a figure under a protocol; None if it was not run."""
    return cell_of(cells, protocol, figure.arm, figure.task, figure.point)
