"""Claims 11 to 13: what recurrent networks are good for, beside what needs no network.

A gain is the share of a baseline's error that the network saves, 1 - e / e_baseline: 0 where it is
as good, 1 where it makes no error, negative where it is worse. The error is whatever the task
counts: wrong answers, nats, squared or absolute errors.
"""

from collections.abc import Mapping

import numpy as np

from seqjax.stats.decisions.base import NO, YES, Comparison, EvidenceError, Verdict, at_least, below
from seqjax.stats.decisions.judge import Judge, decided, said, verdict

USES = {
    "13s": "LSTMs do well in speech recognition.",
    "13t": "LSTMs do well in text generation.",
    "13m": "LSTMs do well in machine translation.",
    "13f": "LSTMs do well in time-series forecasting.",
}
FORM, FORMLESS = 0.9, 0.5
"""The least rate of well-formed poems that counts as writing them, and what is certainly none."""


def gain(errors: np.ndarray, baseline: float) -> np.ndarray:
    """(n,) shares of a baseline's error that runs with these errors save.

    >>> gain(np.array([0.5, 1.0, 2.0]), baseline=1.0).tolist()
    [0.5, 0.0, -1.0]
    """
    return 1 - np.asarray(errors, np.float64) / baseline


def _over(judge: Judge, gains: Mapping[str, np.ndarray], m: int) -> list[Comparison]:
    if not gains:
        raise EvidenceError("evidence: a use needs at least one baseline")
    return [judge.paired(name, x, np.zeros_like(x), m) for name, x in gains.items()]


@decided
def claim_11(judge: Judge, gains: Mapping[str, Mapping[str, np.ndarray]]) -> list[Verdict]:
    """Handwritten digits read row by row.

    S: YES over every baseline for every cell. P: for some cell over every baseline. C: NO over
    some baseline for every cell. m is the number of pairs.

    Args:
      gains: (n,) by cell and by what it is compared with.
    """
    m = sum(map(len, gains.values()))
    made = {
        cell: _over(judge, {f"{cell} over {name}": x for name, x in own.items()}, m)
        for cell, own in gains.items()
    }
    good = [all(YES in c.judgement for c in own) for own in made.values()]
    bad = [any(NO in c.judgement for c in own) for own in made.values()]
    every = [c for own in made.values() for c in own]
    return [
        verdict(
            "11",
            "RNNs classify MNIST.",
            every,
            f"share of the error saved: {said(every)}",
            supported=bool(good) and all(good),
            in_part=any(good),
            contradicted=bool(bad) and all(bad),
        )
    ]


@decided
def claim_12(judge: Judge, gains: Mapping[str, np.ndarray], formed: np.ndarray) -> list[Verdict]:
    """Regulated poems, character by character.

    S: YES over every baseline, and the rate of form has lower >= .9. P: one of the two. C: NO over
    every baseline, or the rate of form has upper < .5. m = baselines + 1.

    Args:
      gains: (n,) in perplexity, by n-gram model.
      formed: (n,) shares of unconstrained samples that have a poem's form.
    """
    m = len(gains) + 1
    made = _over(judge, gains, m)
    form = judge.mean("rate of form", formed, m)
    better = all(YES in c.judgement for c in made)
    well_formed = at_least(form.lower, FORM)
    return [
        verdict(
            "12",
            "LSTMs write classical Chinese poems.",
            [*made, form],
            f"share of the perplexity saved: {said(made)}; {said([form])}",
            supported=better and well_formed,
            in_part=better or well_formed,
            contradicted=all(NO in c.judgement for c in made) or below(form.upper, FORMLESS),
        )
    ]


@decided
def claim_13(judge: Judge, use: str, gains: Mapping[str, np.ndarray]) -> list[Verdict]:
    """One of ``USES``. S: YES over every baseline. P: over some. C: NO over some baseline.

    Args:
      use: its number.
      gains: (n,) by baseline; m is their number.
    """
    made = _over(judge, gains, len(gains))
    return [
        verdict(
            use,
            USES[use],
            made,
            f"share of the error saved: {said(made)}",
            supported=all(YES in c.judgement for c in made),
            in_part=any(YES in c.judgement for c in made),
            contradicted=any(NO in c.judgement for c in made),
        )
    ]
