"""Pascanu's regulariser Ω, which keeps the norm of the gradient from step to step.

With δ_t = ∂L/∂h_t, the total derivative of the training loss, and φ' the slopes of the activation,

    q_t = (δ_t ∘ φ'(h_t)) Uᵀ                       the part of δ_{t-1} that step t sends back
    Ω = mean of (‖q_t‖² / ‖δ_t‖² - 1)²             over steps and sequences with ‖δ_t‖² >= 1e-20

The gradient is the immediate one: U varies, δ and h are constants (Pascanu, Mikolov and Bengio
2013, equations 9 and 10). The paper prints a sum over steps; the authors' code, as here, divides by
the number of terms, which makes α independent of the length.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqjax.cells import CELLS
from seqjax.cells.base import Cell
from seqjax.cells.elman import elman_combine
from seqjax.recurrence.fused import SLOPES
from seqjax.recurrence.gradient_norms import tree_norm
from seqjax.recurrence.unroll import Unrolled
from seqjax.tasks.base import Batch
from seqjax.types import Array, Number

LEAST_NORM = 1e-10
"""Steps whose ‖δ_t‖ is smaller are left out."""


def is_defined_for(cell: Cell) -> bool:
    """Return whether the cell is an Elman network, h' = φ(W x + U h + b)."""
    return cell.combine is elman_combine and cell.state_gates == ("h",)


def conflict(cell: Cell, layers: int, bidirectional: bool, sources: int) -> str | None:
    """The reason why a model has no Ω, or None."""
    if not is_defined_for(cell):
        names = ", ".join(name for name, other in CELLS.items() if is_defined_for(other))
        return f"for cell {cell.name} (cells with omega: {names})"
    if layers > 1 or bidirectional:
        return "with more than one layer or direction"
    return "for a task with a source" if sources else None


class Signal(NamedTuple):
    """The gradient at each step, of length 1, times the slopes of that step.

    Attributes:
      scaled_TBH: δ_t / ‖δ_t‖ ∘ φ'(h_t); 0 where the step is left out.
      counted_TB: 1 for steps that count, else 0.
    """

    scaled_TBH: Array
    counted_TB: Array


def add_gradient(
    grads: dict[str, Any],
    params: dict[str, Any],
    factor: Number,
    cell: Cell,
    result: Unrolled,
    batch: Batch,
    loss: Callable[[Unrolled], Array],
) -> dict[str, Any]:
    """The gradient of the training loss plus ``factor`` ∂Ω/∂U.

    Args:
      grads, params: gradient and parameters by layer, as of ``model_params``.
      factor: α; may be traced.
      cell, result, batch, loss: as in ``signal``.
    """
    ((layer, own),) = grads["recurrent"]["cells"].items()
    u_HGH = params["recurrent"]["cells"][layer].u_HGH
    d_u_HGH = jax.grad(omega)(u_HGH, signal(cell, u_HGH, result, batch, loss))
    own = own._replace(u_HGH=own.u_HGH + jnp.asarray(factor, u_HGH.dtype) * d_u_HGH)
    return {**grads, "recurrent": {**grads["recurrent"], "cells": {layer: own}}}


def signal(
    cell: Cell,
    u_HGH: Array,
    result: Unrolled,
    batch: Batch,
    loss: Callable[[Unrolled], Array],
) -> Signal:
    """δ_t of every step from one backward loop over t.

    Args:
      cell: a cell for which ``is_defined_for`` holds.
      u_HGH: its recurrent matrix, G = 1.
      result: states of a model of one layer and direction.
      batch: the batch; its lengths and resets are read.
      loss: function from ``result`` to the training loss.
    """
    direct = jax.grad(loss)(result)  # ∂⁺L/∂h_t, without the path through later steps
    ((_, d_final),) = direct.carry.items()
    h_TBH, u_HH = result.outputs_TBH, u_HGH[:, 0]
    slopes_TBH = SLOPES[cell.gates[0].activation](h_TBH)
    T, B, _ = h_TBH.shape
    valid_TB, reset_TB = jnp.ones((T, B), bool), jnp.zeros((T, B), bool)
    if batch.lengths_B is not None:
        valid_TB = jnp.arange(T)[:, None] < batch.lengths_B.astype(int)[None, :]
    if batch.reset_TB is not None:
        reset_TB = batch.reset_TB

    def back(d_BH, step):
        direct_BH, slopes_BH, valid_B, reset_B = step
        delta_BH = d_BH + direct_BH
        sent_BH = jnp.where(reset_B[:, None], 0, (delta_BH * slopes_BH) @ u_HH.T)
        return jnp.where(valid_B[:, None], sent_BH, d_BH), delta_BH

    inputs = (direct.outputs_TBH, slopes_TBH, valid_TB, reset_TB)
    _, delta_TBH = jax.lax.scan(back, d_final.h, inputs, reverse=True)
    norm_TB1 = tree_norm([delta_TBH], axes=(2,))
    counted_TB = valid_TB & (norm_TB1[:, :, 0] >= LEAST_NORM)
    unit_TBH = delta_TBH / jnp.where(counted_TB[:, :, None], norm_TB1, 1)
    scaled_TBH = jnp.where(counted_TB[:, :, None], unit_TBH * slopes_TBH, 0)
    return Signal(scaled_TBH, counted_TB.astype(h_TBH.dtype))


def omega(u_HGH: Array, of: Signal) -> Array:
    """Ω as a function of the recurrent matrix alone; 0 if no step counts."""
    sent_TBH = of.scaled_TBH @ u_HGH[:, 0].T
    ratio_TB = jnp.sum(jnp.square(sent_TBH), axis=-1)
    terms_TB = of.counted_TB * jnp.square(ratio_TB - 1)
    return jnp.sum(terms_TB) / jnp.maximum(jnp.sum(of.counted_TB), 1)
