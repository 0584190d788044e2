"""Intervals and tests over few seeds, exact wherever that can be had. NumPy on the host.

None of these functions knows what a run or a claim is. Limits belong to the interval: a value at a
limit is not rejected.
"""

import functools
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import special, stats

MOST_PAIRS = 20
"""The most pairs whose 2^n sign flips are enumerated: a million sums, eight megabytes."""

ROUNDING = 1e-12
"""Sums that are equal on paper may differ by this share of what was added."""


def _checked(d: np.ndarray) -> np.ndarray:
    d = np.asarray(d, np.float64)
    if d.ndim != 1 or not 1 <= d.size <= MOST_PAIRS or not np.all(np.isfinite(d)):
        raise ValueError(
            f"d: got shape {d.shape}, finite {np.isfinite(d).sum()}; accepted are (n,) finite "
            f"numbers with n from 1 to {MOST_PAIRS}"
        )
    return d


def _subset_sums(d: np.ndarray) -> np.ndarray:
    """The sums of all 2^n subsets; bit i of a place says whether d[i] is in it."""
    sums = np.zeros(2**d.size)
    for i, value in enumerate(d):
        np.add(sums[: 2**i], value, out=sums[2**i : 2 ** (i + 1)])
    return sums


@functools.lru_cache(maxsize=4)
def _subset_sizes(n: int) -> np.ndarray:
    return _subset_sums(np.ones(n))


def sign_flip_p(d: np.ndarray) -> float:
    """Two-sided p of the paired sign-flip test of mean 0, by enumeration.

    p = #{s in {-1, 1}^n : |Σ s_i d_i| >= |Σ d_i|} / 2^n: exact where the d_i are independent and
    each symmetric about 0 (Fisher 1935, The Design of Experiments, §21).

    Args:
      d: (n,) paired differences, n <= 20.

    Raises:
      ValueError: another shape or number, or not finite.

    >>> sign_flip_p([1.0, 2.0, 3.0])
    0.25
    """
    d = _checked(d)
    total = d.sum()
    flipped = np.abs(total - 2 * _subset_sums(d))
    return float(np.mean(flipped >= abs(total) - ROUNDING * np.abs(d).sum()))


def sign_flip_interval(d: np.ndarray, level: float) -> tuple[float, float]:
    """The interval of the mean of d that the sign-flip test does not reject.

    To test the mean θ, flip signs of e_i = d_i - θ. Flipping the set S takes 2 Σ_S e_i from the
    sum, so a flip reaches the sum that was seen where S is empty or mean_S(d) <= θ. Hence the
    one-sided p(θ) = (1 + #{S not empty : mean_S(d) <= θ}) / 2^n, and with k = ⌊2^n (1-level)/2⌋

        p(θ) <= (1 - level) / 2  <=>  #{S : mean_S(d) <= θ} <= k - 1  <=>  θ < m_(k)

    where m_(1) <= m_(2) <= … are the 2^n - 1 subset means: the limits are the k-th smallest and the
    k-th largest of them (Hartigan 1969, JASA 64). The interval moves with the data, and leaves 0
    out exactly where ``sign_flip_p(d) <= 1 - level``.

    Args:
      d: (n,) paired differences, n <= 20.
      level: of the interval, such as .95.

    Returns:
      The limits; (-inf, inf) where n is too small for the level, that is k = 0.

    Raises:
      ValueError: as ``sign_flip_p``.

    >>> sign_flip_interval([3.0, 1.0, 2.0, 2.5, 1.5, 2.0], 0.95)
    (1.0, 3.0)
    """
    d = _checked(d)
    k = math.floor(2**d.size * (1 - level) / 2)
    if k < 1:
        return -math.inf, math.inf
    means = _subset_sums(d)[1:] / _subset_sizes(d.size)[1:]
    means = np.partition(means, [k - 1, means.size - k])
    # The mean of equal numbers may be off them by rounding.
    lower, upper = np.clip(means[[k - 1, -k]], d.min(), d.max())
    return float(lower), float(upper)


def median_interval(x: np.ndarray, level: float) -> tuple[float, float]:
    """An interval of the median by order statistics, whatever the distribution.

    At most k - 1 of n values lie below the median with probability P(Bin(n, ½) < k). With the
    largest k for which that is at most (1 - level) / 2, the limits are the k-th smallest and the
    k-th largest value (Thompson 1936, Annals of Mathematical Statistics 7).

    Returns:
      The limits; (-inf, inf) where n is too small for the level.

    >>> median_interval([3.0, 1.0, 2.0, 2.5, 1.5, 9.0], 0.95)
    (1.0, 9.0)
    """
    x = np.sort(np.asarray(x, np.float64))
    below = np.cumsum([math.comb(x.size, j) for j in range(x.size + 1)]) / 2**x.size
    k = int(np.searchsorted(below, (1 - level) / 2, side="right"))
    return (float(x[k - 1]), float(x[-k])) if k else (-math.inf, math.inf)


