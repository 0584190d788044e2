"""The evidence of a claim, what is made of it, and the sizes that the rules name."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

YES, NO, NON_INFERIOR, UNDECIDED = "YES", "NO", "NON-INFERIOR", "undecided"
SUPPORTED, IN_PART, CONTRADICTED = "supported", "supported in part", "contradicted"
DESCRIPTIVE = "descriptive"

LEAST_SEEDS = 8
"""Fewer are not judged: with 8 the smallest two-sided p of a sign-flip test is .0078."""

ROUNDING = 1e-9
"""A number passes a threshold by more than this: sums that are equal on paper decide nothing."""


class EvidenceError(ValueError):
    """Evidence that lacks what a rule needs."""


class Outcome(NamedTuple):
    """One arm on one task, by seed: (n,) scores, and (n,) bools that say which runs failed."""

    scores: np.ndarray
    failed: np.ndarray


Evidence = Mapping[tuple[str, str], Outcome]
"""By (task, arm)."""


@dataclasses.dataclass(frozen=True)
class Margins:
    """Every size of a difference that a rule names.

    Attributes:
      yes: the least mean of a YES, and what the upper limit of a NO stays under.
      non_inferior: what the lower limit of a NON-INFERIOR may fall short by.
      at_chance, above_chance: accuracy over chance, of claim 1.
      slope: decades a step, of claim 2.
      share: the difference between shares of draws, of claim 3.
      fewer_failures, hardly_fewer: reductions of the failure rate, of claims 4 and 7b.
      floor: what a floor takes or adds, of claim 5.
    """

    yes: float = 0.05
    non_inferior: float = 0.03
    at_chance: float = 0.01
    above_chance: float = 0.02
    slope: float = 0.02
    share: float = 0.05
    fewer_failures: float = 0.30
    hardly_fewer: float = 0.10
    floor: float = 0.20

    def scaled(self, factor: float) -> "Margins":
        return Margins(*(factor * margin for margin in dataclasses.astuple(self)))


MARGINS = Margins()
"""As registered."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A mean over seeds with its interval.

    Attributes:
      name: what was compared, or whose level it is.
      mean, lower, upper, n: over n seeds or draws.
      correlation: within pairs; NaN for a level, and where one side does not vary.
      detectable: the smallest difference that would have been told from none, given this spread.
      judgement: of YES, NO and NON-INFERIOR those that hold, or undecided; empty for a level.
    """

    name: str
    mean: float
    lower: float
    upper: float
    n: int
    correlation: float
    detectable: float
    judgement: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a rule says of a claim.

    Attributes:
      claim: its number, such as "7a", and its ``statement`` in one sentence.
      verdict: supported, supported in part, contradicted, undecided or descriptive.
      because: one sentence with the numbers that decided.
      comparisons: all that were made for it.
      n: the fewest seeds in one of them.
      fragile: another verdict follows with the margins halved or doubled.
      exploratory: it is not the registered rule that speaks.
    """

    claim: str
    statement: str
    verdict: str
    because: str
    comparisons: tuple[Comparison, ...]
    n: int
    fragile: bool = False
    exploratory: bool = False

    def beside(self, how: str) -> "Verdict":
        """This as an exploratory verdict, whose statement says how it differs."""
        statement = f"{self.statement.removesuffix('.')} ({how})."
        return dataclasses.replace(self, statement=statement, exploratory=True)


def above(a: float, b: float) -> bool:
    return a > b + ROUNDING


def below(a: float, b: float) -> bool:
    return a < b - ROUNDING


def at_least(a: float, b: float) -> bool:
    return a >= b - ROUNDING


def found(evidence: Mapping, *key: object) -> Any:
    """What the evidence holds under a key; EvidenceError if it holds nothing there."""
    where = key if len(key) > 1 else key[0]
    if where not in evidence:
        raise EvidenceError(f"evidence: nothing for {where}; there is {sorted(map(str, evidence))}")
    return evidence[where]


def entered(evidence: Mapping[tuple, Outcome], *key: object) -> np.ndarray:
    """(n,) scores with failed runs at 0."""
    outcome = found(evidence, *key)
    return np.where(outcome.failed, 0.0, np.asarray(outcome.scores, np.float64))


def tasks_of(evidence: Mapping) -> list[str]:
    return list(dict.fromkeys(task for task, *_ in evidence))
