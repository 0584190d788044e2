"""Gradients through time: norms of the loss's gradient at each step of a sequence.

A loss here is a function from outputs (T, B, H) to a scalar or to losses (B,), such as the loss of
a readout of the last step. Examples are independent, so the gradient of the sum of losses (B,) is,
for each example, the gradient of its loss. Padding needs no mask, because steps that the loss does
not read have a gradient of exactly 0.

In float32 norms below 1e-38 are 0; scale the loss up if you need them.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell
from seqjax.diagnostics.base import initial_carry_of, perturbed_states, step, zero_perturbation
from seqjax.recurrence.gradient_norms import tree_norm
from seqjax.types import Array

Loss = Callable[[Array], Array]
PART = 5
"""Early steps are the first fifth of a sequence, late ones the last."""


def gradient_profile(
    cell: Cell, params: NamedTuple, x_TBD: Array, loss: Loss, carry: tuple | None = None
) -> dict[str, Array]:
    """Norms ‖∂L/∂h_t‖, ‖∂L/∂c_t‖ and ‖∂L/∂x_t‖ for all t, from one backward pass.

    ε_t is added to each leaf of the carry after step t, and L is differentiated in ε at 0:

        ∂L/∂h_t = ∂L/∂y_t + (∂z_{t+1}/∂h_t)ᵀ ∂L/∂z_{t+1}
        ∂L/∂c_t = f_{t+1} ∘ ∂L/∂c_{t+1} + o_t ∘ (1 - tanh²(c_t)) ∘ ∂L/∂h_t

    These are total derivatives, with both paths of c_t: along the cell state, and through h_t.
    Peepholes add another path. Hochreiter 1991; Bengio, Simard and Frasconi 1994.

    Args:
      cell, params: any cell and its parameters.
      x_TBD: inputs.
      loss: function from the outputs (T, B, H) to losses (B,) or a scalar.
      carry: the initial carry, leaves (B, H); zeros by default.

    Returns:
      Norms over the units (T, B) by the carry's fields, and over the features by "x".

    Cost: one forward and one backward pass; two of each for cells with a c.

    >>> import jax, jax.numpy as jnp
    >>> from seqjax.cells import CELLS
    >>> from seqjax.init import InitSpec, init_cell
    >>> params = init_cell(jax.random.key(0), CELLS["lstm"], 3, 5, InitSpec())
    >>> last = lambda outputs_TBH: jnp.sum(outputs_TBH[-1], axis=-1)
    >>> profile = gradient_profile(CELLS["lstm"], params, jnp.ones((7, 2, 3)), last)
    >>> {name: norms_TB.shape for name, norms_TB in profile.items()}
    {'h': (7, 2), 'c': (7, 2), 'x': (7, 2)}
    """
    carry = initial_carry_of(cell, params, x_TBD, carry)

    def total(eps, x_TBD):
        return jnp.sum(loss(perturbed_states(cell, params, x_TBD, eps, carry).h))

    eps = zero_perturbation(carry, len(x_TBD))
    d_eps, d_x_TBD = jax.grad(total, (0, 1))(eps, x_TBD)
    return {name: _norms(leaf) for name, leaf in {**d_eps._asdict(), "x": d_x_TBD}.items()}


def _norms(gradient_TBH: Array) -> Array:
    return tree_norm([gradient_TBH], axes=(2,))[:, :, 0]


def weight_contributions(
    cell: Cell, params: NamedTuple, x_TBD: Array, loss: Loss, carry: tuple | None = None
) -> NamedTuple:
    """The contribution ∂L/∂θ_t of each step to the gradient of the parameters ∂L/∂θ = Σ_t ∂L/∂θ_t.

    θ_t is the copy of the parameters that step t uses (Pascanu, Mikolov and Bengio 2013, equations
    3 to 5, the "immediate" partial derivatives). Arguments as in ``gradient_profile``.
    Contributions are summed over the batch, as in training; pass a batch of one for one example.

    Returns:
      The parameters' NamedTuple with a leading axis T. ``jax.vmap(tree_norm)`` of it is the norm of
      each contribution, (T,).

    Cost: one forward and one backward pass, and memory for T copies of the parameters.
    """
    carry, T = initial_carry_of(cell, params, x_TBD, carry), len(x_TBD)

    def total(params_T):
        def body(carry, inputs):
            carry = step(cell, inputs[1], inputs[0], carry)
            return carry, carry.h

        return jnp.sum(loss(jax.lax.scan(body, carry, (x_TBD, params_T))[1]))

    return jax.grad(total)(
        jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (T, *leaf.shape)), params)
    )


def early_to_late(norms_T: Array) -> Array:
    """The mean of the first fifth of the steps (at least one), divided by that of the last fifth.

    Below 1 if gradients vanish on the way back, above 1 if they explode.

    >>> import jax.numpy as jnp
    >>> float(early_to_late(jnp.array([1.0, 3.0, *[9.0] * 6, 8.0, 8.0])))
    0.25
    """
    part = max(1, len(norms_T) // PART)
    return jnp.mean(norms_T[:part], axis=0) / jnp.mean(norms_T[-part:], axis=0)


def decades_per_step(norms_T: Array) -> Array:
    """The least-squares slope of log10 ‖∂L/∂h_t‖ against the number of steps back from the end.

    -1 means that the gradient falls tenfold with every step on the way back. -inf or NaN if a norm
    is 0.

    >>> import jax.numpy as jnp
    >>> print(f"{decades_per_step(jnp.array([1e-4, 1e-2, 1.0])):.3f}")
    -2.000
    """
    back_T = jnp.arange(len(norms_T), 0, -1).astype(norms_T.dtype)
    back_T = back_T - jnp.mean(back_T)
    return jnp.sum(back_T * jnp.log10(norms_T)) / jnp.sum(jnp.square(back_T))
