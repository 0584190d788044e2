"""Figure of a claim: its comparisons with their intervals, and the curves behind them."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np

from seqjax.reporting.plots.lines import MARKERS, distinct, draw_lines, log_axis, median_and_range
from seqjax.reporting.plots.style import INK, RC, Figure, legend_name, short_name
from seqjax.stats.decisions import Comparison, Verdict

ROW, HEAD, WIDTH = 0.17, 0.9, 6.2
"""Inches: height of a comparison, height of title and axis of a panel, width of a panel."""
MOST_ROWS, MOST_DOWN = 60, 3
"""Most comparisons in a panel, and most panels in one column."""
MIN_HEIGHT, MAX_HEIGHT = 3.0, 4.8
"""Inches: smallest height of a figure, largest height of the curves."""
FAR = 3.0
"""Intervals are cut at this distance from 0."""
LONGEST = 50
"""Most characters of the name of a comparison."""


class ClaimPanel(NamedTuple):
    """Panel of curves next to the comparisons of a claim.

    Attributes:
      lines: (rows, n) numbers by name, drawn as medians with bands from minimum to maximum. A
        single line may have the name "", and has no legend then.
      title: title of the panel.
      x_label, y_label: labels of the axes.
      compared: quantity of the comparisons.
      log: whether the y-axis is logarithmic.
      first, step: the x positions are first, first + step, …
      categories: names of the x positions, if any; markers with bars then replace lines with bands.
      key: sentences that explain the names of comparisons and lines, printed below the panels.
    """

    lines: Mapping[str, np.ndarray]
    title: str
    x_label: str
    y_label: str
    compared: str
    log: bool = False
    first: float = 1
    step: float = 1
    categories: Sequence[str] = ()
    key: str = ""


def claim_figure(verdicts: Sequence[Verdict], curves: ClaimPanel | None) -> Figure:
    """Comparisons of each registered verdict in a panel, and the curves.

    Args:
      verdicts: verdicts of one claim; exploratory ones are drawn only if all are exploratory.
      curves: drawn next to the comparisons, or None.
    """
    verdicts = [verdict for verdict in verdicts if not verdict.exploratory] or list(verdicts)
    rows = [list(verdict.comparisons)[:MOST_ROWS] for verdict in verdicts]
    across = 2 if len(rows) > MOST_DOWN else 1
    down = -(-len(rows) // across)
    longest = [max(map(len, rows[k * across : (k + 1) * across])) for k in range(down)]
    heights = [HEAD + ROW * max(1, most) for most in longest]
    with matplotlib.rc_context(RC):
        fig, comparisons_part, curves_part = _parts(sum(heights), across, curves is not None)
        panels = list(
            comparisons_part.subplots(down, across, squeeze=False, height_ratios=heights).flat
        )
        for panel, verdict, comparisons in zip(panels, verdicts, rows, strict=False):
            _draw_intervals(panel, comparisons, curves.compared if curves else "")
            panel.set_title(short_name(f"claim {verdict.claim}: {verdict.verdict}"), loc="left")
        for panel in panels[len(rows) :]:
            panel.set_axis_off()
        if curves:
            _draw_curves(curves_part, curves, wide=across > 1)
            _write_key(fig, curves.key)
    return fig


def _write_key(fig: Figure, key: str) -> None:
    """Write an explanation below the panels, and make room for it."""
    if not key:
        return
    width, height = fig.get_size_inches()
    lines = textwrap.wrap(key, int(16 * width))
    fig.set_size_inches(width, height + 0.15 * len(lines))
    fig.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7.5)


def _parts(height: float, across: int, curves: bool):
    """A figure, its part for comparisons, and its part for curves, on the right or on top."""
    if not curves:
        fig = Figure(figsize=(WIDTH * across, max(height, MIN_HEIGHT)), layout="constrained")
        return fig, fig.subfigures(1, 1), None
    if across > 1:
        fig = Figure(figsize=(WIDTH * across, height + MIN_HEIGHT), layout="constrained")
        lines, comparisons = fig.subfigures(2, 1, height_ratios=(MIN_HEIGHT, height))
        return fig, comparisons, lines
    fig = Figure(figsize=(2 * WIDTH, max(height, MIN_HEIGHT)), layout="constrained")
    comparisons, lines = fig.subfigures(1, 2)
    if height > MAX_HEIGHT:
        lines = lines.subfigures(2, 1, height_ratios=(MAX_HEIGHT, height - MAX_HEIGHT))[0]
    return fig, comparisons, lines


def _draw_intervals(panel, comparisons: Sequence[Comparison], compared: str) -> None:
    for row, c in enumerate(comparisons):
        low, high = (float(np.clip(x, -FAR, FAR)) for x in (c.lower, c.upper))
        panel.plot([low, high], [row, row], color=INK, linewidth=1.2)
        panel.plot(c.mean, row, "o", color=INK, markersize=3.5)
    panel.axvline(0, color="#888888", linewidth=0.8, zorder=0)
    panel.set_yticks(
        range(len(comparisons)), [short_name(c.name, LONGEST) for c in comparisons], fontsize=7
    )
    panel.set_ylim(len(comparisons) - 0.5, -0.5)
    panel.set_xlabel("\n".join(filter(None, (compared, "mean and interval"))))


def _draw_curves(part, curves: ClaimPanel, wide: bool) -> None:
    """Draw the panel of curves; ``wide`` if it spans two columns of comparisons."""
    panel = part.subplots()
    lines = {legend_name(name): np.atleast_2d(rows) for name, rows in curves.lines.items()}
    if curves.categories:
        _draw_marks(panel, lines, curves.categories, room=WIDTH * (2 if wide else 1))
    else:
        draw_lines(panel, lines, curves.first, curves.step, colours=distinct)
    panel.set_title(curves.title, loc="left")
    spread = "bars" if curves.categories else "bands"
    explanation = f"medians, with {spread} from the smallest to the largest"
    several = any(len(rows) > 1 for rows in lines.values())
    panel.set_xlabel("\n".join(filter(None, (curves.x_label, explanation * several))))
    panel.set_ylabel(curves.y_label)
    if curves.log:
        log_axis(panel)
    if any(lines):
        beside = {"loc": "upper left", "bbox_to_anchor": (1, 1)}  # bars would run through it
        panel.legend(fontsize=7, **(beside if curves.categories else {}))


def _draw_marks(
    panel, lines: Mapping[str, np.ndarray], categories: Sequence[str], room: float
) -> None:
    """Draw medians over rows, with bars from minimum to maximum.

    Args:
      panel: axes to draw on.
      lines: (rows, categories) numbers by name.
      categories: names of the x positions.
      room: width of the panel in inches.
    """
    colours = distinct(len(lines))
    for k, (colour, (name, rows)) in enumerate(zip(colours, lines.items(), strict=True)):
        x = np.arange(len(categories)) + (k - (len(lines) - 1) / 2) * 0.8 / len(lines)
        low, median, high = median_and_range(np.asarray(rows, dtype=float))
        panel.plot([x, x], [low, high], color=colour, linewidth=1.2)
        panel.plot(x, median, MARKERS[k % len(MARKERS)], color=colour, markersize=4, label=name)
    most = int(10 * room / len(categories))
    names = [
        textwrap.fill(short_name(name), max(most, 1), break_long_words=False) for name in categories
    ]
    turned = max(len(line) for name in names for line in name.split("\n") or [""]) > most
    panel.set_xticks(
        range(len(categories)), map(short_name, categories) if turned else names,
        rotation=40 if turned else 0, ha="right" if turned else "center",
    )  # fmt: skip
    panel.set_xlim(-0.5, len(categories) - 0.5)
