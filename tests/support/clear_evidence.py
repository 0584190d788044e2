"""Clear evidence for the rule of each claim, and what the rule says of it."""

import itertools

import numpy as np
from support.nulls import ALWAYS, NEVER
from support.nulls_gates import GATES, TASKS
from support.nulls_theory import BLIND, CELLS, CHANCE

from seqjax.stats.decisions import CLAIMS, Outcome
from seqjax.stats.decisions.theory import FAMILIES

N = 10
S, P, C, U = "supported", "supported in part", "contradicted", "undecided"
FIO, FOI, IFO, NONE = (0.1, 0.4, 0.8), (0.1, 0.8, 0.4), (0.4, 0.1, 0.8), (0.5, 0.5, 0.5)


def scores(mean, n=N, seed=0):
    """A clear arm: n scores within .03 of a mean."""
    return mean + np.random.default_rng(seed).permutation(np.linspace(-0.03, 0.03, n))


def arm(mean, n=N, seed=0):
    return Outcome(scores(mean, n, seed), np.zeros(n, bool))


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
    """Failure rates left by each kind on two tasks; unclipped all runs fail, at two rates."""
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
    """One mean a task; ``spare`` is that of one gate of each."""
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
