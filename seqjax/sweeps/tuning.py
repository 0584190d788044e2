"""Tuning apart: rates are chosen on seeds of their own, and the choice alone is then reported.

Each cell of the table, an arm at a point, is tried at every value of the tuned axis on the tuning
seeds 1000, 1001, …; the value with the best validation metric is run on the seeds that are
reported. Which runs are due depends on the records so far and on nothing else, so a study that was
interrupted, or shared out by cells, goes on as if it had not been.
"""

import dataclasses
import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence

from seqjax.records.record import Record
from seqjax.stats import rules
from seqjax.sweeps.study import MOST_RUNS, Run, Study, check_size, placed, plan
from seqjax.training.config import ConfigError

FIRST_SEED = 1000
EXTENDED, MOST_EXTENSIONS = "optim.learning_rate", 2
"""The axis whose grid grows by a step where its best value stands at an edge, and how often."""


def due(study: Study, seeds: Sequence[int], records: Iterable[Record]) -> list[Run]:
    """Every run that the study needs, as far as the records so far say, those recorded included.

    Raises:
      ConfigError: as ``plan``; a seed that is both tuned on and reported.
    """
    if not study.tuning_seeds:
        return plan(study, seeds)
    tuning_seeds = range(FIRST_SEED, FIRST_SEED + study.tuning_seeds)
    seeds = list(itertools.islice(seeds, MOST_RUNS + 1))  # there may be as many as one can type
    if both := [seed for seed in seeds if seed in tuning_seeds]:
        raise ConfigError(f"--seeds: {both[0]} is a seed that {study.tune} is tuned on")
    cells: dict[Hashable, list[Run]] = {}
    for run in plan(study, tuning_seeds):
        cells.setdefault(cell_of(study, run), []).append(run)
    check_size(study, len(cells) * len(seeds))
    found = {record.id: record for record in records}
    return [run for runs in cells.values() for run in _of_cell(study, runs, seeds, found)]


def cell_of(study: Study, run: Run) -> Hashable:
    """What is run by one shard as a whole: a run, or with tuning seeds a cell of the table."""
    if not study.tuning_seeds:
        return run.id
    return run.arm, *(item for item in run.point.items() if item[0] not in study.tuned)


def _of_cell(
    study: Study, runs: list[Run], seeds: Sequence[int], found: Mapping[str, Record]
) -> list[Run]:
    """What is due of one cell: tuning runs, and once these are recorded, those that count."""
    tried: dict[tuple, list[Run]] = {}
    for run in runs:
        value = tuple(run.point.get(path) for path in study.tuned)
        tried.setdefault(value, []).append(dataclasses.replace(run, purpose="tuning"))
    if not any(path in runs[0].point for path in study.tuned):
        return [dataclasses.replace(runs[0], seed=seed) for seed in seeds]  # nothing to select
    for extensions in range(MOST_EXTENSIONS + 1):
        tuning = [run for same in tried.values() for run in same]
        if not all(run.id in found for run in tuning):
            return tuning
        ordered = sorted(tried)
        chosen = rules.select_best({v: [found[run.id] for run in tried[v]] for v in ordered})
        beyond = _beyond(study, ordered, chosen)
        if beyond is None or extensions == MOST_EXTENSIONS:
            break
        tried[(beyond,)] = [_at(study, run, beyond) for run in tried[chosen]]
    best = dataclasses.replace(tried[chosen][0], purpose="evaluation")
    return tuning + [dataclasses.replace(best, seed=seed) for seed in seeds]


def _beyond(study: Study, ordered: list[tuple], chosen: tuple) -> float | None:
    """The value one step past the edge that the chosen one stands at; None where it stands inside.

    >>> from seqjax.sweeps.study import Study
    >>> study = Study("rates", "Which?", {}, tune="optim.learning_rate")
    >>> _beyond(study, [(0.001,), (0.01,)], (0.001,))
    0.0001
    """
    if study.tuned != (EXTENDED,) or len(ordered) < 2 or chosen not in (ordered[0], ordered[-1]):
        return None
    if any(axis.drawn for axis in study.axes if axis.path == EXTENDED):
        return None  # draws have no steps
    edge, beside = ordered[:2] if chosen == ordered[0] else ordered[:-3:-1]
    return float(f"{edge[0] * edge[0] / beside[0]:.3g}")


def _at(study: Study, run: Run, value: float) -> Run:
    """The run at another value of the tuned axis."""
    there = placed(study, study.arm(run.arm), {**run.point, study.tune: value}, {})
    return dataclasses.replace(run, point=there.point, config=there.config)
