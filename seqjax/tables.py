"""From records to tables: Markdown, CSV and LaTeX. Pure functions; nothing is trained or guessed.

A cell is one arm at one point of the axes that are not tuned. Its tuned value is the one with the
best mean validation metric over the seeds; its figure is the mean test metric at that value with a
Student-t interval over seeds. A failed run enters at chance.
"""

import csv
import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from seqjax.rules import CONFIDENCE
from seqjax.study import Published

Record = Mapping[str, Any]
MARKS = {
    "edge": ("†", "the best value stands at the edge of its grid"),
    "rare": ("°", "under 1 % of steps clipped: no evidence about clipping"),
    "always": ("‡", "over 90 % of steps clipped: normalised SGD"),
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """The figure of one arm at one point.

    Attributes:
      arm, point: where it stands; ``point`` without the tuned axis.
      chosen: the tuned value, or None.
      mean, half: the mean of the test metric and half its interval (NaN for one seed).
      n, failed: runs, and how many of them failed.
      validation: the mean validation metric that chose.
      clipped: the mean fraction of clipped steps.
      marks: keys of ``MARKS``.
      records: the runs behind it, by seed.
    """

    arm: str
    point: Mapping[str, Any]
    chosen: Any
    mean: float
    half: float
    n: int
    failed: int
    validation: float
    clipped: float
    marks: tuple[str, ...]
    records: tuple[Record, ...]


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells in rows and columns.

    ``rows`` and ``columns`` are tuples of labels; ``grid`` has a Cell or None at (row, column).
    """

    title: str
    caption: str
    row_titles: tuple[str, ...]
    column_title: str
    rows: tuple[tuple, ...]
    columns: tuple
    grid: Mapping[tuple, Cell]
    tuned: str | None

    def cells(self) -> list[Cell]:
        keys = ((row, column) for row in self.rows for column in self.columns)
        return [self.grid[key] for key in keys if key in self.grid]


def metric_of(record: Record, part: str) -> float:
    """The metric of a run on "validation" or "test"; chance if the run failed."""
    if record["failed"] is not None:
        return record["chance"]["metric"]
    return record[part][record["metric"]]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the Student-t interval; NaN for a single value.

    >>> mean, half = interval([1.0, 2.0, 3.0])
    >>> round(mean, 3), round(half, 3)
    (2.0, 2.484)
    """
    n = len(values)
    if n < 2:
        return float(np.mean(values)), math.nan
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)
    return float(np.mean(values)), float(quantile * np.std(values, ddof=1) / math.sqrt(n))


def _order(value: Any) -> tuple:
    """Nothing, then numbers by size, then names."""
    if value is None or value == "":
        return (0,)
    return (2, value) if isinstance(value, str) else (1, float(value))


def make_cells(records: Sequence[Record], tune: str | None) -> list[Cell]:
    """One cell for each arm and point; see the head of this file."""
    places: dict[tuple, dict[Any, list[Record]]] = {}
    for record in sorted(records, key=lambda r: r["seed"]):
        point = {path: value for path, value in record["point"].items() if path != tune}
        place = places.setdefault((record["arm"], tuple(point.items())), {})
        place.setdefault(record["point"].get(tune), []).append(record)
    return [_cell(arm, dict(point), tried) for (arm, point), tried in places.items()]


def _cell(arm: str, point: dict, tried: dict[Any, list[Record]]) -> Cell:
    values = sorted(tried, key=_order)
    sign = 1 if tried[values[0]][0]["higher_is_better"] else -1
    validation = {
        value: float(np.mean([metric_of(record, "validation") for record in tried[value]]))
        for value in values
    }
    chosen = max(values, key=lambda value: sign * validation[value])
    runs = tried[chosen]
    mean, half = interval([metric_of(record, "test") for record in runs])
    clipped = float(np.mean([record["clipped_fraction"] for record in runs]))
    marks = []
    if len(values) > 1 and chosen in (values[0], values[-1]):
        marks.append("edge")
    settings = runs[0]["settings"]
    if settings["clip.kind"] != "none" and settings["clip.threshold"] != math.inf:
        marks += ["rare"] * (clipped < 0.01) + ["always"] * (clipped > 0.9)
    failed = sum(record["failed"] is not None for record in runs)
    return Cell(
        arm,
        point,
        chosen,
        mean,
        half,
        len(runs),
        failed,
        validation[chosen],
        clipped,
        tuple(marks),
        tuple(runs),
    )


