"""Figure of a claim: the curves behind it, and its comparisons with intervals and margins.

The comparisons of a verdict are a strip for each quantity, because an axis has one unit. A strip
has a panel for each facet, such as a task, and a row for each arm or difference.
"""

import itertools
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from seqjax.reporting.plots import style
from seqjax.reporting.plots.lines import distinct, draw_lines, log_axis
from seqjax.reporting.plots.marks import draw_categories
from seqjax.reporting.plots.style import GREY, INK, SMALL, Figure, short_name
from seqjax.stats.decisions import Comparison, Verdict

ROW, TICKS, CURVES = 4.4, 11.0, 62.0
"""Millimetres: height of a row, of ticks and of the space around a strip, height of curves."""
MOST_ROWS, ACROSS = 60, 3
"""Most comparisons of a strip, and facets side by side that leave room for those of others."""
LONGEST, LETTERS = 50, 126
"""Most characters of a name, and of a line as wide as the figure."""
INTERVALS = "Dots: means. Bars: intervals, which hold together for a verdict with 95 % probability."
FAILURES = "Failed runs count as score 0, and their accuracy as chance."


class Margin(NamedTuple):
    """Range of values that a decision rule names, shaded; a dotted line if it has no width."""

    low: float
    high: float
    meaning: str


class Quantity(NamedTuple):
    """Quantity that comparisons estimate, on an axis of its own.

    Attributes:
      label: name and unit.
      margins: ranges and limits in the decision rule.
      n_of: the units that n counts.
    """

    label: str
    margins: Sequence[Margin] = ()
    n_of: str = "seeds"


class Place(NamedTuple):
    """Place of a comparison in a figure, in words.

    Attributes:
      row: name of its row.
      facet: title of its panel within the strip; "" if there is one panel.
      quantity: key of its quantity.
    """

    row: str
    facet: str = ""
    quantity: str = ""


class ClaimPanel(NamedTuple):
    """Panel of curves, and how to draw the comparisons of a claim.

    Attributes:
      lines: (rows, n) numbers by name, drawn as medians with bands from minimum to maximum. A
        single line may have the name "", and has no legend then.
      title: title of the panel.
      x_label, y_label: labels of the axes.
      compared: quantity of the comparisons, or several by the key that ``place`` gives; a name
        stands for a quantity without margins.
      log: whether the y-axis is logarithmic.
      first, step: the x positions are first, first + step, …
      categories: names of the x positions, if any; points for all rows then replace lines.
      key: sentences that explain the names of comparisons and lines, printed below the panels.
      place: function from the name of a comparison to its place.
      words: function from the name of a line or category to the words that the figure has.
      legend: name of the field that the lines differ in, which is the title of the legend.
      failed: (rows, n) bools by name: failed runs are crosses, in no median, and counted.
    """

    lines: Mapping[str, np.ndarray]
    title: str
    x_label: str
    y_label: str
    compared: str | Quantity | Mapping[str, Quantity]
    log: bool = False
    first: float = 1
    step: float = 1
    categories: Sequence[str] = ()
    key: str = ""
    place: Callable[[str], Place] = Place
    words: Callable[[str], str] = str
    legend: str = ""
    failed: Mapping[str, np.ndarray] = {}


class Strip(NamedTuple):
    """Comparisons of one quantity, by facet and row.

    Attributes:
      title: claim and verdict; "" if the strip above has it.
      quantity: the quantity.
      facets: comparisons by row, by facet.
      order: names in the order that rows have; others follow.
    """

    title: str
    quantity: Quantity
    facets: Mapping[str, Mapping[str, Comparison]]
    order: Sequence[str] = ()

    @property
    def rows(self) -> list[str]:
        """Names of the rows of all facets."""
        rows = dict.fromkeys(itertools.chain(*self.facets.values()))
        first = [name for name in self.order if name in rows]
        return [*first, *(name for name in rows if name not in first)]

    def texts(self, letter: str, share: float) -> tuple[str, str]:
        """Title and label of the axis, on lines that fit a share of the width of a figure."""
        numbers = sorted({c.n for row in self.facets.values() for c in row.values()})
        n = f"n = {' to '.join(map(str, dict.fromkeys((numbers[0], numbers[-1]))))}"
        title = "  ".join(filter(None, (letter, self.title, f"({n} {self.quantity.n_of})")))
        bands = [m.meaning for m in self.quantity.margins if m.low < m.high]
        limits = [m.meaning for m in self.quantity.margins if m.low == m.high]
        kinds = {"shaded: ": bands, "dotted: ": limits}
        parts = [start + ", ".join(found) for start, found in kinds.items() if found]
        label = "\n".join(filter(None, (self.quantity.label, "; ".join(parts))))
        return _wrapped(title, share), _wrapped(label, 0.9 * share)


