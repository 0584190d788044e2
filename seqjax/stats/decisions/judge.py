"""How a comparison is made and judged, and how a rule becomes a verdict.

A verdict's claim is one statement, such as 7a, and its m is the number of comparisons that this
statement rests on: all of its intervals are at level 1 - .05/m. Failed runs score 0. What is
printed beside a verdict without deciding it has the same level and does not count in m.
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
    LEAST_SEEDS,
    MARGINS,
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
    entered,
)

EXACT = "medians, whose limits hold for any shape"
"""How the verdicts of an exact judge differ."""


def level_of(m: int) -> float:
    """Of each interval, so that m of them hold together with .95."""
    return 1 - (1 - rules.CONFIDENCE) / m


@functools.lru_cache(maxsize=512)
def _interval(data: bytes, m: int, exact: bool) -> tuple[float, float, float]:
    """A mean, or a median, and its limits; kept, because a rule is run with several margins."""
    values = np.frombuffer(data)
    if exact:
        return statistics.median(values.tolist()), *intervals.median_interval(values, level_of(m))
    return float(values.mean()), *intervals.sign_flip_interval(values, level_of(m))


@dataclasses.dataclass(frozen=True)
class Judge:
    """Makes and judges comparisons.

    Attributes:
      margins: the sizes that the rules name.
      exact: medians in place of means, whose limits hold for data of any shape, where the
        registered ones take differences to be symmetric about their mean. It speaks of what
        happens mostly: one run in ten that fails does not count.
    """

    margins: Margins = MARGINS
    exact: bool = False

    def _limits(self, name: str, values: np.ndarray, m: int) -> tuple:
        values = np.ascontiguousarray(values, np.float64)
        if values.ndim != 1 or not values.size:
            raise EvidenceError(f"{name}: got shape {values.shape}; accepted is (n,) with n >= 1")
        return _interval(values.tobytes(), m, self.exact)

    def mean(self, name: str, values: np.ndarray, m: int) -> Comparison:
        """A level, from (n,) values."""
        mean, lower, upper = self._limits(name, values, m)
        return Comparison(name, mean, lower, upper, len(values), math.nan, mean - lower, ())

    def paired(self, name: str, a: np.ndarray, b: np.ndarray, m: int) -> Comparison:
        """The difference a - b of (n,) numbers in [0, 1], paired by seed.

        YES: lower > 0 and mean >= .05. NO: upper < .05. NON-INFERIOR: lower > -.03. As an interval
        moves with its data, its lower limit would have passed 0 had the mean been larger than
        mean - lower; that is ``detectable``, or .05 where a YES needs that much anyway.
        """
        if np.shape(a) != np.shape(b):
            shapes = f"{np.shape(a)} and {np.shape(b)}"
            raise EvidenceError(f"{name}: got shapes {shapes}; pairs need one")
        mean, lower, upper = self._limits(name, np.subtract(a, b), m)
        holds = {
            YES: above(lower, 0) and at_least(mean, self.margins.yes),
            NO: below(upper, self.margins.yes),
            NON_INFERIOR: above(lower, -self.margins.non_inferior),
        }
        judged = tuple(word for word in holds if holds[word] and len(a) >= LEAST_SEEDS)
        detectable = max(mean - lower, self.margins.yes)
        within = intervals.correlation(a, b)
        judgement = judged or (UNDECIDED,)
        return Comparison(name, mean, lower, upper, len(a), within, detectable, judgement)

    def difference(self, evidence: Evidence, task: str, a: str, b: str, m: int) -> Comparison:
        """The score of arm a less that of arm b on a task."""
        x, y = entered(evidence, task, a), entered(evidence, task, b)
        return self.paired(f"{a} − {b} on {task}", x, y, m)

    def reduction(
        self, name: str, plain_RN: np.ndarray, other_RN: np.ndarray, m: int
    ) -> Comparison | None:
        """How much less often runs fail, at the rates where the plain ones fail half the time.

        Args:
          plain_RN, other_RN: which runs failed, by learning rate and seed.

        Returns:
          The difference between the shares of each seed's runs, paired by seed; None where the
          plain runs fail half the time at no rate, so that there is nothing to reduce.
        """
        plain_RN, other_RN = np.asarray(plain_RN, bool), np.asarray(other_RN, bool)
        if plain_RN.shape != other_RN.shape or plain_RN.ndim != 2:
            shapes = f"{plain_RN.shape} and {other_RN.shape}"
            raise EvidenceError(f"{name}: got shapes {shapes}; accepted is one (rates, n)")
        often = plain_RN.mean(axis=1) >= 0.5
        if not often.any():
            return None
        return self.paired(name, plain_RN[often].mean(axis=0), other_RN[often].mean(axis=0), m)

    def fewer(self, reduction: Comparison | None) -> bool:
        """Runs fail less often: by 30 points, and the lower limit is above 0."""
        return (
            reduction is not None
            and above(reduction.lower, 0)
            and at_least(reduction.mean, self.margins.fewer_failures)
        )

    def hardly_fewer(self, reduction: Comparison | None) -> bool:
        """Runs fail hardly less often: the upper limit is under 10 points."""
        return reduction is not None and below(reduction.upper, self.margins.hardly_fewer)


def said(comparisons: Sequence[Comparison | None], most: int = 6) -> str:
    """Names, means and limits; of many the first few."""
    made = [c for c in comparisons if c is not None]
    parts = [f"{c.name} {c.mean:.3f} [{c.lower:.3f}, {c.upper:.3f}]" for c in made[:most]]
    if len(made) > most:
        parts.append(f"and {len(made) - most} more")
    return ", ".join(parts)


def verdict(
    claim: str,
    statement: str,
    comparisons: Sequence[Comparison | None],
    because: str,
    *,
    beside: Sequence[Comparison] = (),
    supported: bool = False,
    in_part: bool = False,
    contradicted: bool = False,
) -> Verdict:
    """The verdict that the conditions of a rule give.

    What contradicts a claim outweighs what supports a part of it. Where one set of tasks supports
    a claim and another contradicts it, it is undecided. ``beside`` are comparisons to be shown with
    those that decide.
    """
    made = tuple(c for c in comparisons if c is not None)
    n, says = min((c.n for c in made), default=0), UNDECIDED
    if n < LEAST_SEEDS:
        because = f"n = {n}, and fewer than {LEAST_SEEDS} are not judged: {because}"
    elif supported != contradicted:
        says = SUPPORTED if supported else CONTRADICTED
    elif in_part and not supported:
        says = IN_PART
    else:
        because += _undetected(made, n)
    return Verdict(claim, statement, says, because, (*made, *beside), n)


def _undetected(made: Sequence[Comparison], n: int) -> str:
    """What undecided comparisons could have told."""
    if any(math.isinf(c.detectable) for c in made):
        return f"; n = {n} has no interval at this level"
    if sizes := [c.detectable for c in made if c.judgement]:
        return f"; could have detected {min(sizes):.3f} at best, {max(sizes):.3f} everywhere"
    return f"; limits lie up to {max(c.detectable for c in made):.3f} under the estimates"


def decided(rule: Callable[..., list[Verdict]]) -> Callable[..., list[Verdict]]:
    """The rule under its own margins, marked fragile where halved or doubled ones overturn it.

    Behind each verdict follows an exploratory one: the same rule with an exact judge.
    """

    @functools.wraps(rule)
    def decide(*evidence, **more) -> list[Verdict]:
        fixed, halved, doubled = (
            rule(Judge(MARGINS.scaled(factor)), *evidence, **more) for factor in (1.0, 0.5, 2.0)
        )
        exact = rule(Judge(exact=True), *evidence, **more)
        verdicts = []
        for own, *others, other in zip(fixed, halved, doubled, exact, strict=True):
            fragile = any(v.verdict != own.verdict for v in others)
            verdicts.append(dataclasses.replace(own, fragile=fragile))
            if not own.exploratory and own.verdict != DESCRIPTIVE:
                verdicts.append(other.beside(EXACT))
        return verdicts

    return decide
