"""The boundary of the null of each claim's rule, as data sets.

A rule says "supported" where every one of its conditions holds. Its null is that one of them does
not, so the boundary which is hardest for it has exactly one at its limit, and all others clearly
fulfilled (the least favourable point of an intersection of hypotheses). Where a rule says
"contradicted" if any of several things is seen, all of them stand at their limit. The limit of a
YES is a difference of 0, which its interval has to exclude; its .05, as the 30 points of claim 4
and the .5 of claim 7a, is what the estimate must reach besides and is not tested.

Several rules rest on an interval that takes differences to be symmetric about their mean, or on a
share that passes a threshold by its estimate alone. Where ten seeds mostly show none of the rare
runs that make a mean what it is, such rules are wrong more often than one time in twenty. These
shapes are named under ``exceeds``, and the excess is measured. The exact judge speaks of medians:
its limits stand where one half of the seeds lies just on one side and the other far on the other.

Each function takes a generator and a shape, and returns what makes the arguments of data set s.
"""

import dataclasses
import importlib
from collections.abc import Callable

import numpy as np
from support.simulated import SEEDS, SETS, constant

GOOD, MIDDLE, BAD = constant(0.93), constant(0.5, seed=1), constant(0.07, seed=2)
RARE = ("rarely failed",)
HALF = ("half",)
KEPT = ("smooth", "solved or not", "unlike")
ALWAYS = np.broadcast_to(np.array([[False]] * 2 + [[True]] * 2), (SETS, 4, SEEDS))
NEVER = np.zeros_like(ALWAYS)


@dataclasses.dataclass(frozen=True)
class Null:
    """``says`` is the verdict that would be false; ``what`` stands at its limit."""

    claim: str
    says: str
    what: str
    shapes: tuple[str, ...]
    exceeds: tuple[str, ...]
    exact: tuple[str, ...]
    make: Callable

    @property
    def rule(self) -> str:
        return self.claim.rstrip("abcfio")


NULLS: list[Null] = []


def null(claim, says, what, shapes=(), exceeds=(), exact=()):
    """Of the registered rule under ``shapes`` and ``exceeds``, of the exact one under ``exact``."""

    def register(make):
        NULLS.append(Null(claim, says, what, shapes, exceeds, exact, make))
        return make

    return register


S, C = "supported", "contradicted"


def every_null():
    """Those of all claims, in their order; each module adds its own where it is imported."""
    for part in ("theory", "thresholds", "memory", "gates", "uses"):
        importlib.import_module(f"support.nulls_{part}")
    return sorted(NULLS, key=lambda null: int(null.rule))
