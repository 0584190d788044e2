"""The fused engine: one ``custom_vjp`` for every cell with a pointwise ``combine``.

The forward pass is that of the reference engine; it saves, for each step, the carry before the step
and the gate values. The backward loop has ``dz Uᵀ`` as its only matrix product,

    dz_t, dcarry_t = pointwise derivatives of step t, from the saved values
    dcarry_t.h += dz_t Uᵀ

and all other products are taken after the loop, or on a CPU after each block of steps:

    dU = Σ carry_t.hᵀ dz_t    dW = Σ x_tᵀ dz_t    db = Σ dz_t    dx_t = dz_t Wᵀ

Slopes of activations are computed from their values, σ' = s (1 - s) and tanh' = 1 - t²;
``jax.vjp`` differentiates the rest of ``combine``, so a new cell needs no code here.
"""

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from seqjax.cells.base import Cell
from seqjax.cells.matmul import matmul
from seqjax.recurrence.gradient_norms import raise_to_norm, tree_norm
from seqjax.recurrence.reference import (
    Inputs,
    Shared,
    Static,
    chunk_size_near,
    finish_step,
    reset_carry,
    scan_chunks,
    scan_steps,
)
from seqjax.types import Array

BLOCK_ROWS = 800
SLOPES: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda s: s * (1 - s),
    "tanh": lambda t: 1 - t * t,
    "relu": lambda r: (r > 0).astype(r.dtype),
    "linear": jnp.ones_like,
}
"""The derivative of each activation as a function of its value."""


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _replayed(activation, z, value):
    """``value``, the saved activation of ``z``; z itself is not read."""
    return value


@_replayed.defjvp
def _replayed_jvp(activation, primals, tangents):
    (_, value), (d_z, d_value) = primals, tangents
    return value, SLOPES[activation](value) * d_z + d_value


class Replay:
    """The ``act`` of a backward step: returns the gate values that the forward step saved."""

    def __init__(self, cell: Cell, saved: dict[str, Array]):
        self.activations = {gate.name: gate.activation for gate in cell.gates}
        self.saved, self.values = saved, {}

    def __call__(self, name: str, z: Array) -> Array:
        self.values[name] = _replayed(self.activations[name], z, self.saved[name])
        return self.values[name]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def unroll_fused(
    static: Static, shared: Shared, carry: NamedTuple, inputs: Inputs
) -> tuple[NamedTuple, tuple[Array, dict[str, Array]]]:
    """The results of ``unroll_reference``, for a cell with a pointwise ``combine``.

    Forward-mode differentiation raises JAX's TypeError about ``custom_vjp``.
    """
    return _forward(static, shared, carry, inputs)[0]


def _forward(static, shared, carry, inputs):
    residuals = functools.partial(_pack, static.cell)
    # On a CPU, reading slices of one large product is slower than computing a product in each step.
    final, (outputs, saved_TKN) = scan_steps(
        static, shared, carry, inputs, residuals, project_first=not _on_cpu()
    )
    return (final, outputs), (shared, inputs, saved_TKN)


def _pack(cell, carry, values):
    """The residuals of a step as K rows of N = B·H numbers: its carry, then its gate values.

    Residuals are one array, because XLA fills and copies every stack of a loop before the loop
    begins. Rows are flat, because its CPU loops over rows of H numbers take several times as long.
    """
    return jnp.stack([jnp.ravel(a) for a in (*carry, *(values[gate.name] for gate in cell.gates))])


def _unpack(cell, saved_TKN, t, shape):
    """The carry before step t and the step's gate values by name: the inverse of ``_pack``.

    Each row is sliced by itself, because XLA's CPU loops read a common slice number by number.
    """
    rows = [
        lax.dynamic_slice(saved_TKN, (t, k, 0), (1, 1, saved_TKN.shape[2])).reshape(shape)
        for k in range(saved_TKN.shape[1])
    ]
    leaves = len(cell.carry._fields)
    names = (gate.name for gate in cell.gates)
    return cell.carry(*rows[:leaves]), dict(zip(names, rows[leaves:], strict=True))


