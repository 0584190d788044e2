"""Claim 3: the cause is the repeated product of the same matrix; different ones avoid it.

Networks of tanh or linear units with an input at the bottom alone, one matrix at all depths or a
matrix each: for what share of draws does the gradient keep its size, at the best scale there is?
"""

import functools

import jax
import numpy as np

from experiments.claims.evidence import by_point
from experiments.experiment import Subject
from seqjax.diagnostics.depth import depth_gradient
from seqjax.reporting.plots.claims import Curves
from seqjax.stats.decisions import CLAIMS, EvidenceError, Verdict
from seqjax.stats.decisions.theory import DEPTHS, FAMILIES
from seqjax.sweeps.measurement import Measurement
from seqjax.types import Array

OCTAVES = 1.0
"""Scales lie within this many octaves around 1: .5 to 2."""
WINDOW = 1.0
"""Decades: a gradient norm in [.1, 10] counts as kept."""


def subject(full: bool) -> Subject:
    name = "claim_3_full" if full else "claim_3"
    question = "Do gradients keep their size through many matrices where they lose it through one?"
    return Subject(None, Measurement(name, question, _points(full), measure), decide, curves)


def _points(full: bool) -> tuple[dict, ...]:
    """Where it is measured: kinds of networks, shared or independent."""
    size = {"draws": 1000, "scales": 193} if full else {"draws": 200, "scales": 97}
    return tuple(
        {"family": family, "shared": shared, **size}
        for family in FAMILIES
        for shared in (False, True)
    )


def measure(point) -> dict[str, np.ndarray]:
    """How many draws keep their gradient at each scale, and how the rest of them spread.

    Scales are spaced evenly in their logarithm: at 97 two neighbours differ by 1.5 %, and through
    50 layers by a third of a decade, where the window has two.

    Returns:
      inside: (3, S) numbers of draws with a norm in [.1, 10], at ``DEPTHS`` and at each scale.
      spread: (3,) standard deviations over draws of the log10 norm, each at the scale of the
        largest share; where several scales have it, at the middle one.
    """
    keys = jax.random.split(jax.random.key(0), point["draws"])
    family = point["family"].replace(" ", "_")
    log_NSG = np.asarray(_gradients(keys, scales(point), family, point["shared"]))
    inside_GS = np.sum(np.abs(log_NSG) <= WINDOW, axis=0).T
    best_G = [middle_best(inside_S) for inside_S in inside_GS]
    spread = [np.std(log_NSG[:, s, g], ddof=1) for g, s in enumerate(best_G)]
    return {"inside": inside_GS, "spread": np.array(spread)}


def scales(point) -> np.ndarray:
    return np.exp2(np.linspace(-OCTAVES, OCTAVES, point["scales"])).astype(np.float32)


def middle_best(inside_S: np.ndarray) -> int:
    """The place of the largest number; of several the middle one.

    >>> middle_best(np.array([0, 5, 5, 5, 1]))
    2
    """
    places = np.flatnonzero(inside_S == np.max(inside_S))
    return int(places[len(places) // 2])


@functools.partial(jax.jit, static_argnums=(2, 3))
def _gradients(keys: Array, scales_S: Array, family: str, shared: bool) -> Array:
    """(draws, scales, depths) log10 norms. One draw at a time: its matrices serve all scales."""

    def one(key):
        return jax.vmap(lambda scale: depth_gradient(key, family, shared, scale, DEPTHS))(scales_S)

    return jax.lax.map(one, keys)


def decide(recorded, points) -> list[Verdict]:
    del recorded
    counts, spread, draws = {}, {}, {point["point"]["draws"] for point in points}
    if len(draws) != 1:
        raise EvidenceError(f"evidence: claim 3 needs one number of draws, got {sorted(draws)}")
    for (family, shared), own in by_point(points, "family", "shared").items():
        for k, inside_S in zip(DEPTHS, own["inside"], strict=True):
            inside_S = np.array(inside_S)
            if np.max(inside_S) > np.max(inside_S[1:-1]):
                raise EvidenceError(f"evidence: {family} at depth {k} is best at an edge of scales")
            counts[family, shared, k] = inside_S
        spread[family, shared] = np.array(own["spread"])
    return CLAIMS["3"](counts, draws.pop(), spread)


def curves(recorded, points) -> Curves:
    del recorded
    lines = {
        f"{family}, {'shared' if shared else 'independent'}": np.array(own["inside"][-1]) / draws
        for (family, shared, draws), own in by_point(points, "family", "shared", "draws").items()
    }
    count = len(next(iter(lines.values())))
    title, across = f"draws that keep their gradient through {DEPTHS[-1]} layers", "log₂ of scale"
    return Curves(lines, title, across, "share", first=-OCTAVES, step=2 * OCTAVES / (count - 1))
