"""Dumbbells of a published table: each published figure, ours, and an arrow between them."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from seqjax.published.levels import Level
from seqjax.reporting.plots.style import (
    DISTINCT,
    GREY,
    INK,
    MARKERS,
    ONE,
    TWO,
    Figure,
    drawing,
    label_panel,
    new_figure,
    short_name,
    write_note,
    write_title,
)
from seqjax.reporting.reproduction.comparison import Reproduction
from seqjax.reporting.reproduction.words import place_text
from seqjax.types import printable

ROW, HEAD, KEY = 5.0, 15.0, 4.0
"""Millimetres: height of a row, of title and axis of a panel, and of the legend."""
MOST_ROWS = 80
"""Most rows of a figure that can be read."""
DECADES = 2.0
"""Values that span more than this many powers of ten have a logarithmic axis."""
APART = 0.22
"""Distance between the protocols of a row, in rows."""
NOTE = (
    "Hollow circles: published; grey: from memory. Filled markers: ours, with the 95 % prediction "
    "interval of one more run, or the Clopper-Pearson interval of a share. Arrows lead from the "
    "published figure to ours."
)

Key = tuple[str, str, str]
"""Data set, name of the measure, and part of a panel."""


def dumbbells(made: Reproduction) -> Figure | None:
    """Published figures and ours by row, a panel for each data set and measure.

    Panels without a published figure, or without runs, are drawn only if there are no others.

    Args:
      made: the comparison; several protocols share the panels and differ in colour and marker.

    Returns:
      The figure; None if there is nothing to draw, or too much to read.
    """
    panels: dict[Key, list[tuple[int, Level]]] = {}
    for protocol, agreement in enumerate(made.agreements):
        for level in agreement.levels:
            key = level.task, level.measure.title, level.part
            panels.setdefault(key, []).append((protocol, level))
    for given in ("figure", "cell"):
        having = {k: v for k, v in panels.items() if any(getattr(one, given) for _, one in v)}
        panels = having or panels
    rows = {key: _rows(levels) for key, levels in panels.items()}
    if not panels or sum(map(len, rows.values())) > MOST_ROWS:
        return None
    across = min(2, len(panels))
    longest = list(map(len, rows.values()))
    heights = [HEAD + ROW * max(longest[k : k + across]) for k in range(0, len(longest), across)]
    with drawing():
        key_height = KEY if len(made.agreements) > 1 else 0.1
        fig = new_figure(TWO if across > 1 else ONE * 1.3, sum(heights) + key_height)
        grid = fig.add_gridspec(len(heights) + 1, across, height_ratios=[*heights, key_height])
        letters = "abcdefghijklmnop" if len(panels) > 1 else [""]
        for k, (key, levels) in enumerate(panels.items()):
            panel = fig.add_subplot(grid[k // across, k % across])
            _draw(panel, levels, rows[key], len(made.agreements))
            task, title, part = key
            panel.set_xlabel(f"{title}{', training set' if part == 'train' else ''}")
            label_panel(panel, letters[k % len(letters)], short_name(task))
        if len(made.agreements) > 1:
            _legend(fig.add_subplot(grid[-1, :]), [one.protocol for one in made.agreements])
        write_title(fig, "", made.title)
        write_note(fig, " ".join([*map(printable, made.notes), NOTE]))
    return fig


def _rows(levels: Sequence[tuple[int, Level]]) -> list[str]:
    """Names of the rows of a panel, each once."""
    return list(dict.fromkeys(_name(level) for _, level in levels))


def _name(level: Level) -> str:
    return short_name(", ".join(filter(None, (level.row, place_text("", level.point)))))


def _draw(
    panel: Axes, levels: Sequence[tuple[int, Level]], rows: Sequence[str], protocols: int
) -> None:
    points = [level.figure.value for _, level in levels if level.figure]
    points += [level.mean for _, level in levels if not math.isnan(level.mean)]
    for protocol, level in levels:
        y = rows.index(_name(level))
        beside = y + APART * (protocol - (protocols - 1) / 2)
        _draw_row(panel, level, y, beside, protocol)
    panel.set_yticks(range(len(rows)), rows)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)
    panel.grid(axis="y", color="#eeeeee", linewidth=0.6)
    panel.set_axisbelow(True)
    if all(level.measure.criterion for _, level in levels):
        panel.set_xlim(-0.04, 1.04)
    elif points:
        _set_range(panel, points)


def _draw_row(panel: Axes, level: Level, y: float, beside: float, protocol: int) -> None:
    """One figure at height ``y`` and our runs at height ``beside``."""
    colour, marker = DISTINCT[protocol % len(DISTINCT)], MARKERS[protocol % len(MARKERS)]
    ours = not math.isnan(level.mean)
    if level.figure is not None:
        shade = GREY if level.figure.from_memory else INK
        panel.plot(level.figure.value, y, "o", mfc="white", mec=shade, ms=4.5, zorder=3)
        if ours and not level.figure.from_memory:
            arrow = {"arrowstyle": "->", "color": colour, "linewidth": 0.7, "shrinkA": 3}
            panel.annotate("", (level.mean, beside), (level.figure.value, y), arrowprops=arrow)
    if ours:
        if not math.isnan(level.lower):
            panel.plot([level.lower, level.upper], [beside] * 2, color=colour, linewidth=1.0)
        panel.plot(level.mean, beside, marker, color=colour, ms=3.8, zorder=4)


def _set_range(panel: Axes, points: Sequence[float]) -> None:
    """Show all points; intervals that reach far beyond them are cut."""
    low, high = min(points), max(points)
    if low > 0 and math.log10(high / low) > DECADES:
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:g}")
        panel.set_xlim(low / 2, high * 2)
        return
    room = 0.25 * (high - low) or 0.05 * abs(high) or 0.05
    panel.set_xlim(low - room, high + room)


def _legend(panel: Axes, protocols: Sequence[str]) -> None:
    """Draw the markers of the protocols in a panel of their own."""
    handles = [
        Line2D([], [], color=DISTINCT[k], marker=MARKERS[k], linewidth=0, label=protocol)
        for k, protocol in enumerate(protocols)
    ]
    panel.set_axis_off()
    panel.legend(handles=handles, loc="center left", ncols=len(handles))
