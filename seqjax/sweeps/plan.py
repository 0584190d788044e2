"""The runs of a study, with hyperparameters tuned on separate seeds.

A study with ``tuning_seeds`` trains each table cell, an arm at a point, at every value of the tuned
axis on the tuning seeds 1000, 1001, …, and then the value with the best validation metric on the
reported seeds. The plan depends only on the records so far, so a study that is interrupted or split
into shards trains the same runs as an uninterrupted one.

A study may have gained values since its first records. A cell is then tuned over its recorded
values as well, so that plan and tables select the same value. Steps beyond the former grid count as
extensions only if they are outside the new one.
"""

import dataclasses
import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from seqjax.records.record import Record
from seqjax.stats import rules
from seqjax.sweeps.points import make_run, points_of
from seqjax.sweeps.study import MOST_RUNS, Arm, Run, Study
from seqjax.training.overrides import ConfigError, fields, unknown_field

FIRST_TUNING_SEED = 1000
EXTENDED, MOST_EXTENSIONS = "optim.learning_rate", 2
"""Axis whose grid is extended by a step if the best value is its first or last, and how often."""


def plan_runs(
    study: Study,
    seeds: Iterable[int],
    records: Iterable[Record] = (),
    recorded_values: bool = True,
) -> list[Run]:
    """Plan the runs of a study, as far as the records so far determine them.

    Args:
      study: the study.
      seeds: the reported seeds.
      records: the records so far. With ``tuning_seeds``, the reported runs of a table cell are
        planned once all its tuning runs are recorded.
      recorded_values: tune over all values that a cell has tuning records of, in addition to those
        of the study, as ``reporting.aggregate`` does; False to plan the study as it is.

    Returns:
      The runs, including recorded ones, arm by arm, point by point, seed by seed.

    Raises:
      ConfigError: an invalid setting or axis; more than ``MOST_RUNS`` runs; a reported seed that is
        also a tuning seed.
    """
    seeds = list(itertools.islice(seeds, MOST_RUNS + 1))
    if not study.tuning_seeds:
        return _every_run(study, seeds)
    tuning_seeds = range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + study.tuning_seeds)
    if both := [seed for seed in seeds if seed in tuning_seeds]:
        raise ConfigError(
            f"--seeds: expected seeds that {study.tune} is not tuned on, got {both[0]}"
        )
    cells: dict[Hashable, list[Run]] = {}
    for run in _every_run(study, tuning_seeds):
        cells.setdefault(cell_key(study, run), []).append(run)
    _check_size(study, len(cells) * len(seeds))
    recorded = {record.id: record for record in records}
    values: dict[Hashable, set[tuple]] = {}
    for record in recorded.values() if recorded_values else ():
        if record.purpose == "tuning":
            values.setdefault(cell_key(study, record), set()).add(_tuned_values(study, record))
    return [
        run
        for key, runs in cells.items()
        for run in _runs_of_cell(study, runs, seeds, recorded, values.get(key, set()))
    ]


def cell_key(study: Study, run: Run | Record) -> Hashable:
    """Key of the runs that one shard runs together: a run, or with tuning seeds a table cell."""
    if not study.tuning_seeds:
        return run.id
    return run.arm, *(item for item in run.point.items() if item[0] not in study.tuned)


def _tuned_values(study: Study, run: Run | Record) -> tuple:
    return tuple(run.point.get(path) for path in study.tuned)


def runs_after_tuning(study: Study, groups: Iterable[Sequence[Run]], seeds: int) -> list[int]:
    """Number of runs of each group that will be planned once their cells are tuned.

    Args:
      study: the study.
      groups: the planned runs in groups.
      seeds: number of reported seeds.
    """
    cells: dict[str, list[set[Hashable]]] = {"tuning": [], "evaluation": []}
    for group in groups:
        for purpose, found in cells.items():
            found.append({cell_key(study, run) for run in group if run.purpose == purpose})
    reported = set().union(*cells["evaluation"])
    return [seeds * len(own - reported) for own in cells["tuning"]]


def _every_run(study: Study, seeds: Sequence[int]) -> list[Run]:
    """Every arm at every point with every seed."""
    runs, used, firsts = [], set(), {}
    seeds = seeds[: MOST_RUNS + 1]
    for arm in study.arms:
        for point in points_of(study, arm):
            used |= point.keys()
            _check_axes(study, arm, point)
            _check_size(study, (len(runs) + 1) * len(seeds))
            runs.append(make_run(study, arm, point, firsts))
            metrics = [run.config.task.metric for run in (runs[0], runs[-1])]
            if len(set(metrics)) > 1 and not study.scored:
                both = " and ".join(metrics)
                raise ConfigError(f"task.name: expected tasks of one metric, got {both}")
    for axis in study.axes:
        if axis.path not in used and any(axis.applies_to(arm) for arm in study.arms):
            names = [(run.config.model.cell, run.config.task.name) for run in runs]
            if not any(axis.path in fields(*pair) for pair in names):
                error = unknown_field(axis.path, *names[0])
                raise ConfigError(f"{error} ({study.name} sweeps {axis.path})")
            raise ConfigError(f"{axis.path}: swept, but without effect in any arm of {study.name}")
    if study.tune is not None and study.tune not in used:
        axes = dict.fromkeys(axis.path for axis in study.axes if axis.path in used)
        raise ConfigError(f"--tune: expected {', '.join(axes)} or none, got {study.tune!r}")
    return [dataclasses.replace(run, seed=seed) for run in runs for seed in seeds]


