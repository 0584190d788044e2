"""Verdicts of each rule on clear evidence."""

import numpy as np
import pytest
from support.clear_evidence import (
    CLEAR,
    C,
    P,
    S,
    U,
    arm,
    biased,
    floors,
    recall,
    remembering,
    saturation,
    scores,
    verdict,
)
from support.nulls_gates import TASKS

from seqjax.stats.decisions import CLAIMS
from seqjax.stats.decisions.analysis import Analysis


@pytest.mark.parametrize("medians", [False, True])
@pytest.mark.parametrize(("claim", "expected", "evidence"), CLEAR.values(), ids=CLEAR)
def test_clear_evidence(claim, expected, evidence, medians):
    rule = CLAIMS[claim.rstrip("abcfio")].__wrapped__
    (found, *_) = (v for v in rule(Analysis(medians=medians), *evidence) if v.claim == claim)
    assert found.verdict == expected


def test_missing_places_support_nothing():
    evidence, ratios = floors(solved=0.85, ratio=0.8)
    held = {key: x for key, x in evidence.items() if key[1] == "elman 1"}
    assert verdict("5", evidence, ratios) == P  # no floor helps where all is lost
    assert verdict("5", held, ratios) == U


def test_an_arm_that_is_as_good_on_one_task_alone_contradicts_nothing():
    tested, flags = remembering()
    tested["recall", "irnn"] = arm(0.9)
    assert verdict("7c", tested, flags) == U


def test_most_is_more_than_half():
    for unchanged, expected in ((1, U), (2, U), (3, C)):
        (tested,) = biased()
        for k, task in enumerate(TASKS):
            tested[task, "lstm_o"] = arm(0.4 if k < unchanged else 0.45, seed=2)
            if k >= unchanged:  # a gain of .045 on average that is above .05 for some seeds
                tested[task, "lstm_o"] = arm(0.445, seed=3)
        assert verdict("9o", tested) == expected


def test_tasks_that_disagree_leave_a_claim_undecided():
    (settings,) = saturation(0.9, 0.9, 0.9, 0.9)
    shares = settings[0.1, 1]
    low = {(f"other {task}", *rest): x * 0.1 for (task, *rest), x in shares.items()}
    assert verdict("8", {(0.1, 1): shares}) == S
    assert verdict("8", {(0.1, 1): low}) == C
    found = {key: x for key, x in (shares | low).items() if key[2] == "f"}
    assert verdict("8", {(0.1, 1): found}) == U


def test_every_verdict_of_every_claim_is_reached():
    reached = {(claim, expected) for claim, expected, _ in CLEAR.values()}
    for claim in ("1", "2", "3", "4", "5", "8", "9o", "10", "11", "12", "13f"):
        assert {expected for c, expected in reached if c == claim} == {S, P, C, U}
    for claim in ("6a", "6b", "7b", "7c"):  # nothing supports these in part
        assert {expected for c, expected in reached if c == claim} == {S, C, U}


def test_every_readout_and_a_jacobian_of_exactly_zero_decide_claim_1():
    accuracies, blind, chance = recall()
    worse = {("logistic", arm): scores(0.5) for arm in ("elman_logistic", "elman_tanh")}
    assert verdict("1", accuracies | worse, blind, chance) == U
    seeing = {("logistic", "feedforward"): scores(0.9)}
    assert verdict("1", accuracies | seeing, blind, chance) == C
    assert verdict("1", accuracies, blind | {"feedforward": 1e-20}, chance) == U


def test_the_growth_of_pieces_is_described():
    k = np.array([1, 2, 4, 8])
    rng = np.random.default_rng(0)
    near = rng.uniform(0.9, 1.1, (4, 12))
    pieces = {"shared": 2.0 ** k[:, None] * near, "independent": np.ones((4, 12))}
    (found,) = CLAIMS["2b"](k, pieces)
    doubling, flat = found.comparisons
    assert found.verdict == "descriptive" and not found.exploratory
    assert doubling.mean == pytest.approx(1, abs=0.03) and flat.mean == 0
    assert "2.0 pieces at 1" in found.because


def test_other_cut_offs_and_biases_are_exploratory():
    found = [v for v in CLAIMS["8"](*saturation(0.9, 0.9, 0.9, 0.4))]
    assert [(v.verdict, v.exploratory) for v in found] == [(S, False), (S, True), (C, True)]
    (tested,) = biased()
    for task in TASKS:
        tested[task, "lstm_f=2"] = arm(0.82)
        tested[task, "lstm_f_drawn"] = arm(0.82)
    found = {v.claim: v for v in CLAIMS["9"](tested)[::-1] if "medians" not in v.statement}
    assert [found[claim].exploratory for claim in ("9o", "9f_drawn", "9f=2")] == [
        False,
        False,
        True,
    ]