def _backward(static, residuals, cotangents):
    (shared, inputs, saved_TKN), (d_final, d_outputs) = residuals, cotangents
    (T, B, _), params = inputs.x_TBD.shape, shared.params
    p = _extra_rows(static.cell, params, like=shared.initial.h)
    step_back = _step_back(static, shared, inputs, saved_TKN, d_outputs, p)

    def block_back(sums, t_K):
        """The backward loop over the steps t_K, then the matrix products of its dz."""
        steps, d_params = sums
        steps, sides = lax.scan(
            step_back, steps, t_K, reverse=not static.reverse, unroll=static.unroll
        )
        x_KBD, h_KBH = (
            lax.dynamic_slice_in_dim(array, t_K[0], len(t_K))
            for array in (inputs.x_TBD, saved_TKN[:, 0])
        )
        rows = x_KBD.reshape(len(t_K) * B, -1), h_KBH.reshape(len(t_K) * B, -1)
        d_params, d_x = _add_products(static, shared, d_params, *rows, sides[0], sides[-1])
        return (steps, d_params), d_x.reshape(x_KBD.shape)

    zeros = jax.tree.map(jnp.zeros_like, (shared.initial, shared.step_bound, p))
    sums = (d_final, *zeros), jax.tree.map(jnp.zeros_like, params)
    K = block_size(T, B)
    if K is None:
        sums, d_x = block_back(sums, jnp.arange(T))
    else:
        sums, d_x = scan_chunks(block_back, sums, jnp.arange(T), K, not static.reverse)
    (d_carry, d_initial, d_bound, d_p), d_params = sums
    if p:
        d_params = d_params._replace(p_PH=jnp.stack([jnp.sum(d_p[name], axis=0) for name in p]))
    return Shared(d_params, d_initial, d_bound), d_carry, Inputs(d_x, None, None)


unroll_fused.defvjp(_forward, _backward)


def _step_back(static, shared, inputs, saved_TKN, d_outputs, p):
    """The body of the backward loop, ``(sums, t) -> (sums, dz)``.

    dz is a list of the (B, G·H) cotangents of W x and of U h; one entry where both are the same.
    """
    cell = static.cell
    same_gates = cell.input_gates == cell.state_gates
    u_SH = _transposed(shared.params.u_HGH) if cell.state_gates else None
    pointwise = _pointwise(static, shared, p)

    def step_back(sums, t):
        d_carry, d_initial, d_bound, d_p = sums
        step_inputs = jax.tree.map(
            lambda array: lax.dynamic_index_in_dim(array, t, 0, keepdims=False),
            (inputs.valid_TB, inputs.reset_TB, d_outputs),
        )
        saved = _unpack(cell, saved_TKN, t, d_carry.h.shape)
        d_before, dz, pull_reset, (d_past, *more) = pointwise(d_carry, saved, *step_inputs)
        d_initial, d_bound, d_p = jax.tree.map(jnp.add, (d_initial, d_bound, d_p), tuple(more))
        sides = [_side(dz, names) for names in (cell.input_gates, cell.state_gates)]
        if cell.state_gates:
            d_before = d_before._replace(h=d_before.h + matmul(sides[1], u_SH, static.dtype))
        d_carry, d_reset = pull_reset(d_before)
        d_carry, d_initial = jax.tree.map(jnp.add, (d_carry, d_initial), (d_past, d_reset))
        return (d_carry, d_initial, d_bound, d_p), sides[:1] if same_gates else sides

    return step_back


def _transposed(u_HGH):
    """Uᵀ, (G·H, H), laid out in memory once instead of read with strides in every step."""
    return lax.optimization_barrier(u_HGH.reshape(len(u_HGH), -1).T)


def _extra_rows(cell, params, like):
    """The elementwise parameters by name, a copy for each example, to be summed at the end."""
    if not cell.extras:
        return {}
    (extra,) = cell.extras
    rows = vars(cell.rows(extra, params))
    return {name: jnp.broadcast_to(row, like.shape) for name, row in rows.items()}


