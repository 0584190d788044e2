"""Clear evidence for the rule of each claim, with the verdict that follows."""

import itertools

import numpy as np
from support.nulls import ALWAYS, NEVER
from support.nulls_gates import GATES, TASKS
from support.nulls_theory import BLIND, CELLS, CHANCE

from seqjax.stats.decisions import CLAIMS, SeedScores
from seqjax.stats.decisions.theory import FAMILIES

N = 10
S, P, C, U = "supported", "supported in part", "contradicted", "undecided"
FIO, FOI, IFO, NONE = (0.1, 0.4, 0.8), (0.1, 0.8, 0.4), (0.4, 0.1, 0.8), (0.5, 0.5, 0.5)


def scores(mean, n=N, seed=0):
    """(n,) scores within .03 of a mean."""
    return mean + np.random.default_rng(seed).permutation(np.linspace(-0.03, 0.03, n))


def arm(mean, n=N, seed=0):
    return SeedScores(scores(mean, n, seed), np.zeros(n, bool))


def registered(claim, *evidence):
    return {v.claim: v for v in CLAIMS[claim](*evidence) if not v.exploratory}


def verdict(claim, *evidence):
    return registered(claim.rstrip("abcfio"), *evidence)[claim].verdict


def recall(ff=CHANCE, logistic=0.95, tanh=0.95, n=N):
    spread = scores(0, n) / 30
    arms = {"feedforward": spread + ff, "feedforward_equal": spread + CHANCE}
    arms |= {"elman_logistic": scores(logistic, n), "elman_tanh": scores(tanh, n)}
    return {(r, a): x for r in ("softmax", "logistic") for a, x in arms.items()}, BLIND, CHANCE


def gradients(slope=-0.1, probe=0.02, share=1.0):
    steep = round(share * len(CELLS))
    values = [slope] * steep + [0.0] * (len(CELLS) - steep)
    wiggle = np.linspace(-0.005, 0.005, 12)
    early = [key for key in CELLS if key[1] <= 1]
    return {k: v + wiggle for k, v in zip(CELLS, values, strict=True)}, {
        k: probe + wiggle for k in early
    }


def windows(*pairs):
    counts = {}
    for family, (own, shared) in zip(FAMILIES, pairs, strict=True):
        for k in (10, 30, 50):
            counts[family, False, k] = np.array([3, round(200 * own), 5])
            counts[family, True, k] = np.array([1, 2, round(200 * shared)])
    return counts, 200


def clipping(*, norm=(0.0, 0.0), value=(0.0, 0.0), scored=0.9):
    """Failure rates under clipping by norm and by value; unclipped runs fail at two rates."""
    tested, failed = {}, {}
    for k, task in enumerate(("temporal_order", "digits_pixels")):
        tested[task, "none"], failed[task, "none"] = arm(0.7), ALWAYS[0]
        for kind, left in (("norm", norm[k]), ("value", value[k])):
            tested[task, kind] = arm(scored)
            failed[task, kind] = ALWAYS[0] & (np.arange(N) < round(left * N))
    return tested, failed


def floors(*, solved=0.3, lost=0.1, ratio=0.1, base=0.95, seed=0):
    evidence = {}
    for task in ("recall_9", "recall_30"):
        for model, none, floored in (("elman 1", base, solved), ("elman 0.5", 0.1, lost)):
            evidence[task, model, "none", ""] = arm(none)
            for floor, level in itertools.product("abc", ("low", "high")):
                evidence[task, model, floor, level] = arm(floored, seed=seed)
    return evidence, {(task, "elman 1"): scores(ratio) for task in ("recall_9", "recall_30")}


def agreement(lstm=0.97, elman=0.6):
    given = {("lstm", 7): lstm, ("elman", 7): elman, ("gru", 7): 0.9, ("lstm", 15): 0.8}
    return ({key: scores(mean, seed=key[1]) for key, mean in given.items()},)


def remembering(elman=0.1, ungated=0.2, failed=NEVER, n=N):
    arms = {"lstm": 0.9, "elman": elman, "irnn": 0.2, "lstm_ungated": ungated, "janet": 0.9}
    tested = {(t, a): arm(mean, n) for t in ("recall", "adding") for a, mean in arms.items()}
    flags = {(t, "elman"): ALWAYS[0][:, :n] for t in ("recall", "adding")}
    return tested, flags | {(t, "lstm"): failed[0][:, :n] for t in ("recall", "adding")}


def saturation(*means, spare=None):
    """Shares with one mean for each task; ``spare`` is the mean of one gate on all tasks."""
    shares = {}
    for task, layer, gate in GATES:
        mean = means[("adding", "agreement", "digits_rows", "characters").index(task)]
        odd = spare is not None and (layer, gate) == (0, "o")
        shares[task, layer, gate] = scores(spare if odd else mean, seed=ord(gate))
    return ({(0.1, 1): shares, (0.01, 4): {key: x * 0 for key, x in shares.items()}},)


def biased(gru=0.8, zero=0.4, x=0.82, gaps=4):
    tested = {}
    for k, task in enumerate(TASKS):
        tested[task, "gru"] = arm(gru if k < gaps else zero, seed=1)
        tested[task, "lstm_0"], tested[task, "lstm_o"] = arm(zero, seed=2), arm(x, seed=3)
    return (tested,)


def removed(*triples):
    """(nfg, nig, nog) of each task."""
    tested = {}
    for task, triple in zip(TASKS, triples, strict=True):
        tested[task, "lstm"] = arm(0.95)
        for seed, (name, mean) in enumerate(zip(("nfg", "nig", "nog"), triple, strict=True)):
            tested[task, name] = arm(mean, seed=seed)
    return (tested,)


def digits(elman=0.5, lstm=0.5, over="nearest"):
    plain = {"linear": scores(0.5), "nearest": scores(0.5, seed=1)}
    cells = {"elman": elman, "lstm": lstm}
    return ({cell: plain | {over: scores(mean, seed=2)} for cell, mean in cells.items()},)


def poems(trigram=0.3, formed=0.96):
    return {"unigram": scores(0.6), "trigram": scores(trigram, seed=1)}, scores(formed, seed=2)


def use(*gains):
    return "13f", {str(k): scores(mean, seed=k) for k, mean in enumerate(gains)}


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
"""Evidence by case: the rule, the verdict of its registered statement, and the arguments."""
