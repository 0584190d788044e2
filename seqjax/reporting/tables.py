"""Tables of aggregated records, with a caption, as Markdown, LaTeX and CSV."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqjax.records.record import Record
from seqjax.reporting import formats
from seqjax.reporting.aggregate import MARKS, TableCell, aggregate, sort_key
from seqjax.stats import rules
from seqjax.tasks import TASKS, GeneratedTask

AS_RECORDED = "as recorded"
"""Default of ``make_table``: the axis that the records name as tuned."""


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
      changed: changes to the study as defined, for captions and figures; "" for none.
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
    changed: str = ""

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


def label(value: Any) -> str:
    """Value of an axis as tables print it; values that were drawn together are joined."""
    if isinstance(value, tuple):
        return ", ".join(map(label, value))
    if value == "":
        return "–"
    if isinstance(value, float):
        return "∞" if value == math.inf else f"{value:g}"
    return str(value)


def cell_text(cell: TableCell | None) -> str:
    """A cell as "mean ± half_width (runs/failed) @chosen" with its marks; "" for None."""
    if cell is None:
        return ""
    chosen = "" if cell.chosen is None else f" @{label(cell.chosen)}"
    marks = "".join(MARKS[mark][0] for mark in cell.marks)
    number = formats.mean_and_interval(cell.mean, cell.half_width)
    return f"{number} ({cell.n}/{cell.failed}){chosen}{marks}"


def make_table(
    records: Sequence[Record],
    *,
    title: str | None = None,
    question: str = "",
    changed: str = "",
    tune: str | None = AS_RECORDED,
    titles: Mapping[str, str] | None = None,
    arms: Sequence[str] = (),
    columns: str | None = None,
    fixed: Any = None,
) -> Table:
    """Aggregate the records of a study into a table.

    Args:
      records: records of one study, in any order.
      title: name of the table; None for the name of the study.
      question: first sentence of the caption.
      changed: changes to the study as defined, named in the caption and in figures.
      tune: path of the tuned axis, several joined by commas; None for no tuning; by default the
        axis that the records name.
      titles: title of an axis in the head of the table, by path; axes with equal titles share a
        column.
      arms: order of the arms; others follow by name.
      columns: title of the axis whose values are columns; None for the last axis, "" for none.
      fixed: use only runs with this value of the tuned axis, without a selection.

    Raises:
      ValueError: no records, or all of them are for tuning.
    """
    titles = titles or {}
    if tune == AS_RECORDED:
        tune = records[0].tune if records else None
    if fixed is not None:
        records = [record for record in records if record.point.get(tune) == fixed]
    if not records:
        raise ValueError("records: expected at least one, got none")
    if changed:
        question = f"{question} Changed: {changed}.".strip()
    records = sorted(records, key=lambda record: (-len(record.point), record.id))
    cells = aggregate(records, tune)
    if not cells:
        raise ValueError("records: expected one with purpose evaluation, got only tuning")
    if fixed is not None:
        cells = [dataclasses.replace(cell, chosen=None) for cell in cells]
    row_titles, columns, grid = _arrange(cells, titles, columns)
    caption = f"{question} {_caption(records, cells, tune, fixed)}".strip()
    if any("" in (*row, column if columns else None) for row, column in grid):
        caption += f" {label('')} means not applicable."
    position = {arm: k for k, arm in enumerate(arms)}

    def row_key(row: tuple) -> tuple:
        first = position.get(row[0], len(position)) if "arm" in row_titles[:1] else 0
        return first, [sort_key(value) for value in row]

    return Table(
        title=records[0].study if title is None else title,
        caption=caption,
        row_titles=row_titles,
        column_title=columns,
        rows=tuple(sorted({row for row, _ in grid}, key=row_key)),
        columns=tuple(sorted({column for _, column in grid}, key=sort_key)),
        grid=grid,
        tuned=tune if fixed is None else None,
        metric=_reported_metric(records[0]),
        changed=changed,
    )


def _arrange(
    cells: Sequence[TableCell], titles: Mapping[str, str], columns: str | None
) -> tuple[tuple[str, ...], str, dict[tuple, TableCell]]:
    """Titles of the parts of a row's label, column title, and cells by (row, column)."""
    axes = list(dict.fromkeys(titles.get(path, path) for cell in cells for path in cell.point))
    several = len({cell.arm for cell in cells}) > 1
    if columns is None or columns not in (*axes, ""):
        columns = axes[-1] if axes and (several or len(axes) > 1) else ""
    down = [axis for axis in axes if axis != columns]
    grid = {}
    for cell in cells:
        values = {titles.get(path, path): value for path, value in cell.point.items()}
        row = ((cell.arm,) if several else ()) + tuple(values.get(axis, "") for axis in down)
        grid[row, values.get(columns, "")] = cell
    return (("arm",) if several else ()) + tuple(down), columns, grid


