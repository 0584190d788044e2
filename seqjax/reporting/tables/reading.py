"""Reading of data frames: columns as plain Python values, checked for what a table needs.

Errors are ``ValueError`` and begin with the argument of ``from_frame`` that names the column. Rows
are counted from 0.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqjax.reporting.formats import label
from seqjax.sweeps.study import UNNAMED

Columns = Mapping[str, list]
"""Values by name of the column; None for a missing value."""
MISSING = ("None", "nan", "NaT", "<NA>")
"""Texts of the missing values of pandas and polars."""
NO_REASONS = ("true", "false", "yes", "no", "0", "1")
"""Texts that stand for truth values; as reasons they would make every run a failure."""
NO_METRIC = "no finite metric"
"""Reason of a failure that only the metric shows."""


class Failure(NamedTuple):
    """Reason why a run failed."""

    reason: str


def columns_of(frame: Any) -> Columns:
    """Columns of a data frame or of a dictionary.

    Raises:
      ValueError: no rows, columns of different lengths, or two columns of one name.
    """
    names = list(getattr(frame, "columns", frame))
    if len(set(names)) < len(names):
        raise ValueError(f"frame: expected different columns, got {', '.join(map(str, names))}")
    columns = {name: list(map(_plain, frame[name])) for name in names}
    sizes = {len(column) for column in columns.values()}
    if len(sizes) != 1 or sizes == {0}:
        lengths = " and ".join(map(str, sorted(sizes))) or "no"
        raise ValueError(f"frame: expected columns of one or more rows, got {lengths} rows")
    return columns


def _plain(value: Any) -> Any:
    """A number, truth value or text; None for a missing value."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, str):
        return value
    text = str(value)
    if text in MISSING:
        return None
    return value if isinstance(value, bool | int | float) else text


def axes_of(columns: Columns, named: set[str], seed: str) -> list[str]:
    """Columns that can only be axes: they vary, and hold text or truth values that seeds share.

    Args:
      columns: the columns.
      named: columns with another meaning, which are left out.
      seed: the column of seeds.

    Raises:
      ValueError: another column varies, which may be an axis or a result.
    """
    axes, unclear = [], []
    for name, values in columns.items():
        if name in named or len(set(values)) == 1:
            continue
        seeds_of: dict[Any, set] = {}
        for value, own in zip(values, columns[seed], strict=True):
            seeds_of.setdefault(value, set()).add(own)
        shared = max(map(len, seeds_of.values())) > 1
        text = all(isinstance(value, str | bool | None) for value in values)
        (axes if text and shared else unclear).append(name)
    if unclear:
        raise ValueError(
            f"axes: expected the columns that are axes, got None, and {', '.join(unclear)} may be "
            "axes or results"
        )
    return axes


def numbers(columns: Columns, option: str, name: str) -> list[float]:
    """Numbers of a column; NaN where they are missing."""
    for row, value in enumerate(columns[name]):
        if isinstance(value, str):
            raise ValueError(f"{option}: expected a number in row {row} of {name}, got {value!r}")
    return [math.nan if value is None else float(value) for value in columns[name]]


def arms(columns: Columns, name: str | None) -> list[str]:
    """Arm of each row."""
    if name is None:
        return [UNNAMED] * len(next(iter(columns.values())))
    if None in columns[name]:
        row = columns[name].index(None)
        raise ValueError(f"arm: expected a name in row {row} of {name}, got a missing value")
    return list(map(label, columns[name]))


def seeds(columns: Columns, name: str) -> list[int | str]:
    """Seed of each row: all whole numbers, or all text."""
    values = [int(x) if isinstance(x, float) and x.is_integer() else x for x in columns[name]]
    kind = type(values[0])
    for row, value in enumerate(values):
        if type(value) not in (int, str) or type(value) is not kind:
            raise ValueError(
                f"seed: expected whole numbers, or text, in {name}, got "
                f"{columns[name][row]!r} in row {row}"
            )
    return values


def failures(columns: Columns, name: str | None, metrics: Sequence[float]) -> list[Failure | None]:
    """Failure of each run, for its reason, the name of a column of truth values, or NO_METRIC."""
    values = [None] * len(metrics) if name is None else columns[name]
    if all(isinstance(value, bool) for value in values):
        values = [name if value else None for value in values]
    for row, value in enumerate(values):
        if value is not None and (not isinstance(value, str) or value.lower() in NO_REASONS):
            raise ValueError(
                f"failed: expected truth values, or reasons and '' for runs that did not fail, in "
                f"{name}, got {value!r} in row {row}"
            )
    reasons = (
        reason or (None if math.isfinite(metric) else NO_METRIC)
        for reason, metric in zip(values, metrics, strict=True)
    )
    return [Failure(reason) if reason else None for reason in reasons]


def validations(
    columns: Columns, name: str | None, failed: Sequence[Failure | None]
) -> list[float]:
    """Validation metric of each run; NaN if it failed or nothing is given."""
    if name is None:
        return [math.nan] * len(failed)
    values = numbers(columns, "validation", name)
    for row, (value, failure) in enumerate(zip(values, failed, strict=True)):
        if failure is None and not math.isfinite(value):
            raise ValueError(
                f"validation: expected a finite number in row {row} of {name}, as the run did not "
                f"fail, got {value}"
            )
    return values


def chances(
    columns: Columns,
    chance: float | str | None,
    failed: Sequence[Failure | None],
    higher_is_better: bool,
) -> list[float]:
    """Metric at chance of each row; the worst number if no run failed and nothing is given."""
    if chance is None:
        rows = [row for row, failure in enumerate(failed) if failure is not None]
        if rows:
            raise ValueError(
                f"chance: expected the metric of a run that learnt nothing, because {len(rows)} of "
                f"{len(failed)} runs failed, the first in row {rows[0]}, and a failed run counts "
                "as chance; got None"
            )
        return [-math.inf if higher_is_better else math.inf] * len(failed)
    named = isinstance(chance, str)
    values = numbers(columns, "chance", chance) if named else [float(chance)] * len(failed)
    if not all(map(math.isfinite, values)):
        raise ValueError(f"chance: expected finite numbers, got {chance!r}")
    return values
