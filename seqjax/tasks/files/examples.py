"""Sequences and targets of a CSV or NPZ file of one's own, as the file has them."""

import difflib
import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from seqjax.data.csv_files import CsvFile
from seqjax.data.folder import DataError, DataWarning
from seqjax.tasks.base import PARTS

SPLIT = "split"
"""Name of the array or column that assigns examples to parts."""
VALUES = ("regression", "forecasting")
"""Kinds whose targets are values; those of the others are classes."""


class Fields(Protocol):
    """Fields of the task that decide how a file is read."""

    path: str
    kind: str
    columns: str
    target: str
    sequence: str
    window: int
    horizon: int
    split: str
    standardise: bool


class Examples(NamedTuple):
    """Sequences of a file, which may overlap, and their targets.

    Attributes:
      x_N: (N, D) inputs at every row, finite where they belong to a sequence.
      target: targets as the file has them, by sequence or, for labels, by row: numbers or text.
      start_S, length_S: first row and number of rows of each sequence.
      part_S: part of each sequence, 0 to 2, if the file assigns it, else None.
      last_S: last known value of the series before each forecast, or None.
      windows: the sequences are windows of one series.
      inputs, target_name: names of the columns, if they have any.
    """

    x_N: np.ndarray
    target: np.ndarray
    start_S: np.ndarray
    length_S: np.ndarray
    part_S: np.ndarray | None
    last_S: np.ndarray | None = None
    windows: bool = False
    inputs: tuple[str, ...] = ()
    target_name: str = ""


# NPZ


def npz_examples(arrays: dict[str, np.ndarray], fields: Fields) -> Examples:
    """Return the examples of an NPZ file.

    Raises:
      DataError: an array is missing or has another shape or type.
    """
    path = fields.path
    x = _required(arrays, "x", path)
    if x.dtype.kind == "U":  # where it cannot be padded with 0
        raise DataError(f"{path}: x: expected numbers, got text")
    if fields.kind == "forecasting":
        return _npz_series(arrays, x, fields)
    if x.ndim not in (2, 3) or not x.size:
        raise DataError(f"{path}: x: expected shape (n, T) or (n, T, D), got {x.shape}")
    n, T = x.shape[:2]
    x_NTD = x.reshape(n, T, -1)
    y = _required(arrays, "y", path)
    if fields.kind == "labelling":
        y = _shaped(y, (n, T), "y", path).reshape(n * T)
    else:
        y = _shaped(y[:, 0] if y.shape == (n, 1) else y, (n,), "y", path)
    length = _shaped(arrays.get("lengths", np.full(n, T)), (n,), "lengths", path)
    wrong = length.dtype.kind not in "iu" or (length < 1) | (length > T)
    if np.any(wrong):
        raise DataError(f"{path}: lengths: expected whole numbers from 1 to {T}")
    padding_NT = np.arange(T) >= length[:, None]
    if padding_NT.any():
        x_NTD = np.where(padding_NT[:, :, None], 0, x_NTD)
    _check_finite(x_NTD.reshape(x.shape), "x", path)
    if fields.kind in VALUES:
        _check_finite(y, "y", path)
    return Examples(
        x_N=x_NTD.reshape(n * T, -1),
        target=y,
        start_S=np.arange(n) * T,
        length_S=length.astype(np.int64),
        part_S=_npz_part(arrays, n, path),
    )


def _npz_series(arrays: dict[str, np.ndarray], x: np.ndarray, fields: Fields) -> Examples:
    """Return the windows of a series x, (N,) or (N, D), that end before values of y or x."""
    path = fields.path
    if x.ndim not in (1, 2) or not x.size:
        raise DataError(f"{path}: x: expected a series of shape (N,) or (N, D), got {x.shape}")
    x_N = x.reshape(len(x), -1)
    if "lengths" in arrays:
        raise DataError(f"{path}: lengths: expected none for a single series")
    if "y" not in arrays and x_N.shape[1] > 1:
        raise DataError(
            f"{path}: y: expected the series (N,) to forecast, since x has {x_N.shape[1]} columns"
        )
    y = arrays.get("y", x_N[:, 0])
    y = _shaped(y[:, 0] if y.shape == (len(x), 1) else y, (len(x),), "y", path)
    for array, name in ((x, "x"), (y, "y")):
        _check_finite(array, name, path)
    return windows(x_N, y, _npz_part(arrays, len(x), path), fields)


