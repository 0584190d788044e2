"""Jacobians along a trajectory: carry to carry, memory to memory, input to output.

Functions take one example, x (T, D); use ``jax.vmap`` over examples and runs. Rows of a Jacobian
are outputs: J[i, j] = ∂ out_i / ∂ in_j.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell
from seqjax.diagnostics.base import (
    direct_step,
    initial_carry_of,
    map_sequentially,
    memory_field,
    perturbed_states,
    step,
    zero_perturbation,
)
from seqjax.init import spectral_radius
from seqjax.recurrence.gradient_norms import tree_norm
from seqjax.types import Array


def _start(cell: Cell, params: NamedTuple, x_TD: Array, carry: tuple | None) -> NamedTuple:
    """The initial carry, leaves (1, H), from leaves (H,)."""
    carry = None if carry is None else jax.tree.map(lambda leaf: leaf[None], carry)
    return initial_carry_of(cell, params, x_TD[:, None], carry)


def step_jacobians(
    cell: Cell, params: NamedTuple, x_TD: Array, carry: tuple | None = None
) -> Array:
    """J_t = ∂ carry_t / ∂ carry_{t-1} for every step, (T, S, S).

    S is H times the number of the carry's leaves, in their order: for an LSTM h, then c.
    For an Elman network J_t = diag(1 - h_t²) Uᵀ.

    Args:
      carry: the initial carry, leaves (H,); zeros by default.

    Cost: one forward pass and S tangents a step (S forward passes); memory T S².
    """
    start = _start(cell, params, x_TD, carry)

    def flat_step(x_D, state_S):
        new = step(cell, params, x_D[None], cell.carry(*state_S.reshape(-1, *start.h.shape)))
        return jnp.concatenate([leaf[0] for leaf in new])

    def body(state_S, x_D):
        return flat_step(x_D, state_S), state_S

    _, before_TS = jax.lax.scan(body, jnp.concatenate([leaf[0] for leaf in start]), x_TD)
    return jax.vmap(jax.jacfwd(flat_step, argnums=1))(x_TD, before_TS)


def cumulative_products(jacobians_TSS: Array) -> Array:
    """P_t = J_t J_{t-1} … J_1 for every t, (T, S, S): ∂ carry_t / ∂ carry_0.

    Cost: T matrix products. After some hundred steps the products overflow or underflow float32;
    ``lyapunov_spectrum`` does not.
    """

    def body(product_SS, jacobian_SS):
        product_SS = jnp.matmul(jacobian_SS, product_SS, precision="highest")
        return product_SS, product_SS

    one = jnp.eye(jacobians_TSS.shape[1], dtype=jacobians_TSS.dtype)
    return jax.lax.scan(body, one, jacobians_TSS)[1]


def singular_values(jacobians_TSS: Array) -> Array:
    """Singular values (..., S) of each matrix, in descending order: the spectral norm is first."""
    matrices = jacobians_TSS.reshape(-1, *jacobians_TSS.shape[-2:])
    values = map_sequentially(functools.partial(jnp.linalg.svd, compute_uv=False), matrices)
    return values.reshape(*jacobians_TSS.shape[:-2], values.shape[-1])


def lyapunov_spectrum(jacobians_TSS: Array) -> Array:
    """Lyapunov exponents (S,) in descending order.

        λ_i = 1/T Σ_t log |R_t,ii|,    Q_t R_t = J_t Q_{t-1},    Q_0 = I

    Logarithms are natural, exponents per step. A positive exponent means chaos, -inf a direction
    that is forgotten. The error falls as 1/T. Benettin et al. 1980; for recurrent networks Vogt et
    al. 2020 (arXiv 2006.14123) and Engelken et al. 2023.

    Args:
      jacobians_TSS: Jacobians of any map along a trajectory, as of ``step_jacobians``.

    Cost: T decompositions of S × S.

    >>> import jax.numpy as jnp
    >>> half_and_double = jnp.tile(jnp.array([[0.5, 1.0], [0.0, 2.0]]), (400, 1, 1))
    >>> print(lyapunov_spectrum(half_and_double).round(2))
    [ 0.69 -0.69]
    """

    def body(q_SS, jacobian_SS):
        q_SS, r_SS = jnp.linalg.qr(jnp.matmul(jacobian_SS, q_SS, precision="highest"))
        return q_SS, jnp.log(jnp.abs(jnp.diagonal(r_SS)))

    one = jnp.eye(jacobians_TSS.shape[1], dtype=jacobians_TSS.dtype)
    return jnp.sort(jnp.mean(jax.lax.scan(body, one, jacobians_TSS)[1], axis=0))[::-1]


def direct_path(cell: Cell, params: NamedTuple, x_TD: Array, carry: tuple | None = None) -> Array:
    """∂m_t/∂m_{t-1} with all gates fixed, the diagonal of a diagonal matrix: (T, H).

    m is c where the cell has one, else h: f_t for the LSTM and JANET, 1 for ``lstm_ungated``, z_t
    for the GRU, 1 - z_t for MUT1 to MUT3, 0 for an Elman network. Over the steps s+1 … t the path
    is the product of these. (The constant error carousel: Hochreiter and Schmidhuber 1997; Gers
    et al. 2000.)

    Cost: one forward pass and one tangent.
    """

    def body(carry, x_D):
        carry, diagonal_BH = direct_step(cell, params, x_D[None], carry)
        return carry, diagonal_BH[0]

    return jax.lax.scan(body, _start(cell, params, x_TD, carry), x_TD)[1]


class MemoryPath(NamedTuple):
    """Derivatives of the memory m_t with respect to m_s.

    Attributes:
      total_THH: ∂m_t/∂m_s along all paths, including the path through h_s; 0 for t < s, the
        identity at s.
      direct_TH: the diagonal of the direct path, Π f over s+1 … t; 0 for t < s, 1 at s.
      share_T: Frobenius norm of the direct path over that of the total; 0 if the total is 0. It is
        above 1 if other paths oppose the direct path.
    """

    total_THH: Array
    direct_TH: Array
    share_T: Array


def memory_path(
    cell: Cell, params: NamedTuple, x_TD: Array, source: Array, carry: tuple | None = None
) -> MemoryPath:
    """∂m_t/∂m_s for all t, and its part along the direct path, with all gates fixed.

    Args:
      source: the step s, from 0; may be traced.
      carry: the initial carry, leaves (H,); zeros by default.

    Cost: H tangents of a forward pass (two for cells with a c).
    """
    start = _start(cell, params, x_TD, carry)
    T, (_, H), name = len(x_TD), start.h.shape, memory_field(cell)
    t_T = jnp.arange(T)

    def memories(delta_H):
        eps = zero_perturbation(start, T)
        eps = eps._replace(**{name: getattr(eps, name).at[source, 0].set(delta_H)})
        return getattr(perturbed_states(cell, params, x_TD[:, None], eps, start), name)[:, 0]

    total_THH = jax.jacfwd(memories)(jnp.zeros((H,), x_TD.dtype))
    steps_TH = jnp.where(t_T[:, None] > source, direct_path(cell, params, x_TD, carry), 1)
    direct_TH = jnp.where(t_T[:, None] >= source, jnp.cumprod(steps_TH, axis=0), 0)
    total_T = tree_norm([total_THH], axes=(1, 2)).reshape(T)
    direct_T = tree_norm([direct_TH], axes=(1,)).reshape(T)
    share_T = jnp.where(total_T > 0, direct_T / jnp.where(total_T > 0, total_T, 1), 0)
    return MemoryPath(total_THH, direct_TH, share_T)


class Scale(NamedTuple):
    """Spectral radius and largest singular value of a matrix."""

    radius: Array
    norm: Array


def recurrent_scales(cell: Cell, params: NamedTuple) -> dict[str, Scale]:
    """Spectral radius and norm of each gate's recurrent matrix U, by gate."""
    scales = {}
    for k, gate in enumerate(cell.state_gates):
        u_HH = params.u_HGH[:, k]
        norm = singular_values(u_HH)[0]
        scales[gate] = Scale(jnp.where(norm > 0, spectral_radius(u_HH), 0), norm)
    return scales


