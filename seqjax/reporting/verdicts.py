"""Verdicts as Markdown and JSON: a summary table, then the comparisons of each verdict."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from seqjax.reporting.formats import escape_markdown, markdown, rounded
from seqjax.stats.decisions import Comparison, Verdict

MARKS = {
    "fragile": "halving or doubling the margins changes the verdict",
    "exploratory": "the rule or the design is not the one registered before the data were seen",
}


def to_json(verdicts: Sequence[Verdict], common: Mapping[str, Any]) -> dict[str, Any]:
    """Verdicts with all comparisons, numbers to ten significant digits.

    Args:
      verdicts: verdicts of one or several claims.
      common: fields of all verdicts together, such as the version of the rules.
    """
    return {**common, "verdicts": [rounded(dataclasses.asdict(verdict)) for verdict in verdicts]}


def to_markdown(verdicts: Sequence[Verdict], caption: str) -> str:
    """Tables of the registered and of the exploratory verdicts, then the reason for each.

    Comparisons are listed for registered verdicts, or for all if none is registered.

    Args:
      verdicts: verdicts of one or several claims.
      caption: paragraph below the tables.
    """
    registered = [verdict for verdict in verdicts if not verdict.exploratory]
    others = [verdict for verdict in verdicts if verdict.exploratory]
    parts = []
    if registered:
        parts.append(f"**Verdicts**\n\n{markdown(summary(registered))}\n")
    if others:
        parts.append(f"**Exploratory**\n\n{markdown(summary(others))}\n")
    parts.append(f"{escape_markdown(caption)}\n")
    for verdict in (*registered, *others):
        kind = "Exploratory, claim" if verdict.exploratory else "Claim"
        parts.append(f"**{kind} {escape_markdown(verdict.claim)}: {verdict_text(verdict)}**\n")
        parts.append(f"{escape_markdown(verdict.statement)} {escape_markdown(verdict.because)}\n")
        if verdict.comparisons and not (verdict.exploratory and registered):
            parts.append(f"{markdown(comparison_rows(verdict.comparisons))}\n")
    return "\n".join(parts)


def summary(verdicts: Sequence[Verdict]) -> list[list[str]]:
    """Rows of a table with one verdict each; the first row is the head."""
    head = ["claim", "statement", "verdict", "n"]
    return [head, *([v.claim, v.statement, verdict_text(v), str(v.n)] for v in verdicts)]


def verdict_text(verdict: Verdict) -> str:
    """Return the verdict, marked if it is fragile."""
    return f"{verdict.verdict} (fragile)" if verdict.fragile else verdict.verdict


def comparison_rows(comparisons: Sequence[Comparison]) -> list[list[str]]:
    """Rows of a table with one comparison each; the first row is the head."""
    head = ["comparison", "mean", "interval", "n", "conclusion", "detectable", "r within pairs"]
    return [
        head,
        *(
            [
                c.name,
                _number(c.mean),
                f"[{_number(c.lower)}, {_number(c.upper)}]",
                str(c.n),
                ", ".join(c.conclusions) or "–",
                _number(c.detectable),
                _number(c.correlation),
            ]
            for c in comparisons
        ),
    ]


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.3f}".replace("-", "−")
