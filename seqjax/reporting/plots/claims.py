"""The figure of a claim: every comparison with its interval, and what lies behind it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from seqjax.reporting.plots.diagnostics import (
    MARKERS,
    draw_lines,
    in_legend,
    log_axis,
    shades,
    spread,
)
from seqjax.reporting.plots.summary import INK, RC, short
from seqjax.stats.decisions import Comparison, Verdict

ROW, HEAD, WIDTH = 0.17, 0.9, 6.2
"""Inches: of a comparison, of what stands above and below a panel, of a panel."""
MOST_ROWS, MOST_DOWN = 60, 3
"""Comparisons in a panel; panels in one column."""
LEAST, TALLEST = 3.0, 4.8
"""Inches: of a figure, and of what stands beside the comparisons."""
FAR = 3.0
"""Intervals that go further than this from 0 are cut there."""
LONGEST = 50
"""Characters of the name of a comparison."""


class Curves(NamedTuple):
    """To stand beside the comparisons, by name: rows of numbers over first, first + step, …

    Over categories they are marks with bars, side by side, in place of lines in bands. ``compared``
    is what all comparisons are of, where that is one thing.
    """

    lines: Mapping[str, np.ndarray]
    title: str
    across: str
    upward: str
    log: bool = False
    first: float = 1
    step: float = 1
    categories: Sequence[str] = ()
    compared: str = ""


def claim_figure(verdicts: Sequence[Verdict], curves: Curves | None) -> Figure:
    """A panel for each registered verdict, its comparisons from top to bottom, and the curves."""
    verdicts = [verdict for verdict in verdicts if not verdict.exploratory] or list(verdicts)
    rows = [list(verdict.comparisons)[:MOST_ROWS] for verdict in verdicts]
    across = 2 if len(rows) > MOST_DOWN else 1
    down = -(-len(rows) // across)
    longest = [max(map(len, rows[k * across : (k + 1) * across])) for k in range(down)]
    heights = [HEAD + ROW * max(1, most) for most in longest]
    with matplotlib.rc_context(RC):
        fig, below, beside = _parts(sum(heights), across, curves is not None)
        panels = list(below.subplots(down, across, squeeze=False, height_ratios=heights).flat)
        for panel, verdict, own in zip(panels, verdicts, rows, strict=False):
            _forest(panel, own, curves.compared if curves else "")
            panel.set_title(short(f"claim {verdict.claim}: {verdict.verdict}"), loc="left")
        for panel in panels[len(rows) :]:
            panel.set_axis_off()
        if curves:
            _beside(beside, curves)
    return fig


def _parts(height: float, across: int, curves: bool):
    """A figure, its part for the comparisons, and one for the curves: at the right, or on top."""
    if not curves:
        fig = Figure(figsize=(WIDTH * across, max(height, LEAST)), layout="constrained")
        return fig, fig.subfigures(1, 1), None
    if across > 1:
        fig = Figure(figsize=(WIDTH * across, height + LEAST), layout="constrained")
        beside, below = fig.subfigures(2, 1, height_ratios=(LEAST, height))
        return fig, below, beside
    fig = Figure(figsize=(2 * WIDTH, max(height, LEAST)), layout="constrained")
    below, beside = fig.subfigures(1, 2)
    if height > TALLEST:
        beside = beside.subfigures(2, 1, height_ratios=(TALLEST, height - TALLEST))[0]
    return fig, below, beside


def _forest(panel, comparisons: Sequence[Comparison], compared: str) -> None:
    for place, c in enumerate(comparisons):
        low, high = (float(np.clip(x, -FAR, FAR)) for x in (c.lower, c.upper))
        panel.plot([low, high], [place, place], color=INK, linewidth=1.2)
        panel.plot(c.mean, place, "o", color=INK, markersize=3.5)
    panel.axvline(0, color="#888888", linewidth=0.8, zorder=0)
    panel.set_yticks(
        range(len(comparisons)), [short(c.name, LONGEST) for c in comparisons], fontsize=7
    )
    panel.set_ylim(len(comparisons) - 0.5, -0.5)
    panel.set_xlabel(": ".join(filter(None, (compared, "mean and interval"))))


def _beside(part, curves: Curves) -> None:
    panel = part.subplots()
    lines = {in_legend(name): rows for name, rows in curves.lines.items()}
    if curves.categories:
        _draw_marks(panel, lines, curves.categories)
    else:
        draw_lines(panel, lines, curves.first, curves.step)
    panel.set_title(curves.title, loc="left")
    panel.set_xlabel(curves.across)
    panel.set_ylabel(curves.upward)
    if curves.log:
        log_axis(panel)
    panel.legend(fontsize=7)


def _draw_marks(panel, lines: Mapping[str, np.ndarray], categories: Sequence[str]) -> None:
    """The median over rows, in a bar from the least to the largest."""
    for k, (shade, (name, rows)) in enumerate(zip(shades(len(lines)), lines.items(), strict=True)):
        x = np.arange(len(categories)) + (k - (len(lines) - 1) / 2) * 0.8 / len(lines)
        low, middle, high = spread(np.atleast_2d(np.asarray(rows, dtype=float)))
        panel.plot([x, x], [low, high], color=shade, linewidth=1.2)
        panel.plot(x, middle, MARKERS[k % len(MARKERS)], color=shade, markersize=4, label=name)
    turned = sum(map(len, categories)) > 50
    panel.set_xticks(
        range(len(categories)), map(short, categories),
        rotation=40 if turned else 0, ha="right" if turned else "center",
    )  # fmt: skip
