"""Tables of the records of a study."""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqjax.records.jsonl import check_one_point, check_one_table, read_all
from seqjax.records.plan import Planned
from seqjax.records.plan import read as read_plan
from seqjax.records.record import Record
from seqjax.reporting.aggregate import TableCell, aggregate
from seqjax.reporting.baselines import unbeaten
from seqjax.reporting.completeness import completeness
from seqjax.reporting.formats import label
from seqjax.reporting.tables.captions import (
    INTERVAL,
    caption_of,
    explain_marks,
    explain_selection,
)
from seqjax.reporting.tables.table import Table, arrange
from seqjax.tasks import TASKS, GeneratedTask
from seqjax.tasks.lowest import LOWEST

AS_RECORDED = "as recorded"
"""Default of ``make``: the axis that the records name as tuned."""
EXTEND = {"edge": "more values extend the workdir"}
"""Advice on a mark, by its key."""


class NoReportedRunsError(ValueError):
    """All runs are for tuning, or none of the others is at a value that tuning selects."""


def make(
    records: Sequence[Record] | str | os.PathLike,
    *,
    title: str | None = None,
    question: str = "",
    changed: str = "",
    tune: str | None = AS_RECORDED,
    titles: Mapping[str, str] | None = None,
    arms: Sequence[str] = (),
    columns: str | None = None,
    fixed: Any = None,
    planned: Iterable[Planned] | None = None,
) -> Table:
    """Aggregate the records of a study into a table.

    Args:
      records: records of one study, in any order; or a workdir with them and with their plan.
      title: name of the table; None for the name of the study.
      question: first sentence of the caption.
      changed: changes to the study as defined, named in the caption and in figures.
      tune: path of the tuned axis, several joined by commas; None for no tuning; by default the
        axis that the records name.
      titles: title of an axis in the head of the table, by path; axes of different arms may share
        a title and thereby a column.
      arms: order of the arms; others follow by name.
      columns: title of the axis whose values are columns; None for the last axis, "" for none.
      fixed: use only runs with this value of the tuned axis, without a selection.
      planned: the runs of a complete table, such as the result of ``plan_runs``; None for the plan
        of the workdir or, without one, every recorded arm and point with every recorded seed.

    Raises:
      ValueError: no records, or something else; records of two studies or settings, or of one run
        twice; titles that put two cells in one place.
      RecordError: a file of the workdir has invalid content.
      NoReportedRunsError: tuning is not finished, so no cell has reported runs.
    """
    place = ""
    if isinstance(records, str | os.PathLike):
        workdir, place = pathlib.Path(records), f" in {records}"
        records = read_all(workdir)
        planned = read_plan(workdir) if planned is None else planned
    if not all(isinstance(record, Record) for record in records):
        raise ValueError("records: expected records; tables.from_frame takes data frames")
    if tune == AS_RECORDED:
        tune = records[0].tune if records else None
    if fixed is not None:
        records = [record for record in records if record.point.get(tune) == fixed]
        planned = planned and [run for run in planned if run.point.get(tune) == fixed]
    if not records:
        raise ValueError(f"records: expected at least one, got none{place}")
    _check_together(records)
    records = sorted(records, key=lambda record: (-len(record.point), record.id))
    cells = aggregate(records, tune)
    if not cells:
        raise NoReportedRunsError(
            "records: expected one with purpose evaluation at a selected value, got none"
        )
    if fixed is not None:
        cells = [dataclasses.replace(cell, chosen=None) for cell in cells]
    first, runs = records[0], list({record.id: record for record in records}.values())
    state = completeness(runs, planned)
    sentences = [
        question,
        f"Changed: {changed}." if changed else "",
        *_sentences(records, cells, tune, fixed),
        unbeaten(cells),
        _without_effect(records),
    ]
    return arrange(
        cells,
        title=first.study if title is None else title,
        caption=f"{caption_of(state, runs, cells, sentences)} {_environments(records)}",
        metric=_reported_metric(first),
        higher_is_better=first.compared == "score" or first.higher_is_better,
        tuned=tune if fixed is None else None,
        titles=titles,
        arms=arms,
        columns=columns,
        changed=changed,
        incomplete="" if state.complete else state.count,
    )


