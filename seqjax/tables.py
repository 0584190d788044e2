"""From records to tables. Pure functions; nothing is trained or guessed.

An entry is one arm at one point of the axes that are not tuned. Its tuned value is the one that
``rules.selected`` takes by validation; its figure is the mean test metric at that value with a
Student-t interval over seeds. A failed run enters at chance.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from seqjax import rules
from seqjax.study import Published

Record = Mapping[str, Any]
MARKS = {
    "edge": ("†", "the best value stands at the edge of its grid"),
    "rare": ("°", "under 1 % of steps clipped: no evidence about clipping"),
    "always": ("‡", "over 90 % of steps clipped: normalised SGD"),
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """The figure of one arm at one point.

    Attributes:
      arm, point: where it stands; ``point`` without the tuned axis.
      chosen: the tuned value, or None.
      mean, half: the mean of the test metric and half its interval (NaN for one seed).
      n, failed: runs, and how many of them failed.
      validation: the mean validation metric that chose.
      clipped: the mean fraction of clipped steps.
      marks: keys of ``MARKS``.
      records: the runs behind it, by seed.
    """

    arm: str
    point: Mapping[str, Any]
    chosen: Any
    mean: float
    half: float
    n: int
    failed: int
    validation: float
    clipped: float
    marks: tuple[str, ...]
    records: tuple[Record, ...]


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

    def entries(self) -> list[Entry]:
        keys = ((row, column) for row in self.rows for column in self.columns)
        return [self.grid[key] for key in keys if key in self.grid]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the Student-t interval; NaN for a single value.

    >>> mean, half = interval([1.0, 2.0, 3.0])
    >>> round(mean, 3), round(half, 3)
    (2.0, 2.484)
    """
    n = len(values)
    if n < 2:
        return float(np.mean(values)), math.nan
    quantile = stats.t.ppf((1 + rules.CONFIDENCE) / 2, n - 1)
    return float(np.mean(values)), float(quantile * np.std(values, ddof=1) / math.sqrt(n))


def _order(value: Any) -> tuple:
    """Nothing, then numbers by size, then names."""
    if value is None or value == "":
        return (0,)
    return (2, value) if isinstance(value, str) else (1, float(value))


def make_entries(records: Sequence[Record], tune: str | None, studied: bool) -> list[Entry]:
    """One entry for each arm and point; see the head of this file.

    Marks about clipping are set where clipping is ``studied``.
    """
    places: dict[tuple, dict[Any, list[Record]]] = {}
    for record in sorted(records, key=lambda r: r["seed"]):
        point = {path: value for path, value in record["point"].items() if path != tune}
        place = places.setdefault((record["arm"], tuple(point.items())), {})
        place.setdefault(record["point"].get(tune), []).append(record)
    return [_entry(arm, dict(point), tried, studied) for (arm, point), tried in places.items()]


def _entry(arm: str, point: dict, tried: dict[Any, list[Record]], studied: bool) -> Entry:
    tried = {value: tried[value] for value in sorted(tried, key=_order)}
    chosen = rules.selected(tried)
    runs = tried[chosen]
    mean, half = interval([rules.entered(record, "test") for record in runs])
    clipped = float(np.mean([record["clipped_fraction"] for record in runs]))
    settings = runs[0]["settings"]
    # Under "step" the fraction is of pairs, most of which may carry no signal at all.
    counted = studied and (
        settings["clip.kind"] not in ("none", "step") and settings["clip.threshold"] != math.inf
    )
    marks = {
        "edge": len(tried) > 1 and chosen in (min(tried, key=_order), max(tried, key=_order)),
        "rare": counted and clipped < rules.RARELY,
        "always": counted and clipped > rules.ALWAYS,
    }
    return Entry(
        arm=arm,
        point=point,
        chosen=chosen,
        mean=mean,
        half=half,
        n=len(runs),
        failed=sum(record["failed"] is not None for record in runs),
        validation=float(np.mean([rules.entered(record, "validation") for record in runs])),
        clipped=clipped,
        marks=tuple(mark for mark, holds in marks.items() if holds),
        records=tuple(runs),
    )


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
        records = [r for r in records if r["point"].get(tune) == fixed]
    if not records:
        raise ValueError("a table needs at least one record")
    records = sorted(records, key=lambda r: (-len(r["point"]), r["id"]))  # in whichever order
    clipping = {(r["settings"]["clip.kind"], r["settings"]["clip.threshold"]) for r in records}
    entries = make_entries(records, tune, studied=len(clipping) > 1)
    if fixed is not None:
        entries = [dataclasses.replace(entry, chosen=None) for entry in entries]
    dimensions = list(
        dict.fromkeys(titles.get(path, path) for entry in entries for path in entry.point)
    )
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
        return first, [_order(value) for value in row]

    return Table(
        title=title,
        caption=f"{question} {_caption(records, entries, tune, fixed)}".strip(),
        row_titles=(("arm",) if several else ()) + tuple(down),
        column_title=columns,
        rows=tuple(sorted({row for row, _ in grid}, key=row_order)),
        columns=tuple(sorted({column for _, column in grid}, key=_order)),
        grid=grid,
        tuned=tune if fixed is None else None,
    )


