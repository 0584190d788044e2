"""Evidence, comparisons and verdicts, and the sizes of effects that the rules name."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

YES, NO, NON_INFERIOR, UNDECIDED = "YES", "NO", "NON-INFERIOR", "undecided"
SUPPORTED, IN_PART, CONTRADICTED = "supported", "supported in part", "contradicted"
DESCRIPTIVE = "descriptive"

MIN_SEEDS = 8
"""Fewer seeds give no verdict: with 8 the smallest two-sided p of a sign-flip test is .0078."""

ROUNDING = 1e-9
"""A number must pass a threshold by more than this, so that rounding errors decide nothing."""


class EvidenceError(ValueError):
    """Evidence lacks something that a rule needs."""


class SeedScores(NamedTuple):
    """Scores (n,) of one arm on one task by seed, and bools (n,) that are True for failed runs."""

    scores: np.ndarray
    failed: np.ndarray


Evidence = Mapping[tuple[str, str], SeedScores]
"""Scores by (task, arm)."""


@dataclasses.dataclass(frozen=True)
class Margins:
    """Sizes of effects that the rules name.

    Attributes:
      yes: smallest mean of a YES; the upper limit of a NO is below it.
      non_inferior: the lower limit of a NON-INFERIOR is above minus this.
      at_chance: in claim 1, accuracies less than this above chance count as chance.
      above_chance: in claim 1, accuracies more than this above chance count as above chance.
      slope: in claim 2, smallest slope of vanishing or exploding gradients, in decades per step.
      share: in claim 3, smallest difference between shares of draws.
      failure_reduction: in claims 4 and 7b, smallest reduction of the failure rate.
      negligible_reduction: a reduction below this contradicts claims 4 and 7b.
      floor_effect: in claim 5, smallest change of a score by a gradient floor.
    """

    yes: float = 0.05
    non_inferior: float = 0.03
    at_chance: float = 0.01
    above_chance: float = 0.02
    slope: float = 0.02
    share: float = 0.05
    failure_reduction: float = 0.30
    negligible_reduction: float = 0.10
    floor_effect: float = 0.20

    def scaled(self, factor: float) -> "Margins":
        """Return all margins multiplied by ``factor``."""
        return Margins(*(factor * margin for margin in dataclasses.astuple(self)))


MARGINS = Margins()
"""The registered margins."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Mean or median over seeds with its interval.

    Attributes:
      name: the estimated difference or level.
      mean, lower, upper, n: estimate and limits over n seeds or draws.
      correlation: correlation within pairs; NaN for a level, and if one side is constant.
      detectable: smallest difference that this spread could have distinguished from 0.
      conclusions: YES, NO and NON-INFERIOR as far as they hold, or undecided; empty for a level.
    """

    name: str
    mean: float
    lower: float
    upper: float
    n: int
    correlation: float
    detectable: float
    conclusions: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Verdict on one statement of a claim.

    Attributes:
      claim: number of the statement, such as "7a".
      statement: one sentence.
      verdict: supported, supported in part, contradicted, undecided or descriptive.
      because: one sentence with the numbers that decided.
      comparisons: all comparisons computed for it.
      n: smallest number of seeds in a comparison.
      fragile: halving or doubling the margins changes the verdict.
      exploratory: the rule or the design is not the registered one.
    """

    claim: str
    statement: str
    verdict: str
    because: str
    comparisons: tuple[Comparison, ...]
    n: int
    fragile: bool = False
    exploratory: bool = False

    def as_exploratory(self, difference: str) -> "Verdict":
        """Return an exploratory copy whose statement names the difference from the rule."""
        statement = f"{self.statement.removesuffix('.')} ({difference})."
        return dataclasses.replace(self, statement=statement, exploratory=True)


def above(a: float, b: float) -> bool:
    """Return a > b by more than ``ROUNDING``."""
    return a > b + ROUNDING


def below(a: float, b: float) -> bool:
    """Return a < b by more than ``ROUNDING``."""
    return a < b - ROUNDING


def at_least(a: float, b: float) -> bool:
    """Return a >= b up to ``ROUNDING``."""
    return a >= b - ROUNDING


def lookup(evidence: Mapping, *key: object) -> Any:
    """Return the evidence under a key.

    Args:
      evidence: values by key, which may be a tuple.
      key: the key, or the entries of the tuple.

    Raises:
      EvidenceError: the key is missing.
    """
    full_key = key if len(key) > 1 else key[0]
    if full_key not in evidence:
        keys = sorted(map(str, evidence))
        raise EvidenceError(f"evidence: expected {full_key}, got {keys}")
    return evidence[full_key]


def scores_of(evidence: Mapping[tuple, SeedScores], *key: object) -> np.ndarray:
    """(n,) scores of an arm, with failed runs at 0; EvidenceError if there are none."""
    scores, failed = lookup(evidence, *key)
    return np.where(failed, 0.0, scores)


def tasks_of(evidence: Mapping) -> list[str]:
    """Tasks of the evidence in their order."""
    return list(dict.fromkeys(task for task, *_ in evidence))
