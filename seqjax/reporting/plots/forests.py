"""Forest plot of a table: the mean of every cell, its interval and its seeds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes

from seqjax.reporting.aggregate import TableCell
from seqjax.reporting.formats import label
from seqjax.reporting.plots.heat_maps import row_label
from seqjax.reporting.plots.style import INK, RC, Figure, extra_width, short_name, write_title
from seqjax.reporting.tables import Table, cell_text
from seqjax.stats import intervals, rules
from seqjax.types import unknown

ROW, HEAD, WIDTH = 0.24, 0.75, 4.6
"""Inches: height of a row, height of title and axis, width of a panel with its numbers."""
SEED, LINE, GRID, FAILED = "#7a7a7a", "#888888", "#dddddd", "#b3242b"
REFERENCE = {"color": LINE, "linewidth": 0.9, "linestyle": "--", "zorder": 0}

Key = tuple[tuple, Any]
"""Row and column of a cell in the grid of its table."""


def forest(table: Table, reference: str | Mapping[str, Any] | None = None) -> Figure:
    """Forest plot: a row for each cell, in the order of the table.

    A row has the mean with its Student-t interval, a dot for every seed and a cross for every
    failed run. With a reference, a dashed line shows the mean of the cell that a row is compared
    with, and a second panel shows the differences to it, paired by seed, with their mean and its
    Student-t interval. A failed run counts as chance there too. An axis that the reference does not
    have is ignored.

    Args:
      table: the table.
      reference: the arm that all others are compared with at their own point, such as "lstm"; or
        values by title of the axis, such as {"clip.threshold": inf}, that each cell is compared
        with.

    Raises:
      ValueError: the table has no such arm, axis or value.
    """
    keys = [(row, column) for row in table.rows for column in table.columns]
    keys = [key for key in keys if key in table.grid]
    compared = {} if reference is None else _compared(table, keys, reference)
    names = [row_label((*row, column) if table.column_title else row) for row, column in keys]
    across = 1 if reference is None else 2
    size = (WIDTH * across + extra_width(names, 8), HEAD + ROW * len(keys))
    with matplotlib.rc_context(RC):
        fig = Figure(figsize=size, layout="constrained")
        values, *others = fig.subplots(1, across, squeeze=False, sharey=True)[0]
        for y, key in enumerate(keys):
            _draw_values(values, y, table.grid[key])
            if key in compared and not table.grid[compared[key]].failure:
                mean = table.grid[compared[key]].mean
                values.plot([mean, mean], [y - 0.5, y + 0.5], **REFERENCE)
        for panel in others:
            _draw_differences(panel, table, keys, compared)
            panel.set_xlabel(f"difference to {_name(reference)}, paired by seed (number of seeds)")
        _label(values, table, names)
        for panel in (values, *others):
            _separate(panel, keys)
            panel.tick_params(axis="y", length=0)
            panel.spines["left"].set_visible(False)
        write_title(fig, table.changed)
    return fig


def _label(panel: Axes, table: Table, names: Sequence[str]) -> None:
    """Label the panel of values: title, metric, names of the rows and what they consist of."""
    partial = f" ({table.incomplete})" * bool(table.incomplete)
    panel.set_title(short_name(table.title) + partial, loc="left")
    better = "higher" if table.higher_is_better else "lower"
    metric = short_name(f"{table.part} {table.metric}".strip())
    panel.set_xlabel(f"{metric} ({better} is better)")
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_ylabel(short_name(", ".join(filter(None, (*table.row_titles, table.column_title)))))


def _separate(panel: Axes, keys: Sequence[Key]) -> None:
    """Draw lines between cells that differ in the first part of their label, if others share it."""
    heads = [row[:1] for row, _ in keys]
    changes = [y for y in range(1, len(heads)) if heads[y] != heads[y - 1]]
    if len(changes) < len(heads) - 1:
        for y in changes:
            panel.axhline(y - 0.5, color=GRID, linewidth=0.8, zorder=0)


def _name(reference: str | Mapping[str, Any]) -> str:
    """The reference in words."""
    if isinstance(reference, str):
        return short_name(reference)
    return short_name(", ".join(f"{title} {label(value)}" for title, value in reference.items()))


def _compared(
    table: Table, keys: Sequence[Key], reference: str | Mapping[str, Any]
) -> dict[Key, Key]:
    """The cell that each cell is compared with; cells without one are left out.

    Raises:
      ValueError: the table has no such arm, axis or value.
    """
    if isinstance(reference, str):
        reference = {"arm": reference}
    titles = [*table.row_titles, table.column_title]
    for title, value in reference.items():
        if title not in titles:
            raise ValueError(f"reference: {unknown('axis', title, filter(None, titles))}")
        known = {(*row, column)[titles.index(title)] for row, column in keys}
        if value not in known:
            raise ValueError(f"reference: {unknown(title, value, map(label, known))}")
    wanted = {titles.index(title): value for title, value in reference.items()}
    compared = {}
    for key in keys:
        parts = [wanted.get(k, part) for k, part in enumerate((*key[0], key[1]))]
        fitting = [other for other in keys if _fits(other, parts, wanted)]
        if (tuple(parts[:-1]), parts[-1]) in fitting:
            compared[key] = (tuple(parts[:-1]), parts[-1])
        elif len(fitting) == 1:
            compared[key] = fitting[0]
    return compared


def _fits(key: Key, parts: Sequence[Any], wanted: Mapping[int, Any]) -> bool:
    """Return whether a cell has these labels; an axis that either does not have is ignored."""
    pairs = enumerate(zip((*key[0], key[1]), parts, strict=True))
    return all(a == b or (k not in wanted and "" in (a, b)) for k, (a, b) in pairs)


def _draw_values(panel: Axes, y: int, cell: TableCell) -> None:
    """Draw the seeds, the mean and the interval of a cell, and write them."""
    for run in cell.records:
        failed = run.failed is not None
        style = {"marker": "x", "color": FAILED} if failed else {"marker": "o", "color": SEED}
        panel.plot(rules.reported_value(run), y, markersize=4, alpha=0.6, linestyle="", **style)
    if not cell.failure:
        _draw_interval(panel, y, cell.mean, cell.half_width)
    _write(panel, y, cell_text(cell), FAILED if cell.failure else INK)


def _draw_differences(
    panel: Axes, table: Table, keys: Sequence[Key], compared: Mapping[Key, Key]
) -> None:
    """Draw the differences of all cells to their references, and write mean, interval, number."""
    panel.axvline(0, **REFERENCE)
    found: dict[int, list[float]] = {}
    for y, key in enumerate(keys):
        if key not in compared or compared[key] == key:
            _write(panel, y, "reference" * (key in compared), LINE)
            continue
        cell, reference = table.grid[key], table.grid[compared[key]]
        if cell.failure or reference.failure:
            _write(panel, y, "failed" if cell.failure else "the reference failed", FAILED)
        elif differences := list(cell.minus(reference).values()):
            found[y] = differences
        else:
            _write(panel, y, "no common seed", FAILED)
    largest = max((abs(x) for differences in found.values() for x in differences), default=0)
    places = max(0, 2 - math.floor(math.log10(largest))) if largest else 3
    for y, differences in found.items():
        panel.plot(differences, [y] * len(differences), "o", color=SEED, markersize=4, alpha=0.6)
        mean, half_width = intervals.student_interval(differences, rules.CONFIDENCE)
        _draw_interval(panel, y, mean, half_width)
        interval = "" if math.isnan(half_width) else f" ± {half_width:.{places}f}"
        _write(panel, y, f"{mean:+.{places}f}{interval} ({len(differences)})", INK)


def _draw_interval(panel: Axes, y: int, mean: float, half_width: float) -> None:
    """Draw a mean and its interval, if there is one."""
    panel.plot([mean - half_width, mean + half_width], [y, y], color=INK, linewidth=1.3)
    panel.plot(mean, y, "D", color=INK, markersize=4)


def _write(panel: Axes, y: int, text: str, colour: str) -> None:
    """Write the numbers of a row on the right of a panel."""
    place = panel.get_yaxis_transform()
    panel.text(1.03, y, text, transform=place, va="center", color=colour, fontsize=7.5)