def _caption(records: Sequence[Record], entries: list[Entry], tune: str | None, fixed: Any) -> str:
    first = records[0]
    better = "higher" if first["higher_is_better"] else "lower"
    chance = _each(f"{r['chance']['metric']:.4g}" for r in records)
    task = _each(r["settings"]["task.name"] for r in records)
    steps = _each(str(r["settings"]["train.steps"]) for r in records)
    said = [
        f"Test {first['metric']} ({better} is better; chance {chance}) of {task} after {steps} "
        f"steps: mean ± {100 * rules.CONFIDENCE:.0f} % Student-t interval over seeds "
        "(runs/failed), conditional on the fixed split. Failed runs enter at chance."
    ]
    if fixed is not None:
        said.append(f"A slice at {tune} = {label(fixed)}: nothing is tuned here.")
    elif any(entry.chosen is not None for entry in entries):
        said.append(
            f"@ is the {tune} with the best mean validation {first['metric']}, selected for each "
            "cell on the same seeds' validation data."
        )
    for mark, (sign, meaning) in MARKS.items():
        if any(mark in entry.marks for entry in entries):
            said.append(f"{sign} {meaning}.")
    places = {(r["environment"]["jaxlib"], r["environment"]["device"]) for r in records}
    if len(places) > 1:
        mixed = "; ".join(sorted(f"jaxlib {version} on {device}" for version, device in places))
        said.append(f"MIXED: records of different environments ({mixed}).")
    else:
        said.append("jaxlib {} on {}.".format(*places.pop()))
    return " ".join(said)


def _each(values: Iterable[str]) -> str:
    return " or ".join(sorted(set(values)))


def label(value: Any) -> str:
    """A value as tables print it."""
    if value == "":
        return "–"
    if isinstance(value, float):
        return "∞" if value == math.inf else f"{value:g}"
    return str(value)


def sizes(records: Sequence[Record], arms: Sequence[str]) -> list[list[str]]:
    """The size of each arm, and what its runs share with those of the study's first run."""
    sized: dict[tuple, list[str]] = {}
    place = {arm: k for k, arm in enumerate(arms)}
    for record in sorted(records, key=lambda r: (place.get(r["arm"], len(place)), r["arm"])):
        settings = record["settings"]
        size = (
            settings["model.cell"],
            settings["model.hidden"],
            f"{record['parameters_recurrent']:,}",
            f"{record['parameters']:,}",
            f"{record['multiply_adds']:,}",
            record["paired"],
        )
        sized.setdefault(size, []).append(record["arm"])
    head = ["arm", "cell", "units", "parameters", "with readout", "multiply-adds a step", "paired"]
    rows = [[", ".join(dict.fromkeys(names)), *map(str, size)] for size, names in sized.items()]
    return [head, *rows]


def published_rows(published: Sequence[Published]) -> list[list[str]]:
    """Figures from the literature; the last column says how well the source is known."""
    head = ["published", "figure", "source", "confidence"]
    return [head, *([p.what, p.figure, p.source, f"[{p.confidence}]"] for p in published)]
