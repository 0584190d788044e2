"""Baselines on hand-computed cases; warping against all paths; optima of the fits."""

import functools

import numpy as np
import pytest

from seqjax.baselines import classical


def column(*values):
    return np.array(values, np.float64)[:, None]


def every_path(a_TD, b_TD):
    """Return the least cost over all warping paths, by recursion."""

    @functools.cache
    def cost(i, j):
        here = float(np.sum((a_TD[i] - b_TD[j]) ** 2))
        before = [(i - 1, j), (i, j - 1), (i - 1, j - 1)]
        ways = [cost(*place) for place in before if min(place) >= 0]
        return here + min(ways, default=0.0)

    return cost(len(a_TD) - 1, len(b_TD) - 1)


def test_padding_and_stretching():
    x = [column(1, 3), column(5, 6, 8)]
    assert classical.padded(x, 3)[..., 0].tolist() == [[1, 3, 0], [5, 6, 8]]
    assert classical.resampled(x, 3)[..., 0].tolist() == [[1, 2, 3], [5, 6, 8]]
    assert classical.resampled(x, 5)[1, :, 0].tolist() == [5, 5.5, 6, 7, 8]
    assert classical.resampled([column(7)], 2)[..., 0].tolist() == [[7, 7]]


def test_euclidean_distances():
    a, b = np.array([[[0.0], [3]]]), np.array([[[0.0], [3]], [[4.0], [0]]])
    assert classical.euclidean(a, b).tolist() == [[0, 25]]


def test_warping_by_hand():
    """1 2 3 against 1 3: the 2 goes to either neighbour; against 1 1 2 2 3 it costs nothing."""
    a = [column(1, 2, 3)]
    assert classical.warped(a, [column(1, 3), column(1, 1, 2, 2, 3), column(0)]).tolist() == [
        [1, 0, 1 + 4 + 9]
    ]


def test_warping_is_the_least_over_all_paths():
    random = np.random.default_rng(0)
    a, b = ([random.normal(size=(t, 2)) for t in lengths] for lengths in ((1, 4, 3), (5, 1, 2, 4)))
    found = classical.warped(a, b)
    expected = [[every_path(x, y) for y in b] for x in a]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(classical.warped(b, a), found.T, rtol=1e-12)
    apart = [[sum(every_path(x[:, [d]], y[:, [d]]) for d in range(2)) for y in b] for x in a]
    np.testing.assert_allclose(classical.warped_apart(a, b), apart, rtol=1e-12)
    assert np.all(classical.warped_apart(a, b) <= found + 1e-12)


def test_the_nearest_and_the_first_among_equals():
    distances = np.array([[2.0, 1, 3], [5, 4, 4]])
    assert classical.nearest_class(distances, np.array([7, 8, 9])).tolist() == [8, 8]


SERIES = np.array([1.0, 5, 2, 7, 3, 9, 4])
STEPS = np.array([5, 6])


@pytest.mark.parametrize(
    ("horizon", "last", "seasonal"), [(1, [3, 9], [7, 3]), (2, [7, 3], [7, 3]), (3, [2, 7], [5, 2])]
)
def test_forecasts_from_the_past_alone(horizon, last, seasonal):
    assert classical.persistence(SERIES, STEPS, horizon).tolist() == last
    assert classical.seasonal_naive(SERIES, STEPS, horizon, season=2).tolist() == seasonal
    windows = classical.windows(SERIES, STEPS, horizon, 2)
    assert windows[:, -1].tolist() == last
    assert windows[0].tolist() == SERIES[4 - horizon : 6 - horizon].tolist()


def test_seasonal_means_are_of_what_is_known():
    found = classical.seasonal_mean(SERIES, STEPS, slice(1, 5), season=2)
    assert found.tolist() == [(5 + 7) / 2, (2 + 3) / 2]


def objective(x, y, w, b, penalty):
    logits = x @ w + b
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).sum() + (w**2).sum() / (2 * penalty)


@pytest.mark.parametrize("penalty", [0.1, 10.0])
def test_logistic_regression_minimises_its_objective(penalty):
    """The objective is convex, so a stationary point is the minimum."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 4)), random.integers(0, 3, 60)
    w, b = classical.logistic_regression(x, y, penalty)
    assert w.shape == (4, 3) and b.shape == (3,)
    for _ in range(20):
        dw, db = random.normal(size=w.shape), random.normal(size=b.shape)
        up, down = (objective(x, y, w + e * dw, b + e * db, penalty) for e in (1e-4, -1e-4))
        assert abs(up - down) / 2e-4 < 1e-3 * len(x)
        assert up + down > 2 * objective(x, y, w, b, penalty)


@pytest.mark.parametrize("horizon", [1, 3, 5])
def test_exponential_smoothing_continues_level_and_season(horizon):
    series = 20 + np.tile([3.0, -1, -2, 0], 20)
    steps = np.arange(50, 80)
    found = classical.exponential_smoothing(series, steps, horizon, slice(0, 40), 4)
    np.testing.assert_allclose(found, series[steps], rtol=1e-5)


@pytest.mark.parametrize("horizon", [1, 3])
def test_autoregression_finds_a_linear_rule(horizon):
    """x_t = 1 + x_{t-h} / 2 - x_{t-h-1} / 4, fitted before step 30, holds after it."""
    series = list(np.random.default_rng(1).normal(size=horizon + 1))
    while len(series) < 40:
        series.append(1 + series[-horizon] / 2 - series[-horizon - 1] / 4)
    series, steps = np.array(series), np.arange(30, 40)
    found = classical.autoregression(series, np.arange(horizon + 1, 30), steps, horizon, 2)
    np.testing.assert_allclose(found, series[steps], rtol=1e-9)
