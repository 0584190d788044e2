"""The cells that tests run over, their random parameters, and their parameters by gate name."""

import os

import jax
import numpy as np
import pytest

from seqjax.cells import CELLS
from seqjax.init import InitSpec, init_cell

QUICK = bool(os.environ.get("SEQJAX_QUICK"))
REPRESENTATIVE = ("elman", "indrnn", "lstm", "lstm_peephole", "gru", "mut1")
"""With SEQJAX_QUICK set, tests over all cells run over these."""
NAMES = REPRESENTATIVE if QUICK else tuple(CELLS)
POINTWISE = tuple(name for name in NAMES if CELLS[name].combine is not None)
STEPWISE = tuple(name for name in NAMES if CELLS[name].combine is None)
every_cell = pytest.mark.parametrize("name", NAMES)
every_pointwise_cell = pytest.mark.parametrize("name", POINTWISE)
every_stepwise_cell = pytest.mark.parametrize("name", STEPWISE)


def draw(cell, T, B, D, H, runs=(), seed=0):
    """Normal random parameters (``runs`` of them), input, carry, and weights for every result."""
    D = H if cell.square else D
    normal = np.random.default_rng(seed).normal
    shapes = jax.eval_shape(lambda: init_cell(jax.random.key(0), cell, D, H, InitSpec()))
    params = jax.tree.map(lambda leaf: normal(size=(*runs, *leaf.shape), scale=0.8), shapes)
    carry = cell.carry(*(normal(size=(B, H)) for _ in cell.carry._fields))
    weights = normal(size=(T, B, H)), cell.carry(*(normal(size=(B, H)) for _ in carry))
    return params, normal(size=(T, B, D)), carry, weights


def by_name(cell, params):
    """Views of the parameters by gate name, as the oracles take them."""
    named = {"W": {k: params.w_DGH[:, n] for n, k in enumerate(cell.input_gates)}}
    named["b"] = {k: params.b_GH[n] for n, k in enumerate(cell.bias_gates)}
    if cell.state_gates:
        named["U"] = {k: params.u_HGH[:, n] for n, k in enumerate(cell.state_gates)}
    for extra in cell.extras:
        axis = 1 if extra.draw == "recurrent" else 0
        rows = np.moveaxis(getattr(params, extra.field), axis, 0)
        named[extra.field] = dict(zip(extra.names, rows, strict=True))
    return named
