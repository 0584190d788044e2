"""Comparisons between arms, and verdicts from the conditions of a rule.

A verdict is about one statement, such as 7a. Its m comparisons have intervals at level 1 - .05/m
(Bonferroni). Failed runs score 0. Additional comparisons, which decide nothing, have the same level
and do not count in m.
"""

import dataclasses
import functools
import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np

from seqjax.stats import intervals, rules
from seqjax.stats.decisions.base import (
    CONTRADICTED,
    DESCRIPTIVE,
    IN_PART,
    MARGINS,
    MIN_SEEDS,
    NO,
    NON_INFERIOR,
    SUPPORTED,
    UNDECIDED,
    YES,
    Comparison,
    Evidence,
    EvidenceError,
    Margins,
    Verdict,
    above,
    at_least,
    below,
    scores_of,
)

MEDIANS = "medians, whose limits hold for any shape"
"""Difference between the exploratory verdicts on medians and the registered ones."""


def bonferroni_level(m: int) -> float:
    """Level of each of m intervals that hold jointly with probability .95."""
    return 1 - (1 - rules.CONFIDENCE) / m


@functools.lru_cache(maxsize=512)
def _interval(data: bytes, m: int, medians: bool) -> tuple[float, float, float]:
    """Mean or median with its limits; cached, because a rule runs under several margins."""
    values = np.frombuffer(data)
    level = bonferroni_level(m)
    if medians:
        return statistics.median(values.tolist()), *intervals.median_interval(values, level)
    return float(values.mean()), *intervals.sign_flip_interval(values, level)


@dataclasses.dataclass(frozen=True)
class Analysis:
    """Estimates with intervals, and the conclusions that follow from them.

    Attributes:
      margins: sizes of effects that the rules name.
      medians: compare medians, whose limits hold for data of any shape, instead of means, whose
        limits need differences that are symmetric about their mean. A median describes most runs:
        a failure of one run in ten does not change it.
    """

    margins: Margins = MARGINS
    medians: bool = False

    def _estimate(self, name: str, values: np.ndarray, m: int) -> tuple[float, float, float]:
        values = np.ascontiguousarray(values, np.float64)
        if values.ndim != 1 or not values.size:
            raise EvidenceError(f"{name}: expected shape (n,) with n >= 1, got {values.shape}")
        return _interval(values.tobytes(), m, self.medians)

    def mean(self, name: str, values: np.ndarray, m: int) -> Comparison:
        """Mean of (n,) values, without a conclusion.

        Args:
          name: name of the quantity.
          values: (n,) numbers.
          m: number of comparisons of the statement.
        """
        mean, lower, upper = self._estimate(name, values, m)
        return Comparison(name, mean, lower, upper, len(values), math.nan, mean - lower, ())

    def paired(self, name: str, a: np.ndarray, b: np.ndarray, m: int) -> Comparison:
        """Difference a - b of (n,) numbers in [0, 1], paired by seed.

        YES: lower > 0 and mean >= .05. NO: upper < .05. NON-INFERIOR: lower > -.03. ``detectable``
        is mean - lower, the mean above which an interval of this shape excludes 0, and at least
        .05, which YES requires.

        Args:
          name: name of the difference.
          a: (n,) numbers.
          b: (n,) numbers in the same order of seeds.
          m: number of comparisons of the statement.

        Raises:
          EvidenceError: a and b have different shapes, or are not (n,).
        """
        if len(a) != len(b):
            raise EvidenceError(f"{name}: expected pairs, got {np.shape(a)} and {np.shape(b)}")
        mean, lower, upper = self._estimate(name, np.subtract(a, b), m)
        conclusions = []
        if len(a) >= MIN_SEEDS:
            if above(lower, 0) and at_least(mean, self.margins.yes):
                conclusions.append(YES)
            if below(upper, self.margins.yes):
                conclusions.append(NO)
            if above(lower, -self.margins.non_inferior):
                conclusions.append(NON_INFERIOR)
        return Comparison(
            name,
            mean,
            lower,
            upper,
            n=len(a),
            correlation=intervals.correlation(a, b),
            detectable=max(mean - lower, self.margins.yes),
            conclusions=tuple(conclusions) or (UNDECIDED,),
        )

    def difference(self, evidence: Evidence, task: str, a: str, b: str, m: int) -> Comparison:
        """Score of arm a minus score of arm b on a task; EvidenceError if one is missing."""
        scores_a, scores_b = scores_of(evidence, task, a), scores_of(evidence, task, b)
        return self.paired(f"{a} − {b} on {task}", scores_a, scores_b, m)

    def reduction(
        self, name: str, baseline_RN: np.ndarray, other_RN: np.ndarray, m: int
    ) -> Comparison | None:
        """Reduction of the failure rate, at learning rates where at least half the baseline fails.

        Args:
          name: name of the reduction.
          baseline_RN: (rates, n) bools, True for failed baseline runs, by learning rate and seed.
          other_RN: (rates, n) bools, True for failed runs of the other arm.
          m: number of comparisons of the statement.

        Returns:
          The difference between each seed's shares of failed runs, paired by seed; None if fewer
          than half of the baseline runs fail at every rate.

        Raises:
          EvidenceError: the arrays differ in shape, or are not (rates, n).
        """
        baseline_RN, other_RN = np.asarray(baseline_RN, bool), np.asarray(other_RN, bool)
        if baseline_RN.shape != other_RN.shape or baseline_RN.ndim != 2:
            shapes = f"{baseline_RN.shape} and {other_RN.shape}"
            raise EvidenceError(f"{name}: expected one shape (rates, n), got {shapes}")
        often = baseline_RN.mean(axis=1) >= 0.5
        if not often.any():
            return None
        return self.paired(name, baseline_RN[often].mean(axis=0), other_RN[often].mean(axis=0), m)

    def reduces_failures(self, reduction: Comparison | None) -> bool:
        """Return whether failures fall by at least 30 points, with a lower limit above 0."""
        return (
            reduction is not None
            and above(reduction.lower, 0)
            and at_least(reduction.mean, self.margins.failure_reduction)
        )

    def hardly_reduces_failures(self, reduction: Comparison | None) -> bool:
        """Return whether the upper limit of the reduction is below 10 points."""
        return reduction is not None and below(reduction.upper, self.margins.negligible_reduction)