def _required(arrays: dict[str, np.ndarray], name: str, path: str) -> np.ndarray:
    if name not in arrays:
        raise DataError(f"{path}: {name}: expected an array of this name, got none")
    return arrays[name]


def _shaped(array: np.ndarray, shape: tuple[int, ...], name: str, path: str) -> np.ndarray:
    if array.shape != shape:
        raise DataError(f"{path}: {name}: expected shape {shape}, got {array.shape}")
    return array


def _check_finite(array: np.ndarray, name: str, path: str) -> None:
    if array.dtype.kind == "U":
        raise DataError(f"{path}: {name}: expected numbers, got text")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        wrong = np.argwhere(~np.isfinite(array))
        raise DataError(
            f"{path}: {name}: expected finite numbers, got {len(wrong):,} others, the first at "
            f"index {wrong[0].tolist()}"
        )


def _npz_part(arrays: dict[str, np.ndarray], n: int, path: str) -> np.ndarray | None:
    if SPLIT not in arrays:
        return None
    part = _shaped(arrays[SPLIT], (n,), SPLIT, path)
    return _part_numbers(part, lambda k: f"{path}: {SPLIT} at index {k}")


def _part_numbers(given: np.ndarray, place: Callable[[int], str]) -> np.ndarray:
    """Return the numbers of parts given by number or name."""
    known = {key: k for k, name in enumerate(PARTS) for key in (k, str(k), name)}
    distinct, index = np.unique(given, return_inverse=True)
    for k, one in enumerate(distinct.tolist()):
        if one not in known:
            first = int(np.flatnonzero(index == k)[0])
            raise DataError(
                f"{place(first)}: expected train, validation or test, or 0, 1 or 2, got {one!r:.40}"
            )
    return np.array([known[one] for one in distinct.tolist()], np.int64)[index]


# CSV


def csv_examples(file: CsvFile, fields: Fields) -> Examples:
    """Return the examples of a CSV file.

    Raises:
      DataError: a column is missing, or a value is missing or not of its type.
    """
    for name in (fields.target, fields.sequence):
        if name and name not in file.cells:
            raise _unknown_column(name, file)
    usable = [name for name in file.cells if name not in ("", SPLIT, fields.sequence)]
    if not usable:
        raise DataError(f"{file.path}: expected a column of targets, got none")
    target = fields.target or usable[-1]
    names = _input_columns(file, fields, target, usable)
    x_N = np.stack([file.numbers(name) for name in names], axis=1)
    y_N = file.numbers(target) if fields.kind in VALUES else file.texts(target)
    part_N = None
    if SPLIT in file.cells:
        place = f"{file.path}: line {{}}, column {SPLIT!r}"
        part_N = _part_numbers(file.texts(SPLIT), lambda row: place.format(file.lines[row]))

    if fields.sequence:
        found = _grouped(x_N, y_N, part_N, file, fields)
    else:
        found = windows(x_N, y_N, part_N, fields)
    return found._replace(inputs=tuple(names), target_name=target)


def _input_columns(file: CsvFile, fields: Fields, target: str, usable: Sequence[str]) -> list[str]:
    """Return the names of the columns that are inputs."""
    own = () if fields.kind == "forecasting" else (target,)
    if fields.columns:
        names = fields.columns.split("+")
        for name in names:
            if name not in file.cells:
                raise _unknown_column(name, file)
            if name not in usable or name in own or names.count(name) > 1:
                raise DataError(
                    f"{file.path}: columns: expected inputs, each once, without target, split and "
                    f"sequence, got {name!r}"
                )
        return names
    candidates = [name for name in usable if name not in own]
    names = [name for name in candidates if file.has_numbers(name)]
    if not names:
        raise DataError(f"{file.path}: expected a column of numbers beside {target!r}, got none")
    if len(names) < len(candidates):
        texts = ", ".join(
            f"{name} ({file.cells[name][0]:.20})" for name in candidates if name not in names
        )
        warnings.warn(
            f"{file.path}: columns of text are no inputs: {texts}", DataWarning, stacklevel=2
        )
    return names


