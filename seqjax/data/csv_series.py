"""Time series in CSV files: a line a step, a column a quantity, and perhaps a column of dates.

Unless said otherwise, the first line is a header if a column is asked for by name, or if none of
its fields is a number or a date. Numbers are decimal, with a point. Dates are ISO 8601, from the
year to fractions of a second, and must increase; where the first is nothing of the kind, the column
is not looked at.
"""

import array
import csv
import datetime
import functools
import itertools
import pathlib
import re
from collections.abc import Iterator

import numpy as np

from seqjax.data import raw
from seqjax.data.folder import DataError, find

MOST_COLUMNS = 10_000

Column = str | int
"""A name in the header, or a place from 0; places below 0 count from the last column."""


def csv_series(
    name: str,
    columns: Column | tuple[Column, ...],
    date: Column | None = None,
    header: bool | None = None,
) -> np.ndarray:
    """Columns of a file in the folder of data sets; see ``read``."""
    return read(find(name), columns, date, header)


@functools.cache
def read(
    path: pathlib.Path,
    columns: Column | tuple[Column, ...],
    date: Column | None = None,
    header: bool | None = None,
) -> np.ndarray:
    """One column as (T,) float64, or a tuple of D columns as (T, D).

    Args:
      path: of the CSV file, UTF-8, comma separated; empty lines at its end are left out.
      columns: a column, or several.
      date: the column of dates, whose order is checked.
      header: whether the first line is one; None to tell it by the rule above.

    Raises:
      DataError: naming FILE:LINE: the file cannot be read, a column is not there, a line has more
        or fewer fields than the first, a value is missing or no finite number, or a date does not
        come after the one before it.
    """
    lines = _lines(path)
    number, first = next(lines, (1, []))
    asked = columns if isinstance(columns, tuple) else (columns,)
    places = [_place(f"{path}:{number}", first, column) for column in asked]
    when = None if date is None else _place(f"{path}:{number}", first, date)
    if header is None:
        named = any(isinstance(column, str) for column in (*asked, date))
        header = named or not any(map(_is_value, first))
    if not header:
        lines = itertools.chain([(number, first)], lines)
    values, before = array.array("d"), None
    for number, fields in lines:
        where = f"{path}:{number}"
        if len(fields) != len(first):
            raise DataError(f"{where}: {len(fields)} fields, expected {len(first)}")
        values.extend(_value(where, fields[place]) for place in places)
        if when is not None and (before or len(values) == len(places)):
            before = _later(where, fields[when], before)
    if not values:
        raise DataError(f"{path}: no line but a header")
    series = np.array(values).reshape(-1, len(places))
    series.setflags(write=False)  # it is shared
    return series if isinstance(columns, tuple) else series[:, 0]


def _lines(path: pathlib.Path) -> Iterator[tuple[int, list[str]]]:
    """The number and the fields of each line; a field in quotation marks may hold several."""
    lines = raw.lines(path)
    while lines and not lines[-1].strip():
        lines.pop()
    reader = csv.reader((f"{line}\n" for line in lines), strict=True)
    while True:
        start = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{path}:{start}: {error}") from None
        if len(fields) > MOST_COLUMNS:
            said = f"{len(fields):,} fields, of which at most {MOST_COLUMNS:,} are read"
            raise DataError(f"{path}:{start}: {said}")
        yield start, [field.strip() for field in fields]


def _place(where: str, first: list[str], column: Column) -> int:
    """Where a column stands, from 0."""
    if isinstance(column, int):
        if not -len(first) <= column < len(first):
            raise DataError(f"{where}: no column {column} among {len(first)}")
        return column % len(first)
    found = [place for place, name in enumerate(first) if name == column]
    if len(found) != 1:
        many = "no column" if not found else f"{len(found)} columns"
        said = f"{many} {column!r:.100} in the header {', '.join(first)!r:.300}"
        raise DataError(f"{where}: {said}")
    return found[0]


def _value(where: str, field: str) -> float:
    found = raw.number(field)
    if found is None:
        said = f"expected a number, got {field!r:.100}" if field else "a missing value"
        raise DataError(f"{where}: {said}")
    return found


def _is_value(field: str) -> bool:
    return raw.number(field) is not None or _instant(field) is not None


def _later(where: str, field: str, before: datetime.datetime | None) -> datetime.datetime | None:
    """The date of a line, None on the first one if it is none."""
    found = _instant(field)
    if before is None:
        return found
    if found is None or (found.tzinfo is None) != (before.tzinfo is None):
        raise DataError(f"{where}: expected a date as on the line before, got {field!r:.100}")
    if found <= before:
        raise DataError(f"{where}: {field!r} does not come after the date before it")
    return found


def _instant(field: str) -> datetime.datetime | None:
    if re.fullmatch("[0-9]{4}(-[0-9]{2})?", field):  # a year or a month is its first day
        field += "-01" * (3 - len(field.split("-")))
    try:
        return datetime.datetime.fromisoformat(field)
    except ValueError:
        return None