def _caption(
    records: Sequence[Record], cells: list[TableCell], tune: str | None, fixed: Any
) -> str:
    first = records[0]
    scored, metric = first.compared == "score", _reported_metric(first)
    better = "higher" if scored or first.higher_is_better else "lower"
    chance = "0" if scored else _any_of(f"{r.chance.metric:.4g}" for r in records)
    task = _any_of(r.settings["task.name"] for r in records)
    steps = _any_of(str(r.settings["train.steps"]) for r in records)
    sentences = [
        f"Test {metric} ({better} is better; chance {chance}) of {task} after {steps} "
        f"steps: mean ± {100 * rules.CONFIDENCE:.0f} % Student-t interval over seeds "
        f"(runs/failed){_split(records)}. Failed runs count as chance."
    ]
    if fixed is not None:
        sentences.append(f"All cells have {tune} = {label(fixed)}; nothing is tuned.")
    elif any(cell.chosen is not None for cell in cells):
        tuning_seeds = {r.seed for r in records if r.purpose == "tuning"}
        seeds = f"{len(tuning_seeds)} separate seeds" if tuning_seeds else "the same seeds"
        sentences.append(
            f"@ is the {tune} with the best mean validation {_any_of(r.metric for r in records)}, "
            f"selected for each cell on {seeds}."
        )
    for mark, (sign, meaning) in MARKS.items():
        if any(mark in cell.marks for cell in cells):
            sentences.append(f"{sign} {meaning}.")
    pairs = {(r.environment["jaxlib"], r.environment["device"]) for r in records}
    environments = "; ".join(sorted(f"jaxlib {version} on {device}" for version, device in pairs))
    if len(pairs) > 1:
        environments = f"MIXED: records of different environments ({environments})"
    return " ".join([*sentences, f"{environments}."])


def _split(records: Sequence[Record]) -> str:
    """Words on the split of the data, for tasks that have fixed data."""
    tasks = (TASKS.get(record.settings["task.name"]) for record in records)
    generated = any(task is not None and issubclass(task, GeneratedTask) for task in tasks)
    return "" if generated else ", for one fixed split of the data"


def _reported_metric(record: Record) -> str:
    return "score" if record.compared == "score" else record.metric


def _any_of(values: Iterable[str]) -> str:
    return " or ".join(sorted(set(values)))


def to_csv(tables: Sequence[Table]) -> str:
    """Tables as one CSV file with a line for each cell.

    Columns: table, arm, one for each axis, the tuned axis and its chosen value, metric, mean with
    its interval, numbers of runs and failed runs, validation metric, fraction of clipped steps,
    marks, interquartile mean, proportion solved with its interval, and steps to the criterion.
    """
    cells = [(table, cell) for table in tables for cell in table.cells()]
    paths = list(dict.fromkeys(path for _, cell in cells for path in cell.point))
    return formats.csv_text(
        [
            (
                *("table", "arm", *paths, "tuned", "chosen", "metric", "mean", "low", "high"),
                *("runs", "failed", "validation", "clipped_fraction", "marks"),
                *("interquartile_mean", "solved", "solved_low", "solved_high"),
                "steps_to_criterion",
            ),
            *(_csv_row(table, cell, paths) for table, cell in cells),
        ]
    )


def _csv_row(table: Table, cell: TableCell, paths: Sequence[str]) -> tuple:
    chosen = label(cell.chosen) if isinstance(cell.chosen, tuple) else cell.chosen
    tuned = ("", "") if chosen is None else (table.tuned, chosen)
    point = (cell.point.get(path, "") for path in paths)
    mean, half_width = cell.mean, cell.half_width
    return (
        *(table.title, cell.arm, *point, *tuned, table.metric),
        *(mean, mean - half_width, mean + half_width, cell.n, cell.failed, cell.validation),
        *(cell.clipped_fraction, " ".join(cell.marks), cell.interquartile_mean),
        *(*cell.solved, cell.steps_to_criterion),
    )
