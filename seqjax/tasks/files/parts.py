"""Parts, classes and scales of the sequences of a file of one's own."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from seqjax.data.csv_files import NUMBER
from seqjax.data.folder import DataError
from seqjax.data.parts import stratified_order
from seqjax.tasks.base import PARTS
from seqjax.tasks.files.examples import SPLIT, VALUES, Examples, Fields
from seqjax.tasks.files.rows import check_classes, check_counters, check_rows
from seqjax.tasks.part_warnings import warn_of_repeats
from seqjax.types import FLOAT32_MAX

SHARES = (0.7, 0.85)
"""Ends of training and validation, as shares of the sequences in their order."""
MOST_CLASSES = 1000
MISSING = {"nan", "NaN", "<NA>", "NaT"}
"""Texts that pandas and NumPy write for missing values."""
PIECE = 2**16
"""Rows that are standardised at once, in float64."""
SMALLEST_UNIT, LARGEST_UNIT = 1e-15, 1e15
"""Bounds of the targets' standard deviation, whose square is a float32."""


class Prepared(NamedTuple):
    """Sequences of a file, ready for training.

    Attributes:
      x_N: (N, D) float32 inputs of all rows, standardised.
      y: (S,) or, for a label at every step, (N,): float32 values, standardised, or int32 classes.
      start_S, length_S: first row and number of rows of each sequence.
      numbers: numbers of the sequences of training, validation and test.
      classes: names of the classes; empty for values.
      unit: the number by which values were divided; 1 for classes.
      last_S: last known value before each forecast, standardised, or None.
      inputs, target_name: names of the columns, if they have any.
    """

    x_N: np.ndarray
    y: np.ndarray
    start_S: np.ndarray
    length_S: np.ndarray
    numbers: list[np.ndarray]
    classes: tuple[str, ...]
    unit: float
    last_S: np.ndarray | None
    inputs: tuple[str, ...] = ()
    target_name: str = ""


def prepare(examples: Examples, fields: Fields) -> Prepared:
    """Return the sequences with inputs and values standardised by the training part.

    Raises:
      DataError: a part is empty, targets do not differ, or numbers are too large.
    """
    y, classes = examples.target, ()
    if fields.kind not in VALUES:
        y, classes = _classes(examples, fields)
    by_class = y if fields.kind == "classification" else None
    numbers = split(examples, by_class, fields)
    train_N = rows_of(examples, numbers[0])
    labels = fields.kind == "labelling"
    y_train = y[train_N] if labels else y[numbers[0]]
    if np.ptp(y_train) == 0:
        one = classes[y_train[0]] if classes else y_train[0]
        raise DataError(
            f"{fields.path}: targets: expected different ones in the training part, got only {one}"
        )
    if classes:
        groups = [rows_of(examples, part) if labels else part for part in numbers]
        check_classes(y, groups, classes, fields, examples.windows)
    unit, last = 1.0, examples.last_S
    if not classes:
        (y, last), unit = _standardised_values([y, last], y_train, fields)
    mean, deviation = scale_of(examples.x_N[train_N]) if fields.standardise else (0.0, 1.0)
    x = _as_float32(examples.x_N, mean, deviation, "inputs", fields)
    check_rows(examples, y, fields)
    check_counters(examples, fields)
    if not examples.windows:
        _warn_of_repeats(x, y, examples, numbers, fields)
    return Prepared(
        x_N=x,
        y=y,
        start_S=examples.start_S,
        length_S=examples.length_S,
        numbers=numbers,
        classes=classes,
        unit=unit,
        last_S=last,
        inputs=examples.inputs,
        target_name=examples.target_name,
    )


def _warn_of_repeats(
    x_N: np.ndarray,
    y: np.ndarray,
    examples: Examples,
    numbers: Sequence[np.ndarray],
    fields: Fields,
) -> None:
    """Warn of sequences that occur in two parts; windows of a series may be alike."""

    def sequences(part: np.ndarray) -> Iterator[int]:
        for k in part:
            rows = slice(examples.start_S[k], examples.start_S[k] + examples.length_S[k])
            target = y[rows] if fields.kind == "labelling" else y[k]
            yield hash((x_N[rows].tobytes(), target.tobytes()))

    parts = zip(PARTS, map(sequences, numbers), strict=True)
    warn_of_repeats(fields.path, dict(parts))


def _standardised_values(
    arrays: list[np.ndarray | None], y_train: np.ndarray, fields: Fields
) -> tuple[list[np.ndarray | None], float]:
    """Return arrays of values as float32, and the number by which they were divided."""
    mean, deviation = scale_of(y_train)
    if not SMALLEST_UNIT <= deviation <= LARGEST_UNIT:
        raise DataError(
            f"{fields.path}: targets: expected a standard deviation from {SMALLEST_UNIT:g} to "
            f"{LARGEST_UNIT:g} in the training part, got {deviation:g}; use another unit"
        )
    if not fields.standardise:
        mean, deviation = 0.0, 1.0
    scaled = [
        None if values is None else _as_float32(values, mean, deviation, "targets", fields)
        for values in arrays
    ]
    return scaled, float(deviation)