def _check_together(records: Sequence[Record]) -> None:
    """Raise ValueError if records do not fit into one table, as ``read_all`` does for a workdir."""
    runs: dict[tuple, Record] = {}
    points: dict[tuple, Record] = {}
    for record in records:
        point = record.arm, *sorted(record.point.items())
        try:
            check_one_table(records[0], record)
            check_one_point(points.setdefault(point, record), record)
        except ValueError as error:
            raise ValueError(f"records: {record.id}: {error}") from None
        if runs.setdefault((*point, record.seed), record) is not record:
            raise ValueError(f"records: expected each run once, got {record.id} again")


def _without_effect(records: Sequence[Record]) -> str:
    """A sentence on arms or axes that change no run at all; "" if there are none."""
    same = []
    for name in dict.fromkeys(["arm", *(path for record in records for path in record.point)]):
        groups: dict[tuple, set[tuple]] = {}
        for record in records:
            place = {"arm": record.arm, **record.point}
            value = place.pop(name, None)
            result = record.curve.get("training_loss", record.curve["step"]).tobytes()
            found = str(value), result, str(record.test)
            groups.setdefault((*sorted(place.items()), record.seed), set()).add(found)
        several = [found for found in groups.values() if len({value for value, *_ in found}) > 1]
        if several and all(len({one[1:] for one in found}) == 1 for found in several):
            same.append(name)
    return f"Without effect, as all runs are the same: {', '.join(same)}." if same else ""


def _sentences(
    records: Sequence[Record], cells: list[TableCell], tune: str | None, fixed: Any
) -> list[str]:
    """Sentences on the numbers of the cells, and on the tuned axis and the marks, if any."""
    first = records[0]
    scored, metric = first.compared == "score", _reported_metric(first)
    better = "higher" if scored or first.higher_is_better else "lower"
    chance = "0" if scored else _any_of(f"{r.chance.metric:.4g}" for r in records)
    task = _any_of(r.settings.get("task.path", r.settings["task.name"]) for r in records)
    sentences = [
        f"Test {metric} ({better} is better; chance {chance}) of {task} {_steps(records)}: "
        f"{INTERVAL}{_split(records)}. Failed runs count as chance."
    ]
    if scored:
        sentences += _known_losses(records)
    if fixed is not None:
        sentences.append(f"All cells have {tune} = {label(fixed)}; nothing is tuned.")
    tuning_seeds = {r.seed for r in records if r.purpose == "tuning"}
    seeds = f"{len(tuning_seeds)} separate seeds" if tuning_seeds else "the same seeds"
    selected_by = f"validation {_any_of(r.metric for r in records)}"
    sentences += explain_selection(cells, tune, selected_by, seeds)
    sentences += explain_marks(cells, EXTEND)
    return sentences


def _steps(records: Sequence[Record]) -> str:
    """Words on the step whose metrics are reported."""
    steps = _any_of(str(r.settings["train.steps"]) for r in records)
    most = "at most " if any(r.steps_taken is not None for r in records) else ""
    selections = {r.settings.get("train.select", "last") for r in records}
    best = " or ".join(["the last step"] * ("last" in selections) + ["the best validation"])
    return f"{f'at {best} of' if 'best' in selections else 'after'} {most}{steps} steps"


def _known_losses(records: Sequence[Record]) -> list[str]:
    """Sentences on the tasks whose scores are relative to the lowest published loss."""
    losses = {record.settings["task.name"]: record.best_loss for record in records}
    return [
        f"On {task}, score 1 is a loss of {LOWEST[task].loss:.4g}: {LOWEST[task].model}."
        for task, loss in losses.items()
        if task in LOWEST and loss == LOWEST[task].loss
    ]


def _environments(records: Iterable[Record]) -> str:
    pairs = {(r.environment["jaxlib"], r.environment["device"]) for r in records}
    environments = "; ".join(sorted(f"jaxlib {version} on {device}" for version, device in pairs))
    if len(pairs) > 1:
        return f"MIXED: records of different environments ({environments})."
    return f"{environments}."


def _split(records: Sequence[Record]) -> str:
    """Words on the split of the data, for tasks that have fixed data."""

    def is_fixed(record: Record) -> bool:
        task = TASKS.get(record.settings["task.name"])
        # A task that is not registered here has fixed data if their digest is recorded.
        return "data" in record.environment if task is None else not issubclass(task, GeneratedTask)

    return ", for one fixed split of the data" if all(map(is_fixed, records)) else ""


def _reported_metric(record: Record) -> str:
    return "score" if record.compared == "score" else record.metric


def _any_of(values: Iterable[str]) -> str:
    return " or ".join(sorted(set(values)))
