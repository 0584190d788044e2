"""Data sets at the boundary of the null hypothesis of each claim's rule.

A rule says "supported" if every one of its conditions holds. Its null hypothesis is that one of
them does not, so the least favourable point has exactly one condition at its limit and all others
clearly fulfilled. Where a rule says "contradicted" if any of several conditions holds, all of them
are at their limit. The limit of a YES is a difference of 0, which its interval must exclude. Its
.05, the 30 points of claim 4 and the .5 of claim 7a are thresholds of the estimate and not tested.

Several rules rest on an interval for differences that are symmetric about their mean, or on a share
that passes a threshold by its estimate alone. Ten seeds mostly contain none of the rare runs that
determine such a mean, so these rules err more often than one time in twenty. Such shapes are listed
under ``exceeds``, and the excess is measured. For the analysis of medians half of the seeds are
just on one side of the limit and the other half far on the other side.

Each function takes a generator and a shape, and returns a function from the index of a data set to
the arguments of the rule.
"""

import dataclasses
import importlib
from collections.abc import Callable

import numpy as np
from support.simulated import SEEDS, SETS, constant

GOOD, MIDDLE, BAD = constant(0.93), constant(0.5, seed=1), constant(0.07, seed=2)
RARE = ("rarely failed",)
HALF = ("half",)
BOUNDED = ("smooth", "solved or not", "unlike")
ALWAYS = np.broadcast_to(np.array([[False]] * 2 + [[True]] * 2), (SETS, 4, SEEDS))
NEVER = np.zeros_like(ALWAYS)


@dataclasses.dataclass(frozen=True)
class Null:
    """Boundary of the null hypothesis of one verdict.

    Attributes:
      claim: number of the statement.
      verdict: the false verdict.
      at_limit: the quantity at its limit.
      shapes: distributions under which at most 5 % of the verdicts are false.
      exceeds: distributions under which more are.
      medians: distributions for the analysis of medians.
      make: takes a generator and a shape.
    """

    claim: str
    verdict: str
    at_limit: str
    shapes: tuple[str, ...]
    exceeds: tuple[str, ...]
    medians: tuple[str, ...]
    make: Callable

    @property
    def rule(self) -> str:
        return self.claim.rstrip("abcfio")


NULLS: list[Null] = []


def null(claim, verdict, at_limit, shapes=(), exceeds=(), medians=()):
    """Register a function as the ``make`` of a ``Null``."""

    def register(make):
        NULLS.append(Null(claim, verdict, at_limit, shapes, exceeds, medians, make))
        return make

    return register


S, C = "supported", "contradicted"


def every_null():
    """All of them in the order of the claims; each module registers its own when imported."""
    for part in ("theory", "thresholds", "memory", "gates", "uses"):
        importlib.import_module(f"support.nulls_{part}")
    return sorted(NULLS, key=lambda null: int(null.rule))
