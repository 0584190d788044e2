"""Decision rules of the claims: pure functions from arrays to verdicts.

In docstrings of rules S, P and C are the conditions for the verdicts supported, supported in part
and contradicted; lower and upper are the limits of an interval, and m is the number of comparisons.

``rules.VERSION`` covers this package: golden tests fail if a rule changes and the version does not.
"""

from collections.abc import Callable

from seqjax.stats.decisions import gates, memory, theory, thresholds, uses
from seqjax.stats.decisions.base import (
    Comparison,
    Evidence,
    EvidenceError,
    Margins,
    SeedScores,
    Verdict,
)

CLAIMS: dict[str, Callable[..., list[Verdict]]] = {
    "1": theory.claim_1,
    "2": theory.claim_2,
    "2b": theory.claim_2b,
    "3": theory.claim_3,
    "4": thresholds.claim_4,
    "5": thresholds.claim_5,
    "6": memory.claim_6,
    "7": memory.claim_7,
    "8": gates.claim_8,
    "9": gates.claim_9,
    "10": gates.claim_10,
    "11": uses.claim_11,
    "12": uses.claim_12,
    "13": uses.claim_13,
}

__all__ = ["CLAIMS", "Comparison", "Evidence", "EvidenceError", "Margins", "SeedScores", "Verdict"]
