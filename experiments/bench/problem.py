"""The computation of every contender: one recurrent layer on the same numbers."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

RATE = 0.01
GATES = {"lstm": 4, "gru": 3, "elman": 1}


class AbsentError(Exception):
    """A contender cannot run on this machine."""


class Job(NamedTuple):
    """A compiled computation that has run once.

    Attributes:
      run: function that runs it a number of times, and waits for all results.
      values: results, for the comparison with other contenders.
      facts: numbers about it other than times.
      forward: like ``run``, for the forward pass of a training step, or None.
    """

    run: Callable[[int], None]
    values: dict[str, np.ndarray]
    facts: dict[str, Any]
    forward: Callable[[int], None] | None = None


class Size(NamedTuple):
    """Batch, steps, input features, hidden units."""

    B: int
    T: int
    D: int
    H: int

    def training_flop(self, gates: int = 4) -> int:
        """FLOP of the matrix products of a training step, without that of the input gradient."""
        return 2 * self.B * self.T * gates * self.H * (3 * self.H + 2 * self.D)


SIZES = {
    "S1": Size(32, 100, 2, 64),
    "S2": Size(32, 100, 64, 128),
    "S3": Size(64, 100, 128, 256),
    "S4": Size(16, 400, 2, 128),
}


class Arrays(NamedTuple):
    """Input, target and weights, gates in the order i f g o, r z n or h.

    A training step is gradient descent at ``RATE`` on Σ (outputs − y)² / (T B). Under "gru" the
    bias of n is inside the product with the reset gate.
    """

    x_TBD: np.ndarray
    y_TBH: np.ndarray
    w_DGH: np.ndarray
    u_HGH: np.ndarray
    b_GH: np.ndarray


def draw(size: Size, gates: int = 4) -> Arrays:
    """Draw the same float32 arrays in every process."""
    B, T, D, H = size
    rng = np.random.default_rng(0)

    def normal(*shape, scale=1.0):
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    x, y = normal(T, B, D), normal(T, B, H)
    w, u = normal(D, gates, H, scale=D**-0.5), normal(H, gates, H, scale=H**-0.5)
    return Arrays(x, y, w, u, normal(gates, H, scale=0.1))
