"""Claim 3: the cause is the repeated product of the same matrix; different matrices avoid it.

Networks of tanh or linear units read one input at the bottom, with one matrix at all depths or a
matrix per depth. The measurement is the share of draws whose gradient keeps its size, at the best
scale.
"""

import functools

import jax
import numpy as np

from experiments.claims.evidence import Evidence
from experiments.claims.words import in_words
from experiments.experiment import Experiment
from seqjax.diagnostics.depth import depth_gradient
from seqjax.reporting.plots.claims import ClaimPanel, Margin, Place, Quantity
from seqjax.stats.decisions import CLAIMS, EvidenceError, Verdict
from seqjax.stats.decisions.base import MARGINS
from seqjax.stats.decisions.theory import DEPTHS, FAMILIES
from seqjax.sweeps.measurement import Measurement, Point
from seqjax.types import Array

OCTAVES = 1.0
"""Scales span this many octaves on each side of 1: from .5 to 2."""
WINDOW = 1.0
"""Decades: a gradient norm in [.1, 10] counts as the same size."""

KEY = "Gaussian, orthogonal: kind of matrix. Linear, tanh: kind of unit."
"""Names in the figure."""
WORDS = {"shared": "one matrix", "independent": "a matrix a layer"}
"""Kinds in words."""
SHARES = Quantity(
    "a matrix a layer − one matrix: share of draws that keep their gradient, at the best scale",
    (Margin(-MARGINS.share, MARGINS.share, f"under {MARGINS.share:g}, does not count"),),
    "draws",
)


def experiment(full: bool) -> Experiment:
    """Return claim 3 at CPU size, or at full size."""
    name = "claim_3_full" if full else "claim_3"
    question = "Do gradients keep their size through many matrices where they lose it through one?"
    return Experiment(None, Measurement(name, question, _points(full), measure), decide, curves)


def _points(full: bool) -> tuple[dict, ...]:
    """Points: every family of networks, with independent matrices and with a shared one."""
    size = {"draws": 1000, "scales": 193} if full else {"draws": 200, "scales": 97}
    return tuple(
        {"family": family, "shared": shared, **size}
        for family in FAMILIES
        for shared in (False, True)
    )


def measure(point: Point) -> dict[str, np.ndarray]:
    """Numbers of draws whose gradient keeps its size at each scale, and the spread of norms.

    Scales are spaced evenly in their logarithm. With 97, neighbours differ by 1.5 %, which through
    50 layers is a third of a decade; the window is two decades wide.

    Returns:
      inside: (3, S) numbers of draws with a norm in [.1, 10], at ``DEPTHS`` and at each scale.
      spread: (3,) standard deviations over draws of the log10 norm at ``DEPTHS``, each at the scale
        with the largest number; ties go to the middle scale.
    """
    keys = jax.random.split(jax.random.key(0), point["draws"])
    family = point["family"].replace(" ", "_")
    log_NSG = np.asarray(_gradients(keys, scales(point), family, point["shared"]))
    inside_GS = np.sum(np.abs(log_NSG) <= WINDOW, axis=0).T
    best_G = [middle_best(inside_S) for inside_S in inside_GS]
    spread = [np.std(log_NSG[:, s, g], ddof=1) for g, s in enumerate(best_G)]
    return {"inside": inside_GS, "spread": np.array(spread)}


def scales(point: Point) -> np.ndarray:
    """(S,) scales of a point."""
    return np.exp2(np.linspace(-OCTAVES, OCTAVES, point["scales"])).astype(np.float32)


def middle_best(inside_S: np.ndarray) -> int:
    """Index of the largest number; the middle index if several are equal.

    >>> middle_best(np.array([0, 5, 5, 5, 1]))
    2
    """
    best = np.flatnonzero(inside_S == np.max(inside_S))
    return int(best[len(best) // 2])


@functools.partial(jax.jit, static_argnums=(2, 3))
def _gradients(keys: Array, scales_S: Array, family: str, shared: bool) -> Array:
    """(draws, scales, depths) log10 norms, one draw after another: scales share its matrices."""

    def one(key):
        return jax.vmap(lambda scale: depth_gradient(key, family, shared, scale, DEPTHS))(scales_S)

    return jax.lax.map(one, keys)


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 3 from the numbers of draws.

    Raises:
      EvidenceError: points differ in their draws, or the best scale is the first or last.
    """
    counts, spread = {}, {}
    draws = {at.point["draws"] for at in evidence.points}
    if len(draws) != 1:
        raise EvidenceError(f"draws: expected one number, got {sorted(draws)}")
    for (family, shared), point in evidence.measured_by("family", "shared").items():
        for k, inside_S in zip(DEPTHS, point["inside"], strict=True):
            inside_S = np.array(inside_S)
            if np.max(inside_S) > np.max(inside_S[1:-1]):
                raise EvidenceError(
                    f"inside: {family} at depth {k} is best at an edge of the scales"
                )
            counts[family, shared, k] = inside_S
        spread[family, shared] = np.array(point["spread"])
    return CLAIMS["3"](counts, draws.pop(), spread)


def _place(name: str) -> Place:
    """A row for each family."""
    return Place(name.rpartition(", ")[2])


def curves(evidence: Evidence) -> ClaimPanel:
    """Share of draws whose gradient keeps its size at the last depth, over scales."""
    measured = evidence.measured_by("family", "shared", "draws")
    lines = {
        f"{family}, {'shared' if shared else 'independent'}": np.array(point["inside"][-1]) / draws
        for (family, shared, draws), point in measured.items()
    }
    count = len(next(iter(lines.values())))
    title, across = f"draws that keep their gradient through {DEPTHS[-1]} layers", "log₂ of scale"
    return ClaimPanel(
        lines,
        title,
        across,
        "share of draws",
        first=-OCTAVES,
        step=2 * OCTAVES / (count - 1),
        compared=SHARES,
        key=KEY,
        place=_place,
        words=lambda name: in_words(name, WORDS),
        legend="network",
    )
