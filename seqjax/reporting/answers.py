"""One sentence that answers the question of a study, from the cells of its table.

The sentence names the best cell with its interval, and says which differences to it lie outside
their intervals. Cells of different tasks or metrics are never compared.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from seqjax.reporting.aggregate import TableCell
from seqjax.reporting.failures import better_than_chance
from seqjax.reporting.formats import label, mean_and_interval
from seqjax.reporting.tables.table import Table
from seqjax.reporting.verdicts import verdict_text
from seqjax.stats import intervals, rules
from seqjax.stats.decisions import Verdict
from seqjax.types import printable

MOST_GROUPS = 3
"""Most tasks whose best cells are named one by one."""
LONGEST = 120
"""Most characters of the name of a cell."""


class Answer(NamedTuple):
    """The answer to a question.

    Attributes:
      sentence: the answer, from the numbers of the table or the verdicts.
      basis: the numbers behind a verdict, or the method and the limits of intervals, as sentences.
    """

    sentence: str
    basis: tuple[str, ...] = ()


class _Place(NamedTuple):
    """A cell and its labels by title."""

    cell: TableCell
    labels: dict[str, str]


class _Difference(NamedTuple):
    """Lead of the best cell over another, positive if it is better, and half its interval."""

    place: _Place
    mean: float
    half_width: float

    @property
    def outside(self) -> bool:
        return self.mean - self.half_width > 0


def answer(table: Table) -> Answer:
    """The best cell of a table and its lead over the others.

    Differences are paired by seed. Their Student-t intervals have the level 1 - .05/m for m
    comparisons with a best cell. Failed runs count as chance.

    Args:
      table: the main table of a study.
    """
    runs = [run for cell in table.cells() for run in cell.records]
    so_far = f"So far, with {table.incomplete}: " if table.incomplete else ""
    if all(run.failed is not None for run in runs):
        return Answer(f"{so_far}there is no answer, because all runs in the table failed.")
    if not any(map(better_than_chance, runs)):
        return Answer(f"{so_far}there is no answer, because no run is better than chance.")
    groups = _groups(table)
    m = sum(len(group) - 1 for group in groups)
    if len(groups) == 1:
        text = _of_one_task(table, groups[0], m)
    elif len(groups) <= MOST_GROUPS:
        text = "; ".join(_of_a_task(table, group, m) for group in groups) + "."
    else:
        text = _of_many_tasks(table, groups, m)
    several_seeds = any(cell.n > 1 for cell in table.cells())
    return Answer(so_far + text, (_basis(m),) if m and several_seeds else ())


def _basis(m: int) -> str:
    level = f"{100 * rules.CONFIDENCE:.0f} %" if m == 1 else f"1 − .05/{m:,}"
    return (
        f"Differences are paired by seed, with Student-t intervals at level {level}. The best cell "
        "is picked on the test data shown, so its mean is optimistic."
    )


def verdicts_answer(verdicts: Sequence[Verdict]) -> Answer:
    """The registered verdicts of a claim in one sentence, or the exploratory ones if all are."""
    registered = [verdict for verdict in verdicts if not verdict.exploratory]
    shown = registered or list(verdicts)
    kind = "" if registered else "Exploratory: "
    if len(shown) == 1:
        (one,) = shown
        word = _capital(f"{kind}{verdict_text(one)}")
        return Answer(f"{word}: {one.statement}", (f"Reason: {full_stop(one.because)}",))
    words = [f"claim {one.claim} is {verdict_text(one)}" for one in shown]
    basis = (f"{one.claim}: {full_stop(one.statement)} {full_stop(one.because)}" for one in shown)
    return Answer(sentence(kind + "; ".join(words)), tuple(basis))


def sentence(text: str) -> str:
    """Text with a capital at the start and a full stop at the end."""
    return _capital(full_stop(text))


def full_stop(text: str) -> str:
    """Text with a full stop at the end."""
    return f"{text.rstrip('.')}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _groups(table: Table) -> list[list[_Place]]:
    """Cells by task and metric, with the labels that tell them apart, the best cell first."""
    groups: dict[tuple, list[_Place]] = {}
    titles = [*table.row_titles, table.column_title]
    for row in table.rows:
        for column in table.columns:
            if (cell := table.grid.get((row, column))) is None:
                continue
            parts = zip(titles, (*row, column), strict=True)
            labels = {title: label(value) for title, value in parts if title and value != ""}
            groups.setdefault(_task(cell), []).append(_Place(cell, labels))
    sign = 1 if table.higher_is_better else -1
    for group in groups.values():
        group.sort(key=lambda place: (bool(place.cell.failure), -sign * place.cell.mean))
    return list(groups.values())


def _task(cell: TableCell) -> tuple:
    """Task of a cell with its settings and metric, and the metric that is a column, if any."""
    run = cell.records[0]
    settings = {path: str(v) for path, v in run.settings.items() if path.startswith("task.")}
    columns = {path: str(v) for path, v in cell.point.items() if path not in run.settings}
    return run.metric, *sorted(settings.items()), *sorted(columns.items())


def _differences(table: Table, group: Sequence[_Place], m: int) -> list[_Difference]:
    """Leads of the best cell of a group over the others, where they share a seed."""
    best, sign = group[0].cell, 1 if table.higher_is_better else -1
    found = []
    for place in group[1:]:
        if leads := [sign * value for value in best.minus(place.cell).values()]:
            level = 1 - (1 - rules.CONFIDENCE) / m
            found.append(_Difference(place, *intervals.student_interval(leads, level)))
    return found


def _of_one_task(table: Table, group: Sequence[_Place], m: int) -> str:
    best, metric = group[0], _metric(table)
    result = mean_and_interval(best.cell.mean, best.cell.half_width)
    if len(group) == 1:
        seeds = f"over {best.cell.n} seeds" if best.cell.n > 1 else "of a single run"
        return f"The {metric} {seeds} is {result}; the table has nothing to compare it with."
    most, worse = ("highest", "lower") if table.higher_is_better else ("lowest", "higher")
    start = f"The {most} mean {metric} is {result}, with {_name(best, group, table)}"
    differences = _differences(table, group, m)
    judged = [one for one in differences if not math.isnan(one.half_width)]
    if not judged:
        return f"{start}; with one seed a cell, differences have no intervals."
    outside = [one for one in judged if one.outside]
    others = f"the other {m} cells" if m > 1 else "the other cell"
    if not outside:
        return f"{start}, but no difference to {others} is outside its interval."
    first = judged[0]
    runner_up = f"{_name(first.place, group, table)} by {_size(first)}"
    if len(outside) == len(group) - 1:
        last = "" if m == 1 else f"; the runner-up is {worse}: {runner_up}"
        every = f"by {_size(first)}" if m == 1 else "each by more than the difference's interval"
        return f"{start}; {others} {'are' if m > 1 else 'is'} {worse}, {every}{last}."
    judgement = "also" if first.outside else "but not"
    return (
        f"{start}; {len(outside)} of {others} are {worse} by more than the difference's interval, "
        f"{judgement} the runner-up ({runner_up})."
    )


def _of_a_task(table: Table, group: Sequence[_Place], m: int) -> str:
    best = group[0]
    result = mean_and_interval(best.cell.mean, best.cell.half_width)
    most = "highest" if table.higher_is_better else "lowest"
    start = f"{_of_group(group)}{most} {_metric(table)} {result}, with {_name(best, group, table)}"
    if len(group) == 1:
        return start
    judged = [d for d in _differences(table, group, m) if not math.isnan(d.half_width)]
    if not judged:
        return f"{start} (no intervals)"
    outside = sum(one.outside for one in judged)
    lead = f"ahead of {outside} of {len(group) - 1} others" if outside else "ahead of none"
    return f"{start} ({lead} by more than the interval)"


def _of_many_tasks(table: Table, groups: Sequence[Sequence[_Place]], m: int) -> str:
    ahead, best = [], Counter()
    for group in groups:
        judged = [d for d in _differences(table, group, m) if not math.isnan(d.half_width)]
        if judged and judged[0].place is group[1] and judged[0].outside:
            ahead.append(_name(group[0], group, table, full=True))
        best[_name(group[0], group, table, selected=False)] += 1
    total, first = len(groups), best.most_common(MOST_GROUPS)
    counts = [f"{name} on {number} of {total}" for name, number in first]
    if rest := total - sum(number for _, number in first):
        counts.append(f"others on {rest}")
    most = "highest" if table.higher_is_better else "lowest"
    start = f"The {most} mean, by task or metric: {', '.join(counts)}"
    if not ahead:
        return f"{start}; on none is it ahead of its runner-up by more than the interval."
    names = "; ".join(ahead[:MOST_GROUPS]) + "; …" * (len(ahead) > MOST_GROUPS)
    times = f"on {len(ahead)} it is ahead of its runner-up by more than the difference's interval"
    return f"{start}; {times}: {names}."


def _size(difference: _Difference) -> str:
    return mean_and_interval(difference.mean, difference.half_width)


def _metric(table: Table) -> str:
    return printable(f"{table.part} {table.metric}".strip())


def _of_group(group: Sequence[_Place]) -> str:
    """The labels that all cells of a group share, as "length 50: "; "" if there are none."""
    shared = _shared(group) if len(group) > 1 else {}
    return f"{_joined(shared)}: " if shared else ""


def _shared(group: Sequence[_Place]) -> dict[str, str]:
    first = group[0].labels.items()
    return {t: v for t, v in first if all(place.labels.get(t) == v for place in group)}


def _name(
    place: _Place,
    group: Sequence[_Place],
    table: Table,
    full: bool = False,
    selected: bool = True,
) -> str:
    """Labels of a cell that differ within its group, or all, and its selected value."""
    shared = {} if full or len(group) == 1 else _shared(group)
    text = _joined({t: v for t, v in place.labels.items() if t not in shared})
    if selected and place.cell.chosen is not None and table.tuned:
        text += f" (at {table.tuned} {label(place.cell.chosen)})"
    return text


def _joined(labels: dict[str, str]) -> str:
    parts = [value if title == "arm" else f"{title} {value}" for title, value in labels.items()]
    text = printable(", ".join(parts)) or "all runs"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
