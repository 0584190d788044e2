"""Points of runs over named positions, with failed runs as crosses."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from seqjax.reporting.plots.lines import distinct, median_and_range
from seqjax.reporting.plots.style import MARKERS, legend_name, short_name

SPREAD = 0.72
"""Share of the distance between positions that the lines of a position take."""
CHARACTERS = 90
"""Characters of the names of all positions that fit side by side."""


def draw_categories(
    panel: Axes,
    lines: Mapping[str, np.ndarray],
    failed: Mapping[str, np.ndarray],
    categories: Sequence[str],
) -> None:
    """Draw every run as an open circle, its failure as a cross, and medians as filled markers.

    Args:
      panel: axes to draw on.
      lines: (rows, categories) numbers by name.
      failed: (rows, categories) bools by name; names may be missing.
      categories: names of the x positions.
    """
    colours = distinct(len(lines))
    for k, (colour, (name, rows)) in enumerate(zip(colours, lines.items(), strict=True)):
        rows = np.asarray(rows, dtype=float)
        gone = np.broadcast_to(failed.get(name, np.zeros(rows.shape, bool)), rows.shape)
        x = np.arange(len(categories)) + (k - (len(lines) - 1) / 2) * SPREAD / len(lines)
        counting = np.where(gone, np.nan, rows)
        low, median, high = median_and_range(counting)
        panel.plot([x, x], [low, high], color=colour, linewidth=0.8)
        if len(rows) > 1:
            at = np.broadcast_to(x, rows.shape)
            circle = {"markerfacecolor": "white", "markeredgewidth": 0.6, "markersize": 2.2}
            panel.plot(at.ravel(), counting.ravel(), "o", color=colour, **circle)
            cross = {"markeredgewidth": 0.8, "markersize": 3.5}
            panel.plot(at[gone], rows[gone], "x", color=colour, **cross)
        count = f" ({gone.sum()} of {gone.size} failed)" if gone.any() else ""
        marker = MARKERS[k % len(MARKERS)]
        panel.plot(x, median, marker, color=colour, markersize=4, label=legend_name(name + count))
    _name(panel, categories)


def _name(panel: Axes, categories: Sequence[str]) -> None:
    """Write the names of the positions, on several lines or turned if they are long."""
    most = max(1, CHARACTERS // len(categories))
    names = [textwrap.fill(short_name(name), most, break_long_words=False) for name in categories]
    turned = max(len(line) for name in names for line in name.split("\n") or [""]) > most
    panel.set_xticks(
        range(len(categories)), map(short_name, categories) if turned else names,
        rotation=40 if turned else 0, ha="right" if turned else "center",
    )  # fmt: skip
    panel.set_xlim(-0.5, len(categories) - 0.5)
