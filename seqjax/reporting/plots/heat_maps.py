"""Heat map of a table.

A colour is evidence: only cells whose interval excludes the median of the cells that they can be
compared with, those of their task, are coloured. The others are grey, whatever their mean.
"""

import math
import statistics
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from seqjax.reporting.aggregate import MARKS, TableCell
from seqjax.reporting.formats import label, mean_and_interval, metric_in_words
from seqjax.reporting.plots import style
from seqjax.reporting.plots.grouping import row_label, runs_in_words, task_of
from seqjax.reporting.plots.style import INK, SMALL, Figure, short_name, text_width
from seqjax.reporting.tables import Table
from seqjax.stats import rules

MOST_CELLS = 1000
"""More cells of a heat map cannot be read."""
WIDE, HIGH, FLAT = 13.0, 3.1, 5.2
"""Millimetres: smallest width of a cell, height of a line of text, height of a cell on one line."""
BAR = 2.2
"""Millimetres: height of the colour bar."""
MARGINS = 12.0
"""Millimetres: width of what is beside cells and labels."""
LEVEL = f"{100 * rules.CONFIDENCE:.0f} %"

Text = Mapping[tuple, list[str]]
"""Lines of text of a cell by its place in the grid."""


class Scale(NamedTuple):
    """Numbers that colours show.

    Attributes:
      values: (rows, columns) numbers, NaN for none.
      low, high: ends of the scale.
      colours: name of the colour map, or the map.
      label: text of the colour bar; "" for none, where no two cells can be compared.
    """

    values: np.ndarray
    low: float
    high: float
    colours: object
    label: str


def heat_map(table: Table, quantity: str = "metric") -> Figure:
    """Heat map of a table.

    Args:
      table: the table.
      quantity: "metric" for the mean test metric with its interval, the tuned value, the marks and
        the number of failed runs; "clipped" for the fraction of clipped steps.

    Raises:
      ValueError: another quantity, or one that the table lacks.
    """
    if quantity not in ("metric", "clipped"):
        raise ValueError(f"quantity: expected metric or clipped, got {quantity!r}")
    clipped = quantity == "clipped"
    scale = _clipped(table) if clipped else _differences(table)
    texts = {
        key: _clipped_text(cell) if clipped else _text(cell) for key, cell in table.grid.items()
    }
    name = "fraction of clipped steps" if clipped else f"{table.part} {table.metric}".strip()
    with style.drawing():
        fig, axes, share = _empty(table, texts)
        image = axes.imshow(
            scale.values, cmap=scale.colours, aspect="auto", vmin=scale.low, vmax=scale.high
        )
        for key, cell in table.grid.items():
            x, y = table.columns.index(key[1]), table.rows.index(key[0])
            _hatch(axes, x, y, cell, clipped)
            colour = image.cmap(image.norm(scale.values[y, x]))
            separator = "\n" if table.column_title else "  "
            text = separator.join(filter(None, texts[key]))
            _write(axes, x, y, text, INK if cell.failure and not clipped else _ink(colour))
        partial = f" ({table.incomplete})" * bool(table.incomplete)
        title = f"{short_name(table.title)}: {short_name(name)}{partial}"
        lines = style.wrapped(fig, title, 0.85 * share)
        axes.set_title("\n".join(lines), loc="left")
        style.add_height(fig, len(lines))
        if scale.label:
            _draw_bar(fig, image, fig.axes[1], scale.label)
        else:
            fig.axes[1].remove()
        style.write_title(fig, table.changed)
        style.write_note(fig, _note(table, clipped))
    return fig


def _draw_bar(fig: Figure, image: AxesImage, place: Axes, text: str) -> None:
    """Draw the colour bar in its axes, with its text."""
    bar = fig.colorbar(image, cax=place, orientation="horizontal")
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(5)
    lines = style.wrapped(fig, text, 0.92)
    bar.set_label("\n".join(lines), fontsize=SMALL, loc="right")
    style.add_height(fig, len(lines))


def _empty(table: Table, texts: Text) -> tuple[Figure, Axes, float]:
    """A figure, the axes of a table, and the share of the figure's width that they have.

    The figure is as wide as one or two columns of a paper, or wider if it must be. Its second axes
    are for a colour bar.
    """
    across = [short_name(label(column)) if table.column_title else "" for column in table.columns]
    down = [row_label(row) for row in table.rows]
    lines = max(len(list(filter(None, text))) for text in texts.values())
    longest = max(text_width(line) for text in texts.values() for line in text)
    if not table.column_title:
        longest = max(text_width("  ".join(text)) for text in texts.values())
    cell = max(WIDE, longest, 1.1 * max(map(text_width, across)))
    beside = MARGINS + max(map(text_width, down))
    needed = beside + cell * len(across)
    width = style.ONE if needed <= style.ONE else max(style.TWO, needed)
    height = (HIGH * (lines + 0.6) if table.column_title else FLAT) * len(down)
    named = short_name(", ".join(table.row_titles))
    height = max(height, 1.2 * text_width(named))
    fig = style.new_figure(width, 17 + height)
    axes, _ = fig.subplots(2, 1, height_ratios=(height, BAR))
    axes.set_xticks(range(len(across)), across)
    axes.set_yticks(range(len(down)), down)
    axes.set_xlabel(short_name(table.column_title))
    axes.set_ylabel(named)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for x in range(1, len(across)):
        axes.axvline(x - 0.5, color="white", linewidth=1)
    for y in range(1, len(down)):
        axes.axhline(y - 0.5, color="white", linewidth=1)
    return fig, axes, (width - beside) / width


