"""Baselines of a file of one's own: constant, persistence, linear."""

from collections.abc import Callable

import numpy as np

from seqjax.baselines import classical
from seqjax.tasks.files.parts import Prepared, rows_of

MOST_FEATURES = 1000
MOST_ELEMENTS = 2**25
"""Bounds on the features of the linear baseline, and on their number times that of examples."""
DIGITS = 6
"""Significant digits of a baseline, which rounding errors of a matrix product do not reach."""


def baselines(prepared: Prepared, every_step: bool) -> dict[str, float]:
    """Return the mean squared error, or the accuracy, of each baseline on the test part.

    "mean" and "most frequent" are constants of the training part; "persistence" repeats the last
    known value of a forecast; "linear" is ridge regression, for classes on one-hot targets, whose
    penalty is selected on validation. Its features are all steps of a sequence; the last step and
    the mean over steps, if there are more than 1,000 or lengths differ; or the step itself for
    labels at every step. It is left out where it would be large.
    """
    groups = _groups(prepared, every_step)
    train, validation, test = (prepared.y[group] for group in groups)
    classes = len(prepared.classes)
    found = {"most frequent" if classes else "mean": _constant(train, test, classes)}
    if prepared.last_S is not None:
        found["persistence"] = _errors(prepared.last_S[prepared.numbers[2]][:, None], test)
    features = _features(prepared, every_step)
    if features is not None and _fits(classes, len(train)):
        x = [features(group) for group in groups]
        targets = np.eye(classes)[train] if classes else train[:, None].astype(np.float64)
        predicted = classical.ridge(x[0], targets, x[1:], lambda p: _errors(p, validation))
        found["linear"] = _errors(predicted, test)
    return {name: _metric(error, prepared) for name, error in found.items()}


def constant(prepared: Prepared, every_step: bool) -> float:
    """Return the test metric of the training mean or, for classes, the most frequent class."""
    train, _, test = (prepared.y[group] for group in _groups(prepared, every_step))
    return _metric(_constant(train, test, len(prepared.classes)), prepared)


def _groups(prepared: Prepared, every_step: bool) -> list[np.ndarray]:
    """Return indices of the targets of each part."""
    return [rows_of(prepared, k) if every_step else k for k in prepared.numbers]


def _constant(train: np.ndarray, test: np.ndarray, classes: int) -> float:
    """Return the error of the best constant of the training targets on the test targets."""
    if classes:
        return _errors(np.eye(classes)[[np.bincount(train).argmax()]], test)
    return _errors(np.full((1, 1), train.mean(dtype=np.float64)), test)


def _metric(error: float, prepared: Prepared) -> float:
    return _rounded(1 - error if prepared.classes else error * prepared.unit**2)


def _errors(predicted: np.ndarray, y: np.ndarray) -> float:
    """Return the share of wrong classes, or the mean squared error of values.

    Args:
      predicted: (n, V) scores, or (n, 1) values; n is 1 for a constant.
      y: classes as integers, or values.
    """
    if y.dtype.kind == "i":
        return float(np.mean(np.argmax(predicted, axis=1) != y))
    return float(np.mean((predicted[:, 0].astype(np.float64) - y) ** 2))


def _features(prepared: Prepared, every_step: bool) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return a function from sequences, or rows, to features (N, F); None if these are too many."""
    x_N, start_S, length_S = prepared.x_N, prepared.start_S, prepared.length_S
    D, T, S = x_N.shape[1], int(length_S.max()), max(map(len, prepared.numbers))
    if every_step:
        return (lambda rows: x_N[rows].astype(np.float64)) if _fits(D, len(x_N)) else None
    if np.ptp(length_S) == 0 and _fits(T * D, S):
        step_T = np.arange(T)
        return lambda k: x_N[start_S[k, None] + step_T].reshape(len(k), -1).astype(np.float64)
    if not _fits(2 * D, max(S, len(x_N))):
        return None
    before = np.concatenate([np.zeros((1, D)), np.cumsum(x_N, axis=0, dtype=np.float64)])

    def last_and_mean(k: np.ndarray) -> np.ndarray:
        end = start_S[k] + length_S[k]
        mean = (before[end] - before[start_S[k]]) / length_S[k, None]
        return np.concatenate([x_N[end - 1], mean], axis=1)

    return last_and_mean


def _fits(features: int, examples: int) -> bool:
    return features <= MOST_FEATURES and features * examples <= MOST_ELEMENTS


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
