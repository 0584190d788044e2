"""Intervals over few seeds, exact wherever possible, and summaries of scores. NumPy on the host.

All functions take arrays or numbers, not runs or claims. An interval includes its limits: a value
at a limit is not rejected.
"""

import functools
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

MOST_PAIRS = 20
"""Largest number n of pairs whose 2^n sign flips are enumerated: a million sums, 8 MB."""


def student_interval(x: Sequence[float], level: float) -> tuple[float, float]:
    """Mean, and half the width of its Student-t interval; NaN for a single value.

    Exact where the numbers are independent and normal.

    Args:
      x: (n,) numbers, such as the metric of each seed, or differences paired by seed.
      level: confidence level, such as .95.

    >>> mean, half_width = student_interval([1.0, 2.0, 3.0], 0.95)
    >>> round(mean, 3), round(half_width, 3)
    (2.0, 2.484)
    """
    n = len(x)
    if n < 2:
        return float(np.mean(x)), math.nan
    quantile = stats.t.ppf((1 + level) / 2, n - 1)
    return float(np.mean(x)), float(quantile * np.std(x, ddof=1) / math.sqrt(n))


def _subset_sums(d: np.ndarray) -> np.ndarray:
    """Sums of all 2^n subsets; bit i of a sum's index is 1 if the subset contains d[i]."""
    sums = np.zeros(2**d.size)
    for i, value in enumerate(d):
        np.add(sums[: 2**i], value, out=sums[2**i : 2 ** (i + 1)])
    return sums


@functools.lru_cache(maxsize=4)
def _subset_sizes(n: int) -> np.ndarray:
    return _subset_sums(np.ones(n))


def sign_flip_interval(d: np.ndarray, level: float) -> tuple[float, float]:
    """Interval of the mean of paired differences, from the exact sign-flip test.

    The test of mean 0 enumerates all signs: p = #{s in {-1, 1}^n : |Σ s_i d_i| >= |Σ d_i|} / 2^n.
    It is exact where the d_i are independent and each is symmetric about 0 (Fisher 1935, The Design
    of Experiments, §21). The interval holds the means θ that the test of d - θ does not reject.

    Flipping the set S changes the sum of e_i = d_i - θ by -2 Σ_S e_i, so that the flipped sum is at
    least the observed one where S is empty or mean_S(d) <= θ. Hence the one-sided
    p(θ) = (1 + #{S not empty : mean_S(d) <= θ}) / 2^n, and with k = ⌊2^n (1-level)/2⌋

        p(θ) <= (1 - level) / 2  <=>  #{S : mean_S(d) <= θ} <= k - 1  <=>  θ < m_(k)

    where m_(1) <= m_(2) <= … are the 2^n - 1 subset means: the limits are the k-th smallest and the
    k-th largest of them (Hartigan 1969, JASA 64).

    SciPy's ``permutation_test`` has the p-value of this test but no interval.

    Args:
      d: (n,) paired differences, n <= 20.
      level: confidence level, such as .95.

    Returns:
      The limits; (-inf, inf) where n is too small for the level, that is k = 0.

    Raises:
      ValueError: ``d`` has another shape, more than 20 numbers, or is not finite.

    >>> sign_flip_interval([3.0, 1.0, 2.0, 2.5, 1.5, 2.0], 0.95)
    (1.0, 3.0)
    """
    d = np.asarray(d, np.float64)
    if d.ndim != 1 or not 1 <= d.size <= MOST_PAIRS or not np.isfinite(d).all():
        raise ValueError(
            f"d: got shape {d.shape}, finite {np.isfinite(d).sum()}; accepted are (n,) finite "
            f"numbers with n from 1 to {MOST_PAIRS}"
        )
    k = math.floor(2**d.size * (1 - level) / 2)
    if k < 1:
        return -math.inf, math.inf
    means = _subset_sums(d)[1:] / _subset_sizes(d.size)[1:]
    means.partition([k - 1, means.size - k])
    # Rounding may move the mean of equal numbers away from them.
    least, largest = d.min(), d.max()
    lower, upper = (min(max(mean, least), largest) for mean in (means[k - 1], means[-k]))
    return float(lower), float(upper)


@functools.lru_cache(maxsize=64)
def _median_limits(n: int, level: float) -> tuple[float, float]:
    """Indices of the limits of the median among n sorted values; NaN if n is too small."""
    low, high = stats.quantile_test(np.arange(n), p=0.5).confidence_interval(level)
    return float(low), float(high)


def median_interval(x: np.ndarray, level: float) -> tuple[float, float]:
    """Interval of the median by order statistics, valid for any distribution (Thompson 1936).

    The limits are those of ``scipy.stats.quantile_test``. Their ranks depend on n alone and are
    cached.

    Args:
      x: (n,) numbers.
      level: confidence level, such as .95.

    Returns:
      The limits; (-inf, inf) where n is too small for the level.

    >>> median_interval([3.0, 1.0, 2.0, 2.5, 1.5, 9.0], 0.95)
    (1.0, 9.0)
    """
    x = np.sort(np.asarray(x, np.float64))
    low, high = _median_limits(x.size, level)
    if math.isnan(low):
        return -math.inf, math.inf
    return float(x[int(low)]), float(x[int(high)])


