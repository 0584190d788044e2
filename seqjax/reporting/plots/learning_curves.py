"""Learning curves of the cells of a table."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from seqjax.reporting.aggregate import TableCell
from seqjax.reporting.formats import label
from seqjax.reporting.plots.heat_maps import row_label
from seqjax.reporting.plots.style import (
    RC,
    Figure,
    extra_width,
    legend_name,
    short_name,
    write_title,
)
from seqjax.reporting.tables import Table

MOST_PANELS = 100
"""More panels of learning curves cannot be read."""
MOST_TICKS = 6


def cells_by_panel(table: Table) -> dict[str, list[tuple[str, TableCell]]]:
    """Cells with the names of their lines, by the title of their panel.

    A panel shows a column or, in a table without columns, a value of the first part of a row's
    label.
    """
    panels: dict[str, list[tuple[str, TableCell]]] = {}
    for column in table.columns:
        for row in table.rows:
            if (row, column) not in table.grid:
                continue
            title = f"{table.column_title} {label(column)}" if table.column_title else ""
            if table.column_title and column == "":
                title = f"{table.column_title}: not applicable"
            if not title and len(row) > 1:
                title, rest = label(row[0]), row[1:]
            else:
                rest = row
            panels.setdefault(title, []).append((row_label(rest), table.grid[row, column]))
    return panels


def curves(table: Table, quantity: str = "training_loss") -> Figure:
    """Learning curves: a panel for each column and a line for each row.

    A table without columns has a panel for each value of the first part of a row's label. Lines are
    means over seeds at the cell's tuned value; bands span the seeds. Failed runs are included as
    long as they are finite.

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
    panels = cells_by_panel(table)
    across = len(panels) if len(panels) <= 4 else 3
    down = -(-len(panels) // across)
    parts = table.row_titles if table.column_title else table.row_titles[-1:]
    legend_title = short_name(", ".join(parts))
    names = [name for lines in panels.values() for name, _ in lines]
    extra = extra_width([legend_title, *names], 16)
    one_legend = len({tuple(name for name, _ in lines) for lines in panels.values()}) == 1
    with matplotlib.rc_context(RC):
        size = (1.6 + extra + (2.3 + extra) * across, 0.6 + 2.4 * down)
        fig = Figure(figsize=size, layout="constrained")
        write_title(fig, table.changed, table.incomplete)
        axes = fig.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for empty in axes[len(panels) :]:
            empty.set_visible(False)
        for panel, (title, lines) in zip(axes, panels.items(), strict=False):
            shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.88, len(lines)))
            for (name, cell), shade in zip(lines, shades, strict=True):
                _draw_cell(panel, cell, quantity, shade, name)
            panel.set_title(short_name(title), loc="left")
            if not one_legend:
                panel.legend(title=legend_title or None, fontsize=7, title_fontsize=7)
        for panel in axes[max(0, len(panels) - across) : len(panels)]:  # the lowest of each column
            panel.set_xlabel("step")
            panel.locator_params(axis="x", nbins=MOST_TICKS)
            panel.tick_params(labelbottom=True)
        axes[0].set_ylabel(short_name(quantity.replace("_", " ")))
        if one_legend and any(table.rows):  # otherwise every panel has one line without a name
            handles, names = axes[0].get_legend_handles_labels()
            fig.legend(handles, names, title=legend_title or None, loc="outside right upper")
    return fig


def _draw_cell(panel: Axes, cell: TableCell, quantity: str, shade: np.ndarray, name: str) -> None:
    """Draw the mean over the runs of a cell, with a band that spans them."""
    runs = np.array([record.curve[quantity] for record in cell.records], dtype=float)
    runs = np.where(np.isfinite(runs), runs, np.nan)
    known = ~np.isnan(runs).all(axis=0)
    x, y = np.asarray(cell.records[0].curve["step"])[known], runs[:, known]
    low, mean, high = (f(y, axis=0) for f in (np.nanmin, np.nanmean, np.nanmax))
    panel.plot(x, mean, color=shade, label=legend_name(name), linewidth=1.4)
    panel.fill_between(x, low, high, color=shade, alpha=0.15, linewidth=0)
