"""Heat map of a table."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from seqjax.reporting.aggregate import TableCell
from seqjax.reporting.formats import label, mean_and_interval
from seqjax.reporting.plots.style import INK, PALE, RC, Figure, extra_width, short_name, write_title
from seqjax.reporting.tables import Table

FAILED = "#c9c9c9"
MOST_CELLS = 1000
"""More cells of a heat map cannot be read."""


def row_label(row: tuple) -> str:
    """Label of a row in a figure."""
    return short_name(", ".join(label(value) for value in row)) or "all"


def heat_map(table: Table, quantity: str = "metric") -> Figure:
    """Heat map of a table.

    Args:
      table: the table.
      quantity: "metric" for the mean test metric, with the tuned value and the number of failed
        runs; "clipped" for the fraction of clipped steps.

    Raises:
      ValueError: another quantity, or one that the table lacks.
    """
    if quantity not in ("metric", "clipped"):
        raise ValueError(f"quantity: expected metric or clipped, got {quantity!r}")
    values = np.full((len(table.rows), len(table.columns)), np.nan)
    for (row, column), cell in table.grid.items():
        value = cell.clipped_fraction
        if quantity == "metric":
            value = np.nan if cell.failure else cell.mean
        values[table.rows.index(row), table.columns.index(column)] = value
    if quantity == "clipped" and np.isnan(values).all():
        raise ValueError("quantity: expected metric for a table without clipping, got 'clipped'")
    name = (
        f"{table.part} {table.metric}".strip()
        if quantity == "metric"
        else "fraction of clipped steps"
    )
    bright_is_high = quantity == "clipped" or table.higher_is_better
    across = [short_name(label(column)) if table.column_title else "" for column in table.columns]
    down = [row_label(row) for row in table.rows]
    width = 2.4 + 0.95 * len(across) + extra_width(down, 12) + extra_width(across, 10)
    with matplotlib.rc_context(RC):
        fig = Figure(figsize=(width, 1.5 + 0.42 * len(down)), layout="constrained")
        axes = fig.add_subplot()
        colours = "viridis" if bright_is_high else "viridis_r"
        any_number = np.isfinite(values).any()
        limits = {} if quantity == "metric" and any_number else {"vmin": 0, "vmax": 1}
        image = axes.imshow(values, cmap=colours, aspect="auto", **limits)
        axes.set_xticks(range(len(across)), across)
        axes.set_yticks(range(len(down)), down)
        axes.set_xlabel(short_name(table.column_title))
        axes.set_ylabel(short_name(", ".join(table.row_titles)))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for (row, column), cell in table.grid.items():
            x, y = table.columns.index(column), table.rows.index(row)
            if quantity == "metric" and cell.failure:
                _write_failed_cell(axes, x, y, cell)
                continue
            brightness = image.norm(values[y, x])
            if not bright_is_high:
                brightness = 1 - brightness
            _write_cell(axes, x, y, cell, quantity, INK if brightness > 0.55 else PALE)
        title = f"{short_name(table.title)}: {short_name(name)}"
        axes.set_title(title + f" ({table.incomplete})" * bool(table.incomplete), loc="left")
        write_title(fig, table.changed)
        if any_number:
            fig.colorbar(image, ax=axes, fraction=0.05, pad=0.03).outline.set_visible(False)
    return fig


def _write_failed_cell(axes: Axes, x: int, y: int, cell: TableCell) -> None:
    """Hatch a cell in which all runs failed, and write the reasons."""
    corner = (x - 0.5, y - 0.5)
    hatched = Rectangle(corner, 1, 1, facecolor=FAILED, edgecolor="white", hatch="///", linewidth=0)
    axes.add_patch(hatched)
    text = cell.failure.replace(" (", "\n(").replace(", ", ",\n")
    axes.text(x, y, text, ha="center", va="center", color=INK, fontsize=6.5, linespacing=1.0)


def _write_cell(axes: Axes, x: int, y: int, cell: TableCell, quantity: str, ink: str) -> None:
    """Write the text of a cell."""
    if quantity == "clipped":
        text = f"{cell.clipped_fraction:.2f}"
    else:
        text = mean_and_interval(cell.mean)
        if cell.chosen is not None:
            text += f"\n@{short_name(label(cell.chosen))}"
    axes.text(x, y, text, ha="center", va="center", color=ink, fontsize=8, linespacing=1.05)
    if cell.failed and quantity == "metric":
        axes.text(
            x + 0.46,
            y - 0.42,
            f"{cell.failed} failed",
            ha="right",
            va="top",
            color="white",
            fontsize=5.5,
            bbox={"facecolor": "#b3242b", "edgecolor": "none", "pad": 1},
        )
