"""Index over several published tables: verdicts, effects that agree, and what was reduced."""

from collections.abc import Iterable

from seqjax.published.table import AS_PUBLISHED
from seqjax.reporting.reproduction.comparison import NOT_RUN, Reproduction
from seqjax.reporting.reproduction.words import NONE


def rows(made: Iterable[tuple[Reproduction, str]]) -> list[list[str]]:
    """A row for each table; the first row is the head.

    Args:
      made: tables beside ours, each with the size of its runs in words.
    """
    head = ["table", "size", "verdict", "under other protocols", "effects", "reduced"]
    return [head, *(_row(table, size) for table, size in made)]


def _row(made: Reproduction, size: str) -> list[str]:
    others = {p: verdict for p, verdict in made.verdicts.items() if p != AS_PUBLISHED}
    agreement = next((one for one in made.agreements if one.protocol == AS_PUBLISHED), None)
    effects = NOT_RUN
    if agreement is not None:
        agreeing, known = agreement.agreeing
        left = len(agreement.effects) - known
        effects = f"{agreeing} of {known}{f', {left} not compared' if left else ''}"
    reduced = made.stated.get(AS_PUBLISHED, {}).get("reduced", ())
    return [
        made.table.title,
        size,
        ". ".join([made.verdict, *made.notes]),
        "; ".join(f"{protocol}: {verdict}" for protocol, verdict in others.items()) or NONE,
        effects,
        " · ".join(one.text for one in reduced) or NONE,
    ]
