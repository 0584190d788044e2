"""Claims 11 to 13: uses of recurrent networks, compared with baselines without a network.

A gain is the share of a baseline's error that the network saves, 1 - e / e_baseline: 0 if the
network is as good as the baseline, 1 if it makes no error, negative if it is worse. The task
defines the error: wrong answers, nats, squared or absolute errors.
"""

from collections.abc import Mapping

import numpy as np

from seqjax.stats.decisions.analysis import Analysis, claim_rule, describe, make_verdict
from seqjax.stats.decisions.base import NO, YES, Comparison, EvidenceError, Verdict, at_least, below

USES = {
    "13s": "LSTMs do well in speech recognition.",
    "13t": "LSTMs do well in text generation.",
    "13m": "LSTMs do well in machine translation.",
    "13f": "LSTMs do well in time-series forecasting.",
}
FORM, FORMLESS = 0.9, 0.5
"""Rates of well-formed poems: from the first on a model writes poems, below the second it fails."""


def gain(errors: np.ndarray, baseline: float) -> np.ndarray:
    """(n,) shares of a baseline's error that runs save.

    Args:
      errors: (n,) errors of the runs.
      baseline: error of the baseline.

    >>> gain(np.array([0.5, 1.0, 2.0]), baseline=1.0).tolist()
    [0.5, 0.0, -1.0]
    """
    return 1 - np.asarray(errors, np.float64) / baseline


def _over_baselines(
    analysis: Analysis, gains: Mapping[str, np.ndarray], m: int
) -> list[Comparison]:
    if not gains:
        raise EvidenceError("evidence: expected at least one baseline, got none")
    return [analysis.paired(name, x, np.zeros_like(x), m) for name, x in gains.items()]


@claim_rule
def claim_11(analysis: Analysis, gains: Mapping[str, Mapping[str, np.ndarray]]) -> list[Verdict]:
    """Handwritten digits read row by row, compared with every baseline.

    S: every cell has YES over every baseline. P: some cell has. C: every cell has NO over some
    baseline. m is the number of pairs of cell and baseline.

    Args:
      gains: (n,) gains by cell and by baseline.
    """
    m = sum(map(len, gains.values()))
    by_cell = {
        cell: _over_baselines(analysis, {f"{cell} over {name}": x for name, x in one.items()}, m)
        for cell, one in gains.items()
    }
    better = [all(YES in c.conclusions for c in cs) for cs in by_cell.values()]
    no_better = [any(NO in c.conclusions for c in cs) for cs in by_cell.values()]
    comparisons = [c for cs in by_cell.values() for c in cs]
    return [
        make_verdict(
            "11",
            "RNNs classify MNIST.",
            comparisons,
            f"share of the error saved: {describe(comparisons)}",
            supported=bool(better) and all(better),
            in_part=any(better),
            contradicted=bool(no_better) and all(no_better),
        )
    ]


@claim_rule
def claim_12(
    analysis: Analysis, gains: Mapping[str, np.ndarray], formed: np.ndarray
) -> list[Verdict]:
    """Regulated poems, written character by character.

    S: YES over every baseline, and lower >= .9 for the rate of well-formed samples. P: one of the
    two. C: NO over every baseline, or upper < .5 for the rate. m = baselines + 1.

    Args:
      gains: (n,) gains in perplexity, by n-gram model.
      formed: (n,) rates of unconstrained samples with the form of a poem.
    """
    m = len(gains) + 1
    comparisons = _over_baselines(analysis, gains, m)
    form = analysis.mean("rate of form", formed, m)
    better = all(YES in c.conclusions for c in comparisons)
    well_formed = at_least(form.lower, FORM)
    return [
        make_verdict(
            "12",
            "LSTMs write classical Chinese poems.",
            [*comparisons, form],
            f"share of the perplexity saved: {describe(comparisons)}; {describe([form])}",
            supported=better and well_formed,
            in_part=better or well_formed,
            contradicted=all(NO in c.conclusions for c in comparisons)
            or below(form.upper, FORMLESS),
        )
    ]


@claim_rule
def claim_13(analysis: Analysis, use: str, gains: Mapping[str, np.ndarray]) -> list[Verdict]:
    """One of ``USES``. S: YES over every baseline. P: YES over some. C: NO over some.

    Args:
      use: number of the claim, such as "13s".
      gains: (n,) gains by baseline; m is the number of baselines.
    """
    comparisons = _over_baselines(analysis, gains, len(gains))
    return [
        make_verdict(
            use,
            USES[use],
            comparisons,
            f"share of the error saved: {describe(comparisons)}",
            supported=all(YES in c.conclusions for c in comparisons),
            in_part=any(YES in c.conclusions for c in comparisons),
            contradicted=any(NO in c.conclusions for c in comparisons),
        )
    ]