def clopper_pearson(k: int, n: int, level: float) -> tuple[float, float]:
    """The exact interval of a share of which k of n were seen (Clopper and Pearson 1934).

    >>> low, high = clopper_pearson(10, 10, 0.95)
    >>> round(low, 3), high
    (0.692, 1.0)
    """
    if not 0 <= k <= n or n < 1:
        raise ValueError(f"k: got {k} of {n}; accepted are 0 to n, n >= 1")
    tail = (1 - level) / 2
    lower = float(special.betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    upper = float(special.betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return lower, upper


def _wilson(k: int, n: int, level: float) -> tuple[float, float]:
    z2 = float(special.ndtri((1 - level) / 2)) ** 2
    middle, half = k + z2 / 2, math.sqrt(z2 * (k * (n - k) / n + z2 / 4))
    return (middle - half) / (n + z2), (middle + half) / (n + z2)


def difference_of_shares(
    k1: int, n1: int, k2: int, n2: int, level: float
) -> tuple[float, float, float]:
    """k1/n1 - k2/n2 for independent samples, with Newcombe's hybrid score interval.

    With Wilson's limits l, u of each share, the limits are
    d - sqrt((p1 - l1)² + (u2 - p2)²) and d + sqrt((u1 - p1)² + (p2 - l2)²)
    (Newcombe 1998, Statistics in Medicine 17, method 10).

    Returns:
      The difference, its lower and its upper limit.
    """
    p1, p2 = k1 / n1, k2 / n2
    (l1, u1), (l2, u2) = _wilson(k1, n1, level), _wilson(k2, n2, level)
    lower = p1 - p2 - math.hypot(p1 - l1, u2 - p2)
    return p1 - p2, lower, p1 - p2 + math.hypot(u1 - p1, p2 - l2)


def interquartile_mean(x: np.ndarray) -> float:
    """The mean without the ⌊n/4⌋ smallest and the ⌊n/4⌋ largest (Agarwal et al. 2021).

    >>> interquartile_mean([9.0, 0.0, 2.0, 1.0])
    1.5
    """
    return float(stats.trim_mean(x, 0.25))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation within pairs; NaN where either side does not vary.

    Pairs of which one number is missing (NaN) are left out.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    # Equal numbers vary by rounding once their mean is taken off, so that is not what is asked.
    if a.size < 2 or a.min() == a.max() or b.min() == b.max():
        return math.nan
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def steps_to_criterion(steps: Sequence[int | None]) -> float:
    """The median number of steps to a criterion; None is a run that trained without reaching it.

    Such a run is censored: its time is only known to be later than all of its training, so the
    median is inf where half of the runs or more are.

    >>> steps_to_criterion([300, None, 100]), steps_to_criterion([300, None])
    (300.0, inf)
    """
    return float(np.median([math.inf if step is None else float(step) for step in steps]))


@functools.lru_cache(maxsize=4)
def _resamples(n: int, draws: int, seed: int) -> np.ndarray:
    """How often each resample takes each seed, over n: (n, draws) weights of a mean."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), draws).T / n


def orders(scores: Mapping[str, np.ndarray], draws: int = 1000, seed: int = 0) -> dict[str, float]:
    """The share of joint resamples of the seeds with each order of the arms' means.

    One resample draws n seeds with replacement and takes the same ones for every arm.

    Args:
      scores: (n,) numbers by arm, in one order of the seeds.
      draws: the number of resamples, and ``seed`` of their generator.

    Returns:
      Shares by order, the most frequent first; an order reads "a > b = c".

    >>> orders({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    {'b > a': 1.0}
    """
    names = list(scores)
    x_AN = np.asarray([scores[name] for name in names], np.float64)
    means_AR = x_AN @ _resamples(x_AN.shape[1], draws, seed)
    means_AR = np.round(means_AR, 12)  # sums in another order are equal on paper
    ranked_AR = np.argsort(-means_AR, axis=0, kind="stable")
    tied_R = np.diff(np.take_along_axis(means_AR, ranked_AR, axis=0), axis=0) == 0
    # One number an order and its ties, because unique numbers are found faster than unique columns.
    digits = np.concatenate([ranked_AR, tied_R.astype(ranked_AR.dtype)])
    codes_R = (max(len(names), 2) ** np.arange(len(digits))) @ digits
    _, first, counts = np.unique(codes_R, return_index=True, return_counts=True)
    shares: Counter[str] = Counter()
    for r, count in zip(first, counts, strict=True):
        shares[_order([names[a] for a in ranked_AR[:, r]], tied_R[:, r])] += int(count) / draws
    return dict(shares.most_common())


def _order(ranked: Sequence[str], tied: np.ndarray) -> str:
    """Reads "a > b = c"; equal ones by name, so that one order reads one way."""
    groups = [[ranked[0]]]
    for name, same in zip(ranked[1:], tied, strict=True):
        if same:
            groups[-1].append(name)
        else:
            groups.append([name])
    return " > ".join(" = ".join(sorted(group)) for group in groups)
