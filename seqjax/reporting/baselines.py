"""Baselines beside a table: predictors without a network on the same test data."""

from collections.abc import Sequence

from seqjax.records.record import Record
from seqjax.reporting.aggregate import TableCell
from seqjax.reporting.formats import label


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
    runs = [cell.records[0] for cell in cells]
    if runs[0].compared == "score" or not all(run.baselines for run in runs):
        return ""
    sign = 1 if runs[0].higher_is_better else -1
    best = [max(run.baselines.items(), key=lambda item: sign * item[1]) for run in runs]
    if any(sign * cell.mean > sign * metric for cell, (_, metric) in zip(cells, best, strict=True)):
        return ""
    several = len(set(best)) > 1
    names = (name if several else f"{name} ({metric:.4g})" for name, metric in best)
    return f"No cell is better than the best baseline: {', '.join(dict.fromkeys(names))}."