def _differences(table: Table) -> Scale:
    """Differences to the median cell of the same task; 0 where the interval includes the median."""
    groups: dict = {}
    for cell in table.grid.values():
        groups.setdefault(task_of(cell), []).append(cell)
    medians = {
        task: statistics.median([cell.mean for cell in cells if not cell.failure] or [math.nan])
        for task, cells in groups.items()
    }
    values = np.full((len(table.rows), len(table.columns)), np.nan)
    sizes, widths = [0.0], [0.0]
    for (row, column), cell in table.grid.items():
        if cell.failure:
            continue
        difference = cell.mean - medians[task_of(cell)]
        clear = abs(difference) > cell.half_width  # False if there is no interval
        values[table.rows.index(row), table.columns.index(column)] = difference * clear
        sizes.append(abs(difference) * clear)
        widths.append(np.nan_to_num(cell.half_width))
    limit = max(*sizes, *widths) or 1.0
    name = f"{table.part} {metric_in_words(table.metric)}".strip()
    place = "of its task" if len(medians) > 1 else f"({mean_and_interval(*medians.values())})"
    sides = ("better", "worse") if table.higher_is_better else ("worse", "better")
    text = (
        f"difference in {short_name(name)} to the median cell {place}, "
        f"positive: {sides[0]}, negative: {sides[1]}; "
        f"grey: the {LEVEL} interval of the cell includes the median"
    )
    if not any(sizes):
        text += ", as in every cell here"
    if max(map(len, groups.values())) == 1:
        text = ""
    colours = style.DIVERGING if table.higher_is_better else style.DIVERGING.reversed()
    return Scale(values, -limit, limit, colours, text)


def _clipped(table: Table) -> Scale:
    values = np.full((len(table.rows), len(table.columns)), np.nan)
    for (row, column), cell in table.grid.items():
        values[table.rows.index(row), table.columns.index(column)] = cell.clipped_fraction
    if np.isnan(values).all():
        raise ValueError("quantity: expected metric for a table without clipping, got 'clipped'")
    return Scale(values, 0.0, 1.0, style.SEQUENTIAL, "clipped steps, as a fraction of all steps")


def _text(cell: TableCell) -> list[str]:
    """Mean, interval, tuned value with the marks, and number of failed runs."""
    marks = "".join(MARKS[mark][0] for mark in cell.marks)
    chosen = "" if cell.chosen is None else f"@{short_name(label(cell.chosen))}"
    if cell.failure:
        return [cell.failure.replace(" (", "\n(").replace(", ", ",\n")]
    mean, _, half_width = mean_and_interval(cell.mean, cell.half_width).partition(" ± ")
    failed = f"{cell.failed} failed" if cell.failed else ""
    return [mean, f"± {half_width}" if half_width else "", chosen + marks, failed]


def _clipped_text(cell: TableCell) -> list[str]:
    marks = "".join(MARKS[mark][0] for mark in cell.marks if mark in ("rare", "always"))
    return [f"{cell.clipped_fraction:.2f}{marks}"]


def _hatch(axes: Axes, x: int, y: int, cell: TableCell, clipped: bool) -> None:
    """Hatch a cell in which all runs failed, and the corner of one in which some did."""
    hatched = {"facecolor": "none", "edgecolor": style.FAILED, "linewidth": 0}
    if clipped or not cell.failed:
        return
    if cell.failure:
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, hatch="///", alpha=0.4, **hatched))
        return
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 0.07, 1, hatch="/////", **hatched))


def _ink(colour: tuple) -> str:
    """Colour of text that is readable on a colour."""
    red, green, blue, opacity = colour
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return INK if luminance > 0.25 or not opacity else "white"


def _write(axes: Axes, x: int, y: int, text: str, ink: str) -> None:
    axes.text(x, y, text, ha="center", va="center", color=ink, fontsize=SMALL, linespacing=1.1)


def _note(table: Table, clipped: bool) -> str:
    """Explanation of the numbers and marks that occur in the cells."""
    cells = table.cells()
    used = {mark for cell in cells for mark in cell.marks}
    if clipped:
        used -= {"edge"}
        parts = [f"Mean over the runs of a cell, {runs_in_words(cells)}."]
    else:
        parts = [
            f"Mean ± {LEVEL} Student-t interval over the runs of a cell, {runs_in_words(cells)}."
        ]
        if any(cell.chosen is not None for cell in cells):
            parts.append(f"@: {short_name(table.tuned or '')}, selected on validation data.")
        if any(cell.failed for cell in cells):
            parts.append("Hatched: failed runs, which count as chance.")
    parts += [f"{sign}: {meaning}." for mark, (sign, meaning) in MARKS.items() if mark in used]
    return " ".join(parts)
