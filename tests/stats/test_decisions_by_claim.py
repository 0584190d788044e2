"""What the rule of each claim says of clear evidence."""

import numpy as np
import pytest
from support.clear_evidence import (
    FIO,
    FOI,
    IFO,
    NONE,
    C,
    N,
    P,
    S,
    U,
    agreement,
    arm,
    biased,
    clipping,
    digits,
    floors,
    gradients,
    poems,
    recall,
    registered,
    remembering,
    removed,
    saturation,
    scores,
    use,
    verdict,
    windows,
)
from support.nulls import ALWAYS
from support.nulls_gates import TASKS
from support.nulls_theory import BLIND, CHANCE

from seqjax.stats.decisions import CLAIMS
from seqjax.stats.decisions.judge import Judge

APART, BOTH, SAME = (1.0, 0.3), (0.98, 0.8), (1.0, 1.0)
CLEAR = {
    "1 S": ("1", S, recall()),
    "1 P": ("1", P, recall(logistic=0.5)),
    "1 C": ("1", C, recall(ff=CHANCE + 0.1)),
    "1 U": ("1", U, recall(logistic=0.5, tanh=0.5)),
    "2 S": ("2", S, gradients()),
    "2 S both ways": ("2", S, gradients(slope=+0.1)),
    "2 P slopes": ("2", P, gradients(probe=0.3)),
    "2 P probes": ("2", P, gradients(share=0.5)),
    "2 C": ("2", C, gradients(share=0.25, probe=0.7)),
    "2 U": ("2", U, gradients(share=0.25, probe=0.3)),
    "2 U half": ("2", U, gradients(share=0.5, probe=0.7)),
    "3 S": ("3", S, windows(*[APART] * 4)),
    "3 P": ("3", P, windows(APART, BOTH, SAME, SAME)),
    "3 P thresholds missed": ("3", P, windows(*[(0.9, 0.4)] * 4)),
    "3 P shared too good": ("3", P, windows(*[(1.0, 0.6)] * 4)),
    "3 U the other way": ("3", U, windows(*[(0.5, 1.0)] * 4)),
    "3 C": ("3", C, windows(*[SAME] * 4)),
    "3 U": ("3", U, windows(SAME, SAME, SAME, (0.5, 0.5))),
    "4 S": ("4", S, clipping()),
    "4 P one kind": ("4", P, clipping(value=(1.0, 1.0))),
    "4 P one task": ("4", P, clipping(norm=(0.0, 1.0), value=(0.0, 1.0))),
    "4 C": ("4", C, clipping(norm=(1.0, 1.0), value=(1.0, 1.0))),
    "4 U one place": ("4", U, clipping(norm=(0.0, 1.0), value=(1.0, 1.0))),
    "4 U worse scores": ("4", U, clipping(scored=0.5)),
    "5 S": ("5", S, floors()),
    "5 P ratio": ("5", P, floors(ratio=0.8)),
    "5 P no place solved": ("5", P, floors(base=0.7)),
    "5 C harmless": ("5", C, floors(solved=0.95)),
    "5 C rescue": ("5", C, floors(lost=0.6)),
    "5 U": ("5", U, floors(solved=0.85, lost=0.28, ratio=0.8, seed=1)),
    "5 U nothing solved": ("5", U, floors(base=0.7, lost=0.28, seed=1)),
    "6a S": ("6a", S, agreement(lstm=0.99)),
    "6a C": ("6a", C, agreement(lstm=0.8)),
    "6a U": ("6a", U, agreement(lstm=0.95)),
    "6b S": ("6b", S, agreement()),
    "6b C": ("6b", C, agreement(elman=0.99)),
    "6b U": ("6b", U, agreement(elman=0.85)),
    "7a S": ("7a", S, remembering()),
    "7a U": ("7a", U, remembering(elman=0.6)),
    "7b S": ("7b", S, remembering()),
    "7b C": ("7b", C, remembering(failed=ALWAYS)),
    "7b U": ("7b", U, remembering(failed=ALWAYS & (np.arange(N) < 8))),
    "7c S": ("7c", S, remembering()),
    "7c C": ("7c", C, remembering(ungated=0.9)),
    "7c U": ("7c", U, remembering(ungated=0.87)),
    "8 S": ("8", S, saturation(0.9, 0.9, 0.9, 0.4)),
    "8 P": ("8", P, saturation(0.4, 0.4, 0.4, 0.1, spare=0.6)),
    "8 C": ("8", C, saturation(0.3, 0.3, 0.3, 0.9)),
    "8 U": ("8", U, saturation(0.9, 0.9, 0.3, 0.3)),
    "9o S": ("9o", S, biased()),
    "9o P": ("9o", P, biased(x=0.6)),
    "9o C": ("9o", C, biased(x=0.4)),
    "9o U no gap": ("9o", U, biased(gaps=1)),
    "9o U no gap, no gain": ("9o", U, biased(x=0.4, gaps=1)),
    "10 S": ("10", S, removed(FIO, FIO, FIO, NONE)),
    "10 P": ("10", P, removed(FIO, FIO, (0.1, 0.4, 0.4), NONE)),
    "10 P one reversed": ("10", P, removed(FIO, FIO, FOI, NONE)),
    "10 C": ("10", C, removed(FIO, FIO, IFO, IFO)),
    "10 C though forget is largest": ("10", C, removed(FIO, FIO, FOI, FOI)),
    "10 U": ("10", U, removed(FIO, FIO, NONE, NONE)),
    "11 S": ("11", S, digits()),
    "11 P": ("11", P, digits(elman=-0.2)),
    "11 C": ("11", C, digits(elman=-0.2, lstm=0.0)),
    "11 U": ("11", U, digits(elman=0.04, lstm=0.04)),
    "12 S": ("12", S, poems()),
    "12 P form": ("12", P, poems(trigram=-0.2)),
    "12 P words": ("12", P, poems(formed=0.8)),
    "12 C": ("12", C, poems(formed=0.2)),
    "12 U": ("12", U, poems(trigram=0.04, formed=0.8)),
    "13f S": ("13f", S, use(0.2, 0.5)),
    "13f P": ("13f", P, use(0.04, 0.5)),
    "13f C": ("13f", C, use(0.0, 0.5)),
    "13f U": ("13f", U, use(0.04, 0.04)),
}


