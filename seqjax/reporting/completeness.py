"""Completeness of the runs behind a table: how many are recorded, and which are missing."""

import dataclasses
from collections.abc import Iterable, Sequence

from seqjax.records.plan import Planned, PlannedRun
from seqjax.records.record import run_id
from seqjax.reporting.aggregate import RunResult
from seqjax.reporting.formats import label
from seqjax.stats.selection import sort_key
from seqjax.sweeps.study import UNNAMED

MOST_NAMED = 6
"""Most groups of missing runs that a caption names."""
MOST_SEEDS = 4
"""Most seeds of one point that a caption names."""


@dataclasses.dataclass(frozen=True)
class Completeness:
    """Numbers of runs, and the missing ones.

    Attributes:
      recorded: number of planned runs with a record.
      planned: number of planned runs.
      missing: planned runs without a record.
      untuned: number of table cells whose reported runs are planned once their tuning has ended.
    """

    recorded: int
    planned: int
    missing: tuple[Planned, ...]
    untuned: int

    @property
    def complete(self) -> bool:
        """True if no run is missing."""
        return not self.missing and not self.untuned

    @property
    def count(self) -> str:
        """The numbers as "6 of 8 runs"."""
        so_far = " planned so far" if self.untuned else ""
        return f"{self.recorded:,} of {self.planned:,} run{'s' * (self.planned != 1)}{so_far}"

    def __str__(self) -> str:
        """One sentence for captions."""
        if self.complete:
            return f"{self.count}."
        parts = [f"missing: {_named(self.missing)}"] if self.missing else []
        if self.untuned:
            cells = f"{self.untuned} cell{'s' * (self.untuned != 1)}"
            parts.append(f"tuning is not finished for {cells}")
        return f"INCOMPLETE: {self.count}; {'; '.join(parts)}."


def completeness(records: Sequence[RunResult], planned: Iterable[Planned] | None) -> Completeness:
    """Compare records with a plan.

    Args:
      records: records of one study.
      planned: its planned runs; None to infer them from the records.
    """
    planned = infer_plan(records) if planned is None else list(planned)
    recorded = {record.id for record in records}
    missing = tuple(run for run in planned if run.id not in recorded)
    tuned = (records[0].tune or "").split(",")
    cells: dict[str, set] = {"tuning": set(), "evaluation": set()}
    for run in planned:
        point = frozenset(item for item in run.point.items() if item[0] not in tuned)
        cells[run.purpose].add((run.arm, point))
    return Completeness(
        recorded=len(planned) - len(missing),
        planned=len(planned),
        missing=missing,
        untuned=len(cells["tuning"] - cells["evaluation"]),
    )


def run_order(run: RunResult) -> tuple:
    """Key that sorts runs by arm, point and seed, whatever the order in which they ended."""
    return run.arm, [sort_key(value) for value in run.point.values()], run.seed


def infer_plan(records: Iterable[RunResult]) -> list[PlannedRun]:
    """The plan that some records suggest: every arm at every point with every seed that occurs.

    Seeds of tuning runs and of reported runs are inferred separately. Arms and points of which no
    run is recorded cannot be inferred.
    """

    by_point: dict[tuple, dict[int | str, RunResult]] = {}
    seeds: dict[str, set[int | str]] = {}
    for record in sorted(records, key=run_order):
        key = record.purpose, record.arm, *record.point.items()
        by_point.setdefault(key, {})[record.seed] = record
        seeds.setdefault(record.purpose, set()).add(record.seed)
    plan = []
    for (purpose, arm, *items), runs in by_point.items():
        for seed in sorted(seeds[purpose]):
            name = runs[seed].id if seed in runs else run_id(arm, dict(items), seed)
            plan.append(PlannedRun(name, arm, dict(items), seed, purpose))
    return plan


def _named(missing: Sequence[Planned]) -> str:
    """The missing runs in words: by point, or by fewer axes or arm if the points are too many."""
    fewest = 1 if {run.arm for run in missing} == {UNNAMED} else 0
    for axes in range(max(fewest, *(len(run.point) for run in missing)), fewest - 1, -1):
        groups: dict[str, list[Planned]] = {}
        for run in missing:
            point = [f"{path}={label(value)}" for path, value in run.point.items()]
            arm = [] if run.arm == UNNAMED and point[:axes] else [run.arm]
            groups.setdefault(" ".join([*arm, *point[:axes]]), []).append(run)
        if len(groups) <= MOST_NAMED:
            break
    listed = [f"{name} ({_seeds(runs)})" for name, runs in list(groups.items())[:MOST_NAMED]]
    rest = sum(map(len, list(groups.values())[MOST_NAMED:]))
    return ", ".join([*listed, *([f"{rest:,} more runs"] if rest else [])])


def _seeds(runs: Sequence[Planned]) -> str:
    """The seeds of runs of one point if they are few; otherwise the number of runs."""
    if len({(run.arm, *run.point.items()) for run in runs}) == 1 and len(runs) <= MOST_SEEDS:
        return f"seed{'s' * (len(runs) != 1)} {', '.join(str(run.seed) for run in runs)}"
    return f"{len(runs):,} run{'s' * (len(runs) != 1)}"