def describe(comparisons: Sequence[Comparison | None], most: int = 6) -> str:
    """Names, estimates and limits of the first few comparisons."""
    present = [c for c in comparisons if c is not None]
    parts = [f"{c.name} {c.mean:.3f} [{c.lower:.3f}, {c.upper:.3f}]" for c in present[:most]]
    if len(present) > most:
        parts.append(f"and {len(present) - most} more")
    return ", ".join(parts)


def make_verdict(
    claim: str,
    statement: str,
    comparisons: Sequence[Comparison | None],
    because: str,
    *,
    additional: Sequence[Comparison] = (),
    supported: bool = False,
    in_part: bool = False,
    contradicted: bool = False,
) -> Verdict:
    """Verdict that follows from the conditions of a rule.

    Evidence against a claim outweighs partial support. Where one set of tasks supports a claim and
    another contradicts it, the claim is undecided.

    Args:
      claim: number of the statement.
      statement: one sentence.
      comparisons: comparisons that decide; None entries are dropped.
      because: one sentence with the numbers that decided.
      additional: further comparisons to list, which decide nothing.
      supported: whether the condition for "supported" holds.
      in_part: whether the condition for "supported in part" holds.
      contradicted: whether the condition for "contradicted" holds.
    """
    present = tuple(c for c in comparisons if c is not None)
    n, word = min((c.n for c in present), default=0), UNDECIDED
    if n < MIN_SEEDS:
        because = f"n = {n}, and a verdict needs at least {MIN_SEEDS}: {because}"
    elif supported != contradicted:
        word = SUPPORTED if supported else CONTRADICTED
    elif in_part and not supported:
        word = IN_PART
    else:
        because += _sensitivity(present, n)
    return Verdict(claim, statement, word, because, (*present, *additional), n)


def _sensitivity(comparisons: Sequence[Comparison], n: int) -> str:
    """Differences that undecided comparisons could have detected."""
    if any(math.isinf(c.detectable) for c in comparisons):
        return f"; n = {n} has no interval at this level"
    if sizes := [c.detectable for c in comparisons if c.conclusions]:
        return f"; detectable differences are {min(sizes):.3f} to {max(sizes):.3f}"
    widest = max(c.detectable for c in comparisons)
    return f"; lower limits are at most {widest:.3f} below their estimates"


def claim_rule(rule: Callable[..., list[Verdict]]) -> Callable[..., list[Verdict]]:
    """Decorate a rule: a verdict is fragile if halving or doubling the margins changes it.

    The decorated rule also returns, after each verdict, an exploratory verdict about medians.

    Args:
      rule: takes an ``Analysis`` and the evidence.
    """

    @functools.wraps(rule)
    def decide(*evidence, **options) -> list[Verdict]:
        registered, halved, doubled = (
            rule(Analysis(MARGINS.scaled(factor)), *evidence, **options) for factor in (1, 0.5, 2)
        )
        about_medians = rule(Analysis(medians=True), *evidence, **options)
        verdicts = []
        for verdict, *others, about_median in zip(
            registered, halved, doubled, about_medians, strict=True
        ):
            fragile = any(other.verdict != verdict.verdict for other in others)
            verdicts.append(dataclasses.replace(verdict, fragile=fragile))
            if not verdict.exploratory and verdict.verdict != DESCRIPTIVE:
                verdicts.append(about_median.as_exploratory(MEDIANS))
        return verdicts

    return decide
