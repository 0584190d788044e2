"""What needs no network: nearest neighbours among sequences, and usual forecasts of a series.

Axes beside the legend of ``types``: N and M sequences, S steps that a series is forecast at.
"""

from collections.abc import Sequence

import numpy as np


def padded(sequences: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Sequences (T, D) as one (N, ``length``, D), zeros behind the last step of each."""
    made = np.zeros((len(sequences), length, sequences[0].shape[1]))
    for row, x_TD in zip(made, sequences, strict=True):
        row[: len(x_TD)] = x_TD
    return made


def resampled(sequences: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Sequences (T, D) as one (N, ``length``, D), each stretched by linear interpolation."""
    made = np.empty((len(sequences), length, sequences[0].shape[1]))
    for row, x_TD in zip(made, sequences, strict=True):
        at = np.linspace(0, len(x_TD) - 1, length)
        for d, x_T in enumerate(x_TD.T):
            row[:, d] = np.interp(at, np.arange(len(x_TD)), x_T)
    return made


def euclidean(a_NTD: np.ndarray, b_MTD: np.ndarray) -> np.ndarray:
    """(N, M) squared Euclidean distances between sequences of one length."""
    return _squared(a_NTD.reshape(len(a_NTD), -1), b_MTD.reshape(len(b_MTD), -1))


def _squared(a_ND: np.ndarray, b_MD: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist  # heavy, and only this needs it

    return cdist(a_ND, b_MD, "sqeuclidean")


def warped(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> np.ndarray:
    """(N, M) distances under dynamic time warping without a window, all features warped alike.

        c(i, j) = ‖a_i - b_j‖² + min(c(i-1, j), c(i, j-1), c(i-1, j-1))

    Args:
      a, b: N and M sequences (T, D) of 1 step or more, T their own.

    Returns:
      c at the last step of both: a sum of squares, of which no root is taken.

    Source: H. Sakoe and S. Chiba, IEEE Transactions on ASSP 26, 1978.
    """
    ends_N, ends_M = (np.array([len(x_TD) - 1 for x_TD in x]) for x in (a, b))
    a_NTD, b_MTD = (padded(x, max(map(len, x))) for x in (a, b))
    shape = (len(a), len(b))
    found, nothing = np.empty(shape), np.full(shape, np.inf)
    above = [nothing] * b_MTD.shape[1]
    for i in range(a_NTD.shape[1]):
        row: list[np.ndarray] = []
        for j in range(b_MTD.shape[1]):
            corner = above[j - 1] if j else nothing
            least = np.minimum(np.minimum(above[j], row[-1] if j else nothing), corner)
            cost = _squared(a_NTD[:, i], b_MTD[:, j])
            row.append(cost + (least if i or j else 0))
            here = np.ix_(ends_N == i, ends_M == j)
            found[here] = row[-1][here]
        above = row
    return found


def warped_apart(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> np.ndarray:
    """(N, M) sums over features of their distances under warping, each feature warped by itself."""
    D = a[0].shape[1]
    return sum(warped(*([x[:, d : d + 1] for x in part] for part in (a, b))) for d in range(D))


def of_nearest(distance_NM: np.ndarray, classes_M: np.ndarray) -> np.ndarray:
    """(N,) the class of the nearest of M, the first among equals."""
    return classes_M[np.argmin(distance_NM, axis=1)]


def persistence(series_N: np.ndarray, steps_S: np.ndarray, horizon: int) -> np.ndarray:
    """(S,) the last value known ``horizon`` steps before: x_{t-h}."""
    return series_N[steps_S - horizon]


def seasonal_naive(
    series_N: np.ndarray, steps_S: np.ndarray, horizon: int, season: int
) -> np.ndarray:
    """(S,) the value whole seasons before, the fewest for which it is known: x_{t-s⌈h/s⌉}.

    >>> seasonal_naive(np.arange(9), np.array([8]), horizon=4, season=3).tolist()
    [2]
    """
    return series_N[steps_S - season * -(-horizon // season)]


def seasonal_mean(
    series_N: np.ndarray, steps_S: np.ndarray, known: slice, season: int
) -> np.ndarray:
    """(S,) the mean of the ``known`` values at the same place of the season."""
    places_N = np.arange(len(series_N)) % season
    means = [np.mean(series_N[known][places_N[known] == place]) for place in range(season)]
    return np.array(means)[steps_S % season]


def windows(series_N: np.ndarray, steps_S: np.ndarray, horizon: int, length: int) -> np.ndarray:
    """(S, length) the values known ``horizon`` steps before: x_{t-h-length+1} … x_{t-h}."""
    return series_N[steps_S[:, None] - horizon + np.arange(1 - length, 1)]


def autoregression(
    series_N: np.ndarray, fitted_S: np.ndarray, steps_S: np.ndarray, horizon: int, length: int
) -> np.ndarray:
    """(S,) a linear function of a window, w · x + b, by least squares at the steps ``fitted_S``."""

    def extended(steps: np.ndarray) -> np.ndarray:
        x = windows(series_N, steps, horizon, length)
        return np.concatenate([x, np.ones((len(x), 1))], axis=1)

    weights, *_ = np.linalg.lstsq(extended(fitted_S), series_N[fitted_S])
    return extended(steps_S) @ weights
