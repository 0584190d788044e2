"""Verdicts of a claim, with the interval of each comparison drawn against the margins."""

import math
from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from seqjax.reporting import verdicts as formats
from seqjax.reporting.answers import full_stop, sentence
from seqjax.reporting.html.tables import plain_table
from seqjax.reporting.html.view import Verdict, short
from seqjax.reporting.plots.claims import ClaimPanel, Quantity
from seqjax.stats import decisions
from seqjax.stats.decisions import Comparison
from seqjax.stats.decisions.base import MARGINS

WIDTH, HEIGHT = 160, 22
MOST_DRAWN = 120
"""Most comparisons of a verdict."""
CONCLUSIONS = (
    f"YES needs a mean of {MARGINS.yes:g} or more and a lower limit above 0; NO an upper limit "
    f"below {MARGINS.yes:g}; NON-INFERIOR a lower limit above −{MARGINS.non_inferior:g}."
)


def verdict(one: decisions.Verdict, number: int, panel: ClaimPanel | None = None) -> Verdict:
    """A verdict as a page prints it.

    Args:
      one: the verdict.
      number: its number on the page, for ids.
      panel: names the quantities of the comparisons of registered verdicts and their margins, or
        None.
    """
    panel = None if one.exploratory else panel
    comparisons = one.comparisons[:MOST_DRAWN]
    quantities = [_quantity(c, panel) for c in comparisons]
    kind = "Exploratory, claim" if one.exploratory else "Claim"
    table = None
    if comparisons:
        title = f"Comparisons of claim {one.claim} ({number})"
        table = plain_table(title, formats.comparison_rows(comparisons))
    limits = {q.label: _limits(q, comparisons, quantities) for q in quantities}
    pairs = zip(comparisons, quantities, strict=True)
    return Verdict(
        id=f"verdict-{number}",
        title=short(f"{kind} {one.claim}: {formats.verdict_text(one)}"),
        statement=one.statement,
        because=full_stop(one.because),
        notes=tuple(_notes(one, {q.label: q for q in quantities})),
        comparisons=table,
        drawings=tuple(_drawing(c, q, *limits[q.label]) for c, q in pairs),
        open=not one.exploratory,
    )


def _quantity(comparison: Comparison, panel: ClaimPanel | None) -> Quantity:
    """The quantity that a comparison estimates; one without name and margins if it is unknown."""
    compared = panel.compared if panel else ""
    if isinstance(compared, str):
        return Quantity(compared)
    if isinstance(compared, Mapping):
        return compared.get(panel.place(comparison.name).quantity, Quantity(""))
    return compared


def _notes(one: decisions.Verdict, quantities: Mapping[str, Quantity]) -> Iterator[str]:
    for mark, meaning in formats.MARKS.items():
        if getattr(one, mark):
            yield f"{mark.capitalize()}: {meaning}."
    if any(c.conclusions for c in one.comparisons):
        yield CONCLUSIONS
    for label, quantity in quantities.items():
        if quantity.margins:
            margins = (
                f"{'shaded' if m.low < m.high else 'dotted'}, {m.meaning}" for m in quantity.margins
            )
            yield f"{sentence(' '.join(label.split())).removesuffix('.')}: {'; '.join(margins)}."
    if len(one.comparisons) > MOST_DRAWN:
        yield f"{len(one.comparisons) - MOST_DRAWN} more comparisons are in verdicts.md."


def _limits(
    quantity: Quantity, comparisons: Sequence[Comparison], quantities: Sequence[Quantity]
) -> tuple[float, float]:
    """Numbers at the left and the right end of the drawings of a quantity."""
    numbers = [0.0, *(x for m in quantity.margins for x in (m.low, m.high))]
    for c, own in zip(comparisons, quantities, strict=True):
        if own.label == quantity.label:
            numbers += [x for x in (c.mean, c.lower, c.upper) if math.isfinite(x)]
    low, high = min(numbers), max(numbers)
    return low, high if high > low else low + 1


def _drawing(c: Comparison, quantity: Quantity, low: float, high: float) -> Markup:
    """Interval of a comparison, with a line at 0 and the margins of its quantity."""

    def x(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return round(3 + (WIDTH - 6) * share, 1)

    if math.isnan(c.mean):
        return Markup("–")
    line = Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>')
    shapes = []
    for m in quantity.margins:
        if m.low < m.high:
            rect = Markup('<rect class="margin" x="{}" width="{}" y="0" height="{}"/>')
            shapes.append(rect.format(x(m.low), round(x(m.high) - x(m.low), 1), HEIGHT))
        else:
            shapes.append(line.format("margin", x(m.low), x(m.low), 0, HEIGHT))
    middle = HEIGHT / 2
    shapes.append(line.format("zero", x(0), x(0), 0, HEIGHT))
    shapes.append(line.format("interval", x(c.lower), x(c.upper), middle, middle))
    shapes.append(Markup('<circle cx="{}" cy="{}" r="3"/>').format(x(c.mean), middle))
    return Markup('<svg class="effect" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        WIDTH, HEIGHT, Markup().join(shapes)
    )
