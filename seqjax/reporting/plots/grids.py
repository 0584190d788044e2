"""Grid of panels with one legend: a block of rows and columns for each type of cell."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from seqjax.reporting.plots import style
from seqjax.reporting.plots.grouping import runs_in_words
from seqjax.reporting.plots.lines import colours_of, draw_lines, draw_points, log_axis
from seqjax.reporting.plots.style import SMALL, Figure, legend_name, short_name
from seqjax.reporting.tables import Table

ROW, HEAD, LEAST = 32.0, 13.0, 110.0
"""Millimetres: height of a row of panels, of titles and axis, and least width of all panels."""
LETTERS = 22
"""Most characters of a line of the label of a row."""
LEGEND = 14.0
"""Millimetres: width of a legend without its names."""


class Line(NamedTuple):
    """Numbers of a cell: x positions, a row of y for each run, and True for failed runs.

    For points x and y are the numbers of all units, and ``failed`` has an entry for each.
    """

    x: np.ndarray
    y: np.ndarray
    failed: np.ndarray


Panels = dict[tuple[str, str], dict[str, Line]]
"""Lines by name, by (row, column)."""


class Grid(NamedTuple):
    """Blocks of panels by row and column.

    Attributes:
      title: name of the figure.
      across, upward: labels of the axes; without ``upward`` the titles of the panels name it.
      blocks: panels by (row, column), by name of the block.
      log: whether the y-axis is logarithmic.
      points: whether lines are points.
    """

    title: str
    across: str
    blocks: Mapping[str, Panels]
    log: bool = False
    upward: str = ""
    points: bool = False


def draw_grid(grid: Grid, lines: Sequence[str], table: Table, zero: Sequence[str]) -> Figure:
    """Figure of a grid, with one legend for all its panels.

    Args:
      grid: the panels.
      lines: names of the lines of all panels.
      table: the table that the lines are cells of.
      zero: names of the panels that are left out.
    """
    down = [list(dict.fromkeys(row for row, _ in block)) for block in grid.blocks.values()]
    heights = [HEAD + ROW * len(rows) for rows in down]
    letters = iter("abcdefgh" if len(down) > 1 else "")
    with style.drawing():
        fig = style.new_figure(style.TWO, sum(heights))
        names = [short_name(name) for name in lines]
        titles = table.row_titles if table.column_title else table.row_titles[-1:]
        title = short_name(", ".join(titles))
        legend = LEGEND + max(map(style.text_width, (*names, title)))
        panels = max(style.TWO - legend, LEAST)
        fig.set_size_inches((panels + legend) / 25.4, fig.get_size_inches()[1])
        parts, beside = fig.subfigures(1, 2, width_ratios=(panels, legend))
        parts = parts.subfigures(len(down), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, (name, block), rows in zip(parts, grid.blocks.items(), down, strict=True):
            panel = _draw_block(part, grid, block, rows, lines)
            if name:
                title = "  ".join(filter(None, (next(letters, ""), f"cell {short_name(name)}")))
                part.suptitle(title, x=0.01, ha="left", fontsize=style.NORMAL)
        place = {"loc": "upper left", "bbox_to_anchor": (0, 0.97), "alignment": "left"}
        handles, _ = panel.get_legend_handles_labels()
        beside.legend(handles, list(map(legend_name, names)), title=title or None, **place)
        style.write_title(fig, table.changed, grid.title)
        style.write_note(fig, _note(grid, table, zero))
    return fig


def _draw_block(
    part: SubFigure, grid: Grid, block: Panels, rows: Sequence[str], lines: Sequence[str]
) -> Axes:
    """Draw the panels of one type of cell, and return the last; a column shares its y-axis."""
    titles = list(dict.fromkeys(column for _, column in block))
    axes = part.subplots(len(rows), len(titles), sharex=True, squeeze=False)
    for (row, column), drawn in np.ndenumerate(axes):
        if (rows[row], titles[column]) not in block:
            drawn.remove()
            continue
        last = drawn
        _fill(drawn, grid, block[rows[row], titles[column]], lines)
        drawn.locator_params(nbins=4) if not grid.log and not grid.points else None
    for title, column in zip(titles, axes.T, strict=True):
        drawn = [panel for panel in column if panel.figure is not None]
        drawn[0].set_title(title, loc="left", fontsize=SMALL)
        drawn[-1].tick_params(labelbottom=True)
        for panel in drawn[1:]:
            panel.sharey(drawn[0])
        drawn[0].autoscale_view()
    for row, panels in zip(rows, axes, strict=True):
        left = next(panel for panel in panels if panel.figure is not None)
        words = [textwrap.fill(part, LETTERS) for part in (*row.split("\n"), grid.upward) if part]
        left.set_ylabel("\n".join(words), fontsize=SMALL)
    part.supxlabel(grid.across, fontsize=style.NORMAL)
    return last


def _fill(panel: Axes, grid: Grid, cell: Mapping[str, Line], lines: Sequence[str]) -> None:
    """Draw one panel, with an empty line for each missing name, so that all legends agree."""

    def colours(_: int) -> Sequence:
        return colours_of(lines)

    if grid.points:
        nothing = Line(np.zeros(0), np.zeros(0), np.zeros(0, bool))
        found = {name: cell.get(name, nothing) for name in lines}
        failed = {name: line.failed for name, line in found.items()}
        pairs = {name: (line.x, line.y) for name, line in found.items()}
        return draw_points(panel, pairs, colours, failed)
    empty = Line(np.array([0.0]), np.full((1, 1), np.nan), np.zeros(1, bool))
    found = {name: cell.get(name, empty) for name in lines}
    values = {
        name: np.where(line.y > 0, line.y, np.nan) if grid.log else line.y
        for name, line in found.items()
    }
    at = {name: line.x for name, line in found.items()}
    failed = {name: line.failed for name, line in found.items()}
    draw_lines(panel, values, at=at, colours=colours, failed=failed)
    if grid.log:
        log_axis(panel)


def _note(grid: Grid, table: Table, zero: Sequence[str]) -> str:
    """Explanation of lines and bands, and the panels that are left out."""
    cells = table.cells()
    parts = [
        "Points: units of all runs."
        if grid.points
        else "Lines: medians over runs. Bands: from the smallest to the largest run.",
        f"{runs_in_words(cells)} runs.",
    ]
    if any(cell.failed for cell in cells):
        parts.append(
            "Crosses: failed runs" + ("." if grid.points else ", in no median and no band.")
        )
    if zero:
        parts.append(f"Left out, because all numbers are 0: {'; '.join(zero)}.")
    return " ".join(parts)
