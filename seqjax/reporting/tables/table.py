"""A table: cells in rows and columns, as Markdown, LaTeX and CSV."""

import dataclasses
from collections.abc import Mapping, Sequence

from seqjax.reporting import formats
from seqjax.reporting.aggregate import MARKS, TableCell
from seqjax.reporting.formats import label
from seqjax.stats.selection import sort_key


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells in rows and columns; notebooks display it as Markdown.

    Attributes:
      title: name of the table.
      caption: explanation of the numbers.
      row_titles: titles of the parts of a row's label.
      column_title: title of the axis whose values are columns; "" for a single column.
      rows: labels of the rows, tuples of values.
      columns: labels of the columns.
      grid: cells by (row, column); some may be missing.
      tuned: path of the tuned axis, or None.
      metric: name of the metric, or "score".
      higher_is_better: direction of the metric.
      part: part of the data that the metric is from; "" if it is not known.
      changed: changes to the study as defined, for captions and figures; "" for none.
      incomplete: the number of recorded runs as "6 of 8 runs", for the titles of figures; "" if
        none is missing.
    """

    title: str
    caption: str
    row_titles: tuple[str, ...]
    column_title: str
    rows: tuple[tuple, ...]
    columns: tuple
    grid: Mapping[tuple, TableCell]
    tuned: str | None
    metric: str
    higher_is_better: bool
    part: str = "test"
    changed: str = ""
    incomplete: str = ""

    def cells(self) -> list[TableCell]:
        """Cells row by row."""
        keys = ((row, column) for row in self.rows for column in self.columns)
        return [self.grid[key] for key in keys if key in self.grid]

    def text_rows(self) -> list[list[str]]:
        """The table as text; the first row is the head."""
        head = [
            f"{self.column_title} {label(column)}" if self.column_title else "result"
            for column in self.columns
        ]
        body = [
            [
                *map(label, row),
                *(cell_text(self.grid.get((row, column))) for column in self.columns),
            ]
            for row in self.rows
        ]
        return [[*self.row_titles, *head], *body]

    def to_markdown(self) -> str:
        """Title, table and caption."""
        title, caption = map(formats.escape_markdown, (self.title, self.caption))
        return f"**{title}**\n\n{formats.markdown(self.text_rows())}\n\n{caption}\n"

    _repr_markdown_ = to_markdown

    def to_latex(self) -> str:
        """A ``table`` environment with booktabs rules."""
        return formats.latex(self.title, self.caption, self.text_rows())

    def to_csv(self) -> str:
        """One line for each cell with all its numbers; see ``to_csv``."""
        return to_csv([self])


def cell_text(cell: TableCell | None) -> str:
    """A cell as "mean ± half_width (runs/failed) @chosen" with its marks; "" for None.

    If all its runs failed, the reason takes the place of the numbers.
    """
    if cell is None:
        return ""
    chosen = "" if cell.chosen is None else f" @{label(cell.chosen)}"
    marks = "".join(MARKS[mark][0] for mark in cell.marks)
    result = cell.failure or formats.mean_and_interval(cell.mean, cell.half_width)
    return f"{result} ({cell.n}/{cell.failed}){chosen}{marks}"


def arrange(
    cells: Sequence[TableCell],
    *,
    title: str,
    caption: str,
    metric: str,
    higher_is_better: bool,
    tuned: str | None = None,
    part: str = "test",
    titles: Mapping[str, str] | None = None,
    axes: Sequence[str] = (),
    arms: Sequence[str] = (),
    columns: str | None = None,
    changed: str = "",
    incomplete: str = "",
) -> Table:
    """Arrange cells in rows and columns.

    Args:
      cells: the cells; their arms and values of axes become labels.
      title, caption, metric, higher_is_better, tuned, part, changed, incomplete: as in ``Table``.
      titles: title of an axis in the head of the table, by path; axes of different arms may share
        a title and thereby a column.
      axes: order of the axes, by path; others follow.
      arms: order of the arms; others follow by name.
      columns: title of the axis whose values are columns; None for the last axis, "" for none.

    Raises:
      ValueError: two cells have the same labels, so that one would hide the other.
    """
    row_titles, columns, grid = _grid(cells, titles or {}, axes, columns)
    if any("" in (*row, column if columns else None) for row, column in grid):
        caption += f" {label('')} means not applicable."
    position = {arm: k for k, arm in enumerate(arms)}

    def row_key(row: tuple) -> tuple:
        first = position.get(row[0], len(position)) if "arm" in row_titles[:1] else 0
        return first, [sort_key(value) for value in row]

    return Table(
        title=title,
        caption=caption,
        row_titles=row_titles,
        column_title=columns,
        rows=tuple(sorted({row for row, _ in grid}, key=row_key)),
        columns=tuple(sorted({column for _, column in grid}, key=sort_key)),
        grid=grid,
        tuned=tuned,
        metric=metric,
        higher_is_better=higher_is_better,
        part=part,
        changed=changed,
        incomplete=incomplete,
    )


def _grid(
    cells: Sequence[TableCell],
    titles: Mapping[str, str],
    order: Sequence[str],
    columns: str | None,
) -> tuple[tuple[str, ...], str, dict[tuple, TableCell]]:
    """Titles of the parts of a row's label, column title, and cells by (row, column)."""
    present = dict.fromkeys(path for cell in cells for path in cell.point)
    paths = [*(path for path in order if path in present), *present]
    axes = list(dict.fromkeys(titles.get(path, path) for path in paths))
    several = len({cell.arm for cell in cells}) > 1
    if columns is None or columns not in (*axes, ""):
        columns = axes[-1] if axes and (several or len(axes) > 1) else ""
    down = [axis for axis in axes if axis != columns]
    grid = {}
    for cell in cells:
        values = {titles.get(path, path): value for path, value in cell.point.items()}
        row = ((cell.arm,) if several else ()) + tuple(values.get(axis, "") for axis in down)
        if (place := (row, values.get(columns, ""))) in grid:
            raise ValueError(
                f"titles: expected different titles for axes of one arm, got {', '.join(axes)} for "
                f"{', '.join(paths)}, which puts two cells of {cell.arm} in one place"
            )
        grid[place] = cell
    return (("arm",) if several else ()) + tuple(down), columns, grid


