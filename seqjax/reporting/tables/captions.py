"""Sentences of captions that all tables share."""

from collections.abc import Iterable, Mapping, Sequence

from seqjax.reporting.aggregate import MARKS, RunResult, TableCell
from seqjax.reporting.completeness import Completeness
from seqjax.reporting.failures import by_reason, warning
from seqjax.stats import rules

INTERVAL = f"mean ± {100 * rules.CONFIDENCE:.0f} % Student-t interval over seeds (runs/failed)"
"""The numbers of a cell."""


def caption_of(
    state: Completeness,
    runs: Sequence[RunResult],
    cells: Sequence[TableCell],
    sentences: Iterable[str],
) -> str:
    """The caption of a table: what is missing or failed comes first, and the counts last.

    Args:
      state: numbers of recorded and missing runs.
      runs: the runs, also those at values of the tuned axis that no cell has.
      cells: the cells of the table.
      sentences: sentences between them; empty ones are left out.
    """
    parts = [
        "" if state.complete else str(state),
        warning(runs),
        *sentences,
        explain_failures(runs, cells),
        str(state) if state.complete else "",
    ]
    return " ".join(filter(None, parts))


def explain_selection(
    cells: Sequence[TableCell], tuned: str | None, selected_by: str, seeds: str
) -> list[str]:
    """The sentence on the selection of the tuned value; none if nothing is tuned.

    Args:
      cells: the cells of the table.
      tuned: the tuned axis.
      selected_by: the metric that selects its value.
      seeds: the seeds on which it is selected, in words.
    """
    if all(cell.chosen is None for cell in cells):
        return []
    return [
        f"@ is the {tuned} with the best mean {selected_by}, selected for each cell on {seeds}."
    ]


def explain_marks(cells: Sequence[TableCell], advice: Mapping[str, str]) -> list[str]:
    """Sentences on the marks of the cells.

    Args:
      cells: the cells of the table.
      advice: what to do about a mark, by its key.
    """
    used = {mark for cell in cells for mark in cell.marks}
    return [
        "; ".join(filter(None, (f"{sign} {meaning}", advice.get(mark)))) + "."
        for mark, (sign, meaning) in MARKS.items()
        if mark in used
    ]


def explain_failures(runs: Iterable[RunResult], cells: Iterable[TableCell]) -> str:
    """Failed runs by reason, those at values of the tuned axis that no cell has included."""
    failed = {run.id for run in runs if run.failed is not None}
    in_cells = {run.id for cell in cells for run in cell.records}
    where = "" if failed <= in_cells else ", also at values that were not selected"
    return f"Failed runs{where}: {by_reason(runs)}." if failed else ""
