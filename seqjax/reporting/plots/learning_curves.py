"""Learning curves of the cells of a table."""

import itertools
import math
import textwrap
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from seqjax.reporting.aggregate import TableCell
from seqjax.reporting.formats import metric_in_words
from seqjax.reporting.plots import style
from seqjax.reporting.plots.grouping import (
    Line,
    cells_by_panel,
    failed_in_words,
    runs_in_words,
    task_of,
)
from seqjax.reporting.plots.lines import FAILED_RUN, colours_of, log_axis
from seqjax.reporting.plots.style import SMALL, Figure, legend_name, short_name
from seqjax.reporting.tables import Table

MOST_PANELS = 100
"""More panels of learning curves cannot be read."""
MOST_LINES = 8
"""With more lines, every cell has a panel of its own, if there are not too many."""
MOST_TICKS, LEGEND_LINES = 5, 12
DECADES, SPAN = 2, ((np.nanmin, np.inf), (np.nanmax, -np.inf))
HIGH, LOW = 44.0, 36.0
"""Millimetres: height of a panel in the only row, and in one of several."""


def curves(table: Table, quantity: str = "training_loss") -> Figure:
    """Learning curves: a panel for each column and a line for each row.

    A table without columns has a panel for each value of the first part of a row's label, or for
    each task. A table with many rows has a panel for each cell. Lines are means, at the cell's
    tuned value, over the runs that did not fail; bands span these runs. Failed runs are dashed, one
    by one, as long as they are finite, and counted in the title of the panel.

    Args:
      table: the table.
      quantity: name of a curve of the records, such as "training_loss" or "validation_accuracy".

    Raises:
      ValueError: the records have no such curve.
    """
    known = table.cells()[0].records[0].curve
    if quantity not in known:
        accepted = ", ".join(known) or "the curves of records, which the table lacks"
        raise ValueError(f"quantity: expected one of {accepted}, got {quantity!r}")
    panels = cells_by_panel(table, by_task=True)
    names = list(dict.fromkeys(name for lines in panels.values() for name, _ in lines))
    alone = len(names) > MOST_LINES and len(table.cells()) <= MOST_PANELS
    if alone:
        panels, names = _one_by_one(panels), ["all"]
    looks = _looks(names)
    with style.drawing():
        fig, axes = _empty(panels, 0.0 if alone else max(map(style.text_width, names)))
        style.write_title(fig, table.changed, table.incomplete)
        for panel, (title, lines) in zip(axes, panels.items(), strict=True):
            for name, cell in lines:
                _draw_cell(panel, cell, quantity, looks[name])
            _write_title(panel, title, failed_in_words(cell for _, cell in lines), len(axes))
        part, _, metric = quantity.partition("_")
        words = f"{part} {metric_in_words(metric)}".strip()
        fig.supylabel(short_name(words), fontsize=style.NORMAL)
        if alone and quantity.endswith("loss"):
            _log(axes)
        if names != ["all"]:
            parts = table.row_titles if table.column_title else table.row_titles[-1:]
            handles = [Line2D([], [], **looks[name], markersize=2.5) for name in names]
            place = {"loc": "outside right upper", "alignment": "left"}
            place["ncols"] = -(-len(names) // LEGEND_LINES)
            title = short_name(", ".join(parts)) or None
            fig.legend(handles, [legend_name(name) for name in names], title=title, **place)
        style.write_note(fig, _note(table))
    return fig


def _looks(names: Sequence[str]) -> dict[str, Mapping]:
    """Colour, dashes and marker of each line by its name."""
    dashes, markers = itertools.cycle(style.DASHES), itertools.cycle(style.MARKERS)
    return {
        name: {"color": colour, "linestyle": dash, "marker": marker}
        for name, colour, dash, marker in zip(
            names, colours_of(names), dashes, markers, strict=False
        )
    }


def _empty(panels: Mapping[str, Sequence[Line]], legend: float) -> tuple[Figure, Sequence[Axes]]:
    """A figure and its panels; those of one task share their y-axis.

    The figure is wider than two columns only for a legend of great width, in millimetres.
    """
    count = len(panels)
    across = count if count <= 4 else math.ceil(math.sqrt(count)) if count <= 16 else 5
    down = -(-count // across)
    width = style.ONE if count == 1 and legend < 30 else style.TWO
    width += max(0.0, legend - 70)
    fig = style.new_figure(width, 14 + down * (HIGH if down == 1 else LOW))
    axes = fig.subplots(down, across, squeeze=False).ravel()
    for empty in axes[count:]:
        empty.remove()
    first: dict[Hashable, Axes] = {}
    for panel, lines in zip(axes, panels.values(), strict=False):
        task = task_of(lines[0][1])
        if first.setdefault(task, panel) is not panel:
            panel.sharey(first[task])
        panel.locator_params(axis="x", nbins=3 if across > 4 else MOST_TICKS)
    for panel in axes[max(0, count - across) : count]:  # the lowest of each column
        panel.set_xlabel("training step")
    return fig, axes[:count]


def _log(axes: Sequence[Axes]) -> None:
    """Make y-axes logarithmic whose numbers are positive and span ``DECADES``."""
    for panel in axes:
        together = panel.get_shared_y_axes().get_siblings(panel)
        lines = [line.get_ydata() for one in together for line in one.lines]
        low, high = (f(np.concatenate(lines), initial=x) for f, x in SPAN)
        if low > 0 and high > 10**DECADES * low:
            log_axis(panel)
            panel.minorticks_off()  # slow to lay out


def _one_by_one(panels: Mapping[str, Sequence[Line]]) -> dict[str, list[Line]]:
    """A panel for each cell."""
    return {
        ", ".join(filter(None, (title, name))): [("all", cell)]
        for title, lines in panels.items()
        for name, cell in lines
    }


def _write_title(panel: Axes, title: str, failed: str, count: int) -> None:
    """Write the title of one of several panels, and how many of its runs failed."""
    across = min(5, count)
    lines = textwrap.wrap(short_name(title, 60), max(19, 96 // across), max_lines=3)
    failed = f"({failed})" if failed else ""
    text = "\n".join([*lines, failed] if failed else lines)
    panel.set_title(text, loc="left", fontsize=SMALL if across < 5 else SMALL - 0.7)


def _draw_cell(panel: Axes, cell: TableCell, quantity: str, look: Mapping) -> None:
    """Draw the mean over the runs that did not fail with their band, and each failed run."""
    runs = np.array([record.curve[quantity] for record in cell.records], dtype=float)
    runs = np.where(np.isfinite(runs), runs, np.nan)
    failed = np.array([record.failed is not None for record in cell.records])
    steps = np.asarray(cell.records[0].curve["step"])
    kept = runs[~failed]
    known = ~np.isnan(kept).all(axis=0) if len(kept) else np.zeros(len(steps), bool)
    x, y = steps[known], kept[:, known]
    marks = {"markersize": 2.5, "markevery": max(1, len(x) // 6)}
    mean = np.nanmean(y, axis=0) if y.size else y.sum(axis=0)
    panel.plot(x, mean, **look, **marks)
    if y.size:
        low, high = np.nanmin(y, axis=0), np.nanmax(y, axis=0)
        panel.fill_between(x, low, high, color=look["color"], alpha=0.15, linewidth=0)
    for run in runs[failed]:
        panel.plot(steps, run, color=look["color"], **FAILED_RUN)


def _note(table: Table) -> str:
    """Explanation of lines and bands."""
    cells = table.cells()
    text = (
        "Lines: means over runs. Bands: from the smallest to the largest run. "
        f"{runs_in_words(cells)} runs."
    )
    if any(cell.failed for cell in cells):
        text += " Thin, with crosses: failed runs, in no mean and no band."
    return text