def _pointwise(static, shared, p):
    """The function that computes the pointwise derivatives of a step from its saved values."""
    cell, initial = static.cell, shared.initial
    # Only ``act`` knows z: an equation that reads z in any other way gets NaN, never a wrong value.
    unknown_z = {name: jnp.full_like(initial.h, jnp.nan) for name in cell.bias_gates}

    def pointwise(d_carry, saved, valid_B, reset_B, d_outputs):
        before, values = saved

        def step(z, before, carry, initial, bound, p):
            act = Replay(cell, values)
            rows = SimpleNamespace(**p) if p else None
            new = cell.combine(act, SimpleNamespace(**z), before, rows)
            step_shared = shared._replace(initial=initial, step_bound=bound)
            return finish_step(static, step_shared, act.values, new, carry, valid_B, reset_B)

        def reset(carry, initial):
            return carry if static.reverse else reset_carry(carry, initial, reset_B)

        # The masks are linear in the carry, so any carry gives their derivative.
        _, pull = jax.vjp(step, unknown_z, before, before, initial, shared.step_bound, p)
        dz, d_before, *others = pull((d_carry, d_outputs))
        return d_before, dz, jax.vjp(reset, before, initial)[1], others

    return pointwise


def _side(dz, names):
    """The cotangents of these gates side by side, (B, G·H); None without gates."""
    return jnp.concatenate([dz[name] for name in names], axis=-1) if names else None


def _add_products(static, shared, d_params, x_ND, h_NH, dz_input, dz_state):
    """``d_params`` plus the dW, dU and db of N = K·B rows, and their dx (N, D)."""
    cell, dtype, w_DGH = static.cell, static.dtype, shared.params.w_DGH
    N, H = h_NH.shape
    dz_input, dz_state = (None if dz is None else dz.reshape(N, -1) for dz in (dz_input, dz_state))
    dz_x = dz_input  # the floor on contributions does not change the gradient of the input
    if shared.contribution is not None:
        dz_input, dz_state = _raise_rows(cell, shared.contribution, x_ND, h_NH, dz_input, dz_state)
    added = {"w_DGH": matmul(x_ND.T, dz_input, dtype)}
    b = dict(zip(cell.input_gates, jnp.sum(dz_input, axis=0).reshape(-1, H), strict=True))
    if cell.state_gates:
        added["u_HGH"] = matmul(h_NH.T, dz_state, dtype)
        b |= dict(zip(cell.state_gates, jnp.sum(dz_state, axis=0).reshape(-1, H), strict=True))
    added["b_GH"] = jnp.stack([b[name] for name in cell.bias_gates])
    sums = {name: getattr(d_params, name) for name in added}
    d_params = d_params._replace(
        **{name: sums[name] + added[name].reshape(sums[name].shape) for name in added}
    )
    return d_params, matmul(dz_x, w_DGH.reshape(len(w_DGH), -1).T, dtype)


def _raise_rows(cell, floor, x_ND, h_NH, dz_input, dz_state):
    """The rows of dz, scaled so that each row's contribution to dW, dU and db has norm >= floor.

    A row's contributions are the outer products of dz with x, with h and with 1, and the norm of
    an outer product is the product of the norms.
    """
    H = h_NH.shape[1]
    norm_of = functools.partial(tree_norm, axes=(1,))
    biased, contributions = [dz_input], [norm_of(dz_input) * norm_of(x_ND)]
    if dz_state is not None:
        contributions.append(norm_of(dz_state) * norm_of(h_NH))
        state_only = [k for k, name in enumerate(cell.state_gates) if name not in cell.input_gates]
        biased += [dz_state[:, k * H : (k + 1) * H] for k in state_only]
    norm = norm_of([*contributions, norm_of(biased)])
    return raise_to_norm((dz_input, dz_state), floor, norm=norm)[0]


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def block_size(T: int, B: int) -> int | None:
    """Number of steps in one matrix product of the backward pass; None for all T.

    On a CPU these are about 800 rows of (time, batch), which are still in the cache when the
    product reads them. Other devices take all steps at once.
    """
    if not _on_cpu() or T * B < 2 * BLOCK_ROWS:
        return None
    return chunk_size_near(max(1, BLOCK_ROWS // B), T)