def _as_float32(
    values: np.ndarray,
    mean: np.ndarray | float,
    deviation: np.ndarray | float,
    name: str,
    fields: Fields,
) -> np.ndarray:
    """Return (values - mean) / deviation."""
    scaled = np.empty(values.shape, np.float32)
    known = bool(np.isfinite(deviation).all())
    for first in range(0, len(values), PIECE):
        piece = slice(first, first + PIECE)
        with np.errstate(over="ignore", invalid="ignore"):
            precise = (values[piece].astype(np.float64) - mean) / deviation
            known &= bool(np.max(np.abs(precise)) <= FLOAT32_MAX)
            scaled[piece] = precise
    if not known:
        raise DataError(f"{fields.path}: {name}: expected numbers that float32 holds")
    return scaled


def split(examples: Examples, classes_S: np.ndarray | None, fields: Fields) -> list[np.ndarray]:
    """Return the numbers of the sequences of each part.

    Args:
      examples: the sequences.
      classes_S: class of each sequence, if random parts should have proportional classes.
      fields: fields of the task.

    Raises:
      DataError: a part is empty, or the file assigns no parts although ``split`` says so.
    """
    how, n = fields.split, len(examples.start_S)
    if how == "auto":
        ordered = "chronological" if examples.windows else "random"
        how = ordered if examples.part_S is None else "given"
    if how == "given":
        if examples.part_S is None:
            raise DataError(f"{fields.path}: {SPLIT}: expected an array or column of this name")
        parts = [np.flatnonzero(examples.part_S == k) for k in range(len(PARTS))]
    else:
        order = np.arange(n)
        if how == "random":
            random = np.random.RandomState(0)  # the legacy generator, whose stream is frozen
            order = random.permutation(n) if classes_S is None else stratified_order(classes_S)
        parts = np.split(order, [int(share * n) for share in SHARES])
    if not all(part.size for part in parts):
        counts = "/".join(str(part.size) for part in parts)
        raise DataError(
            f"{fields.path}: expected examples in each part, got {counts} for {'/'.join(PARTS)}"
        )
    return [part.astype(np.int32) for part in parts]


def rows_of(examples: Examples | Prepared, numbers: np.ndarray) -> np.ndarray:
    """Return (N,) True for rows of some of the sequences."""
    change = np.zeros(len(examples.x_N) + 1, np.int64)
    np.add.at(change, examples.start_S[numbers], 1)
    np.add.at(change, examples.start_S[numbers] + examples.length_S[numbers], -1)
    return np.cumsum(change[:-1]) > 0


def numbered_classes(labels: np.ndarray, path: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the class 0 … V - 1 of each label, and the names of the classes in order.

    Texts that are numbers are ordered as numbers.

    >>> numbered_classes(np.array(["10", "9", "9.0"]), "a.csv")
    (array([1, 0, 0], dtype=int32), ('9', '10'))

    Raises:
      DataError: numbers that are not whole, a missing class, a single one, or too many.
    """
    known, index = np.unique(labels, return_inverse=True)
    index = index.reshape(-1)
    if known.dtype.kind in "UO" and all(NUMBER.fullmatch(text) for text in known.tolist()):
        known, again = np.unique([float(text) for text in known.tolist()], return_inverse=True)
        index = again[index]
    names = list(map(str, known.tolist()))
    if known.dtype.kind not in "UO":
        whole = np.isfinite(known) & (known == np.floor(known))
        if not whole.all():
            got = known[~whole][0]
            raise DataError(f"{path}: targets: expected whole numbers or text, got {got}")
        names = [str(int(number)) for number in known.tolist()]
    if missing := MISSING.intersection(names):
        raise DataError(f"{path}: targets: expected a class everywhere, got {min(missing)!r}")
    if not 2 <= len(known) <= MOST_CLASSES:
        raise DataError(
            f"{path}: targets: expected 2 to {MOST_CLASSES:,} classes, got {len(known):,}"
        )
    return index.astype(np.int32), tuple(names)


def _classes(examples: Examples, fields: Fields) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the class of each sequence or row, 0 for rows outside of sequences, and the names."""
    if fields.kind == "classification":
        return numbered_classes(examples.target, fields.path)
    used_N = rows_of(examples, np.arange(len(examples.start_S)))
    y = np.zeros(len(used_N), np.int32)
    y[used_N], classes = numbered_classes(examples.target[used_N], fields.path)
    return y, classes


def scale_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation over the first axis, 1 for equal values.

    >>> scale_of(np.array([[0.1, 1.0], [0.1, 3.0], [0.1, 2.0], [0.1, 2.0]]))[1].round(4).tolist()
    [1.0, 0.7071]
    """

    def mean_of(function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        pieces = (values[first : first + PIECE] for first in range(0, len(values), PIECE))
        sums = [function(piece.astype(np.float64)).sum(axis=0) for piece in pieces]
        return np.sum(sums, axis=0) / len(values)

    with np.errstate(over="ignore", invalid="ignore"):
        mean = mean_of(lambda piece: piece)
        deviation = np.sqrt(mean_of(lambda piece: (piece - mean) ** 2))
    equal = values.max(axis=0) == values.min(axis=0)  # where rounding leaves a deviation above 0
    return mean, np.where(equal, 1.0, deviation)
