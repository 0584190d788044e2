"""Forest plot of a table: the mean of every cell, its interval and its seeds."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from seqjax.reporting.aggregate import MARKS, TableCell
from seqjax.reporting.formats import label, metric_in_words
from seqjax.reporting.plots import style
from seqjax.reporting.plots.grouping import row_label
from seqjax.reporting.plots.style import FAILED, GREY, INK, SMALL, Figure, short_name
from seqjax.reporting.tables import Table, cell_text
from seqjax.stats import intervals, rules
from seqjax.types import unknown

ROW, HEAD = 5.0, 17.0
"""Millimetres: height of a row, height of title and axis."""
LEVEL = f"{100 * rules.CONFIDENCE:.0f} %"
CIRCLE = {
    "marker": "o",
    "color": GREY,
    "markerfacecolor": "none",
    "markeredgewidth": 0.6,
    "zorder": 3,
}
CROSS = {"marker": "x", "color": FAILED, "markeredgewidth": 0.8}
"""A run, and a failed run."""
REFERENCE = {"color": GREY, "linewidth": 0.8, "linestyle": "--", "zorder": 0}

Key = tuple[tuple, Any]
"""Row and column of a cell in the grid of its table."""


def forest(
    table: Table, reference: str | Mapping[str, Any] | None = None, margin: float | None = None
) -> Figure:
    """Forest plot: a row for each cell, in the order of the table.

    A row has the mean with its Student-t interval, a circle for every run and a cross for every
    failed run. With a reference, a dashed line shows the mean of the cell that a row is compared
    with, and a second panel shows the differences to it, paired by seed, with their mean and its
    Student-t interval. A failed run counts as chance there too. An axis that the reference does not
    have is ignored.

    Args:
      table: the table.
      reference: the arm that all others are compared with at their own point, such as "lstm"; or
        values by title of the axis, such as {"clip.threshold": inf}, that each cell is compared
        with.
      margin: differences smaller than this do not count; their range is shaded.

    Raises:
      ValueError: the table has no such arm, axis or value.
    """
    keys = [(row, column) for row in table.rows for column in table.columns]
    keys = [key for key in keys if key in table.grid]
    compared = {} if reference is None else _compared(table, keys, reference)
    names = [row_label((*row, column) if table.column_title else row) for row, column in keys]
    narrow = reference is None and max(map(len, names)) < 12
    with style.drawing():
        longest = max(map(style.text_width, (*names, _name(reference), table.title[:40])))
        width = (style.ONE if narrow else style.TWO) + max(0.0, longest - 45)
        fig = style.new_figure(width, HEAD + ROW * len(keys))
        across = 1 if reference is None else 2
        values, *others = fig.subplots(1, across, squeeze=False, sharey=True)[0]
        for y, key in enumerate(keys):
            _draw_values(values, y, table.grid[key])
            if key in compared and not table.grid[compared[key]].failure:
                mean = table.grid[compared[key]].mean
                values.plot([mean, mean], [y - 0.5, y + 0.5], **REFERENCE)
        _label(values, table, names, lettered=across > 1)
        for panel in others:
            if margin is not None:
                panel.axvspan(-margin, margin, color=style.MARGIN, linewidth=0, zorder=-1)
            _draw_differences(panel, table, keys, compared)
            text = f"difference to {_name(reference)} in {_metric(table)}"
            panel.set_xlabel(textwrap.fill(text, 56, break_long_words=False))
            panel.set_title("b  paired by seed", loc="left", pad=12)
            _head(panel, f"mean ± {LEVEL} interval (seeds)")
        _head(values, f"mean ± {LEVEL} interval (runs/failed)")
        for panel in (values, *others):
            _separate(panel, keys)
            panel.tick_params(axis="y", length=0)
            panel.spines["left"].set_visible(False)
        style.write_title(fig, table.changed)
        style.write_note(fig, _note(table, margin if others else None))
    return fig


def _metric(table: Table) -> str:
    return short_name(f"{table.part} {metric_in_words(table.metric)}".strip(), 60)


def _label(panel: Axes, table: Table, names: Sequence[str], lettered: bool) -> None:
    """Label the panel of values: title, metric, names of the rows and what they consist of."""
    partial = f" ({table.incomplete})" * bool(table.incomplete)
    letter = "a  " if lettered else ""
    panel.set_title(f"{letter}{short_name(table.title)}{partial}", loc="left", pad=12)
    better = "higher" if table.higher_is_better else "lower"
    panel.set_xlabel(textwrap.fill(f"{_metric(table)} ({better} is better)", 44))
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_ylabel(short_name(", ".join(filter(None, (*table.row_titles, table.column_title)))))


def _note(table: Table, margin: float | None) -> str:
    """Explanation of the marks that occur in a figure."""
    cells = table.cells()
    parts = [f"Circles: runs. Diamonds: means with {LEVEL} Student-t intervals."]
    if any(cell.failed for cell in cells):
        parts.append("Crosses: failed runs, which count as chance.")
    if any(cell.chosen is not None for cell in cells):
        parts.append(f"@: {short_name(table.tuned or '')}, selected on validation data.")
    if margin is not None:
        parts.append(f"Shaded: differences smaller than {margin:g}, which do not count.")
    used = {mark for cell in cells for mark in cell.marks}
    parts += [f"{sign}: {meaning}." for mark, (sign, meaning) in MARKS.items() if mark in used]
    return " ".join(parts)


def _separate(panel: Axes, keys: Sequence[Key]) -> None:
    """Draw lines between cells that differ in the first part of their label, if others share it."""
    heads = [row[:1] for row, _ in keys]
    changes = [y for y in range(1, len(heads)) if heads[y] != heads[y - 1]]
    if len(changes) < len(heads) - 1:
        for y in changes:
            panel.axhline(y - 0.5, color=style.MARGIN, linewidth=0.8, zorder=0)


def _name(reference: str | Mapping[str, Any] | None) -> str:
    """The reference in words; "" for none."""
    if reference is None:
        return ""
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
    """Draw the runs, the mean and the interval of a cell, and write them."""
    for run in cell.records:
        look = CROSS if run.failed is not None else CIRCLE
        panel.plot(rules.reported_value(run), y, linestyle="", **look)
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
            _write(panel, y, "reference" * (key in compared), GREY)
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
        panel.plot(differences, [y] * len(differences), linestyle="", **CIRCLE)
        mean, half_width = intervals.student_interval(differences, rules.CONFIDENCE)
        _draw_interval(panel, y, mean, half_width)
        interval = "" if math.isnan(half_width) else f" ± {half_width:.{places}f}"
        _write(panel, y, f"{mean:+.{places}f}{interval} ({len(differences)})", INK)


def _draw_interval(panel: Axes, y: int, mean: float, half_width: float) -> None:
    """Draw a mean and its interval, if there is one."""
    panel.plot([mean - half_width, mean + half_width], [y, y], color=INK)
    panel.plot(mean, y, "D", color=INK, markersize=3)


def _write(panel: Axes, y: float, text: str, colour: str) -> None:
    """Write the numbers of a row on the right of a panel."""
    place = panel.get_yaxis_transform()
    panel.text(1.03, y, text, transform=place, va="center", color=colour, fontsize=SMALL)


def _head(panel: Axes, text: str) -> None:
    """Write the head of the numbers on the right of a panel."""
    panel.text(1.03, 1.0, text, transform=panel.transAxes, va="bottom", color=GREY, fontsize=SMALL)
