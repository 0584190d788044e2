"""Short sequences with lengths and resets for tests of ``unroll``."""

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.cells import CELLS
from seqjax.init import InitSpec, init_cell

LSTM = CELLS["lstm"]
T, B, D, H = 5, 3, 2, 3
LENGTHS_B = np.array([5, 0, 4])
RESET_TB = np.zeros((T, B), bool)
RESET_TB[2, 0] = RESET_TB[0, 2] = RESET_TB[4, 2] = RESET_TB[2:, 1] = True


def draw(cell, runs=(), seed=0):
    """Parameters, input and carry, in float32."""
    normal = np.random.default_rng(seed).normal
    shapes = jax.eval_shape(lambda: init_cell(jax.random.key(0), cell, D, H, InitSpec()))
    params = jax.tree.map(lambda leaf: normal(size=(*runs, *leaf.shape)), shapes)
    carry = cell.carry(*(normal(size=(B, H)) for _ in cell.carry._fields))
    return jax.tree.map(jnp.float32, (params, normal(size=(T, B, D)), carry))


def total(result):
    """A loss in which each result has a different weight."""
    leaves = jax.tree.leaves(result)
    return sum(
        jnp.sum(leaf * jnp.cos(jnp.arange(leaf.size).reshape(leaf.shape))) for leaf in leaves
    )


def lane(tree, b):
    return jax.tree.map(lambda leaf: leaf[b], tree)
