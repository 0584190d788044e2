"""Tests and intervals against scipy, against plain enumeration, and by how often they cover."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from seqjax.stats import intervals

RNG = np.random.default_rng(0)
SAMPLES = {
    "normal": RNG.normal(0.3, 1, 8),
    "skewed": RNG.exponential(1, 9) - 0.5,
    "ties": np.round(RNG.normal(0.1, 0.2, 10), 1),
    "zeros": np.array([0.0, 0.0, 0.3, -0.1, 0.0, 0.2, 0.0, 0.1]),
    "constant": np.full(8, 0.05),
    "all zero": np.zeros(8),
    "three": np.array([0.1, 0.2, 0.4]),
    "one": np.array([0.3]),
}


def sign_flip_p(d):
    """Two-sided p-value of mean 0, by plain enumeration of all signs."""
    signs = np.array(list(itertools.product([-1, 1], repeat=d.size)))
    return np.mean(np.round(np.abs(signs @ d), 9) >= np.round(abs(d.sum()), 9))


def test_the_oracle_agrees_with_scipy():
    for d in (SAMPLES["normal"], SAMPLES["ties"]):
        test = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
        assert sign_flip_p(d) == pytest.approx(test.pvalue, abs=1e-12)


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize("name", ["normal", "ties", "three"])
def test_students_interval_is_that_of_scipy(name, level):
    x = SAMPLES[name]
    mean, half = intervals.student_interval(x, level)
    low, high = stats.t.interval(level, len(x) - 1, np.mean(x), stats.sem(x))
    assert (mean - half, mean + half) == pytest.approx((low, high), rel=1e-12)


def test_a_single_number_has_no_interval():
    mean, half = intervals.student_interval([0.25], 0.95)
    assert mean == 0.25 and math.isnan(half)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 1 - 0.05 / 3])
@pytest.mark.parametrize("d", SAMPLES.values(), ids=SAMPLES)
def test_the_interval_is_what_the_test_does_not_reject(d, level):
    lower, upper = intervals.sign_flip_interval(d, level)
    assert lower <= d.mean() <= upper or d.size == 1
    for theta in (lower, upper):
        if math.isinf(theta):
            assert 2.0 ** (1 - d.size) > 1 - level
            continue
        step = 1e-6 if theta == upper else -1e-6
        assert sign_flip_p(d - theta) > 1 - level - 1e-9
        assert sign_flip_p(d - theta - step) <= 1 - level + 1e-9
    if math.isfinite(lower):
        inside = (lower + upper) / 2
        assert sign_flip_p(d - inside) > 1 - level - 1e-9


def test_the_interval_moves_and_turns_with_its_data():
    d = SAMPLES["skewed"]
    lower, upper = intervals.sign_flip_interval(d, 0.95)
    assert intervals.sign_flip_interval(d + 2, 0.95) == pytest.approx((lower + 2, upper + 2))
    assert intervals.sign_flip_interval(-d, 0.95) == pytest.approx((-upper, -lower))


def test_equal_numbers_have_an_interval_of_no_width():
    # A mean of subsets of .1 that is off by rounding would lie beyond some threshold.
    assert intervals.sign_flip_interval(np.full(10, 0.1), 0.95) == (0.1, 0.1)


@pytest.mark.parametrize(("n", "finite"), [(3, False), (5, False), (6, True), (8, True)])
def test_few_pairs_have_no_interval(n, finite):
    limits = intervals.sign_flip_interval(np.linspace(0.1, 0.9, n), 0.95)
    assert np.isfinite(limits).tolist() == [finite, finite]
    assert finite or limits == (-math.inf, math.inf)


@pytest.mark.parametrize(
    "d", [np.zeros(21), np.zeros((2, 3)), np.array([]), np.array([0.1, np.nan])]
)
def test_other_shapes_and_numbers_are_refused(d):
    with pytest.raises(ValueError, match=r"^d: .*from 1 to 20"):
        intervals.sign_flip_interval(d, 0.95)


def coverage(interval, draw, mean, sets=1000):
    rng = np.random.default_rng(1)
    limits = [interval(draw(rng)) for _ in range(sets)]
    return np.mean([lower <= mean <= upper for lower, upper in limits])


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.normal(size=9),
        lambda rng: rng.standard_t(2, size=9),
        lambda rng: rng.choice([-0.9, -0.1, 0.0, 0.1, 0.9], 9),
    ],
    ids=["normal", "heavy tails", "ties"],
)
def test_the_sign_flip_interval_covers_a_symmetric_mean(draw):
    share = coverage(lambda d: intervals.sign_flip_interval(d, 0.9), draw, 0.0)
    assert share >= 0.88  # 1,000 sets: two standard errors are .019
    assert share <= 0.97


def test_the_median_interval_covers_where_the_sign_flip_interval_does_not():
    def skewed(rng):
        return np.where(rng.random(10) < 0.5, 1.0, -rng.exponential(20, 10))  # median 0 is between

    assert coverage(lambda x: intervals.median_interval(x, 0.95), skewed, 0.0) >= 0.95
    assert coverage(lambda x: intervals.sign_flip_interval(x, 0.95), skewed, 0.0) < 0.9


@pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
@pytest.mark.parametrize("n", [1, 4, 8, 10, 20])
def test_the_median_interval_is_the_one_that_the_sign_test_does_not_reject(n, level):
    x = np.random.default_rng(n).normal(size=n)
    lower, upper = intervals.median_interval(x, level)

    def rejected(median):
        return stats.binomtest(int(np.sum(x < median)), n).pvalue <= 1 - level

    gaps = [-99.0, *(np.sort(x)[1:] + np.sort(x)[:-1]) / 2, 99.0]
    for median in gaps:
        assert (lower < median < upper) == (not rejected(median)), median


@pytest.mark.parametrize(
    ("k1", "n1", "k2", "n2", "printed"),
    [
        # Newcombe 1998, table II, method 10
        (56, 70, 48, 80, (0.0524, 0.3339)),
        (9, 10, 3, 10, (0.1705, 0.8090)),
        (5, 56, 0, 29, (-0.0381, 0.1926)),
        (10, 10, 0, 10, (0.6075, 1.0)),
    ],
)
def test_the_difference_of_proportions_is_newcombes(k1, n1, k2, n2, printed):
    mean, lower, upper = intervals.difference_of_proportions(k1, n1, k2, n2, 0.95)
    assert mean == pytest.approx(k1 / n1 - k2 / n2)
    assert (lower, upper) == pytest.approx(printed, abs=1e-4)


def test_the_correlation_is_pearsons_and_nan_where_there_is_none():
    a, b = RNG.normal(size=9), RNG.normal(size=9)
    assert intervals.correlation(a, b) == pytest.approx(stats.pearsonr(a, b).statistic)
    gaps = np.append(a, [np.nan, 5.0]), np.append(b, [1.0, np.inf])
    assert intervals.correlation(*gaps) == pytest.approx(stats.pearsonr(a, b).statistic)
    for nothing in (np.full(9, 0.1), np.full(9, np.nan)):
        assert math.isnan(intervals.correlation(a, nothing))
    assert math.isnan(intervals.correlation([1.0], [2.0]))


def test_orders_of_resampled_means_by_a_plain_loop():
    rng = np.random.default_rng(2)
    scores = {"f": rng.normal(0.3, 1, 8), "i": rng.normal(0, 1, 8), "o": rng.normal(-0.2, 1, 8)}
    plain = dict.fromkeys((" > ".join(p) for p in itertools.permutations("fio")), 0.0)
    for _ in range(4000):
        seeds = rng.integers(0, 8, 8)
        means = {arm: np.mean([x[seed] for seed in seeds]) for arm, x in scores.items()}
        plain[" > ".join(sorted(means, key=lambda arm: -means[arm]))] += 1 / 4000
    found = intervals.orders(scores, draws=4000)
    assert sum(found.values()) == pytest.approx(1)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    for order, share in plain.items():
        assert found.get(order, 0.0) == pytest.approx(share, abs=0.04)  # 4 standard errors


def test_orders_take_the_same_seeds_for_every_arm_and_name_ties():
    a = np.array([0.1, 0.9, 0.4])
    assert intervals.orders({"a": a, "b": a + 0.01}) == {"b > a": 1.0}
    b = (a + 0.3) - 0.3  # equal on paper, and rounded otherwise
    assert np.any(a != b)
    assert intervals.orders({"b": b, "a": a, "c": a - 0.1}) == {"a = b > c": 1.0}
