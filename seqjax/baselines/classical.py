"""Classical baselines: classifiers of images and sequences, and forecasts.

Axes in addition to the legend of ``types``: N and M examples, S forecast steps, C classes.
"""

from collections.abc import Callable, Sequence

import numpy as np

PENALTIES = tuple(10.0**k for k in range(-6, 3))
"""Penalties of ridge regression, of features with variance 1."""


def padded(sequences: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Return sequences (T, D) as one array (N, ``length``, D), padded with zeros."""
    result = np.zeros((len(sequences), length, sequences[0].shape[1]))
    for row, x_TD in zip(result, sequences, strict=True):
        row[: len(x_TD)] = x_TD
    return result


def resampled(sequences: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Return sequences (T, D) as one array (N, ``length``, D) by linear interpolation."""
    result = np.empty((len(sequences), length, sequences[0].shape[1]))
    for row, x_TD in zip(result, sequences, strict=True):
        positions = np.linspace(0, len(x_TD) - 1, length)
        for d, x_T in enumerate(x_TD.T):
            row[:, d] = np.interp(positions, np.arange(len(x_TD)), x_T)
    return result


def euclidean(a_NTD: np.ndarray, b_MTD: np.ndarray) -> np.ndarray:
    """Return (N, M) squared Euclidean distances between sequences of equal length."""
    return _squared(a_NTD.reshape(len(a_NTD), -1), b_MTD.reshape(len(b_MTD), -1))


def _squared(a_ND: np.ndarray, b_MD: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(a_ND, b_MD, "sqeuclidean")


def warped(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> np.ndarray:
    """Return (N, M) distances under dynamic time warping without a window.

        c(i, j) = ‖a_i - b_j‖² + min(c(i-1, j), c(i, j-1), c(i-1, j-1))

    All features are warped alike. None of the required packages implements it.

    Args:
      a, b: N and M sequences (T, D) with T >= 1; T may differ.

    Returns:
      c at the last step of both sequences, a sum of squares without the square root.

    Source: H. Sakoe and S. Chiba, IEEE Transactions on ASSP 26, 1978.
    """
    ends_N, ends_M = (np.array([len(x_TD) - 1 for x_TD in x]) for x in (a, b))
    a_NTD, b_MTD = (padded(x, max(map(len, x))) for x in (a, b))
    shape = (len(a), len(b))
    result, infinite = np.empty(shape), np.full(shape, np.inf)
    above = [infinite] * b_MTD.shape[1]
    for i in range(a_NTD.shape[1]):
        row: list[np.ndarray] = []
        for j in range(b_MTD.shape[1]):
            corner = above[j - 1] if j else infinite
            least = np.minimum(np.minimum(above[j], row[-1] if j else infinite), corner)
            cost = _squared(a_NTD[:, i], b_MTD[:, j])
            row.append(cost + (least if i or j else 0))
            ends = np.ix_(ends_N == i, ends_M == j)
            result[ends] = row[-1][ends]
        above = row
    return result


def warped_apart(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> np.ndarray:
    """Return (N, M) sums over features of ``warped`` distances of single features."""
    D = a[0].shape[1]
    return sum(warped(*([x[:, d : d + 1] for x in part] for part in (a, b))) for d in range(D))


def nearest_class(distance_NM: np.ndarray, classes_M: np.ndarray) -> np.ndarray:
    """Return (N,) the class of the nearest of M examples; ties go to the first."""
    return classes_M[np.argmin(distance_NM, axis=1)]


def logistic_regression(
    x_ND: np.ndarray, classes_N: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit multinomial logistic regression by L-BFGS.

        minimise  -Σ_n ln softmax(x_n W + b)[class_n] + ‖W‖² / (2 penalty)

    The problem is convex; ``penalty`` is scikit-learn's C.

    Args:
      x_ND: features.
      classes_N: classes, 0 … C - 1.
      penalty: inverse strength of the regularisation, positive.

    Returns:
      The weights W (D, C) and the biases b (C,).
    """
    from scipy.optimize import minimize

    shape = (x_ND.shape[1] + 1, int(classes_N.max()) + 1)
    features = np.concatenate([x_ND, np.ones((len(x_ND), 1))], axis=1)
    one_hot_NC = np.eye(shape[1])[classes_N]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w_DC = flat.reshape(shape)
        logits_NC = features @ w_DC
        logits_NC -= logits_NC.max(axis=1, keepdims=True)
        log_p_NC = logits_NC - np.log(np.exp(logits_NC).sum(axis=1, keepdims=True))
        decay_DC = np.concatenate([w_DC[:-1], np.zeros((1, shape[1]))]) / penalty
        loss = -np.sum(log_p_NC[one_hot_NC > 0]) + np.sum(decay_DC * w_DC) / 2
        gradient_DC = features.T @ (np.exp(log_p_NC) - one_hot_NC) + decay_DC
        return loss / len(x_ND), gradient_DC.ravel() / len(x_ND)

    options = {"maxiter": 2000, "gtol": 1e-4, "ftol": 1e-14}
    start = np.zeros(np.prod(shape))
    w_DC = minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x.reshape(shape)
    return w_DC[:-1], w_DC[-1]


def ridge(
    train_NF: np.ndarray,
    y_NC: np.ndarray,
    others: Sequence[np.ndarray],
    error: Callable[[np.ndarray], float],
) -> np.ndarray:
    """Return predictions of ridge regression on standardised features.

        W = (XᵀX + λ N I)⁻¹ Xᵀ y,     λ in ``PENALTIES``

    Args:
      train_NF: features of N training examples; means and deviations are theirs.
      y_NC: their targets, one column each.
      others: features of validation and of test.
      error: error of predictions on validation, which λ minimises.

    Returns:
      Predictions on the test, one column for each target.
    """
    mean_F, deviation_F = np.mean(train_NF, axis=0), np.std(train_NF, axis=0)
    scale_F = np.where(deviation_F > 0, deviation_F, 1)
    x, validation, test = ((part - mean_F) / scale_F for part in (train_NF, *others))
    centre_C = np.mean(y_NC, axis=0)
    value_F, vector_FF = np.linalg.eigh(x.T @ x / len(x))
    projected_FC = vector_FF.T @ (x.T @ (y_NC - centre_C)) / len(x)

    def weights(penalty: float) -> np.ndarray:
        return vector_FF @ (projected_FC / (np.maximum(value_F, 0) + penalty)[:, None])

    errors = [error(validation @ weights(penalty) + centre_C) for penalty in PENALTIES]
    return test @ weights(PENALTIES[int(np.argmin(errors))]) + centre_C


def persistence(series_N: np.ndarray, steps_S: np.ndarray, horizon: int) -> np.ndarray:
    """Return (S,) the value ``horizon`` steps before each step: x_{t-h}."""
    return series_N[steps_S - horizon]


def seasonal_naive(
    series_N: np.ndarray, steps_S: np.ndarray, horizon: int, season: int
) -> np.ndarray:
    """Return (S,) the latest known value at the same point of the season: x_{t-s⌈h/s⌉}.

    >>> seasonal_naive(np.arange(9), np.array([8]), horizon=4, season=3).tolist()
    [2]
    """
    return series_N[steps_S - season * -(-horizon // season)]


def seasonal_mean(
    series_N: np.ndarray, steps_S: np.ndarray, known: slice, season: int
) -> np.ndarray:
    """Return (S,) the mean of the ``known`` values at the same point of the season."""
    phase_N = np.arange(len(series_N)) % season
    means = [np.mean(series_N[known][phase_N[known] == phase]) for phase in range(season)]
    return np.array(means)[steps_S % season]


def exponential_smoothing(
    series_N: np.ndarray, steps_S: np.ndarray, horizon: int, known: slice, season: int
) -> np.ndarray:
    """Return (S,) forecasts of exponential smoothing with an additive season.

        l_t = α (x_t - s_{t-m}) + (1 - α) l_{t-1},      s_t = γ (x_t - l_{t-1}) + (1 - γ) s_{t-m}

    The forecast is l_{t-h} + s_{t-m⌈h/m⌉}. α and γ in [0, 1] and the initial level and season
    minimise the squared errors of one-step forecasts of the ``known`` values.

    Args:
      series_N: the series, whose ``known`` part starts at its first value.
      steps_S: steps to forecast, each from the values up to ``horizon`` steps earlier.
      horizon: steps ahead, h.
      known: the part that is fitted.
      season: steps of a season, m.

    Source: P. R. Winters, "Forecasting sales by exponentially weighted moving averages", 1960.
    """
    from scipy.optimize import least_squares

    def states(x_N: np.ndarray, fitted: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return one-step errors, levels and seasonal terms of each step."""
        alpha, gamma, level = fitted[:3]
        seasonal, levels, errors = list(fitted[3:]), [], []
        for t, x in enumerate(x_N):
            errors.append(x - level - seasonal[t])
            seasonal.append(gamma * (x - level) + (1 - gamma) * seasonal[t])
            level = alpha * (x - seasonal[t]) + (1 - alpha) * level
            levels.append(level)
        return np.array(errors), np.array(levels), np.array(seasonal[season:])

    first = series_N[known][:season]
    start = np.concatenate([[0.5, 0.1, first.mean()], first - first.mean()])
    lower = np.where(np.arange(len(start)) < 2, 0.0, -np.inf)
    upper = np.where(np.arange(len(start)) < 2, 1.0, np.inf)
    fit = least_squares(lambda z: states(series_N[known], z)[0], start, bounds=(lower, upper))
    _, level_N, seasonal_N = states(series_N, fit.x)
    return level_N[steps_S - horizon] + seasonal_naive(seasonal_N, steps_S, horizon, season)


def windows(series_N: np.ndarray, steps_S: np.ndarray, horizon: int, length: int) -> np.ndarray:
    """Return (S, length) the values x_{t-h-length+1} … x_{t-h} of each step t."""
    return series_N[steps_S[:, None] - horizon + np.arange(1 - length, 1)]


def autoregression(
    series_N: np.ndarray, fitted_S: np.ndarray, steps_S: np.ndarray, horizon: int, length: int
) -> np.ndarray:
    """Return (S,) w · window + b, fitted by least squares at the steps ``fitted_S``."""

    def extended(steps: np.ndarray) -> np.ndarray:
        x = windows(series_N, steps, horizon, length)
        return np.concatenate([x, np.ones((len(x), 1))], axis=1)

    weights, *_ = np.linalg.lstsq(extended(fitted_S), series_N[fitted_S])
    return extended(steps_S) @ weights