def make_table(
    records: Sequence[Record],
    *,
    title: str,
    question: str = "",
    tune: str | None,
    titles: Mapping[str, str],
    arms: Sequence[str],
    columns: str | None = None,
    fixed: Any = None,
) -> Table:
    """The table of a study's records.

    Args:
      records: of one study.
      title: a name; ``question`` opens the caption.
      tune: the path of the tuned axis, or None.
      titles: what to call a path in the head of the table; axes with one title share a column.
      arms: the order of the arms.
      columns: the title that goes across; None for the last one, "" for none.
      fixed: keep only this value of the tuned axis, and select nothing.

    Raises:
      ValueError: no records.
    """
    if fixed is not None:
        records = [r for r in records if r["point"].get(tune) == fixed]
    if not records:
        raise ValueError("a table needs at least one record")
    cells = make_cells(records, tune)
    if fixed is not None:
        cells = [dataclasses.replace(cell, chosen=None) for cell in cells]
    dimensions = list(
        dict.fromkeys(titles.get(path, path) for cell in cells for path in cell.point)
    )
    several = len({cell.arm for cell in cells}) > 1
    if columns is None or columns not in (*dimensions, ""):
        columns = dimensions[-1] if dimensions and (several or len(dimensions) > 1) else ""
    down = [name for name in dimensions if name != columns]
    grid = {}
    for cell in cells:
        named = {titles.get(path, path): value for path, value in cell.point.items()}
        row = ((cell.arm,) if several else ()) + tuple(named.get(name, "") for name in down)
        grid[row, named.get(columns, "")] = cell
    place = {arm: k for k, arm in enumerate(arms)}

    def row_order(row):
        values = row[1:] if several else row
        return (place.get(row[0], len(place)) if several else 0, [_order(v) for v in values])

    return Table(
        title=title,
        caption=f"{question} {_caption(records, cells, tune, fixed)}".strip(),
        row_titles=(("arm",) if several else ()) + tuple(down),
        column_title=columns,
        rows=tuple(sorted({row for row, _ in grid}, key=row_order)),
        columns=tuple(sorted({column for _, column in grid}, key=_order)),
        grid=grid,
        tuned=tune if fixed is None else None,
    )


def _caption(records: Sequence[Record], cells: list[Cell], tune: str | None, fixed: Any) -> str:
    first = records[0]
    better = "higher" if first["higher_is_better"] else "lower"
    said = [
        f"Test {first['metric']} ({better} is better; chance {first['chance']['metric']:.4g}) of "
        f"{first['settings']['task.name']} after {first['settings']['train.steps']} steps: "
        f"mean ± {100 * CONFIDENCE:.0f} % Student-t interval over seeds (runs/failed), conditional "
        "on the fixed split. Failed runs enter at chance."
    ]
    if fixed is not None:
        said.append(f"A slice at {tune} = {label(fixed)}: nothing is tuned here.")
    elif any(cell.chosen is not None for cell in cells):
        said.append(
            f"@ is the {tune} with the best mean validation {first['metric']}, selected for each "
            "cell on the same seeds' validation data."
        )
    for mark, (sign, meaning) in MARKS.items():
        if any(mark in cell.marks for cell in cells):
            said.append(f"{sign} {meaning}.")
    places = {(r["environment"]["jaxlib"], r["environment"]["device"]) for r in records}
    if len(places) > 1:
        mixed = "; ".join(sorted(f"jaxlib {version} on {device}" for version, device in places))
        said.append(f"MIXED: records of different environments ({mixed}).")
    else:
        said.append("jaxlib {} on {}.".format(*places.pop()))
    return " ".join(said)


def label(value: Any) -> str:
    """A value as tables print it."""
    if value == "":
        return "–"
    if isinstance(value, float):
        return "∞" if value == math.inf else f"{value:g}"
    return str(value)


