"""Properties of every rule: seeds needed, levels, margins, and the analysis of medians."""

import itertools

import numpy as np
import pytest
from support.clear_evidence import (
    N,
    S,
    U,
    arm,
    clipping,
    floors,
    recall,
    registered,
    remembering,
    scores,
    verdict,
)
from support.nulls import ALWAYS, NEVER
from support.simulated import draw, outcome, solved_or_not

from seqjax.stats import intervals
from seqjax.stats.decisions import CLAIMS, Margins, SeedScores
from seqjax.stats.decisions.analysis import Analysis
from seqjax.stats.decisions.base import MARGINS


@pytest.mark.parametrize("n", [3, 7])
@pytest.mark.parametrize("claim", ["1", "7a", "7b", "7c"])
def test_fewer_than_eight_seeds_are_undecided(claim, n):
    evidence = recall(n=n) if claim == "1" else remembering(n=n)
    found = registered(claim.rstrip("abc"), *evidence)[claim]
    assert (found.verdict, found.n) == (U, n)
    assert f"n = {n}" in found.because
    assert all(set(c.conclusions) <= {U} for c in found.comparisons)


def test_failed_runs_score_0():
    tested, flags = remembering()
    for key in tested:
        if key[1] == "lstm":  # as good as before, but failed
            tested[key] = SeedScores(tested[key].scores, np.ones(N, bool))
    (first, *_), _, _ = (v.comparisons for v in registered("7", tested, flags).values())
    assert first.mean == pytest.approx(-0.1)


def test_a_task_without_failures_decides_nothing():
    tested, flags = remembering()
    flags["adding", "elman"] = NEVER[0]
    found = registered("7", tested, flags)["7b"]
    assert found.verdict == U and "Elman fails half the time at no rate on adding" in found.because
    tested, flags = clipping(norm=(1.0, 1.0), value=(1.0, 1.0))
    for kind in ("none", "norm", "value"):
        flags["digits_pixels", kind] = NEVER[0]
    assert verdict("4", tested, flags) == U


def test_rates_where_the_baseline_rarely_fails_are_left_out():
    tested, flags = remembering()
    rarely = np.broadcast_to(np.arange(N) < 4, (4, N))  # 40 % at all rates of both arms
    flags["recall", "elman"] = ALWAYS[0] | rarely
    flags["recall", "lstm"] = NEVER[0] | rarely
    first, _ = registered("7", tested, flags)["7b"].comparisons
    assert first.mean == pytest.approx(0.6)


def compared(d, n=N, margins=MARGINS):
    return Analysis(margins).paired("d", scores(d, n), np.zeros(n), m=1)


@pytest.mark.parametrize(
    ("d", "conclusions"),
    [
        (0.2, ("YES", "NON-INFERIOR")),
        (0.045, ("NON-INFERIOR",)),  # above 0, but less than .05
        (0.02, ("NO", "NON-INFERIOR")),
        (-0.2, ("NO",)),
        (-0.005, ("NO", "NON-INFERIOR")),
    ],
)
def test_conclusions(d, conclusions):
    assert compared(d).conclusions == conclusions


def test_undecided_comparisons_have_a_detectable_difference():
    wide = np.tile([0.9, -0.7], 5)
    found = Analysis().paired("d", wide, np.zeros(N), m=2)
    assert found.conclusions == ("undecided",)
    # the same spread about that mean would just not have been told from 0
    shifted = wide - wide.mean() + found.detectable
    assert Analysis().paired("d", shifted + 1e-6, np.zeros(N), m=2).lower > 0
    assert Analysis().paired("d", shifted - 1e-6, np.zeros(N), m=2).lower < 0
    assert compared(0.03).detectable == 0.05
    because = registered("7", *remembering(elman=0.6))["7a"].because
    assert because.endswith("0.050 to 0.050")


def test_rounding_errors_decide_nothing():
    d = np.full(N, 0.1) * 3 - 0.3  # 5.6e-17, not 0
    assert d[0] > 0
    found = Analysis(Margins(yes=0.0)).paired("d", d, np.zeros(N), m=1)
    assert "YES" not in found.conclusions and "NO" not in found.conclusions


def test_the_level_follows_from_the_number_of_comparisons():
    tested, flags = remembering()
    tested["recall", "elman"] = outcome(draw(np.random.default_rng(5), solved_or_not(0.4))[0][0])
    d = tested["recall", "lstm"].scores - tested["recall", "elman"].scores
    found = registered("7", tested, flags)
    for claim, m in (("7a", 2), ("7c", 6)):
        c = next(c for c in found[claim].comparisons if c.name == "lstm − elman on recall")
        assert (c.lower, c.upper) == intervals.sign_flip_interval(d, 1 - 0.05 / m)
    assert found["7a"].comparisons[0].lower > found["7c"].comparisons[0].lower


def test_too_many_comparisons_for_ten_seeds_are_undecided():
    evidence, ratios = floors()
    for level in ("third", "fourth", "fifth"):
        for task, model in itertools.product(("recall_9", "recall_30"), ("elman 1", "elman 0.5")):
            for floor in "abc":
                same = evidence[task, model, floor, "low"]
                evidence[task, model, floor, level] = same
    found = registered("5", evidence, ratios)["5"]
    assert found.verdict == U and "n = 10 has no interval at this level" in found.because


@pytest.mark.parametrize(
    ("elman", "fragile"), [(0.2, False), (0.84, True)], ids=["far from the margins", "near one"]
)
def test_a_verdict_that_the_margins_decide_is_fragile(elman, fragile):
    tested, flags = remembering()
    for task, name in itertools.product(("recall", "adding"), ("elman", "irnn", "lstm_ungated")):
        tested[task, name] = arm(elman)  # .84: the LSTM is .06 ahead, of which .05 are asked for
    found = registered("7", tested, flags)["7c"]
    assert (found.verdict, found.fragile) == (S, fragile)


def test_each_verdict_is_followed_by_one_of_medians():
    tested, flags = remembering()
    tested["recall", "lstm"].scores[0] = 0.0  # one run in ten does not count
    found = CLAIMS["7"](tested, flags)
    assert [v.claim for v in found] == ["7a", "7a", "7b", "7b", "7c", "7c"]
    assert [v.exploratory for v in found] == [False, True] * 3
    own, other = found[:2]
    d = tested["recall", "lstm"].scores - tested["recall", "elman"].scores
    (first, *_), (middle, *_) = own.comparisons, other.comparisons
    assert (first.mean, middle.mean) == (pytest.approx(d.mean()), np.median(d))
    limits = intervals.median_interval(d, 1 - 0.05 / 2)
    assert (middle.lower, middle.upper) == limits and middle.lower > first.lower
    assert other.statement.endswith("(medians, whose limits hold for any shape).")


@pytest.mark.parametrize(
    ("claim", "evidence", "named"),
    [
        ("7", ({}, {}), "recall"),
        ("10", ({("adding", "lstm"): arm(0.9)},), "nig"),
        ("8", ({},), "0.1"),
        ("9", ({("adding", "gru"): arm(0.9)},), "lstm_x"),
        ("2", ({}, {}), "slopes"),
    ],
)
def test_missing_evidence_is_named(claim, evidence, named):
    with pytest.raises(ValueError, match=named):
        CLAIMS[claim](*evidence)


def test_arms_of_unequal_length_are_refused():
    tested, flags = remembering()
    tested["recall", "elman"] = arm(0.1, n=9)
    with pytest.raises(ValueError, match=r"\(10,\) and \(9,\)"):
        CLAIMS["7"](tested, flags)