def to_csv(tables: Sequence[Table]) -> str:
    """Tables as one CSV file with a line for each cell.

    Columns: table, arm, one for each axis, the tuned axis and its chosen value, metric, mean with
    its interval, numbers of runs and failed runs, validation metric, fraction of clipped steps,
    marks, interquartile mean, proportion solved with its interval, steps to the criterion, and
    failures by reason. Means and intervals are empty if all runs of a cell failed.
    """
    cells = [(table, cell) for table in tables for cell in table.cells()]
    paths = list(dict.fromkeys(path for _, cell in cells for path in cell.point))
    return formats.csv_text(
        [
            (
                *("table", "arm", *paths, "tuned", "chosen", "metric", "mean", "low", "high"),
                *("runs", "failed", "validation", "clipped_fraction", "marks"),
                *("interquartile_mean", "solved", "solved_low", "solved_high"),
                *("steps_to_criterion", "failures"),
            ),
            *(_csv_row(table, cell, paths) for table, cell in cells),
        ]
    )


def _csv_row(table: Table, cell: TableCell, paths: Sequence[str]) -> tuple:
    chosen = label(cell.chosen) if isinstance(cell.chosen, tuple) else cell.chosen
    tuned = ("", "") if chosen is None else (table.tuned, chosen)
    point = (cell.point.get(path, "") for path in paths)
    mean, half_width = cell.mean, cell.half_width
    means = (mean, mean - half_width, mean + half_width, cell.validation, cell.interquartile_mean)
    mean, low, high, validation, interquartile_mean = ("",) * 5 if cell.failure else means
    failures = ", ".join(f"{number} {reason}" for reason, number in cell.failures.items())
    return (
        *(table.title, cell.arm, *point, *tuned, table.metric),
        *(mean, low, high, cell.n, cell.failed, validation),
        *(cell.clipped_fraction, " ".join(cell.marks), interquartile_mean),
        *(*cell.solved, cell.steps_to_criterion, failures),
    )
