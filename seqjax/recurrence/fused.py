"""The fused engine: one ``custom_vjp`` for every cell that has a pointwise form.

Forward it is the reference engine, which keeps for every step the carry that it starts from and the
values of its gates. Backward it goes through the steps with ``dz Uᵀ`` as the only product,

    dz_t, dstart_t = the pointwise derivatives of step t, from what was kept
    dstart_t.h += dz_t Uᵀ

and takes every other product and sum after the loop, or on a CPU after a block of its steps:

    dU = Σ start_t.hᵀ dz_t    dW = Σ x_tᵀ dz_t    db = Σ dz_t    dx_t = dz_t Wᵀ

The slopes of activations come from their values, σ' = s (1 - s) and tanh' = 1 - t²; ``jax.vjp``
differentiates the rest of the equation. So a new cell needs no code here.
"""

import contextlib
import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from seqjax.cells.base import Cell
from seqjax.cells.matmul import matmul
from seqjax.recurrence.gradient_norms import raise_to_norm, tree_norm
from seqjax.recurrence.reference import begin, chunk_size_near, conclude, run, scan_chunks

BLOCK_ROWS = 800
SLOPES = {
    "sigmoid": lambda s: s * (1 - s),
    "tanh": lambda t: 1 - t * t,
    "relu": lambda r: (r > 0).astype(r.dtype),
    "linear": jnp.ones_like,
}


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _replayed(activation, z, value):
    """``value``, which is the activation of ``z``; z itself is not looked at."""
    return value


@_replayed.defjvp
def _slope(activation, primals, tangents):
    (_, value), (d_z, d_value) = primals, tangents
    return value, SLOPES[activation](value) * d_z + d_value


class Replay:
    """The ``act`` of a backward step: gives the values that the forward step recorded."""

    def __init__(self, cell: Cell, values: dict):
        self.kinds = {gate.name: gate.activation for gate in cell.gates}
        self.recorded, self.values = values, {}

    def __call__(self, name, z):
        self.values[name] = _replayed(self.kinds[name], z, self.recorded[name])
        return self.values[name]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def unroll_fused(plan, shared, carry, inputs):
    """What ``unroll_reference`` computes, for a cell with a pointwise form."""
    return _forward(plan, shared, carry, inputs)[0]


def _forward(plan, shared, carry, inputs):
    keep = functools.partial(_pack, plan.cell)
    # XLA's CPU loops read a slice of one large product more slowly than they take a small one.
    final, (shown, kept) = run(plan, shared, carry, inputs, keep, project_first=not _on_cpu())
    return (final, shown), (shared, inputs, kept)


def _pack(cell, start, values):
    """What a step keeps, a row of B·H numbers each: its carry at the start, then its gates.

    One array for all, since XLA fills and copies every stack of a loop before it begins; flat,
    since its CPU loops over rows of H numbers take several times as long.
    """
    return jnp.stack([jnp.ravel(a) for a in (*start, *(values[gate.name] for gate in cell.gates))])


def _unpack(cell, kept, t, shape):
    """The carry that step t starts from, and the values of its gates by name.

    Each row is taken out by itself: out of a common slice XLA's CPU loops read number by number.
    """
    rows = [
        lax.dynamic_slice(kept, (t, k, 0), (1, 1, kept.shape[2])).reshape(shape)
        for k in range(kept.shape[1])
    ]
    leaves = len(cell.carry._fields)
    names = (gate.name for gate in cell.gates)
    return cell.carry(*rows[:leaves]), dict(zip(names, rows[leaves:], strict=True))