def _check_axes(study: Study, arm: Arm, point: Mapping[str, Any]) -> None:
    """Raise ConfigError if two axes of an arm set one field or share one column of the table."""
    axes = [axis for axis in study.axes if axis.applies_to(arm) and axis.path in point]
    for first, second in itertools.combinations(axes, 2):
        if first.path == second.path:
            raise ConfigError(f"axes: expected one axis of {first.path} for {arm.title}, got two")
        if first.title == second.title:
            raise ConfigError(
                f"axes: expected different labels within {arm.title}, got {first.title!r} for "
                f"{first.path} and {second.path}"
            )


def _check_size(study: Study, runs: int) -> None:
    if runs > MOST_RUNS:
        raise ConfigError(f"--seeds: {study.name} would have over {MOST_RUNS:,} runs")


def _runs_of_cell(
    study: Study,
    runs: list[Run],
    seeds: Sequence[int],
    recorded: Mapping[str, Record],
    recorded_values: set[tuple],
) -> list[Run]:
    """The tuning runs of a table cell, and, once these are recorded, its reported runs.

    Args:
      study: the study.
      runs: the runs of the cell at every value of the tuned axis and every tuning seed.
      seeds: the reported seeds.
      recorded: the records by the id of their run.
      recorded_values: values of the tuned axis that the cell has tuning records of.
    """
    by_value: dict[tuple, list[Run]] = {}
    for run in runs:
        tuning = dataclasses.replace(run, purpose="tuning")
        by_value.setdefault(_tuned_values(study, run), []).append(tuning)
    if not any(path in runs[0].point for path in study.tuned):
        return [dataclasses.replace(runs[0], seed=seed) for seed in seeds]  # nothing to select
    first, last = min(by_value), max(by_value)
    further = sorted(recorded_values - by_value.keys())
    extensions = sum(not first < value < last for value in further)
    for value in further:
        by_value[value] = [_at(study, run, value) for run in by_value[first]]
    while True:
        tuning = [run for same in by_value.values() for run in same]
        if not all(run.id in recorded for run in tuning):
            return tuning
        values = sorted(by_value)
        best = rules.select_best({v: [recorded[run.id] for run in by_value[v]] for v in values})
        beyond = value_beyond(study, values, best, study.arm(runs[0].arm))
        if beyond is None or extensions >= MOST_EXTENSIONS:
            break
        extensions += 1
        by_value[(beyond,)] = [_at(study, run, (beyond,)) for run in by_value[best]]
    reported = dataclasses.replace(by_value[best][0], purpose="evaluation")
    return tuning + [dataclasses.replace(reported, seed=seed) for seed in seeds]


def value_beyond(
    study: Study, values: Sequence[tuple], best: tuple, arm: Arm | None = None
) -> float | None:
    """The value one step beyond the first or last value if that is the best one, else None.

    >>> study = Study("rates", "Which?", {}, tune="optim.learning_rate")
    >>> value_beyond(study, [(0.001,), (0.01,)], (0.001,))
    0.0001

    Args:
      study: the study; only ``EXTENDED`` is extended, and only if its values are not drawn and its
        axis is not closed.
      values: the values tried, sorted, each a tuple over ``study.tuned``.
      best: one of them.
      arm: the arm, to which an axis may not apply; None for any.
    """
    if study.tuned != (EXTENDED,) or len(values) < 2 or best not in (values[0], values[-1]):
        return None
    axes = [axis for axis in study.axes if axis.path == EXTENDED]
    if any(a.drawn or a.closed for a in axes if arm is None or a.applies_to(arm)):
        return None
    edge, inner = values[:2] if best == values[0] else values[:-3:-1]
    return float(f"{edge[0] * edge[0] / inner[0]:.3g}")


def _at(study: Study, run: Run, values: tuple) -> Run:
    """The run at other values of the tuned axis."""
    point = {**run.point, **dict(zip(study.tuned, values, strict=True))}
    other = make_run(study, study.arm(run.arm), point)
    return dataclasses.replace(run, point=other.point, config=other.config)
