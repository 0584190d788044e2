"""Figures from the entries of a table, drawn off screen."""

import os
import pathlib
import warnings
from collections.abc import Iterable

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from seqjax.data.files import printable
from seqjax.reporting.aggregate import Entry
from seqjax.reporting.formats import figure
from seqjax.reporting.tables import Table, label

INK, PALE = "#1a1a1a", "#f2f2f2"
RC = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "svg.hashsalt": "seqjax",  # equal figures are equal files
    "svg.fonttype": "none",
    "text.parse_math": False,  # names may have a $
    "text.usetex": False,
}
MOST_CELLS, MOST_PANELS = 1000, 100
"""What one can see in a heat map, and in learning curves."""
LONGEST_NAME, MOST_TICKS = 40, 6


def save(fig: Figure, workdir: pathlib.Path, name: str) -> None:
    """Writes ``name``.png and ``name``.svg, each replaced whole."""
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        for kind, options in (("png", {"dpi": 160}), ("svg", {"metadata": {"Date": None}})):
            partial = workdir / f".{name}.{os.getpid()}.{kind}"
            fig.savefig(partial, **options)
            partial.replace(workdir / f"{name}.{kind}")


def short(name: str, longest: int = LONGEST_NAME) -> str:
    name = printable(name)
    return name if len(name) <= longest else name[:longest] + "…"


def _room(names: Iterable[str], usual: int) -> float:
    """Inches beside those for names of the usual length; without them axes shrink to nothing."""
    return 0.15 * max(0, *(len(name) - usual for name in names), 0)


def _row_label(row: tuple) -> str:
    return short(", ".join(label(value) for value in row)) or "all"


def heat_map(table: Table, quantity: str = "metric") -> Figure:
    """The table as colours: "metric" is the mean test metric, "clipped" the clipped fraction.

    A cell shows its mean; the metric's also shows the tuned value and, in red, how many failed.
    """
    rows, columns = table.rows, table.columns
    values = np.full((len(rows), len(columns)), np.nan)
    for (row, column), entry in table.grid.items():
        value = entry.mean if quantity == "metric" else entry.clipped
        values[rows.index(row), columns.index(column)] = value
    example = table.entries()[0].records[0]
    name = f"test {example.metric}" if quantity == "metric" else "fraction of clipped steps"
    upward = quantity == "clipped" or example.higher_is_better
    with matplotlib.rc_context(RC):
        across = [short(label(column)) for column in columns]
        down = [_row_label(row) for row in rows]
        width = 2.4 + 0.95 * len(columns) + _room(down, 12) + _room(across, 10)
        fig = Figure(figsize=(width, 1.5 + 0.42 * len(rows)), layout="constrained")
        axes = fig.add_subplot()
        colours = "viridis" if upward else "viridis_r"
        limits = {"vmin": 0, "vmax": 1} if quantity == "clipped" else {}
        image = axes.imshow(values, cmap=colours, aspect="auto", **limits)
        axes.set_xticks(range(len(columns)), across)
        axes.set_yticks(range(len(rows)), down)
        axes.set_xlabel(short(table.column_title))
        axes.set_ylabel(short(", ".join(table.row_titles)))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for (row, column), entry in table.grid.items():
            at = columns.index(column), rows.index(row)
            _write(axes, at, entry, quantity, image.norm(values[at[::-1]]), upward)
        axes.set_title(f"{short(table.title)}: {short(name)}", loc="left")
        fig.colorbar(image, ax=axes, fraction=0.05, pad=0.03).outline.set_visible(False)
    return fig


