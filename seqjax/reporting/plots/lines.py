"""Lines and points that several figures draw."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from seqjax.reporting.plots.style import (
    DASHES,
    DISTINCT,
    GREY,
    MARKERS,
    SEQUENTIAL,
    legend_name,
)

FAILED_RUN = {"linewidth": 0.6, "linestyle": (0, (2, 2)), "marker": "x", "markersize": 2.5}
"""Line of a failed run."""


def shades(count: int) -> np.ndarray:
    """(count, 4) colours from dark to bright."""
    return matplotlib.colormaps[SEQUENTIAL](np.linspace(0, 0.85, count))


def distinct(count: int) -> Sequence:
    """Colours of lines without an order, by Okabe and Ito for colour-blind readers."""
    return DISTINCT[:count] if count <= len(DISTINCT) else shades(count)


def colours_of(names: Sequence[str]) -> Sequence:
    """Colours of lines: from dark to bright if their names are numbers, otherwise distinct."""
    return shades(len(names)) if all(map(_is_number, names)) else distinct(len(names))


def _is_number(name: str) -> bool:
    try:
        float(name.partition(" ")[0].replace("∞", "inf"))
    except ValueError:
        return False
    return True


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
    failed: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Draw one line for each name: the median over rows, with a band from minimum to maximum.

    Lines differ in colour, dashes and markers. Numbers that are not finite are gaps. Failed rows
    are thin lines with crosses, in no median and no band.

    Args:
      panel: axes to draw on.
      curves: (n,), or (rows, n), by name.
      first: x position of the first number.
      step: distance between x positions.
      at: (n,) x positions by name, instead of ``first`` and ``step``.
      colours: function from the number of lines to their colours.
      failed: (rows,) bools by name, True for failed rows.
    """
    colors = colours(len(curves))
    for k, (name, values) in enumerate(curves.items()):
        rows = np.atleast_2d(np.asarray(values, dtype=float))
        gone = np.zeros(len(rows), bool) if failed is None else failed[name]
        counting = rows[~gone] if not gone.all() else np.full((1, rows.shape[1]), np.nan)
        low, median, high = median_and_range(counting)
        x = first + step * np.arange(len(median)) if at is None else at[name]
        style = {
            "linestyle": DASHES[k % len(DASHES)],
            "marker": MARKERS[k % len(MARKERS)],
            "markevery": max(1, len(median) // 8) if np.isfinite(median).sum() > 1 else 1,
            "color": colors[k],
        }
        panel.plot(x, median, label=legend_name(name), **style)
        if len(counting) > 1:
            alpha = 0.15 if len(curves) < 6 else 0.1
            panel.fill_between(x, low, high, color=colors[k], alpha=alpha, linewidth=0)
        for row in rows[gone]:
            panel.plot(x, row, color=colors[k], **{**FAILED_RUN, "markevery": style["markevery"]})


def draw_points(
    panel: Axes,
    points: Mapping[str, tuple[np.ndarray, np.ndarray]],
    colours: Callable[[int], Sequence] = shades,
    failed: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Draw units at (share of time below .1, share of time above .9); failed ones as crosses.

    Args:
      panel: axes to draw on.
      points: the two (H,) shares by name.
      colours: function from the number of names to their colours.
      failed: (H,) bools by name, True for units of failed runs.
    """
    panel.plot([0, 1], [1, 0], "--", color=GREY, linewidth=0.6)
    for k, (colour, (name, pair)) in enumerate(
        zip(colours(len(points)), points.items(), strict=True)
    ):
        x, y = map(np.asarray, pair)
        gone = np.zeros(len(x), bool) if failed is None else failed[name]
        style = {"color": colour, "s": 7, "alpha": 0.7, "clip_on": False}
        marker = MARKERS[k % len(MARKERS)]
        panel.scatter(
            x[~gone], y[~gone], marker=marker, label=legend_name(name), linewidths=0, **style
        )
        panel.scatter(x[gone], y[gone], marker="x", linewidths=0.6, **style)
    panel.set_aspect("equal")
    panel.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])


def log_axis(panel: Axes) -> None:
    """Make the y-axis logarithmic, with numbers that are plain text."""
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter("")