def claim_figure(verdicts: Sequence[Verdict], curves: ClaimPanel | None) -> Figure:
    """The curves, and the comparisons of each registered verdict.

    Verdicts that share comparisons share their strips.

    Args:
      verdicts: verdicts of one claim; exploratory ones are drawn only if all are exploratory.
      curves: drawn above or beside the comparisons, or None.
    """
    verdicts = [verdict for verdict in verdicts if not verdict.exploratory] or list(verdicts)
    strips = list(_strips(verdicts, curves))
    parts: list[ClaimPanel | Strip] = [*([curves] if curves else []), *strips]
    lines = _side_by_side(parts)
    heights = [_height(line) for line in lines]
    letters = iter("abcdefghijklmnopqrstuvwxyz" if len(parts) > 1 else "")
    with style.drawing():
        fig = style.new_figure(style.TWO, sum(heights))
        below = fig.subfigures(len(lines), 1, height_ratios=heights, squeeze=False)[:, 0]
        for place, line in zip(below, lines, strict=True):
            most = max((len(part.rows) for part in line if isinstance(part, Strip)), default=0)
            widths = list(map(_width, line))
            beside = place.subfigures(1, len(line), width_ratios=widths, squeeze=False)[0]
            for subfigure, part, width in zip(beside, line, widths, strict=True):
                letter = next(letters, "")
                if isinstance(part, Strip):
                    _draw_strip(subfigure, part, letter, most, width / sum(widths))
                else:
                    _draw_curves(subfigure, part, letter)
        style.write_note(fig, _note(strips, curves))
    return fig


def _note(strips: Sequence[Strip], curves: ClaimPanel | None) -> str:
    """Explanation of names, intervals and failed runs."""
    of_seeds = any(strip.quantity.n_of == "seeds" for strip in strips)
    parts = (curves.key if curves else "", INTERVALS, FAILURES if of_seeds else "")
    return " ".join(filter(None, parts))


def _strips(verdicts: Sequence[Verdict], curves: ClaimPanel | None):
    """Strips of all verdicts; the first of a verdict has its title."""
    compared = curves.compared if curves else ""
    if isinstance(compared, str):
        compared = Quantity(compared)
    quantities = {"": compared} if isinstance(compared, Quantity) else compared
    place = curves.place if curves else Place
    for title, comparisons in _together(verdicts):
        by_quantity: dict[str, dict[str, dict[str, Comparison]]] = {}
        for comparison in comparisons[:MOST_ROWS]:
            row, facet, key = place(comparison.name)
            facets = by_quantity.setdefault(key, {})
            facets.setdefault(facet, {})[short_name(row, LONGEST)] = comparison
        for key, facets in by_quantity.items():
            order = tuple(map(curves.words, curves.lines)) if curves else ()
            yield Strip(title, quantities[key], facets, order)
            title = ""


def _together(verdicts: Sequence[Verdict]) -> list[tuple[str, list[Comparison]]]:
    """Titles and comparisons; verdicts that have a comparison in common are joined."""
    groups: list[tuple[list[Verdict], dict[str, Comparison]]] = []
    for verdict in verdicts:
        found = {c.name: c for c in verdict.comparisons}
        members, known = groups[-1] if groups else ([], {})
        common = [name for name in found if name in known]
        if common and all(known[name] == found[name] for name in common):
            members.append(verdict)
            known.update(found)
        else:
            groups.append(([verdict], found))
    return [(_title(members), list(known.values())) for members, known in groups]


def _title(verdicts: Sequence[Verdict]) -> str:
    """Claims and verdicts in words, such as "claims 6a: supported; 6b: contradicted"."""
    by_word: dict[str, list[str]] = {}
    for verdict in verdicts:
        word = verdict.verdict + " (fragile)" * verdict.fragile
        by_word.setdefault(word, []).append(short_name(verdict.claim))
    parts = [f"{', '.join(claims)}: {word}" for word, claims in by_word.items()]
    return f"claim{'s' if len(verdicts) > 1 else ''} {'; '.join(parts)}"


def _side_by_side(parts: Sequence) -> list[list]:
    """Parts line by line: narrow ones share a line."""
    lines: list[list] = []
    for part in parts:
        if lines and sum(map(_width, [*lines[-1], part])) <= ACROSS:
            lines[-1].append(part)
        else:
            lines.append([part])
    return lines