def _backward(plan, saved, cotangents):
    (shared, inputs, kept), (d_final, d_shown) = saved, cotangents
    (T, B, _), params = inputs.x_TBD.shape, shared.params
    p = _rows(plan.cell, params, like=shared.initial.h)
    step_back = _step_back(plan, shared, inputs, kept, d_shown, p)

    def back_through(sums, t_K):
        """Back through the steps t_K, then the products that they leave to be taken."""
        steps, d_params = sums
        steps, sides = lax.scan(step_back, steps, t_K, reverse=not plan.reverse, unroll=plan.unroll)
        x_KBD, h_KBH = (
            lax.dynamic_slice_in_dim(array, t_K[0], len(t_K))
            for array in (inputs.x_TBD, kept[:, 0])
        )
        rows = x_KBD.reshape(len(t_K) * B, -1), h_KBH.reshape(len(t_K) * B, -1)
        d_params, d_x = _add_products(plan, shared, d_params, *rows, sides[0], sides[-1])
        return (steps, d_params), d_x.reshape(x_KBD.shape)

    zeros = jax.tree.map(jnp.zeros_like, (shared.initial, shared.step_bound, p))
    sums = (d_final, *zeros), jax.tree.map(jnp.zeros_like, params)
    K = block(T, B)
    if K is None:
        sums, d_x = back_through(sums, jnp.arange(T))
    else:
        sums, d_x = scan_chunks(back_through, sums, jnp.arange(T), K, not plan.reverse)
    (d_carry, d_initial, d_bound, d_p), d_params = sums
    if p:
        d_params = d_params._replace(p_PH=jnp.stack([jnp.sum(d_p[name], axis=0) for name in p]))
    return type(shared)(d_params, d_initial, d_bound), d_carry, type(inputs)(d_x, None, None)


unroll_fused.defvjp(_forward, _backward)


def _step_back(plan, shared, inputs, kept, d_shown, p):
    """``(sums, t) -> (sums, dz)``: one step of the backward loop, ``dz`` a side or two of gates."""
    cell = plan.cell
    one_product = cell.input_gates == cell.state_gates
    u_SH = _transposed(shared.params.u_HGH) if cell.state_gates else None
    pointwise = _pointwise(plan, shared, p)

    def step_back(sums, t):
        d_carry, d_initial, d_bound, d_p = sums
        here = jax.tree.map(
            lambda array: lax.dynamic_index_in_dim(array, t, 0, keepdims=False),
            (inputs.valid_TB, inputs.reset_TB, d_shown),
        )
        start_values = _unpack(cell, kept, t, d_carry.h.shape)
        d_start, dz, pull_start, (d_past, *more) = pointwise(d_carry, start_values, *here)
        d_initial, d_bound, d_p = jax.tree.map(jnp.add, (d_initial, d_bound, d_p), tuple(more))
        sides = [_side(dz, names) for names in (cell.input_gates, cell.state_gates)]
        if cell.state_gates:
            d_start = d_start._replace(h=d_start.h + matmul(sides[1], u_SH, plan.dtype))
        d_carry, d_reset = pull_start(d_start)
        d_carry, d_initial = jax.tree.map(jnp.add, (d_carry, d_initial), (d_past, d_reset))
        return (d_carry, d_initial, d_bound, d_p), sides[:1] if one_product else sides

    return step_back


def _transposed(u_HGH):
    """Uᵀ, (G·H, H), laid out as such once instead of read across in every step."""
    return lax.optimization_barrier(u_HGH.reshape(len(u_HGH), -1).T)


def _rows(cell, params, like):
    """The elementwise parameters by name, a row for each example, to be summed at the end."""
    if not cell.extras:
        return {}
    (extra,) = cell.extras
    rows = vars(cell.rows(extra, params))
    return {name: jnp.broadcast_to(row, like.shape) for name, row in rows.items()}


def _pointwise(plan, shared, p):
    """The pointwise derivatives of a step, from what it kept."""
    cell, initial = plan.cell, shared.initial
    unseen = {name: jnp.full_like(initial.h, jnp.nan) for name in cell.bias_gates}

    def pointwise(d_carry, start_values, valid_B, reset_B, d_shown):
        start, values = start_values

        def rest(z, start, carry, initial, bound, p):
            act = Replay(cell, values)
            rows = SimpleNamespace(**p) if p else None
            new = cell.combine(act, SimpleNamespace(**z), start, rows)
            here = shared._replace(initial=initial, step_bound=bound)
            return conclude(plan, here, act.values, new, carry, valid_B, reset_B)

        def restart(carry, initial):
            return carry if plan.reverse else begin(carry, initial, reset_B)

        # The masks are linear in the carry: any carry will do where they are differentiated.
        _, pull = jax.vjp(rest, unseen, start, start, initial, shared.step_bound, p)
        dz, d_start, *others = pull((d_carry, d_shown))
        return d_start, dz, jax.vjp(restart, start, initial)[1], others

    return pointwise


