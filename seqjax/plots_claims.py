"""The figure of a claim: every comparison with its interval, and what lies behind it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from seqjax.decisions import Comparison, Verdict
from seqjax.plots import INK, RC, short
from seqjax.plots_diagnostics import draw_lines, in_legend

ROW, HEAD, WIDTH = 0.17, 0.9, 6.2
"""Inches: of a comparison, of what stands above and below a panel, of a panel."""
MOST_ROWS = 60
LONGEST = 3.0
"""Intervals that go further than this from 0 are cut there."""


class Curves(NamedTuple):
    """Lines to stand beside the comparisons: by name rows of numbers over first, first + step, …"""

    lines: Mapping[str, np.ndarray]
    title: str
    across: str
    upward: str
    log: bool = False
    first: float = 1
    step: float = 1


def claim_figure(verdicts: Sequence[Verdict], curves: Curves | None) -> Figure:
    """A panel for each registered verdict, its comparisons from top to bottom, and the curves."""
    verdicts = [verdict for verdict in verdicts if not verdict.exploratory] or list(verdicts)
    rows = [list(verdict.comparisons)[:MOST_ROWS] for verdict in verdicts]
    heights = [HEAD + ROW * max(1, len(own)) for own in rows]
    wide = WIDTH * (2 if curves else 1)
    with matplotlib.rc_context(RC):
        fig = Figure(figsize=(wide, max(sum(heights), 3.0)), layout="constrained")
        left, right = fig.subfigures(1, 2) if curves else (fig.subfigures(1, 1), None)
        panels = left.subplots(len(rows), 1, squeeze=False, height_ratios=heights)[:, 0]
        for panel, verdict, own in zip(panels, verdicts, rows, strict=True):
            _forest(panel, own)
            panel.set_title(short(f"{verdict.claim}: {verdict.verdict}"), loc="left")
        if curves:
            _beside(right, curves)
    return fig


def _forest(panel, comparisons: Sequence[Comparison]) -> None:
    for place, c in enumerate(comparisons):
        low, high = (float(np.clip(x, -LONGEST, LONGEST)) for x in (c.lower, c.upper))
        panel.plot([low, high], [place, place], color=INK, linewidth=1.2)
        panel.plot(c.mean, place, "o", color=INK, markersize=3.5)
    panel.axvline(0, color="#888888", linewidth=0.8, zorder=0)
    panel.set_yticks(range(len(comparisons)), [short(c.name) for c in comparisons], fontsize=7)
    panel.set_ylim(len(comparisons) - 0.5, -0.5)
    panel.set_xlabel("mean and interval")


def _beside(part, curves: Curves) -> None:
    panel = part.subplots()
    lines = {in_legend(name): rows for name, rows in curves.lines.items()}
    draw_lines(panel, lines, curves.first, curves.step)
    panel.set_title(curves.title, loc="left")
    panel.set_xlabel(curves.across)
    panel.set_ylabel(curves.upward)
    if curves.log:
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter("")
    panel.legend(fontsize=7)
