"""Short sequences with lengths and resets for tests of ``unroll``."""

import jax
import jax.numpy as jnp
import numpy as np
from support import cells

from seqjax.cells import CELLS

LSTM = CELLS["lstm"]
T, B, D, H = 5, 3, 2, 3
LENGTHS_B = np.array([5, 0, 4])
RESET_TB = np.zeros((T, B), bool)
RESET_TB[2, 0] = RESET_TB[0, 2] = RESET_TB[4, 2] = RESET_TB[2:, 1] = True


def draw(cell, seed=0):
    """Parameters, input and carry, in float32."""
    return jax.tree.map(jnp.float32, cells.draw(cell, T, B, D, H, seed=seed)[:3])


def total(result):
    """A loss in which each result has a different weight."""
    leaves = jax.tree.leaves(result)
    return sum(
        jnp.sum(leaf * jnp.cos(jnp.arange(leaf.size).reshape(leaf.shape))) for leaf in leaves
    )


def lane(tree, b):
    return jax.tree.map(lambda leaf: leaf[b], tree)
