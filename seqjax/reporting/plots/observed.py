"""Figures of quantities observed during training: a grid of panels for each kind.

Quantities of gates are in one block of panels for each type of cell, because cells differ in gates.
A line is a cell of the table at its tuned value: the median over seeds, and a band that spans them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np

from seqjax.reporting.aggregate import TableCell
from seqjax.reporting.plots.learning_curves import cells_by_panel
from seqjax.reporting.plots.lines import draw_lines, draw_points, log_axis
from seqjax.reporting.plots.style import RC, Figure, short_name, write_title
from seqjax.reporting.tables import Table

TIMES = {"before training": 0, "after training": -1}
MOST_LINES, MOST_PANELS = 16, 64
"""More lines in a panel, or more panels in a figure, cannot be read."""
GATE_VALUE = "gate value v; (v + 1) / 2 for tanh"
Heads = Mapping[tuple[str, ...], Mapping[str, TableCell]]
"""Table cells by name, by the parts of the label of their row of panels."""
Part = tuple[str, str, str]
"""Layer, field of ``Record.observed``, and title of the panel."""
Line = tuple[np.ndarray, np.ndarray]
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
    """Blocks of panels by row and column, with (x, y) of their lines.

    If ``upward``, the label of the y-axis, is set, (x, y) are points.
    """

    title: str
    across: str
    blocks: Sequence[Panels]
    log: bool = False
    upward: str = ""


def observed_figures(table: Table) -> Iterator[tuple[str, Figure | None]]:
    """Figures of all observed quantities, by name; None for one with too many lines or panels.

    Args:
      table: its records may have no observed quantities; then there are no figures.
    """
    heads = {(head,): dict(lines) for head, lines in cells_by_panel(table).items()}
    table_cells = [cell for lines in heads.values() for cell in lines.values()]
    fields = dict.fromkeys(name for cell in table_cells for name in cell.records[0].observed)
    for name, grid in _grids(heads, tuple(fields)):
        panels = [panel for block in grid.blocks for panel in block.values()]
        lines = list(dict.fromkeys(line for panel in panels for line in panel))
        readable = len(lines) <= MOST_LINES and len(panels) <= MOST_PANELS
        partial = f" ({table.incomplete})" * bool(table.incomplete)
        grid = grid._replace(title=f"{short_name(table.title)}: {grid.title}{partial}")
        yield f"observed_{name}", _draw(grid, lines, table.changed) if readable else None


def _grids(heads: Heads, fields: tuple[str, ...]) -> Iterator[tuple[str, Grid]]:
    """Grids of the observed fields, by name."""

    def by_gate(kind: str, ending: str) -> list[Part]:
        split = [field.split(".") for field in fields if field.startswith(f"{kind}.")]
        matching = [names for names in split if names[-1] == ending]
        single = len({layer for _, layer, *_ in matching}) == 1
        return [
            ("" if single else names[1], ".".join(names), names[2] if len(names) > 3 else ending)
            for names in matching
        ]

    for kind, view in VIEWS.items():
        parts = [("", f"{kind}.{field}", label) for field, label in view.labels.items()]
        if parts := [part for part in parts if part[1] in fields]:
            panels = _before_and_after(heads, parts, _along(view.first))
            yield kind, Grid(view.title, view.across, [panels], view.log)
    by_cell = _by_cell(heads) if fields else []
    if parts := by_gate("gates", "histogram"):
        blocks = [_before_and_after(h, parts, _along(0.025, 0.05)) for h in by_cell]
        yield "gates", Grid("share of gate values in each of 20 bins", GATE_VALUE, blocks)
        edges = {"below 0.1": by_gate("gates", "low"), "above 0.9": by_gate("gates", "high")}
        blocks = [_over_training(h, edges, lambda values: values[:, :, 0]) for h in by_cell]
        yield "gates_over_training", Grid("share of gate values", "training step", blocks)
    if parts := by_gate("units", "low"):
        low, high = "share of time below 0.1", "share of time above 0.9"
        blocks = [_before_and_after(h, parts, _pairs) for h in by_cell]
        yield "units", Grid("units", low, blocks, upward=high)
    if parts := by_gate("units", "retention"):
        blocks = [_before_and_after(h, parts, _ranked) for h in by_cell]
        yield "retention", Grid("mean retention time", "units in order", blocks, log=True)
    if parts := by_gate("scales", "radius"):
        sizes = {"spectral radius": parts, "largest σ": by_gate("scales", "norm")}
        blocks = [_over_training(h, sizes, lambda values: values) for h in by_cell]
        yield "scales", Grid("recurrent matrices", "training step", blocks)


def _by_cell(heads: Heads) -> list[Heads]:
    """Heads of each type of cell, with its name in the labels of rows if there are several."""
    types = {
        cell.records[0].settings["model.cell"]: None
        for lines in heads.values()
        for cell in lines.values()
    }
    if len(types) == 1:
        return [heads]
    return [
        {
            (str(kind), *head): {
                name: cell
                for name, cell in lines.items()
                if cell.records[0].settings["model.cell"] == kind
            }
            for head, lines in heads.items()
        }
        for kind in types
    ]


def _values(cell: TableCell, field: str) -> np.ndarray:
    """(runs, times, ...) values of an observed field."""
    return np.array([record.observed[field] for record in cell.records], dtype=float)


def _along(first: float, step: float = 1) -> Read:
    """Return a reader of lines over first, first + step, …"""

    def read(cell: TableCell, field: str, time: int) -> Line:
        rows = _values(cell, field)[:, time]
        return first + step * np.arange(rows.shape[1]), rows

    return read


def _ranked(cell: TableCell, field: str, time: int) -> Line:
    """Values of the units in descending order."""
    rows = np.sort(_values(cell, field)[:, time])[:, ::-1]
    return np.arange(1, 1 + rows.shape[1]), rows


def _pairs(cell: TableCell, field: str, time: int) -> Line:
    """Shares of time that the units of all runs are low and high."""
    high = field.removesuffix("low") + "high"
    return tuple(_values(cell, name)[:, time].ravel() for name in (field, high))


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
        return steps, select(_values(cell, field))

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


def _draw(grid: Grid, lines: list[str], changed: str) -> Figure:
    blocks = [block for block in grid.blocks if block]
    down = [list(dict.fromkeys(row for row, _ in block)) for block in blocks]
    across = [list(dict.fromkeys(column for _, column in block)) for block in blocks]
    rows, columns = sum(map(len, down)), max(map(len, across))
    room = 0.9 + 0.07 * max(map(len, lines))
    with matplotlib.rc_context(RC):
        size = (0.6 + room + 2.1 * columns, 0.8 + 1.8 * rows)
        fig = Figure(figsize=size, layout="constrained")
        axes = fig.subplots(rows, columns, sharex=True, squeeze=False)
        first = 0
        for block, row_labels, titles in zip(blocks, down, across, strict=True):
            part = axes[first : first + len(row_labels)]
            first += len(row_labels)
            for (row, column), panel in block.items():
                _fill(part[row_labels.index(row), titles.index(column)], grid, panel, lines)
            _label(part, grid, row_labels, titles)
        for panel in axes.ravel():
            panel.set_visible(panel.has_data())
        fig.supxlabel(grid.across, fontsize=9)
        write_title(fig, changed, grid.title)
        drawn = next(panel for panel in axes.ravel() if panel.has_data())
        fig.legend(*drawn.get_legend_handles_labels(), loc="outside right upper")
    return fig


def _label(part: np.ndarray, grid: Grid, rows: Sequence[str], titles: Sequence[str]) -> None:
    """Label the panels of a block: titles at the top, rows on the left, numbers at the bottom.

    The panels of a column share their y-axis.
    """
    for title, column in zip(titles, part.T, strict=False):
        drawn = [panel for panel in column if panel.has_data()]
        drawn[0].set_title(title, loc="left")
        drawn[-1].tick_params(labelbottom=True)
        for panel in drawn[1:]:
            panel.sharey(drawn[0])
        drawn[0].autoscale_view()
    for row, panels in zip(rows, part, strict=True):
        left = next(panel for panel in panels if panel.has_data())
        left.set_ylabel(f"{row}\n{grid.upward}".strip())


def _fill(panel, grid: Grid, cell: Mapping[str, Line], lines: list[str]) -> None:
    """Draw one panel, with an empty line for each missing name, so that all legends agree."""
    if grid.upward:
        return draw_points(panel, {name: cell.get(name, ((), ())) for name in lines})
    empty = np.array([0.0]), np.full((1, 1), np.nan)
    curves = {name: cell.get(name, empty) for name in lines}
    values = {
        name: np.where(y > 0, y, np.nan) if grid.log else y for name, (_, y) in curves.items()
    }
    draw_lines(panel, values, at={name: x for name, (x, _) in curves.items()})
    if grid.log:
        log_axis(panel)