def _side(dz, names):
    """The gates of one side beside each other: (B, G·H)."""
    return jnp.concatenate([dz[name] for name in names], axis=-1) if names else None


def _add_products(plan, shared, d_params, x_ND, h_NH, dz_input, dz_state):
    """``d_params`` with what N rows add to dW, dU and db, and the rows of dx."""
    cell, dtype, w_DGH = plan.cell, plan.dtype, shared.params.w_DGH
    N, H = h_NH.shape
    dz_input, dz_state = (None if dz is None else dz.reshape(N, -1) for dz in (dz_input, dz_state))
    signal = dz_input
    if shared.contribution is not None:
        dz_input, dz_state = _lengthened(cell, shared.contribution, x_ND, h_NH, dz_input, dz_state)
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
    return d_params, matmul(signal, w_DGH.reshape(len(w_DGH), -1).T, dtype)


def _lengthened(cell, floor, x_ND, h_NH, dz_input, dz_state):
    """The rows of dz for the weights, each lengthened until its contribution is ``floor`` long.

    A row's contributions to dW, dU and db are the outer products of dz with x, with h and with 1,
    and the norm of an outer product is the product of the norms.
    """
    H = h_NH.shape[1]
    length = functools.partial(tree_norm, axes=(1,))
    biased, contributions = [dz_input], [length(dz_input) * length(x_ND)]
    if dz_state is not None:
        contributions.append(length(dz_state) * length(h_NH))
        unseen = [k for k, name in enumerate(cell.state_gates) if name not in cell.input_gates]
        biased += [dz_state[:, k * H : (k + 1) * H] for k in unseen]
    norm = length([*contributions, length(biased)])
    return raise_to_norm((dz_input, dz_state), floor, norm=norm)[0]


def _refuse(*_, **__):
    raise ValueError(
        "engine: the fused engine has no forward-mode derivatives, nor have products in a dtype of "
        'their own; pass engine="reference" and no dtype to unroll'
    )


# The identity on tangents. Reverse mode transposes it away; forward mode has to compute it.
_tangent = Primitive("reverse_mode_only")
_tangent.def_abstract_eval(lambda tangent: tangent)
_tangent.def_impl(_refuse)
mlir.register_lowering(_tangent, _refuse)
ad.deflinear2(_tangent, lambda cotangent, _: [cotangent])
batching.defvectorized(_tangent)


@jax.custom_jvp
def _reverse_only(array):
    return array


@_reverse_only.defjvp
def _reverse_only_jvp(primals, tangents):
    return primals[0], _tangent.bind(tangents[0])


def reverse_only(tree):
    """The identity; differentiating it in forward mode is an error that names the way out."""
    return jax.tree.map(
        lambda a: _reverse_only(a) if jnp.issubdtype(jnp.result_type(a), jnp.floating) else a, tree
    )


@contextlib.contextmanager
def reverse_mode_alone():
    """The same where JAX notices while a function is traced, before any tangent is computed."""
    try:
        yield
    except TypeError as error:
        if "custom_vjp" in str(error):
            _refuse()
        raise


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def block(T: int, B: int) -> int | None:
    """How many steps of dz go into one product; None where that is all of them.

    On a CPU about 800 rows of (time, batch): what they hold is still in the cache when the product
    reads it. Elsewhere all at once.
    """
    if not _on_cpu() or T * B < 2 * BLOCK_ROWS:
        return None
    return chunk_size_near(max(1, BLOCK_ROWS // B), T)
