"""Figures of quantities observed during training: a grid of panels for each kind.

Quantities of gates are in one block of panels for each type of cell, because cells differ in gates.
A line is a cell of the table at its tuned value: the median over the runs that did not fail, and a
band that spans them. Panels in which all numbers are 0 are left out, and named below.
"""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from seqjax.reporting.aggregate import TableCell
from seqjax.reporting.plots import style
from seqjax.reporting.plots.grouping import cells_by_panel, runs_in_words
from seqjax.reporting.plots.lines import colours_of, draw_lines, draw_points, log_axis
from seqjax.reporting.plots.style import SMALL, Figure, legend_name, short_name
from seqjax.reporting.tables import Table

TIMES = {"before training": 0, "after training": -1}
MOST_LINES, MOST_PANELS = 16, 64
"""More lines in a panel, or more panels in a figure, cannot be read."""
STEP = "training step"
GATE_VALUE = "gate value v; (v + 1) / 2 for tanh"
Heads = Mapping[tuple[str, ...], Mapping[str, TableCell]]
"""Table cells by name, by the parts of the label of their row of panels."""
Part = tuple[str, str, str]
"""Layer, field of ``Record.observed``, and title of the panel."""
GATES = {
    "f": "forget gate f",
    "g": "candidate g",
    "i": "input gate i",
    "n": "candidate n",
    "o": "output gate o",
    "r": "reset gate r",
    "z": "update gate z",
}
"""Gates in words."""
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


Read = Callable[[TableCell, str, int], Line]
Panels = dict[tuple[str, str], dict[str, Line]]


class View(NamedTuple):
    """Labels and axes of the lines of one kind."""

    title: str
    across: str
    labels: Mapping[str, str]
    log: bool = True
    first: float = 1


VIEWS = {
    "gradients": View(
        "gradient through time",
        "step t",
        {"h": "‖∂L/∂h‖ at t", "c": "‖∂L/∂c‖ at t", "x": "‖∂L/∂x‖ at t"},
    ),
    "contributions": View(
        "contribution of each step to the recurrent weights' gradient",
        "step t",
        {"u": "‖∂L/∂U‖ by step t"},
    ),
    "inputs": View(
        "reach of the inputs", "distance t - s", {"distance": "largest ‖∂ŷ(t)/∂x(s)‖"}, first=0
    ),
    "jacobians": View(
        "Jacobians of state to state",
        "step t",
        {
            "largest": "J(t), largest σ",
            "smallest": "J(t), smallest σ",
            "product": "J(t) … J(1), largest σ",
            "direct": "direct path, norm",
            "share": "direct path, share",
        },
    ),
    "lyapunov": View("Lyapunov exponents", "rank", {"largest": "exponent a step"}, log=False),
    "probe": View(
        "linear probe of the first symbol", "step t", {"accuracy": "accuracy"}, log=False
    ),
}


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


def observed_figures(table: Table) -> Iterator[tuple[str, Figure | None]]:
    """Figures of all observed quantities, by name; None for one with too many lines or panels.

    Args:
      table: its records may have no observed quantities; then there are no figures.
    """
    heads = {(head,): dict(lines) for head, lines in cells_by_panel(table).items()}
    table_cells = [cell for lines in heads.values() for cell in lines.values()]
    fields = dict.fromkeys(name for cell in table_cells for name in cell.records[0].observed)
    for name, grid in _grids(heads, tuple(fields)):
        grid, zero = _without_zeros(grid)
        panels = [panel for block in grid.blocks.values() for panel in block.values()]
        if not panels:
            continue
        lines = list(dict.fromkeys(line for panel in panels for line in panel))
        readable = len(lines) <= MOST_LINES and len(panels) <= MOST_PANELS
        partial = f" ({table.incomplete})" * bool(table.incomplete)
        grid = grid._replace(title=f"{short_name(table.title)}: {grid.title}{partial}")
        yield f"observed_{name}", _draw(grid, lines, table, zero) if readable else None


def _without_zeros(grid: Grid) -> tuple[Grid, list[str]]:
    """The grid without panels in which all numbers are 0, and the names of these panels."""
    blocks: dict[str, Panels] = {}
    zero = []
    for name, block in grid.blocks.items():
        for (row, column), lines in block.items():
            if any(np.any(line.x) if grid.points else np.any(line.y) for line in lines.values()):
                blocks.setdefault(name, {})[row, column] = lines
            else:
                place = (name, *row.split("\n"), column)
                zero.append(" ".join(filter(None, place)))
    return grid._replace(blocks=blocks), zero