def figure(mean: float, half: float = math.nan) -> str:
    """A mean, with its interval if there is one, to three places, or five if it is small.

    >>> figure(0.97, 0.0104), figure(0.001234)
    ('0.970 ± 0.010', '0.00123')
    """
    places = 3 if abs(mean) >= 0.05 else 5
    spread = "" if math.isnan(half) else f" ± {half:.{places}f}"
    return f"{mean:.{places}f}{spread}"


def text(cell: Cell | None) -> str:
    """A cell in a few characters: mean ± half (runs/failed) @chosen, with its marks."""
    if cell is None:
        return ""
    chosen = "" if cell.chosen is None else f" @{label(cell.chosen)}"
    marks = "".join(MARKS[mark][0] for mark in cell.marks)
    return f"{figure(cell.mean, cell.half)} ({cell.n}/{cell.failed}){chosen}{marks}"


def _matrix(table: Table) -> list[list[str]]:
    across = [
        f"{table.column_title} {label(column)}".strip() if table.column_title else "result"
        for column in table.columns
    ]
    head = [*table.row_titles, *across]
    body = [
        [*map(label, row), *(text(table.grid.get((row, column))) for column in table.columns)]
        for row in table.rows
    ]
    return [head, *body]


def sizes(records: Sequence[Record], arms: Sequence[str]) -> list[list[str]]:
    """The size of each arm, and what its runs share with those of the study's first run."""
    sized: dict[tuple, list[str]] = {}
    place = {arm: k for k, arm in enumerate(arms)}
    for record in sorted(records, key=lambda r: (place.get(r["arm"], len(place)), r["arm"])):
        settings = record["settings"]
        size = (
            settings["model.cell"],
            settings["model.hidden"],
            f"{record['parameters_recurrent']:,}",
            f"{record['parameters']:,}",
            f"{record['multiply_adds']:,}",
            record["paired"],
        )
        sized.setdefault(size, []).append(record["arm"])
    head = ["arm", "cell", "units", "parameters", "with readout", "multiply-adds a step", "paired"]
    rows = [[", ".join(dict.fromkeys(names)), *map(str, size)] for size, names in sized.items()]
    return [head, *rows]


def published_rows(published: Sequence[Published]) -> list[list[str]]:
    """Figures from the literature; the last column says how well the source is known."""
    head = ["published", "figure", "source", "confidence"]
    return [head, *([p.what, p.figure, p.source, f"[{p.confidence}]"] for p in published)]


def markdown(rows: list[list[str]]) -> str:
    """An aligned Markdown table; the first row is its head."""
    rows = [[cell.replace("|", "\\|").replace("<", "&lt;") for cell in row] for row in rows]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]

    def line(row):
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        return "| " + " | ".join(padded) + " |"

    rule = line(["-" * width for width in widths])
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


def to_markdown(table: Table) -> str:
    """Title, table and caption."""
    return f"**{table.title}**\n\n{markdown(_matrix(table))}\n\n{table.caption}\n"


LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "∞": r"$\infty$",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "°": r"$^\circ$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def to_latex(table: Table) -> str:
    """A ``table`` environment with booktabs rules."""

    def escape(value: str) -> str:
        return "".join(LATEX.get(sign, sign) for sign in value)

    head, *body = ([escape(cell) for cell in row] for row in _matrix(table))
    lines = [
        r"\begin{table}",
        rf"\caption{{{escape(table.title)}. {escape(table.caption)}}}",
        rf"\begin{{tabular}}{{{'l' * len(head)}}}",
        r"\toprule",
        " & ".join(head) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in body),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def to_csv(table: Table) -> str:
    """One line a cell, with everything that is known of it."""
    paths = list(dict.fromkeys(path for cell in table.cells() for path in cell.point))
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write(
        (
            *("table", "arm", *paths, table.tuned or "tuned", "metric", "mean", "low", "high"),
            *("runs", "failed", "validation", "clipped_fraction", "marks"),
        )
    )
    for cell in table.cells():
        chosen = "" if cell.chosen is None else cell.chosen
        point = (cell.point.get(path, "") for path in paths)
        ends = (cell.mean - cell.half, cell.mean + cell.half)
        write(
            (
                *(table.title, cell.arm, *point, chosen, cell.records[0]["metric"], cell.mean),
                *(*ends, cell.n, cell.failed, cell.validation, cell.clipped, " ".join(cell.marks)),
            )
        )
    return out.getvalue()
