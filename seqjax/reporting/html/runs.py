"""The runs of each cell of a table, with a small curve of each run."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from seqjax.records.record import Record
from seqjax.reporting.aggregate import MARKS, TableCell
from seqjax.reporting.failures import REASONS, in_words
from seqjax.reporting.formats import label
from seqjax.reporting.html.view import Cell, RunsOfCell, Value, short
from seqjax.stats import rules

MOST_RUNS = 2000
"""Most runs of a page, which has about a megabyte then; each cell has as many as others."""
MOST_SEEDS = 40
"""Most runs of a cell."""
MOST_POINTS = 60
"""Most points of a curve; longer ones are thinned."""
WIDTH, HEIGHT = 120, 24


class Range(NamedTuple):
    """The smallest and the largest metric that curves show."""

    low: float
    high: float


def curve_ranges(records: Sequence[Record]) -> dict[str, Range]:
    """Range of the validation metric in the curves of these records, by name of the metric.

    Metrics that are worse than chance by more than a tenth are cut off, so that a run that explodes
    does not flatten the curves of others.
    """
    found: dict[str, list[float]] = {}
    for record in records:
        worst = 1.1 * record.chance.metric
        values = [value for value in _curve(record) if math.isfinite(value)]
        values = values if record.higher_is_better else [min(value, worst) for value in values]
        found.setdefault(record.metric, []).extend(values)
    return {
        metric: Range(min(values), max(values)) if values else Range(0, 1)
        for metric, values in found.items()
    }


def _curve(record: Record) -> np.ndarray:
    """Validation metric of a run over training; empty if it has none."""
    return np.asarray(record.curve.get(f"validation_{record.metric}", ()), np.float64)


def sparkline(record: Record, limits: Range) -> Markup:
    """The validation metric of a run over training as a small SVG; a dash without two numbers.

    Args:
      record: the run.
      limits: metrics at the bottom and the top.
    """
    values = _curve(record)
    if np.isfinite(values).sum() < 2:
        return Markup("–")
    steps = np.asarray(record.curve["step"], np.float64)
    if len(values) > MOST_POINTS:
        kept = np.unique(np.linspace(0, len(values) - 1, MOST_POINTS).round().astype(int))
        steps, values = steps[kept], values[kept]
    x = 1 + (WIDTH - 2) * (steps - steps[0]) / max(float(np.ptp(steps)), 1)
    room = limits.high - limits.low or 1
    y = 1 + (HEIGHT - 2) * (1 - np.clip((values - limits.low) / room, 0, 1))
    lines = [
        " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[part], y[part], strict=True))
        for part in np.ma.clump_unmasked(np.ma.masked_invalid(y))
    ]
    finite = values[np.isfinite(values)]
    about = f"{record.metric} from {finite[0]:.3g} to {finite[-1]:.3g}"
    shapes = Markup().join(Markup('<polyline points="{}"/>').format(line) for line in lines)
    return Markup(
        '<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, short(about), shapes)


def runs_of_cells(
    cells: Mapping[str, tuple[Cell, TableCell, str]],
    tried: Mapping[tuple, Sequence],
    tuned: str | None,
) -> tuple[tuple[RunsOfCell, ...], str]:
    """The runs of cells, as many as a page can hold, and a sentence on those left out.

    Args:
      cells: the cell as it is printed, its runs and its labels, by the id of the list.
      tried: values of the tuned axis by arm and point, see ``key``.
      tuned: path of the tuned axis, or None.
    """
    limits = curve_ranges([run for _, cell, _ in cells.values() for run in cell.records])
    lists, listed = [], 0
    most = min(MOST_SEEDS, max(1, MOST_RUNS // max(len(cells), 1)))
    total = sum(cell.n for _, cell, _ in cells.values())
    paths = (tuned or "").split(",")
    for name, (printed, cell, title) in cells.items():
        runs = cell.records[:most]
        listed += len(runs)
        notes = tuple(_notes(cell, tried.get(key(cell.records[0], paths), ()), tuned, len(runs)))
        lists.append(_runs(name, printed, cell, title, runs, notes, limits[cell.records[0].metric]))
    if listed == total:
        return tuple(lists), ""
    has_all = "records.jsonl has all of them."
    return tuple(lists), f"{listed:,} of the {total:,} runs are listed here; {has_all}"


def key(record: Record, tuned: Sequence[str]) -> tuple:
    """Arm and point of a run, without the tuned axes and without columns that are metrics."""
    swept = [path for path in record.point if path not in tuned and path in record.settings]
    return record.arm, *((path, record.point[path]) for path in sorted(swept))


def _notes(cell: TableCell, tried: Sequence, tuned: str | None, listed: int) -> Iterator[str]:
    if cell.chosen is not None:
        others = f" of {', '.join(map(label, tried))}" if 1 < len(tried) <= 20 else ""
        best = "best on validation data"
        yield short(f"{tuned} {label(cell.chosen)} was selected{others}: {best}.", 600)
    for mark in cell.marks:
        sign, meaning = MARKS[mark]
        yield f"{sign} {meaning}."
    if listed < cell.n:
        yield f"The first {listed} of {cell.n} runs; records.jsonl has all of them."


def _runs(
    name: str,
    printed: Cell,
    cell: TableCell,
    title: str,
    runs: Sequence[Record],
    notes: tuple[str, ...],
    limits: Range,
) -> RunsOfCell:
    first = cell.records[0]
    scored = first.compared == "score"
    stepped = any(run.selected_step is not None or run.steps_taken is not None for run in runs)
    curve = f"validation {first.metric} from {limits.low:.3g} to {limits.high:.3g}"
    head = (
        "seed",
        *(("score",) if scored else ()),
        f"test {first.metric}",
        f"validation {first.metric}",
        *(("reported step",) if stepped else ()),
        "steps clipped",
        "outcome",
        curve,
    )
    return RunsOfCell(
        id=name,
        cell=printed.id,
        title=f"{title}: {printed.result}",
        notes=notes,
        head=tuple(map(short, head)),
        rows=tuple(_row(run, scored, stepped) for run in runs),
        curves=tuple(sparkline(run, limits) for run in runs),
    )


def _row(run: Record, scored: bool, stepped: bool) -> tuple[Value, ...]:
    step = run.updates if run.selected_step is None else run.selected_step
    return (
        Value(str(run.seed), str(run.seed)),
        *((_number(run.score),) if scored else ()),
        _number(run.test.get(run.metric)),
        _number(run.validation.get(run.metric)),
        *((Value(f"{step:,}", str(step)),) if stepped else ()),
        Value(f"{100 * run.clipped_fraction:.0f} %", repr(float(run.clipped_fraction))),
        Value(outcome(run)),
    )


def _number(value: float | None) -> Value:
    if value is None or not math.isfinite(value):
        return Value("–")
    return Value(f"{value:.4g}", repr(float(value)))


def outcome(run: rules.Result) -> str:
    """The reason and step of a failure, or "finished"."""
    if run.failed is None:
        return "finished"
    meaning = REASONS.get(run.failed.reason, "")
    reason = f"failed at step {run.failed.step:,}: {in_words(run.failed.reason)}"
    return f"{reason} ({meaning})" if meaning else reason
