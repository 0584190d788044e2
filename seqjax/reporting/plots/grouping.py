"""Cells of a table by panel and by task, with the names of rows and lines."""

from collections.abc import Hashable, Iterable, Sequence

from seqjax.reporting.aggregate import TableCell
from seqjax.reporting.formats import label
from seqjax.reporting.plots.style import short_name
from seqjax.reporting.tables import Table

Line = tuple[str, TableCell]
"""A cell and the name of its line."""


def row_label(row: tuple) -> str:
    """Label of a row in a figure."""
    return short_name(", ".join(label(value) for value in row)) or "all"


def task_of(cell: TableCell) -> Hashable:
    """Key that is equal for cells whose numbers can be compared: one task, readout and metric."""
    run = cell.records[0]
    fields = {
        field: str(value)
        for field, value in run.settings.items()
        if field.startswith("task.") or field == "model.readout"
    }
    return run.metric, *sorted(fields.items())


def cells_by_panel(table: Table, by_task: bool = False) -> dict[str, list[Line]]:
    """Cells with the names of their lines, by the title of their panel.

    A panel shows a column or, in a table without columns, a value of the first part of a row's
    label.

    Args:
      table: the table.
      by_task: give each task a panel if the names of the lines begin with their task, as those of
        the arms of a claim do.
    """
    panels: dict[str, list[Line]] = {}
    for column in table.columns:
        for row in table.rows:
            if (row, column) not in table.grid:
                continue
            title = f"{table.column_title} {label(column)}" if table.column_title else ""
            if table.column_title and column == "":
                title = f"{table.column_title}: not applicable"
            if not title and len(row) > 1:
                title, rest = f"{table.row_titles[0]} {label(row[0])}", row[1:]
            else:
                rest = row
            panels.setdefault(title, []).append((row_label(rest), table.grid[row, column]))
    return dict(_split(panels)) if by_task else panels


def _split(panels: dict[str, list[Line]]) -> Iterable[tuple[str, list[Line]]]:
    """Panels of one task each, if all names of a task begin with the same "task: "."""
    for title, lines in panels.items():
        groups: dict[Hashable, list[Line]] = {}
        for line in lines:
            groups.setdefault(task_of(line[1]), []).append(line)
        prefixes = [_prefix(group) for group in groups.values()]
        if len(groups) < 2 or len(set(prefixes) - {""}) < len(groups):
            yield title, lines
            continue
        for prefix, group in zip(prefixes, groups.values(), strict=True):
            names = [(name.removeprefix(f"{prefix}: "), cell) for name, cell in group]
            yield ", ".join(filter(None, (prefix, title))), names


def _prefix(lines: Sequence[Line]) -> str:
    """The task before the colon that all names share; "" if they do not."""
    heads = {name.partition(": ")[0] if ": " in name else "" for name, _ in lines}
    return heads.pop() if len(heads) == 1 else ""


def runs_in_words(cells: Sequence[TableCell]) -> str:
    """Number of runs of each cell, as "n = 3" or "n = 2 to 5"."""
    numbers = sorted({cell.n for cell in cells})
    return f"n = {numbers[0]}" + (f" to {numbers[-1]}" if len(numbers) > 1 else "")


def failed_in_words(cells: Iterable[TableCell]) -> str:
    """Number of failed runs of some cells, as "2 of 30 failed"; "" for none."""
    numbers = [(cell.failed, cell.n) for cell in cells]
    failed, runs = map(sum, zip(*numbers, strict=True))
    return f"{failed} of {runs} failed" if failed else ""
