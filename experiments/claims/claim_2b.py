"""Claim 2b: composing the same function many times gives extremely non-linear behaviour.

The verdict is descriptive. It counts the monotone pieces of one direction of the state along a line
of inputs, in deep tanh networks with one matrix at all depths and with a matrix per depth.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments.claims.evidence import Evidence
from experiments.claims.words import in_words
from experiments.experiment import Experiment
from seqjax.diagnostics.depth import draw_matrices, monotone_pieces
from seqjax.reporting.plots.claims import ClaimPanel, Place, Quantity
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.stats.decisions.base import lookup
from seqjax.sweeps.measurement import Measurement, Point
from seqjax.types import Array, named_key

SCALES = (2.0, 1.0, 3.0)
"""Scales of Gaussian matrices N(0, 1/n): the registered scale, then exploratory ones. At 1 a tanh
network hardly folds; above 1 small differences grow."""
DRAWS = 20
KINDS = ("shared", "independent")

GROWTH = Quantity("doublings of the number of pieces a layer", n_of="draws")
WORDS = {"shared": "one matrix", "independent": "a matrix a layer"}
"""Kinds in words."""


def experiment(full: bool) -> Experiment:
    """Return claim 2b at CPU size, or at full size."""
    name = "claim_2b_full" if full else "claim_2b"
    question = "How does the number of monotone pieces grow with depth?"
    return Experiment(None, Measurement(name, question, _points(full), measure), decide, curves)


def _points(full: bool) -> tuple[dict, ...]:
    """Points: every scale, with a shared matrix and with independent ones."""
    size = {"units": 128, "depth": 20} if full else {"units": 64, "depth": 15}
    grid = 2**15 if full else 2**13
    return tuple(
        {"scale": scale, "shared": shared, **size, "grid": grid, "draws": DRAWS}
        for scale in SCALES
        for shared in (True, False)
    )


def measure(point: Point) -> dict[str, np.ndarray]:
    """Monotone pieces of w · h_k along h_0 = a + s b, -1 <= s <= 1, by depth and draw.

    The entries of a, b and w are N(0, 1). All points share them; matrices are drawn per kind.

    Returns:
      pieces: (K, draws) numbers of pieces at the depths 1 … K.
      coarse: the same on every second number of the grid. The number of pieces that this grid
        misses estimates the number that the full grid misses.
    """
    keys = jax.random.split(jax.random.key(0), point["draws"])
    scale, shape = np.float32(point["scale"]), (point["depth"], point["units"], point["grid"])
    # On a fine grid float32 neighbours differ by about a rounding error, which counts as folds.
    with jax.enable_x64(True):
        fine_NK, coarse_NK = map(np.asarray, _pieces(keys, scale, point["shared"], *shape))
    return {"pieces": fine_NK.T, "coarse": coarse_NK.T}


@functools.partial(jax.jit, static_argnums=(2, 3, 4, 5))
def _pieces(
    keys: Array, scale: Array, shared: bool, depth: int, units: int, grid: int
) -> tuple[Array, Array]:
    """(draws, K) counts on the full grid, and on every second number of it."""
    grid_S = jnp.linspace(-1.0, 1.0, grid + 1, dtype=jnp.float64)

    def one(key):
        u_Knn = scale * draw_matrices(key, "gaussian", shared, depth, units)
        ends = (_normal(named_key(key, end), units) for end in ("a", "b", "w"))
        drawn = [array.astype(jnp.float64) for array in (u_Knn, *ends)]
        return monotone_pieces(*drawn, grid_S), monotone_pieces(*drawn, grid_S[::2])

    return jax.lax.map(one, keys)


def _normal(key: Array, units: int) -> Array:
    return jax.random.normal(key, (units,), jnp.float32)


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 2b at the registered scale, and exploratory verdicts at other scales."""
    measured = evidence.measured_by("scale", "shared")
    verdicts = []
    for scale in SCALES:
        points = {kind: lookup(measured, scale, kind == "shared") for kind in KINDS}
        pieces = {kind: np.array(points[kind]["pieces"]) for kind in KINDS}
        missed = max(
            1 - np.mean(points[kind]["coarse"][-1]) / np.mean(pieces[kind][-1]) for kind in KINDS
        )
        for verdict in CLAIMS["2b"](range(1, len(pieces["shared"]) + 1), pieces):
            because = f"scale {scale:g}: {verdict.because}; half the grid misses {missed:.1%}"
            described = dataclasses.replace(verdict, because=because)
            verdicts.append(
                described if scale == SCALES[0] else described.as_exploratory(f"scale {scale:g}")
            )
    return verdicts


def _place(name: str) -> Place:
    """A row for each kind."""
    return Place(WORDS[name.rpartition(", ")[2]])


def curves(evidence: Evidence) -> ClaimPanel:
    """Monotone pieces over depth."""
    lines = {
        f"{'shared' if shared else 'independent'}, scale {scale:g}": np.array(point["pieces"]).T
        for (scale, shared), point in evidence.measured_by("scale", "shared").items()
    }
    return ClaimPanel(
        lines,
        "folds along a line of inputs",
        "depth",
        "monotone pieces",
        log=True,
        compared=GROWTH,
        place=_place,
        words=lambda name: in_words(name, WORDS),
        legend="matrices",
    )