def _grids(heads: Heads, fields: tuple[str, ...]) -> Iterator[tuple[str, Grid]]:
    """Grids of the observed fields, by name."""

    def by_gate(kind: str, ending: str) -> list[Part]:
        split = [field.split(".") for field in fields if field.startswith(f"{kind}.")]
        matching = [names for names in split if names[-1] == ending]
        single = len({layer for _, layer, *_ in matching}) == 1
        return [
            (
                "" if single else _layer(names[1]),
                ".".join(names),
                GATES.get(names[2], names[2]) if len(names) > 3 else ending,
            )
            for names in matching
        ]

    for kind, view in VIEWS.items():
        parts = [("", f"{kind}.{field}", label) for field, label in view.labels.items()]
        if parts := [part for part in parts if part[1] in fields]:
            panels = _before_and_after(heads, parts, _along(view.first))
            yield kind, Grid(view.title, view.across, {"": panels}, view.log)
    by_cell = _by_cell(heads) if fields else {}
    if parts := by_gate("gates", "histogram"):
        blocks = {k: _before_and_after(h, parts, _along(0.025, 0.05)) for k, h in by_cell.items()}
        yield "gates", Grid("gate values", GATE_VALUE, blocks, upward="share in a bin of 0.05")
        edges = {"below 0.1": by_gate("gates", "low"), "above 0.9": by_gate("gates", "high")}
        blocks = {
            k: _over_training(h, edges, lambda values: values[:, :, 0]) for k, h in by_cell.items()
        }
        title = "gate values near 0 and 1 (tanh: near -1 and 1)"
        yield "gates_over_training", Grid(title, STEP, blocks, upward="share of gate values")
    if parts := by_gate("units", "low"):
        low, high = "share of time below 0.1", "share of time above 0.9"
        blocks = {k: _before_and_after(h, parts, _pairs) for k, h in by_cell.items()}
        yield "units", Grid("gates of each unit", low, blocks, upward=high, points=True)
    if parts := by_gate("units", "retention"):
        blocks = {k: _before_and_after(h, parts, _ranked) for k, h in by_cell.items()}
        rank = "rank of the unit"
        yield "retention", Grid("mean retention time", rank, blocks, log=True, upward="steps")
    if parts := by_gate("scales", "radius"):
        sizes = {"spectral radius": parts, "largest σ": by_gate("scales", "norm")}
        blocks = {k: _over_training(h, sizes, lambda values: values) for k, h in by_cell.items()}
        yield "scales", Grid("recurrent matrices", STEP, blocks)


def _layer(name: str) -> str:
    """A layer in words: layer0_forward is "layer 1"."""
    number, _, direction = name.removeprefix("layer").partition("_")
    if not number.isdigit():
        return name
    return f"layer {int(number) + 1}" + f", {direction}" * (direction != "forward")


def _by_cell(heads: Heads) -> dict[str, Heads]:
    """Heads of each type of cell, by its name; by "" if there is one type."""
    types = {
        cell.records[0].settings["model.cell"]: None
        for lines in heads.values()
        for cell in lines.values()
    }
    if len(types) == 1:
        return {"": heads}
    return {
        str(kind): {
            head: {
                name: cell
                for name, cell in lines.items()
                if cell.records[0].settings["model.cell"] == kind
            }
            for head, lines in heads.items()
        }
        for kind in types
    }


def _failed(cell: TableCell) -> np.ndarray:
    """(runs,) bools that mark failed runs."""
    return np.array([record.failed is not None for record in cell.records])


def _values(cell: TableCell, field: str) -> np.ndarray:
    """(runs, times, ...) values of an observed field."""
    return np.array([record.observed[field] for record in cell.records], dtype=float)


def _along(first: float, step: float = 1) -> Read:
    """Return a reader of lines over first, first + step, …"""

    def read(cell: TableCell, field: str, time: int) -> Line:
        rows = _values(cell, field)[:, time]
        return Line(first + step * np.arange(rows.shape[1]), rows, _failed(cell))

    return read


def _ranked(cell: TableCell, field: str, time: int) -> Line:
    """Values of the units in descending order."""
    rows = np.sort(_values(cell, field)[:, time])[:, ::-1]
    return Line(np.arange(1, 1 + rows.shape[1]), rows, _failed(cell))


def _pairs(cell: TableCell, field: str, time: int) -> Line:
    """Shares of time that the units of all runs are low and high."""
    high = field.removesuffix("low") + "high"
    x, y = (_values(cell, name)[:, time] for name in (field, high))
    return Line(x.ravel(), y.ravel(), _failed(cell).repeat(x.shape[1]))


def _before_and_after(heads: Heads, parts: list[Part], read: Read) -> Panels:
    """Columns by label and rows by time; for a single label, columns by time."""
    cells: Panels = {}
    single = len({label for _, _, label in parts}) == 1
    for head, lines in heads.items():
        for layer, field, label in parts:
            for time, k in TIMES.items():
                position = (label, time) if single else (time, label)
                _put(cells, (*head, layer), position, lines, field, lambda e, f, k=k: read(e, f, k))
    return cells


def _over_training(
    heads: Heads, by_row: Mapping[str, list[Part]], select: Callable[[np.ndarray], np.ndarray]
) -> Panels:
    """A row for each quantity, with ``select`` of its (runs, times, ...) values over the steps."""

    def read(cell: TableCell, field: str) -> Line:
        steps = np.array([0, *cell.records[0].curve["step"]])
        return Line(steps, select(_values(cell, field)), _failed(cell))

    cells: Panels = {}
    for head, lines in heads.items():
        for quantity, parts in by_row.items():
            for layer, field, label in parts:
                _put(cells, (*head, layer), (quantity, label), lines, field, read)
    return cells


def _put(cells: Panels, heads, position, lines: Mapping[str, TableCell], field: str, read) -> None:
    """Add a panel, unless no cell has the field."""
    row, column = position
    observed = {name: cell for name, cell in lines.items() if field in cell.records[0].observed}
    if observed:
        row = "\n".join(short_name(name) for name in (*heads, row) if name)
        cells[row, column] = {name: read(cell, field) for name, cell in observed.items()}


def _draw(grid: Grid, lines: Sequence[str], table: Table, zero: Sequence[str]) -> Figure:
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
