"""Entries in rows and columns, and what is to be said beside them."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from seqjax.records.record import Record
from seqjax.reporting.aggregate import MARKS, Entry, make_entries, order
from seqjax.stats import rules
from seqjax.sweeps.study import Metrics, Published
from seqjax.tasks import TASKS


@dataclasses.dataclass(frozen=True)
class Table:
    """Entries in rows and columns.

    ``rows`` and ``columns`` are tuples of labels; ``grid`` has an Entry or None at (row, column).
    """

    title: str
    caption: str
    row_titles: tuple[str, ...]
    column_title: str
    rows: tuple[tuple, ...]
    columns: tuple
    grid: Mapping[tuple, Entry]
    tuned: str | None
    metric: str

    def entries(self) -> list[Entry]:
        keys = ((row, column) for row in self.rows for column in self.columns)
        return [self.grid[key] for key in keys if key in self.grid]


def make_table(
    records: Sequence[Record],
    *,
    title: str,
    question: str = "",
    tune: str | None,
    titles: Mapping[str, str],
    arms: Sequence[str],
    columns: str | None = None,
    fixed: Any = None,
) -> Table:
    """The table of a study's records.

    Args:
      records: of one study.
      title: a name; ``question`` opens the caption.
      tune: the path of the tuned axis, or None.
      titles: what to call a path in the head of the table; axes with one title share a column.
      arms: the order of the arms.
      columns: the title that goes across; None for the last one, "" for none.
      fixed: keep only this value of the tuned axis, and select nothing.

    Raises:
      ValueError: no records.
    """
    if fixed is not None:
        records = [r for r in records if r.point.get(tune) == fixed]
    if not records:
        raise ValueError("a table needs at least one record")
    records = sorted(records, key=lambda r: (-len(r.point), r.id))  # in whichever order
    clipping = {(r.settings["clip.kind"], r.settings["clip.threshold"]) for r in records}
    entries = make_entries(records, tune, studied=len(clipping) > 1)
    if fixed is not None:
        entries = [dataclasses.replace(entry, chosen=None) for entry in entries]
    dimensions = list(
        dict.fromkeys(titles.get(path, path) for entry in entries for path in entry.point)
    )
    if not entries:
        raise ValueError("a table needs at least one record that is not for tuning")
    several = len({entry.arm for entry in entries}) > 1
    if columns is None or columns not in (*dimensions, ""):
        columns = dimensions[-1] if dimensions and (several or len(dimensions) > 1) else ""
    down = [name for name in dimensions if name != columns]
    grid = {}
    for entry in entries:
        named = {titles.get(path, path): value for path, value in entry.point.items()}
        row = ((entry.arm,) if several else ()) + tuple(named.get(name, "") for name in down)
        grid[row, named.get(columns, "")] = entry
    place = {arm: k for k, arm in enumerate(arms)}

    def row_order(row):
        first = place.get(row[0], len(place)) if several else 0
        return first, [order(value) for value in row]

    return Table(
        title=title,
        caption=f"{question} {_caption(records, entries, tune, fixed)}".strip(),
        row_titles=(("arm",) if several else ()) + tuple(down),
        column_title=columns,
        rows=tuple(sorted({row for row, _ in grid}, key=row_order)),
        columns=tuple(sorted({column for _, column in grid}, key=order)),
        grid=grid,
        tuned=tune if fixed is None else None,
        metric=metric_of(records[0]),
    )


def by_metric(records: Sequence[Record], metrics: Metrics) -> list[Record]:
    """Each record once for every one of these metrics, as if that were what the test measured.

    The label is a part of the point, so that a table has a column for each. What chooses, the last
    validation, stays the same: all columns show the same runs. All must have ``measured`` them.
    """
    return [
        _read_as(record, metrics.title, column, name)
        for record in records
        for column, name in metrics.named.items()
    ]


def measured(records: Sequence[Record], metrics: Metrics) -> bool:
    """Whether all have these metrics in test and curve; a failed run needs no number."""

    def has(record: Record, name: str) -> bool:
        value = record.test.get(name)
        known = record.failed is not None or (value is not None and math.isfinite(value))
        return known and f"validation_{name}" in record.curve

    return all(has(record, name) for record in records for name in metrics.named.values())


def _read_as(record: Record, title: str, column: Any, name: str) -> Record:
    own, curve, value = record.metric, record.curve, record.test.get(name)
    scale = record.higher_is_better, record.chance.metric, record.best_loss
    return msgspec.structs.replace(
        record,
        point={**record.point, title: column},
        test={**record.test, own: value},
        score=0.0 if record.failed else rules.metric_score(value, *scale),
        curve={**curve, f"validation_{own}": curve[f"validation_{name}"]},
    )


def _caption(records: Sequence[Record], entries: list[Entry], tune: str | None, fixed: Any) -> str:
    first = records[0]
    scored, metric = first.compared == "score", metric_of(first)
    better = "higher" if scored or first.higher_is_better else "lower"
    chance = "0" if scored else _each(f"{r.chance.metric:.4g}" for r in records)
    task = _each(r.settings["task.name"] for r in records)
    steps = _each(str(r.settings["train.steps"]) for r in records)
    said = [
        f"Test {metric} ({better} is better; chance {chance}) of {task} after {steps} "
        f"steps: mean ± {100 * rules.CONFIDENCE:.0f} % Student-t interval over seeds "
        "(runs/failed), conditional on the fixed split. Failed runs enter at chance."
    ]
    if fixed is not None:
        said.append(f"A slice at {tune} = {label(fixed)}: nothing is tuned here.")
    elif any(entry.chosen is not None for entry in entries):
        apart = {r.seed for r in records if r.purpose == "tuning"}
        seeds = f"{len(apart)} seeds of their own" if apart else "the same seeds"
        said.append(
            f"@ is the {tune} with the best mean validation {_each(r.metric for r in records)}, "
            f"selected for each cell on {seeds}."
        )
    for mark, (sign, meaning) in MARKS.items():
        if any(mark in entry.marks for entry in entries):
            said.append(f"{sign} {meaning}.")
    places = {(r.environment["jaxlib"], r.environment["device"]) for r in records}
    if len(places) > 1:
        mixed = "; ".join(sorted(f"jaxlib {version} on {device}" for version, device in places))
        said.append(f"MIXED: records of different environments ({mixed}).")
    else:
        said.append("jaxlib {} on {}.".format(*places.pop()))
    return " ".join(said)


def metric_of(record: Record) -> str:
    """What is compared: the score, or the metric of the task."""
    return "score" if record.compared == "score" else record.metric


def _each(values: Iterable[str]) -> str:
    return " or ".join(sorted(set(values)))


def label(value: Any) -> str:
    """A value as tables print it; of values that were drawn together, all."""
    if isinstance(value, tuple):
        return ", ".join(map(label, value))
    if value == "":
        return "–"
    if isinstance(value, float):
        return "∞" if value == math.inf else f"{value:g}"
    return str(value)


def sizes(records: Sequence[Record], arms: Sequence[str]) -> list[list[str]]:
    """The size of each arm, and what its runs share with those of the study's first run."""
    sized: dict[tuple, list[str]] = {}
    place = {arm: k for k, arm in enumerate(arms)}
    for record in sorted(records, key=lambda r: (place.get(r.arm, len(place)), r.arm)):
        settings = record.settings
        size = (
            settings["model.cell"],
            settings["model.hidden"],
            f"{record.parameters_recurrent:,}",
            f"{record.parameters:,}",
            f"{record.multiply_adds:,}",
            record.paired,
        )
        sized.setdefault(size, []).append(record.arm)
    head = ["arm", "cell", "units", "parameters", "with readout", "multiply-adds a step", "paired"]
    rows = [[", ".join(dict.fromkeys(names)), *map(str, size)] for size, names in sized.items()]
    return [head, *rows]


def shown_rows(records: Sequence[Record]) -> list[list[str]]:
    """What a task has ``shown`` of its trained models, mean (least to most) by arm.

    Without the runs that failed; the first row names the columns, and may be the only one.
    """
    names = getattr(TASKS.get(records[0].settings["task.name"]), "shown", ())
    found: dict[str, list[Record]] = {}
    for record in records:
        if record.purpose == "evaluation" and record.failed is None:
            found.setdefault(record.arm, []).append(record.test)
    rows = [
        [arm, str(len(tests)), *(_in_short([test[name] for test in tests]) for name in names)]
        for arm, tests in found.items()
    ]
    return [["test", "runs", *names], *(rows if names else [])]


def _in_short(values: Sequence[float]) -> str:
    mean = sum(values) / len(values)
    return f"{mean:.4g} ({min(values):.4g} to {max(values):.4g})"


def published_rows(published: Sequence[Published]) -> list[list[str]]:
    """Figures from the literature; the last column says how well the source is known."""
    head = ["published", "figure", "source", "confidence"]
    return [head, *([p.what, p.figure, p.source, f"[{p.confidence}]"] for p in published)]
