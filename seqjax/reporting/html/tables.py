"""Tables of a page from tables of cells and from rows of text."""

import hashlib
from collections.abc import Sequence
from typing import Any

from seqjax.records.record import Record
from seqjax.reporting.aggregate import MARKS, TableCell
from seqjax.reporting.formats import label, mean_and_interval
from seqjax.reporting.html import runs
from seqjax.reporting.html.view import Cell, MainTable, Mark, PlainTable, Row, Value, short, values
from seqjax.reporting.tables import Table
from seqjax.reporting.tables.captions import explain_marks
from seqjax.reporting.tables.records import EXTEND
from seqjax.stats.selection import sort_key

MOST_ROWS, MOST_CELLS, MOST_COLUMNS = 400, runs.MOST_RUNS, 100
"""Most rows, cells and columns of a table on a page."""


def main_table(
    table: Table, number: int, question: str, records: Sequence[Record] | None
) -> MainTable:
    """A table of cells as a page prints it.

    Args:
      table: the table.
      number: its number on the page, for ids.
      question: the question of the study, which the page has already and the caption omits.
      records: all records of the study, if its cells open their runs; otherwise None.
    """
    prefix = f"table-{number}"
    rows, opened = [], {}
    columns = table.columns[:MOST_COLUMNS]
    for i, row in enumerate(table.rows[: min(MOST_ROWS, MOST_CELLS // len(columns))]):
        cells = []
        for j, column in enumerate(columns):
            cell = table.grid.get((row, column))
            name = f"{prefix}-{i + 1}-{j + 1}"
            opens = f"runs-{i + 1}-{j + 1}" if records is not None else ""
            cells.append(None if cell is None else _cell(cell, name, opens))
            if cell is not None and opens:
                opened[opens] = cells[-1], cell, _place(table, row, column)
        labels = tuple(Value(short(label(v)), _sort(v)) for v in row) or (Value("all"),)
        rows.append(Row(labels, tuple(cells)))
    cells_left_out = len(table.cells()) - sum(c is not None for row in rows for c in row.cells)
    note = f"{cells_left_out:,} more cells are in table.csv. " if cells_left_out else ""
    lists, runs_note = (), ""
    if records is not None:
        lists, runs_note = runs.runs_of_cells(opened, _tried(records, table.tuned), table.tuned)
    marks, caption = _marks(table)
    metric = f"{table.part} {table.metric}".strip()
    titles = [f"{table.column_title} {label(column)}" for column in columns]
    return MainTable(
        id=prefix,
        title=short(table.title),
        caption=caption.replace(question, "", 1).strip() if question else caption,
        row_titles=tuple(map(short, table.row_titles)) or ("study",),
        columns=tuple(map(short, titles if table.column_title else [metric])),
        rows=tuple(rows),
        marks=marks,
        note=(note + runs_note).strip(),
        runs=lists,
    )


def _marks(table: Table) -> tuple[tuple[Mark, ...], str]:
    """The marks of a table, and its caption without the sentences on them."""
    caption, marks = table.caption, []
    for sentence in explain_marks(table.cells(), EXTEND):
        caption = caption.replace(f"{sentence} ", "", 1)
        sign, _, meaning = sentence.partition(" ")
        marks.append(Mark(sign, meaning))
    return tuple(marks), caption


def _place(table: Table, row: tuple, column: Any) -> str:
    """Labels of a cell with their titles."""
    pairs = [*zip(table.row_titles, row, strict=True), (table.column_title, column)]
    named = [
        label(value) if title == "arm" else f"{title} {label(value)}"
        for title, value in pairs
        if title and value != ""
    ]
    return short(", ".join(named)) or "all runs"


def _sort(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(float(value)).replace("inf", "Infinity")
    return ""


def _cell(cell: TableCell, name: str, opens: str) -> Cell:
    return Cell(
        id=name,
        runs=opens,
        result=cell.failure or mean_and_interval(cell.mean, cell.half_width),
        runs_text=f"{cell.n:,} run{'s' * (cell.n != 1)}",
        failed=f"{cell.failed:,} failed" if cell.failed else "",
        chosen="" if cell.chosen is None else f"@ {short(label(cell.chosen), 40)}",
        marks=tuple(Mark(*MARKS[mark]) for mark in cell.marks),
        sort="" if cell.failure else repr(float(cell.mean)),
    )


def _tried(records: Sequence[Record], tuned: str | None) -> dict[tuple, list]:
    """Values of the tuned axes by arm and point, in order."""
    paths = (tuned or "").split(",")
    tried: dict[tuple, set] = {}
    for record in records:
        value = tuple(record.point.get(path) for path in paths)
        tried.setdefault(runs.key(record, paths), set()).add(value)
    return {
        key: sorted((v if len(v) > 1 else v[0] for v in found), key=sort_key)
        for key, found in tried.items()
    }


def plain_table(
    title: str, rows: Sequence[Sequence[str]], caption: str = "", grey: Sequence[int] = ()
) -> PlainTable:
    """A table of text.

    Args:
      title: its title, from which its id follows.
      rows: the rows; the first is the head.
      caption: the words below.
      grey: indices of rows that are printed grey.
    """
    head, *body = rows
    left_out = len(body) - MOST_ROWS
    note = f"{left_out:,} more rows are not shown." if left_out > 0 else ""
    return PlainTable(
        id=f"rows-{hashlib.sha256(title.encode()).hexdigest()[:12]}",
        title=title,
        head=tuple(map(short, head)),
        rows=tuple(values(row) for row in body[:MOST_ROWS]),
        caption=caption,
        note=note,
        grey=tuple(grey),
    )