def _write(axes, at, entry: Entry, quantity: str, brightness: float, upward: bool) -> None:
    """The cell's text, in the ink that its colour lets one read."""
    bright = brightness if upward else 1 - brightness
    ink = INK if bright > 0.55 else PALE
    mean = entry.mean if quantity == "metric" else entry.clipped
    chosen = entry.chosen is not None and quantity == "metric"
    lines = (figure(mean) if quantity == "metric" else f"{mean:.2f}") + (
        f"\n@{short(label(entry.chosen))}" if chosen else ""
    )
    axes.text(*at, lines, ha="center", va="center", color=ink, fontsize=8, linespacing=1.05)
    if entry.failed and quantity == "metric":
        axes.text(
            at[0] + 0.46,
            at[1] - 0.42,
            f"{entry.failed} failed",
            ha="right",
            va="top",
            color="white",
            fontsize=5.5,
            bbox={"facecolor": "#b3242b", "edgecolor": "none", "pad": 1},
        )


def by_panel(table: Table) -> dict[str, list[tuple[str, Entry]]]:
    """The entries with their names, by the name of the panel that their lines stand in.

    A panel for each column, or of a table without columns for each value of its first row title.
    """
    panels: dict[str, list[tuple[str, Entry]]] = {}
    for column in table.columns:
        for row in table.rows:
            if (row, column) in table.grid:
                name = f"{table.column_title} {label(column)}" if table.column_title else ""
                head, lines = (name, row) if name or len(row) < 2 else (label(row[0]), row[1:])
                line = (_row_label(lines), table.grid[row, column])
                panels.setdefault(head, []).append(line)
    return panels


def curves(table: Table, quantity: str) -> Figure:
    """``quantity`` of the records' curves over the steps: a panel a column, a line a row.

    A table without columns has a panel for each value of its first row title. Lines are means over
    seeds at the cell's tuned value; bands span the seeds. Failed runs are drawn as they went; those
    that stopped being finite drop out there.
    """
    panels = by_panel(table)
    across = len(panels) if len(panels) <= 4 else 3
    down = -(-len(panels) // across)
    title = short(", ".join(table.row_titles if table.column_title else table.row_titles[-1:]))
    room = _room([title, *(name for lines in panels.values() for name, _ in lines)], 16)
    with matplotlib.rc_context(RC):
        size = (1.6 + room + (2.3 + room) * across, 0.6 + 2.4 * down)
        fig = Figure(figsize=size, layout="constrained")
        axes = fig.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for empty in axes[len(panels) :]:
            empty.set_visible(False)
        one_legend = len({tuple(name for name, _ in lines) for lines in panels.values()}) == 1
        title = short(", ".join(table.row_titles if table.column_title else table.row_titles[-1:]))
        for panel, (head, lines) in zip(axes, panels.items(), strict=False):
            shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.88, len(lines)))
            for (name, entry), shade in zip(lines, shades, strict=True):
                _line(panel, entry, quantity, shade, name)
            panel.set_title(short(head), loc="left")
            if not one_legend:
                panel.legend(title=title or None, fontsize=7, title_fontsize=7)
        for panel in axes[max(0, len(panels) - across) : len(panels)]:  # the lowest of each column
            panel.set_xlabel("step")
            panel.locator_params(axis="x", nbins=MOST_TICKS)
            panel.tick_params(labelbottom=True)
        axes[0].set_ylabel(short(quantity.replace("_", " ")))
        if one_legend and any(table.rows):  # else every panel has one line, which has no name
            handles, names = axes[0].get_legend_handles_labels()
            fig.legend(handles, names, title=title or None, loc="outside right upper")
    return fig


def _line(panel, entry: Entry, quantity: str, shade, name: str) -> None:
    steps = entry.records[0].curve["step"]
    runs = np.array([record.curve[quantity] for record in entry.records], dtype=float)
    runs = np.where(np.isfinite(runs), runs, np.nan)
    known = ~np.isnan(runs).all(axis=0)
    x, y = np.asarray(steps)[known], runs[:, known]
    low, mean, high = (f(y, axis=0) for f in (np.nanmin, np.nanmean, np.nanmax))
    name = f" {name}" if name.startswith("_") else name  # which legends leave out
    panel.plot(x, mean, color=shade, label=name, linewidth=1.4)
    panel.fill_between(x, low, high, color=shade, alpha=0.15, linewidth=0)
