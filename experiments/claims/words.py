"""Words for the names of comparisons and arms, and the quantities that several claims compare."""

import re
from collections.abc import Mapping

from seqjax.reporting.plots.claims import Margin, Place, Quantity
from seqjax.stats.decisions.base import MARGINS

WORDS = {
    "adding": "adding",
    "agreement": "agreement",
    "arithmetic": "arithmetic",
    "characters": "text",
    "digits_pixels": "digits by pixels",
    "digits_rows": "digits by rows",
    "elman": "Elman",
    "gru": "GRU",
    "irnn": "IRNN",
    "janet": "JANET",
    "lstm": "LSTM",
    "lstm_ungated": "LSTM without gates",
    "temporal_order": "temporal order",
    "xml": "XML",
}
"""Arms and tasks of several claims in words."""

DIFFERENCE = Quantity(
    "difference in score (0 chance, 1 best)",
    (
        Margin(-MARGINS.yes, MARGINS.yes, f"under {MARGINS.yes:g}, does not count"),
        Margin(-MARGINS.non_inferior, -MARGINS.non_inferior, "limit of not worse"),
    ),
)
"""Difference in score between arms, paired by seed."""
FEWER_FAILURES = Quantity(
    "reduction of the share of failed runs",
    (
        Margin(
            -MARGINS.negligible_reduction,
            MARGINS.negligible_reduction,
            f"under {MARGINS.negligible_reduction:g}, does not count",
        ),
        Margin(MARGINS.failure_reduction, MARGINS.failure_reduction, "smallest that supports"),
    ),
)
"""Reduction of the failure rate by an arm."""
SAVED = Quantity(
    "share of the baseline's error that the network saves",
    (Margin(-MARGINS.yes, MARGINS.yes, f"under {MARGINS.yes:g}, does not count"),),
)
"""Gain of a network over a baseline."""


def in_words(text: str, words: Mapping[str, str] = WORDS) -> str:
    """Text in which each name is replaced by words; unknown names stay.

    >>> in_words("lstm − gru on temporal_order"), in_words("lstm_x")
    ('LSTM − GRU on temporal order', 'lstm_x')
    """
    return re.sub(r"[\w.]+", lambda name: words.get(name[0], name[0]), text)


def on_task(name: str, words: Mapping[str, str] = WORDS) -> Place:
    """Place of a comparison "difference on task": a row in the panel of its task."""
    row, _, task = name.rpartition(" on ")
    return Place(in_words(row, words), in_words(task, words))
