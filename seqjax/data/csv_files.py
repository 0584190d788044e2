"""Columns of a CSV file that anyone may have written.

The first line has the names of the columns. Commas, semicolons or tabs separate values, whichever
the first line has most of; a point is the decimal mark. Values that are missing or cannot be read
are errors with their line and column.
"""

import array
import csv
import dataclasses
import io
import itertools
import pathlib
import re
from collections.abc import Iterator

import numpy as np

from seqjax.data.folder import DataError

MOST_BYTES = 2**26
"""Largest file; larger data belong in an NPZ file."""
MOST_COLUMNS = 4096
MOST_TEXT = 256
"""Most characters of a text that is a label."""
AT_ONCE = 4096
"""Rows that are transposed together."""
SHOWN = 40
"""Characters of a value in an error."""
DELIMITERS = ",;\t"
NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?\s*", re.ASCII)
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class CsvFile:
    """The columns of a file as text.

    Attributes:
      path: the file.
      cells: the values of each column, by its name; the name "" is that of row labels.
      lines: line of the file in which each row ends.
    """

    path: pathlib.Path
    cells: dict[str, list[str]]
    lines: array.array

    def error(self, name: str, row: int, expected: str) -> DataError:
        """Return the error of a value, with its line and column."""
        value = self.cells[name][row]
        got = repr(value[:SHOWN] + "…" * (len(value) > SHOWN)) if value.strip() else "nothing"
        if DECIMAL_COMMA.fullmatch(value):
            expected = f"{expected} with a decimal point"
        return DataError(
            f"{self.path}: line {self.lines[row]}, column {name!r}: expected {expected}, got {got}"
        )

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as numbers, float64.

        Raises:
          DataError: a value is missing, is not a finite number, or has a decimal comma.
        """
        cells = self.cells[name]
        for row, cell in enumerate(cells):
            if not NUMBER.fullmatch(cell):
                raise self.error(name, row, "a number")
        values = np.array(array.array("d", map(float, cells)))
        if (wrong := np.flatnonzero(~np.isfinite(values))).size:
            raise self.error(name, int(wrong[0]), "a finite number")
        return values

    def texts(self, name: str) -> np.ndarray:
        """Return a column as text without surrounding spaces, an array of objects.

        Raises:
          DataError: a value is missing or too long.
        """
        distinct: dict[str, str] = {}
        for row, cell in enumerate(self.cells[name]):
            text = cell.strip()
            if not 1 <= len(distinct.setdefault(text, text)) <= MOST_TEXT:
                raise self.error(name, row, f"text of at most {MOST_TEXT} characters")
        return np.array([distinct[cell.strip()] for cell in self.cells[name]], object)

    def has_numbers(self, name: str) -> bool:
        """Return whether a column has numbers; False if none of its values is one.

        Raises:
          DataError: a first value that is missing or has a decimal comma; only some are numbers.
        """
        cells = self.cells[name]
        if not cells[0].strip() or DECIMAL_COMMA.fullmatch(cells[0]):
            raise self.error(name, 0, "a number")
        if NUMBER.fullmatch(cells[0]):
            return True
        if any(NUMBER.fullmatch(cell) for cell in cells):
            raise self.error(name, 0, "a number as in other lines")
        return False


def read_csv(path: pathlib.Path) -> CsvFile:
    """Return the columns of a CSV file.

    Raises:
      DataError: the file cannot be read, is too large, is not UTF-8, has no names of columns, or
        has lines with too few or too many values.
    """
    text = _text(path)
    first = text[: text.find("\n")] if "\n" in text else text
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = _rows(reader, path)
    _, names = next(rows, (0, []))
    names = _checked_names([name.strip() for name in names], path)
    cells: dict[str, list[str]] = {name: [] for name in names}
    lines = array.array("q")
    while some := list(itertools.islice(rows, AT_ONCE)):
        for line, row in some:
            if len(row) != len(names):
                raise DataError(
                    f"{path}: line {line}: expected {len(names)} values, one for each column of "
                    f"the first line, got {len(row)}"
                )
            lines.append(line)
        for name, column in zip(names, zip(*(row for _, row in some), strict=True), strict=True):
            cells[name].extend(column)
    if not lines:
        raise DataError(f"{path}: expected a line of names and lines of values, got no values")
    return CsvFile(path, cells, lines)


def _text(path: pathlib.Path) -> str:
    """Return the text of a file."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(
                f"{path}: expected at most {MOST_BYTES:,} bytes, got {size:,}; use an NPZ file"
            )
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    if (place := content.find(b"\0")) >= 0:
        line = 1 + content.count(b"\n", 0, place)
        raise DataError(f"{path}: line {line}: expected text in UTF-8, got a NUL byte")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise DataError(f"{path}: line {line}: expected text in UTF-8") from None


def _rows(reader: Iterator[list[str]], path: pathlib.Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with the number of their last line; blank lines at the end are left out."""
    blank = 0
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{path}: line {reader.line_num}: {error}") from None
        if row is None:
            return
        if not row:
            blank = blank or reader.line_num
            continue
        if blank:
            raise DataError(f"{path}: line {blank}: expected values, got a blank line")
        yield reader.line_num, row


def _checked_names(names: list[str], path: pathlib.Path) -> list[str]:
    """Check the names of the columns."""
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{path}: expected at most {MOST_COLUMNS:,} columns, got {len(names):,}")
    if not names or all(NUMBER.fullmatch(name) for name in names):
        got = "nothing" if not names else "numbers"
        raise DataError(f"{path}: line 1: expected names of columns, got {got}")
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        if name in seen or (not name and number > 1):
            got = f"{name[:SHOWN]!r} again" if name else "none"
            raise DataError(f"{path}: line 1: expected a new name for column {number}, got {got}")
        seen.add(name)
    return names
