"""Figures of quantities observed during training: a grid of panels for each kind.

Quantities of gates are in one block of panels for each type of cell, because cells differ in gates.
A line is a cell of the table at its tuned value: the median over the runs that did not fail, and a
band that spans them. Panels in which all numbers are 0 are left out, and named below.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from seqjax.reporting.aggregate import TableCell
from seqjax.reporting.plots.grids import Grid, Line, Panels, draw_grid
from seqjax.reporting.plots.grouping import cells_by_panel
from seqjax.reporting.plots.style import Figure, short_name
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
Read = Callable[[TableCell, str, int], Line]


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
        yield f"observed_{name}", draw_grid(grid, lines, table, zero) if readable else None


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