@functools.lru_cache(maxsize=1024)
def proportion_interval(k: int, n: int, level: float, method: str = "exact") -> tuple[float, float]:
    """Interval of a proportion with k successes in n trials, from ``scipy.stats.binomtest``.

    Args:
      k: number of successes, from 0 to n.
      n: number of trials.
      level: confidence level, such as .95.
      method: "exact" (Clopper and Pearson 1934) or "wilson".

    Raises:
      ValueError: k is not from 0 to n, or n < 1.

    >>> low, high = proportion_interval(10, 10, 0.95)
    >>> round(low, 3), high
    (0.692, 1.0)
    """
    interval = stats.binomtest(k, n).proportion_ci(level, method)
    return float(interval.low), float(interval.high)


def difference_of_proportions(
    k1: int, n1: int, k2: int, n2: int, level: float
) -> tuple[float, float, float]:
    """k1/n1 - k2/n2 for independent samples, with Newcombe's hybrid score interval.

    With Wilson's limits l, u of each proportion, the limits are
    d - sqrt((p1 - l1)² + (u2 - p2)²) and d + sqrt((u1 - p1)² + (p2 - l2)²)
    (Newcombe 1998, Statistics in Medicine 17, method 10). SciPy does not have it.

    Returns:
      The difference, its lower and its upper limit.
    """
    p1, p2 = k1 / n1, k2 / n2
    l1, u1 = proportion_interval(k1, n1, level, "wilson")
    l2, u2 = proportion_interval(k2, n2, level, "wilson")
    lower = p1 - p2 - math.hypot(p1 - l1, u2 - p2)
    return p1 - p2, lower, p1 - p2 + math.hypot(u1 - p1, p2 - l2)


def interquartile_mean(x: np.ndarray) -> float:
    """Mean without the ⌊n/4⌋ smallest and the ⌊n/4⌋ largest numbers (Agarwal et al. 2021).

    >>> interquartile_mean([9.0, 0.0, 2.0, 1.0])
    1.5
    """
    return float(stats.trim_mean(x, 0.25))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation within pairs; NaN if a or b is constant.

    Pairs with a number that is not finite are left out. ``scipy.stats.pearsonr`` warns about nearly
    constant arrays, and takes a hundred times as long for its p-value.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    # Before the mean is subtracted, because rounding then makes equal numbers differ.
    if a.size < 2 or a.min() == a.max() or b.min() == b.max():
        return math.nan
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def steps_to_criterion(steps: Sequence[int | None]) -> float:
    """Median number of steps to a criterion; None is a run that never reached it.

    Such a run is censored: it needs more steps than it was trained for. The median is therefore inf
    if at least half of the runs are censored.

    >>> steps_to_criterion([300, None, 100]), steps_to_criterion([300, None])
    (300.0, inf)
    """
    return float(statistics.median(math.inf if step is None else step for step in steps))


@functools.lru_cache(maxsize=4)
def _resampling_weights(n: int, draws: int, seed: int) -> np.ndarray:
    """(n, draws) weights of the mean of each bootstrap resample of n seeds."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), draws).T / n


def orders(scores: Mapping[str, np.ndarray], draws: int = 1000, seed: int = 0) -> dict[str, float]:
    """Bootstrap shares of each order of the arms' means.

    Each resample draws n seeds with replacement, the same ones for every arm. SciPy's ``bootstrap``
    gives intervals of one statistic, not the frequencies of rankings.

    Args:
      scores: (n,) numbers by arm, in one order of the seeds.
      draws: number of resamples.
      seed: seed of the random number generator.

    Returns:
      Shares by order, the most frequent first; an order reads "a > b = c".

    >>> orders({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    {'b > a': 1.0}
    """
    names = list(scores)
    x_AN = np.asarray([scores[name] for name in names], np.float64)
    means_AR = x_AN @ _resampling_weights(x_AN.shape[1], draws, seed)
    means_AR = np.round(means_AR, 12)  # the same seeds summed in another order are a tie
    ranked_AR = np.argsort(-means_AR, axis=0, kind="stable")
    tied_R = np.diff(np.take_along_axis(means_AR, ranked_AR, axis=0), axis=0) == 0
    # Each order with its ties as one number, as np.unique is faster on numbers than on columns.
    digits = np.concatenate([ranked_AR, tied_R.astype(ranked_AR.dtype)])
    codes_R = (max(len(names), 2) ** np.arange(len(digits))) @ digits
    _, first, counts = np.unique(codes_R, return_index=True, return_counts=True)
    shares: Counter[str] = Counter()
    for r, count in zip(first, counts, strict=True):
        shares[_order([names[a] for a in ranked_AR[:, r]], tied_R[:, r])] += int(count) / draws
    return dict(shares.most_common())


def _order(ranked: Sequence[str], tied: np.ndarray) -> str:
    """An order as "a > b = c"; ties are sorted by name."""
    groups = [[ranked[0]]]
    for name, same in zip(ranked[1:], tied, strict=True):
        if same:
            groups[-1].append(name)
        else:
            groups.append([name])
    return " > ".join(" = ".join(sorted(group)) for group in groups)
