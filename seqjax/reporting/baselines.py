"""Baselines beside a table: predictors without a network on the same test data."""

from collections.abc import Sequence

from seqjax.records.record import Record
from seqjax.reporting.aggregate import TableCell
from seqjax.reporting.formats import label

DIGITS = 4


def baseline_rows(records: Sequence[Record]) -> list[list[str]]:
    """Rows with the test metric of each baseline; the first is the head, alone without baselines.

    Baselines depend on the task, so fields of the task that are swept are columns.
    """
    first = records[0]
    swept = [path for record in records for path in record.point if path.startswith("task.")]
    paths = list(dict.fromkeys(swept))
    rows: dict[tuple, list[str]] = {}
    for record in records:
        place = [label(record.point.get(path, "")) for path in paths]
        for name, value in record.baselines.items():
            rows.setdefault((*place, name), [*place, name, f"{value:.{DIGITS}g}"])
    return [[*paths, "baseline", f"test {first.metric}"], *rows.values()]


def unbeaten(cells: Sequence[TableCell]) -> str:
    """A sentence if no cell is better than the best baseline of its runs; else ""."""
    first = cells[0].records[0]
    if first.compared == "score" or not all(cell.records[0].baselines for cell in cells):
        return ""
    best = max if first.higher_is_better else min
    named = {}
    for cell in cells:
        baselines = cell.records[0].baselines
        name = best(baselines, key=baselines.__getitem__)
        if best(cell.mean, baselines[name]) != baselines[name]:
            return ""
        named[name] = baselines[name]
    texts = (f"{name} ({value:.{DIGITS}g})" for name, value in named.items())
    return f"No cell is better than the best baseline: {', '.join(texts)}."