def input_jacobian(predict: Callable[[Array], Array], x_TD: Array) -> Array:
    """‖∂y_t/∂x_s‖ (Frobenius) for every pair (t, s), (T, T): rows are outputs.

    Entries above the diagonal are exactly 0 for a network that runs forward; all entries off the
    diagonal are 0 for a feed-forward network.

    Args:
      predict: function from inputs (T, D) to outputs at every step (T, V), such as an ``unroll``
        with a batch of 1, or a model's logits.
      x_TD: one example.

    Cost: T V backward passes.

    >>> import jax, jax.numpy as jnp
    >>> from seqjax.cells import CELLS
    >>> from seqjax.init import InitSpec, init_cell
    >>> from seqjax.recurrence.unroll import unroll
    >>> cell = CELLS["feedforward"]
    >>> params = init_cell(jax.random.key(0), cell, 3, 5, InitSpec())
    >>> outputs = lambda x_TD: unroll(cell, params, x_TD[:, None]).outputs_TBH[:, 0]
    >>> input_jacobian(outputs, jnp.ones((2, 3))) > 0
    Array([[ True, False],
           [False,  True]], dtype=bool)
    """
    jacobian_TVTD = jax.jacrev(predict)(x_TD)
    return tree_norm([jacobian_TVTD], axes=(1, 3)).reshape(len(x_TD), len(x_TD))
