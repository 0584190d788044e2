"""Warnings of rows that windows, or parts in the order of rows, do not fit."""

import warnings

import numpy as np

from seqjax.data.folder import DataError, DataWarning
from seqjax.tasks.files.examples import Examples, Fields

FEWEST_ROWS = 100
"""Rows from which on a correlation of neighbours is looked for."""
FEWEST_MOVES = 10
"""Steps that a counter has at least; a column with fewer may mark an event."""
RELATED = 4.0
"""Correlation of neighbouring rows, in standard errors, above which rows are related."""
ALONE = (
    "rows that stand alone are sequences of their own: set task.sequence to a column that differs "
    'in each row, such as the index with to_csv(index_label="row") in pandas'
)


def check_rows(examples: Examples, y: np.ndarray, fields: Fields) -> None:
    """Warn if neither inputs nor targets correlate with the row before, although windows join them.

    A forecast is left out: a series that cannot be forecast is an answer, not a mistake.

    Args:
      examples: the sequences.
      y: values or numbers of classes, by sequence or row.
      fields: fields of the task.
    """
    if not examples.windows or fields.kind == "forecasting" or fields.window == 1:
        return
    rows = len(y)  # a target belongs to the last row of its window
    if rows < FEWEST_ROWS:
        return
    x_ND, y_N1 = _standard(examples.x_N[-rows:]), _standard(y[:, None])
    of_inputs = np.mean(x_ND[1:] * x_ND[:-1], axis=0)
    of_targets = np.mean(y_N1[1:] * np.hstack([x_ND, y_N1])[:-1], axis=0)
    largest = np.max(np.abs([*of_inputs, *of_targets])) * np.sqrt(rows)
    if largest < RELATED:
        _warn(
            f"{fields.path}: no row is correlated with the row before, although windows of "
            f"{fields.window} rows are for rows that follow each other in time; {ALONE}"
        )


def _standard(values: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and deviation 1, or 0 where all values are equal."""
    values = values.astype(np.float64)
    values -= values.mean(axis=0)
    deviation = values.std(axis=0)
    return values / np.where(deviation > 0, deviation, 1)


def check_counters(examples: Examples, fields: Fields) -> None:
    """Warn of columns that count the rows, as a year does, and so go on beyond training."""
    if not examples.windows or len(examples.x_N) < FEWEST_ROWS:
        return
    counters = [
        name
        for name, values in zip(examples.inputs, examples.x_N.T, strict=False)
        if name != examples.target_name and _counts(values)
    ]
    if counters:
        _warn(
            f"{fields.path}: inputs that count the rows, and go on beyond their values in "
            f"training: {', '.join(counters)}; task.columns selects inputs"
        )


def _counts(values: np.ndarray) -> bool:
    """Return whether values rise, or fall, by equal steps, each perhaps after equal values."""
    steps = np.diff(values)
    steps = steps[steps != 0]
    return len(steps) >= FEWEST_MOVES and bool(np.ptp(steps) <= 1e-6 * abs(steps[0]))


def check_classes(
    y: np.ndarray, groups: list[np.ndarray], classes: tuple[str, ...], fields: Fields, windows: bool
) -> None:
    """Check that the test part has several classes, and warn of those that training lacks.

    Args:
      y: classes by sequence or row.
      groups: indices of the targets of training, validation and test.
      classes: names of the classes.
      fields: fields of the task.
      windows: the parts follow each other in the order of rows.

    Raises:
      DataError: the test part has a single class, so that a constant may be right everywhere.
    """
    train, _, test = (np.unique(y[group]) for group in groups)
    hint = f"; are the rows in the order of classes? {ALONE}" if windows else ""
    if len(test) == 1:
        one = classes[test[0]]
        raise DataError(
            f"{fields.path}: targets: expected different ones in the test part, got only {one}"
            f"{hint}"
        )
    if lacks := [classes[k] for k in np.setdiff1d(test, train)]:
        names = ", ".join(lacks[:5]) + (f" and {len(lacks) - 5} more" if len(lacks) > 5 else "")
        _warn(f"{fields.path}: classes of the test part that training lacks: {names}{hint}")


def _warn(text: str) -> None:
    warnings.warn(text, DataWarning, stacklevel=2)