def _unknown_column(name: str, file: CsvFile) -> DataError:
    near = difflib.get_close_matches(name, file.cells, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    if "," in name:
        hint = "; names are joined by +"
    known = ", ".join([known for known in file.cells if known][:20])
    return DataError(f"{file.path}: no column {name[:40]!r}{hint}; columns: {known}")


def _grouped(
    x_N: np.ndarray, y_N: np.ndarray, part_N: np.ndarray | None, file: CsvFile, fields: Fields
) -> Examples:
    """Return the sequences of rows with equal values in the column ``sequence``."""
    numbers: dict[str, int] = {}
    own_N = np.array([numbers.setdefault(v, len(numbers)) for v in file.texts(fields.sequence)])
    order_N = np.argsort(own_N, kind="stable")
    length = np.bincount(own_N)
    start = np.cumsum(length) - length
    last = start + length - 1
    if (returns := np.flatnonzero(np.diff(own_N) < 0)).size:  # numbers are by first occurrence
        row = int(returns[0]) + 1
        name = file.texts(fields.sequence)[row]
        warnings.warn(
            f"{file.path}: line {file.lines[row]}: the rows of sequence {name!r} are not together; "
            "they are joined in the order of the file",
            DataWarning,
            stacklevel=2,
        )
    y_N = y_N[order_N]
    part = None
    if part_N is not None:
        part = part_N[order_N][start]
        if (mixed := np.flatnonzero(np.repeat(part, length) != part_N[order_N])).size:
            line = file.lines[int(order_N[mixed[0]])]
            raise DataError(
                f"{file.path}: line {line}, column {SPLIT!r}: expected one part for each sequence"
            )
    return Examples(
        x_N=x_N[order_N],
        target=y_N if fields.kind == "labelling" else y_N[last],
        start_S=start,
        length_S=length,
        part_S=part,
    )


# Windows


def windows(
    x_N: np.ndarray, y_N: np.ndarray, part_N: np.ndarray | None, fields: Fields
) -> Examples:
    """Return windows of one series: overlapping, or for labels at every step side by side.

    The target is that of the window's last row, or ``horizon`` rows later. A window belongs to the
    part of its target.

    Raises:
      DataError: there are too few rows, or the parts do not follow each other in time.
    """
    if part_N is not None and (np.diff(part_N) < 0).any():
        raise DataError(
            f"{fields.path}: {SPLIT}: expected training rows, then validation, then test rows, "
            "since windows overlap"
        )
    T, N = fields.window, len(x_N)
    ahead = fields.horizon if fields.kind == "forecasting" else 0
    if T + ahead > N:
        raise DataError(
            f"{fields.path}: expected at least window + horizon = {T + ahead} rows, got {N}"
            if ahead
            else f"{fields.path}: expected at least window = {T} rows, got {N}"
        )
    if fields.kind == "labelling":
        blocks = [0, N] if part_N is None else [*np.searchsorted(part_N, range(3)), N]
        pairs = itertools.pairwise(blocks)
        start = np.concatenate([np.arange(a, b - T + 1, T) for a, b in pairs])
        target, last = y_N, None
    else:
        start = np.arange(N - T - ahead + 1)
        target = y_N[start + T - 1 + ahead]
        last = y_N[start + T - 1] if ahead else None
    return Examples(
        x_N=x_N,
        target=target,
        start_S=start,
        length_S=np.full(len(start), T),
        part_S=None if part_N is None else part_N[start + T - 1 + ahead],
        last_S=last,
        windows=True,
    )