@pytest.mark.parametrize(("claim", "says", "evidence"), CLEAR.values(), ids=CLEAR)
def test_clear_evidence(claim, says, evidence):
    assert verdict(claim, *evidence) == says


@pytest.mark.parametrize(("claim", "says", "evidence"), CLEAR.values(), ids=CLEAR)
def test_the_exact_judge_decides_what_is_clear(claim, says, evidence):
    """Without it the verdict beside the registered one would be worth nothing."""
    rule = CLAIMS[claim.rstrip("abcfio")].__wrapped__
    (found, *_) = (v for v in rule(Judge(exact=True), *evidence) if v.claim == claim)
    assert found.verdict == says


def test_places_that_are_not_there_support_nothing():
    evidence, ratios = floors(solved=0.85, ratio=0.8)
    held = {key: x for key, x in evidence.items() if key[1] == "elman 1"}
    assert verdict("5", evidence, ratios) == P  # no floor helps where all is lost
    assert verdict("5", held, ratios) == U


def test_an_arm_that_is_as_good_on_one_task_alone_contradicts_nothing():
    tested, flags = remembering()
    tested["recall", "irnn"] = arm(0.9)
    assert verdict("7c", tested, flags) == U


def test_most_is_more_than_half():
    for idle, says in ((1, U), (2, U), (3, C)):
        (tested,) = biased()
        for k, task in enumerate(TASKS):
            tested[task, "lstm_o"] = arm(0.4 if k < idle else 0.45, seed=2)
            if k >= idle:  # a gain of .045 on average that is above .05 for some seeds
                tested[task, "lstm_o"] = arm(0.445, seed=3)
        assert verdict("9o", tested) == says


def test_tasks_that_disagree_leave_a_claim_undecided():
    (settings,) = saturation(0.9, 0.9, 0.9, 0.9)
    shares = settings[0.1, 1]
    low = {(f"other {task}", *rest): x * 0.1 for (task, *rest), x in shares.items()}
    assert verdict("8", {(0.1, 1): shares}) == S
    assert verdict("8", {(0.1, 1): low}) == C
    found = {key: x for key, x in (shares | low).items() if key[2] == "f"}
    assert verdict("8", {(0.1, 1): found}) == U


def test_every_verdict_of_every_claim_is_reached():
    reached = {(claim, says) for claim, says, _ in CLEAR.values()}
    for claim in ("1", "2", "3", "4", "5", "8", "9o", "10", "11", "12", "13f"):
        assert {says for c, says in reached if c == claim} == {S, P, C, U}
    for claim in ("6a", "6b", "7b", "7c"):  # nothing supports these in part
        assert {says for c, says in reached if c == claim} == {S, C, U}


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


def test_every_readout_decides_claim_1():
    accuracies, blind, chance = recall()
    worse = {("logistic", arm): scores(0.5) for arm in ("elman_logistic", "elman_tanh")}
    assert verdict("1", accuracies | worse, blind, chance) == U
    seeing = {("logistic", "feedforward"): scores(0.9)}
    assert verdict("1", accuracies | seeing, blind, chance) == C


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


def test_claim_1_needs_a_jacobian_of_exactly_zero():
    accuracies, _, chance = recall()
    assert verdict("1", accuracies, BLIND | {"feedforward": 1e-20}, chance) == U


def test_claim_6_names_the_least_distance_with_a_gap():
    given = {(a, k): scores(m) for k, lead in ((3, 0.02), (7, 0.3), (15, 0.4))
             for a, m in (("lstm", 0.9), ("elman", 0.9 - lead))}  # fmt: skip
    assert "the least distance with a gap of 0.1 is 7" in registered("6", given)["6b"].because


def test_claim_10_names_the_orders():
    because = registered("10", *removed(FIO, FIO, FIO, FOI))["10"].because
    assert "f>i>o 100% on adding" in because
    assert "f>o>i 100% on characters" in because
