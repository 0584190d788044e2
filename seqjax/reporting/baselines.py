"""Baselines beside a table: predictors without a network on the same test data."""

from collections.abc import Sequence
from typing import NamedTuple

from seqjax.records.record import Record
from seqjax.reporting.aggregate import RunResult, TableCell
from seqjax.reporting.formats import label


class Baseline(NamedTuple):
    """Name and test metric of a baseline."""

    name: str
    metric: float

    def __str__(self) -> str:
        return f"{self.name} ({self.metric:.4g})"


def best_baseline(run: RunResult) -> Baseline | None:
    """The best baseline of a run's task; None if it has none."""
    best = max if run.higher_is_better else min
    known = [Baseline(*item) for item in run.baselines.items()]
    return best(known, key=lambda baseline: baseline.metric) if known else None


def baseline_rows(records: Sequence[Record]) -> list[list[str]]:
    """Rows with the test metric of each baseline; the first is the head, alone without baselines.

    Baselines depend on the task, so fields of the task that are swept are columns.
    """
    swept = [path for record in records for path in record.point if path.startswith("task.")]
    paths = list(dict.fromkeys(swept))
    rows: dict[tuple, list[str]] = {}
    for record in records:
        place = [label(record.point.get(path, "")) for path in paths]
        for name, value in record.baselines.items():
            rows[*place, name] = [*place, name, f"{value:.4g}"]
    return [[*paths, "baseline", f"test {records[0].metric}"], *rows.values()]


def unbeaten(cells: Sequence[TableCell]) -> str:
    """A sentence if no cell is better than the best baseline of its task; else ""."""
    first = cells[0].records[0]
    best = [best_baseline(cell.records[0]) for cell in cells]
    if first.compared == "score" or None in best:
        return ""
    sign = 1 if first.higher_is_better else -1
    if any(sign * cell.mean > sign * b.metric for cell, b in zip(cells, best, strict=True)):
        return ""
    different = set(best)
    named = map(str, best) if len(different) == 1 else (baseline.name for baseline in best)
    return f"No cell is better than the best baseline: {', '.join(dict.fromkeys(named))}."
