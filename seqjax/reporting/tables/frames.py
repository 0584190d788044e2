"""Tables of results that seqjax did not produce: a data frame, or arrays of scores."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqjax.records.record import run_id
from seqjax.reporting.aggregate import aggregate
from seqjax.reporting.completeness import completeness
from seqjax.reporting.formats import label
from seqjax.reporting.tables import reading
from seqjax.reporting.tables.captions import (
    INTERVAL,
    caption_of,
    explain_marks,
    explain_selection,
)
from seqjax.reporting.tables.reading import Failure
from seqjax.reporting.tables.table import Table, arrange

if TYPE_CHECKING:
    import pandas as pd

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Chance(NamedTuple):
    """Metric of a run that learnt nothing; the worst number if it is not known."""

    metric: float


@dataclasses.dataclass(frozen=True)
class FrameRun:
    """A run that is a row of a data frame; an ``aggregate.RunResult``."""

    arm: str
    point: Mapping[str, Any]
    seed: int | str
    metric: str
    higher_is_better: bool
    chance: Chance
    failed: Failure | None
    validation: Mapping[str, float]
    test: Mapping[str, float]

    compared, purpose, tune = "metric", "evaluation", None
    score = best_loss = clipped_fraction = math.nan
    settings = curve = observed = baselines = NOTHING

    @property
    def id(self) -> str:
        """Arm, point and seed in words."""
        return run_id(self.arm, self.point, self.seed)


def from_frame(
    frame: "pd.DataFrame | Mapping[str, Sequence]",
    metric: str,
    *,
    higher_is_better: bool,
    arm: str | None = "arm",
    seed: str = "seed",
    axes: Sequence[str] | None = None,
    tune: str | None = None,
    validation: str | None = None,
    failed: str | None = None,
    chance: float | str | None = None,
    **options: Any,
) -> Table:
    """Return the table of a data frame with one row for each run.

    Runs of one seed count as paired. A run failed if its metric is missing or not finite, or if its
    entry in the column ``failed`` is true or a reason. A failed run counts as chance, as in the
    table of a study; it is never left out of a mean.

    Args:
      frame: pandas or polars data frame, or a dictionary of columns.
      metric: column with the result of each run.
      higher_is_better: direction of the metric.
      arm: column with the name of the condition; None for a single condition.
      seed: column with the seed of the run, whole numbers or text.
      axes: columns whose values are rows and columns of the table; a missing value means that the
        arm does not have the axis. By default all other columns that vary, if they are text or
        truth values that several seeds share; other columns may be axes or results and raise.
      tune: column whose value is selected for each cell by the best mean of ``validation``.
      validation: column with the metric on validation data, of the same direction.
      failed: column with truth values, or with the reason of a failure and "" elsewhere.
      chance: metric of a run that learnt nothing, or a column with it.
      options: ``title``, ``question`` (first sentence of the caption), and ``titles``, ``arms`` and
        ``columns`` as in ``make``.

    Raises:
      ValueError: a column is missing or has a value that it may not have, two rows are the same
        run, it is not clear which columns are axes, a run failed and chance is not given, or a
        column is tuned without ``validation``.

    >>> frame = {"arm": ["a", "a", "b", "b"], "seed": [0, 1, 0, 1], "error": [3, 5, 1, 2]}
    >>> table = from_frame(frame, "error", higher_is_better=False)
    >>> [(cell.arm, cell.mean) for cell in table.cells()]
    [('a', 4.0), ('b', 1.5)]
    """
    values = reading.columns_of(frame)
    roles = {"metric": metric, "arm": arm, "seed": seed, "tune": tune, "failed": failed}
    roles |= {"validation": validation, "chance": chance if isinstance(chance, str) else None}
    named = [(role, name) for role, name in roles.items() if name is not None]
    for role, name in (*named, *(("axes", name) for name in axes or ())):
        if name not in values:
            known = ", ".join(map(str, values))
            raise ValueError(f"{role}: expected a column of the frame ({known}), got {name!r}")
    if tune is not None and (validation is None or "," in tune):
        raise ValueError(
            "tune: expected a column without a comma, and the column of the metric that selects "
            f"its value in validation, got {tune!r} and {validation!r}"
        )
    if validation == metric:
        raise ValueError(
            f"validation: expected another column than that of the metric, as test results select "
            f"nothing, got {metric!r}"
        )
    if axes is None:
        axes = reading.axes_of(values, {name for _, name in named}, seed)
    axes = dict.fromkeys([*axes, tune] if tune is not None else axes)
    metrics = reading.numbers(values, "metric", metric)
    failures = reading.failures(values, failed, metrics)
    selected_by = reading.validations(values, validation, failures)
    chances = reading.chances(values, chance, failures, higher_is_better)
    arms, seeds = reading.arms(values, arm), reading.seeds(values, seed)
    runs = [
        FrameRun(
            arm=arms[row],
            point={axis: values[axis][row] for axis in axes if values[axis][row] is not None},
            seed=seeds[row],
            metric=metric,
            higher_is_better=higher_is_better,
            chance=Chance(chances[row]),
            failed=failures[row],
            validation={metric: selected_by[row]},
            test={metric: metrics[row]},
        )
        for row in range(len(metrics))
    ]
    return _table(runs, list(axes), tune, validation, **options)


def from_scores(
    scores: Mapping[str, Any],
    tasks: Sequence[str] | None = None,
    *,
    metric: str = "score",
    higher_is_better: bool = True,
    chance: float | None = None,
    **options: Any,
) -> Table:
    """Return the table of arrays of scores, in the form that rliable has them.

    Args:
      scores: (runs, tasks) array of each algorithm. Row k is the run of seed k: rows of one number
        count as paired. A NaN is a failed run.
      tasks: names of the tasks; their numbers by default.
      metric: name of the scores.
      higher_is_better: direction of the scores.
      chance: score of a run that learnt nothing.
      options: as in ``from_frame``.

    Raises:
      ValueError: an array has another shape, or a run failed and chance is not given.

    >>> table = from_scores({"dqn": [[0.1, 0.7], [0.3, 0.9]]}, tasks=["pong", "seaquest"])
    >>> [(cell.point["task"], round(cell.mean, 3)) for cell in table.cells()]
    [('pong', 0.2), ('seaquest', 0.8)]
    """
    arrays = {name: np.asarray(array, np.float64) for name, array in scores.items()}
    sizes = [array.shape[1] if array.ndim == 2 else None for array in arrays.values()]
    size = len(tasks) if tasks is not None else next(iter(sizes), None)
    if size is None or set(sizes) != {size}:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        expected = "(runs, tasks)" if size is None else f"(runs, {size})"
        raise ValueError(f"scores: expected arrays of shape {expected}, got {shapes or 'none'}")
    names = range(size) if tasks is None else tasks
    cells = [
        (name, task, seed, array[seed, k])
        for name, array in arrays.items()
        for k, task in enumerate(names)
        for seed in range(len(array))
    ]
    columns = dict(zip(("arm", "task", "seed", metric), zip(*cells, strict=True), strict=True))
    options = {"higher_is_better": higher_is_better, "chance": chance, **options}
    return from_frame(columns, metric, axes=["task"], **options)


def _table(
    runs: Sequence[FrameRun],
    axes: Sequence[str],
    tune: str | None,
    validation: str | None,
    title: str = "results",
    question: str = "",
    titles: Mapping[str, str] | None = None,
    arms: Sequence[str] = (),
    columns: str | None = None,
) -> Table:
    """Aggregate and arrange runs, and explain the numbers."""
    _check_different(runs)
    _check_labels(runs)
    accepted = [(titles or {}).get(axis, axis) for axis in axes if axis != tune] + [""]
    if columns is not None and columns not in accepted:
        known = ", ".join(map(repr, accepted))
        raise ValueError(f"columns: expected one of {known}, got {columns!r}")
    cells = aggregate(runs, tune)
    first = runs[0]
    better = f"{'higher' if first.higher_is_better else 'lower'} is better"
    chance = " or ".join(sorted({f"{run.chance.metric:.4g}" for run in runs}))
    if math.isfinite(first.chance.metric):
        better += f"; chance {chance}"
    state = completeness(runs, None)
    sentences = [
        question,
        f"Metric {first.metric} ({better}): {INTERVAL}.",
        "Failed runs count as chance." if any(run.failed for run in runs) else "",
        *explain_selection(cells, tune, validation, "the same seeds"),
        *explain_marks(cells, {}),
    ]
    return arrange(
        cells,
        title=title,
        caption=caption_of(state, runs, cells, sentences),
        metric=first.metric,
        part="",
        higher_is_better=first.higher_is_better,
        tuned=tune,
        titles=titles,
        axes=axes,
        arms=arms,
        columns=columns,
        incomplete="" if state.complete else state.count,
    )


def _check_different(runs: Sequence[FrameRun]) -> None:
    """Raise ValueError if two rows are one run."""
    rows: dict[tuple, int] = {}
    for row, run in enumerate(runs):
        first = rows.setdefault((run.arm, *run.point.items(), run.seed), row)
        if first != row:
            point = "".join(f", {axis} {label(value)}" for axis, value in run.point.items())
            raise ValueError(
                f"frame: expected one row a run, got rows {first} and {row} of {run.arm}{point}, "
                f"seed {run.seed}; name the column in which they differ in axes or tune"
            )


def _check_labels(runs: Sequence[FrameRun]) -> None:
    """Raise ValueError if different arms or values of an axis print alike, such as 0.3 and 0.1+0.2.

    Such values are most often one value that was rounded or padded, whose runs belong together.
    """
    printed: dict[tuple[str, str], Any] = {}
    for run in runs:
        for column, value in (("arm", run.arm), *run.point.items()):
            first = printed.setdefault((column, label(value).strip()), value)
            if first != value or isinstance(first, str) is not isinstance(value, str):
                raise ValueError(
                    f"{column}: expected values that print differently, got {first!r} and "
                    f"{value!r}; make them equal, for instance by rounding"
                )
