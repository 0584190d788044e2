"""Lines and points that several figures draw."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from seqjax.reporting.plots.style import INK, legend_name

MARKERS = "osD^vPX*"
STYLES = ("-", "--", "-.", ":")
DISTINCT = (
    *("#000000", "#e69f00", "#56b4e9", "#009e73"),
    *("#d55e00", "#0072b2", "#cc79a7", "#999999"),
)


def shades(count: int) -> np.ndarray:
    """(count, 4) colours from dark to bright."""
    return matplotlib.colormaps["viridis"](np.linspace(0, 0.8, count))


def distinct(count: int) -> Sequence:
    """Colours of lines without an order, by Okabe and Ito for colour-blind readers."""
    return DISTINCT[:count] if count <= len(DISTINCT) else shades(count)


def median_and_range(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Minimum, median and maximum of the finite numbers over rows; NaN if there are none."""
    rows = np.where(np.isfinite(rows), rows, np.nan)
    known = ~np.isnan(rows).all(axis=0)
    limits = np.full((3, len(known)), np.nan)
    for line, f in zip(limits, (np.nanmin, np.nanmedian, np.nanmax), strict=True):
        line[known] = f(rows[:, known], axis=0)
    return tuple(limits)


def draw_lines(
    panel: Axes,
    curves: Mapping[str, np.ndarray],
    first: float = 1,
    step: float = 1,
    at: Mapping[str, np.ndarray] | None = None,
    colours: Callable[[int], Sequence] = shades,
) -> None:
    """Draw one line for each name: the median over rows, with a band from minimum to maximum.

    Lines differ in shade, dashes and markers. Numbers that are not finite are gaps.

    Args:
      panel: axes to draw on.
      curves: (n,), or (rows, n), by name.
      first: x position of the first number.
      step: distance between x positions.
      at: (n,) x positions by name, instead of ``first`` and ``step``.
      colours: function from the number of lines to their colours.
    """
    colors = colours(len(curves))
    for k, (name, values) in enumerate(curves.items()):
        rows = np.atleast_2d(np.asarray(values, dtype=float))
        low, median, high = median_and_range(rows)
        x = first + step * np.arange(len(median)) if at is None else at[name]
        style = {
            "linestyle": STYLES[k % len(STYLES)],
            "marker": MARKERS[k % len(MARKERS)],
            "markevery": max(1, len(median) // 8) if np.isfinite(median).sum() > 1 else 1,
            "markersize": 4,
            "color": colors[k],
            "linewidth": 1.4,
        }
        panel.plot(x, median, label=legend_name(name), **style)
        if len(rows) > 1:
            panel.fill_between(x, low, high, color=colors[k], alpha=0.15, linewidth=0)


def draw_points(panel: Axes, points: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Draw units at (share of time below .1, share of time above .9).

    Args:
      panel: axes to draw on.
      points: the two (H,) shares by name.
    """
    panel.plot([0, 1], [1, 0], "--", color=INK, linewidth=0.6, alpha=0.5)
    for k, (shade, (name, pair)) in enumerate(
        zip(shades(len(points)), points.items(), strict=True)
    ):
        style = {"color": shade, "s": 14, "alpha": 0.7, "linewidths": 0, "clip_on": False}
        panel.scatter(*pair, marker=MARKERS[k % len(MARKERS)], label=legend_name(name), **style)
    panel.set_aspect("equal")
    panel.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])


def log_axis(panel: Axes) -> None:
    """Make the y-axis logarithmic, with numbers that are plain text."""
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter("")