def _width(part: ClaimPanel | Strip) -> int:
    """Width of a part, in facets."""
    return len(part.facets) if isinstance(part, Strip) else 2


def _height(line: Sequence[ClaimPanel | Strip]) -> float:
    """Height of the parts of a line in millimetres."""
    total, heights = sum(map(_width, line)), []
    for part in line:
        if isinstance(part, Strip):
            title, label = part.texts("a", _width(part) / total)
            lines = title.count("\n") + label.count("\n") + 2 + any(part.facets)
            heights.append(TICKS + ROW * len(part.rows) + style.LINE * lines)
        else:
            heights.append(CURVES)
    return max(heights)


def _draw_strip(part: SubFigure, strip: Strip, letter: str, most: int, share: float) -> None:
    """Draw the facets of a strip, on a share of the width of a figure.

    The tallest strip of a line has ``most`` rows, so that all its rows have one height.
    """
    panels = part.subplots(1, len(strip.facets), sharex=True, sharey=True, squeeze=False)[0]
    limits = [x for row in strip.facets.values() for c in row.values() for x in (c.lower, c.upper)]
    far = 1.2 * max((abs(x) for x in limits if math.isfinite(x)), default=1.0)
    for panel, (facet, comparisons) in zip(panels, strip.facets.items(), strict=True):
        for margin in strip.quantity.margins:
            _draw_margin(panel, margin)
        if min(*limits, *(margin.low for margin in strip.quantity.margins)) < 0 < max(limits):
            panel.axvline(0, color=GREY, linewidth=0.6, zorder=0)
        for name, comparison in comparisons.items():
            _draw_interval(panel, strip.rows.index(name), comparison, far)
        panel.set_title(short_name(facet), loc="center", fontsize=SMALL)
        panel.locator_params(axis="x", nbins=5)
        panel.tick_params(axis="y", length=0)
        panel.spines["left"].set_visible(False)
    names = [textwrap.fill(name, max(20, int(60 * share))) for name in strip.rows]
    panels[0].set_yticks(range(len(strip.rows)), names)
    panels[0].set_ylim(max(most, len(strip.rows)) - 0.5, -0.5)
    title, label = strip.texts(letter, share)
    part.suptitle(title, x=0.01, ha="left", fontsize=style.NORMAL)
    part.supxlabel(label, fontsize=style.NORMAL)


def _wrapped(text: str, share: float) -> str:
    """Text that is not wider than a share of a figure."""
    lines = (textwrap.wrap(line, int(LETTERS * share)) for line in text.split("\n"))
    return "\n".join(itertools.chain(*lines))


def _draw_margin(panel: Axes, margin: Margin) -> None:
    if margin.low < margin.high:
        panel.axvspan(margin.low, margin.high, color=style.MARGIN, linewidth=0, zorder=-1)
    else:
        panel.axvline(margin.low, color=GREY, linewidth=0.8, linestyle=":", zorder=0)


def _draw_interval(panel: Axes, y: int, comparison: Comparison, far: float) -> None:
    """Draw an estimate and its interval, with an arrow at a side that is infinite."""
    low, high = (float(np.clip(x, -far, far)) for x in (comparison.lower, comparison.upper))
    panel.plot([low, high], [y, y], color=INK)
    panel.plot(comparison.mean, y, "o", color=INK)
    for end, limit, arrow in ((low, comparison.lower, "<"), (high, comparison.upper, ">")):
        if math.isinf(limit):
            panel.plot(end, y, arrow, color=INK)


def _draw_curves(place: SubFigure, curves: ClaimPanel, letter: str) -> None:
    """Draw the panel of curves, with its legend on the right."""
    panel = place.subplots()
    lines, failed = (
        {
            short_name(curves.words(name), LONGEST): np.atleast_2d(rows)
            for name, rows in part.items()
        }
        for part in (curves.lines, curves.failed)
    )
    if curves.categories:
        draw_categories(panel, lines, failed, list(map(curves.words, curves.categories)))
    else:
        draw_lines(panel, lines, curves.first, curves.step, colours=distinct)
    style.label_panel(panel, letter, curves.title)
    spread = (
        "circles: runs; filled: medians"
        if curves.categories
        else ("lines: medians; bands: smallest to largest")
    )
    if any(rows.any() for rows in failed.values()):
        spread += "; crosses: failed runs, in no median"
    several = any(len(rows) > 1 for rows in lines.values())
    panel.set_xlabel("\n".join(filter(None, (curves.x_label, spread * several))))
    panel.set_ylabel(curves.y_label)
    if curves.log:
        log_axis(panel)
    if any(lines):
        style.legend_beside(panel, curves.legend)
