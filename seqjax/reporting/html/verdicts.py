"""Verdicts of a claim, with the interval of each comparison drawn against the margins."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from seqjax.reporting import verdicts as formats
from seqjax.reporting.answers import sentence
from seqjax.reporting.html.tables import plain_table
from seqjax.reporting.html.view import Verdict, short
from seqjax.stats import decisions
from seqjax.stats.decisions import Comparison
from seqjax.stats.decisions.base import MARGINS

WIDTH, HEIGHT = 160, 22
MOST_DRAWN = 120
"""Most comparisons of a verdict."""
MARGINS_NOTE = (
    f"YES needs a mean of {MARGINS.yes:g} or more and a lower limit above 0; NO an upper limit "
    f"below {MARGINS.yes:g}; NON-INFERIOR a lower limit above −{MARGINS.non_inferior:g}. The "
    f"dashed lines are at −{MARGINS.non_inferior:g} and {MARGINS.yes:g}, the solid line at 0."
)


def verdict(one: decisions.Verdict, number: int) -> Verdict:
    """A verdict as a page prints it.

    Args:
      one: the verdict.
      number: its number on the page, for ids.
    """
    comparisons = one.comparisons[:MOST_DRAWN]
    kind = "Exploratory, claim" if one.exploratory else "Claim"
    notes = [f"{mark.capitalize()}: {formats.MARKS[mark]}." for mark in formats.MARKS
             if getattr(one, mark)]  # fmt: skip
    if any(c.conclusions for c in comparisons):
        notes.append(MARGINS_NOTE)
    if left_out := len(one.comparisons) - len(comparisons):
        notes.append(f"{left_out} more comparisons are in verdicts.md.")
    table = None
    if comparisons:
        table = plain_table(
            f"Comparisons of claim {one.claim} ({number})", formats.comparison_rows(comparisons)
        )
    limits = _limits(comparisons)
    return Verdict(
        id=f"verdict-{number}",
        title=short(f"{kind} {one.claim}: {formats.verdict_text(one)}"),
        statement=one.statement,
        because=sentence(one.because),
        notes=tuple(notes),
        comparisons=table,
        drawings=tuple(_drawing(c, *limits) for c in comparisons),
        open=not one.exploratory,
    )


def _limits(comparisons: Sequence[Comparison]) -> tuple[float, float]:
    """Numbers at the left and the right end of all drawings: all finite limits, 0 and margins."""
    numbers = [-MARGINS.non_inferior, MARGINS.yes]
    for c in comparisons:
        numbers += [x for x in (c.mean, c.lower, c.upper) if math.isfinite(x)]
    return min(numbers), max(numbers)


def _drawing(c: Comparison, low: float, high: float) -> Markup:
    """Interval of a comparison, with lines at 0 and, where the rules use them, at the margins."""

    def x(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return round(3 + (WIDTH - 6) * share, 1)

    if math.isnan(c.mean):
        return Markup("–")
    line = Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>')
    shapes = [line.format("zero", x(0), x(0), 0, HEIGHT)]
    if c.conclusions:
        margins = (-MARGINS.non_inferior, MARGINS.yes)
        shapes += [line.format("margin", x(m), x(m), 0, HEIGHT) for m in margins]
    middle = HEIGHT / 2
    shapes.append(line.format("interval", x(c.lower), x(c.upper), middle, middle))
    shapes.append(Markup('<circle cx="{}" cy="{}" r="3"/>').format(x(c.mean), middle))
    return Markup('<svg class="effect" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        WIDTH, HEIGHT, Markup().join(shapes)
    )
