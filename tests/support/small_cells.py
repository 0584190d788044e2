"""Small cells for tests of diagnostics."""

import jax
import jax.numpy as jnp
import pytest
from support.cells import draw

from seqjax.cells.base import Cell, Gate
from seqjax.cells.elman import elman_combine

T, B, D, H = 3, 2, 2, 3
SOME = ("elman", "lstm", "lstm_peephole", "gru", "mut1", "janet")
some_cells = pytest.mark.parametrize("name", SOME)
LINEAR = Cell("linear", (Gate("h", "linear"),), elman_combine)


def linear_network(seed=0):
    """A linear cell with one fixed recurrent matrix, and some input."""
    params, x, _, _ = draw(LINEAR, T, B, D, H, seed=seed)
    return jax.tree.map(jnp.float32, (params, x))
