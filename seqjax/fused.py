"""The fused engine: one ``custom_vjp`` for every cell that has a pointwise form.

Forward it is the reference engine, which keeps for every step the carry that it starts from and the
values of its gates. Backward it goes through the steps with ``dz Uᵀ`` as the only product,

    dz_t, dstart_t = the pointwise derivatives of step t, from what was kept
    dstart_t.h += dz_t Uᵀ

and takes every other product and sum after the loop:

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
from seqjax.product import product
from seqjax.reference import begin, chunk_near, conclude, run

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
    def keep(start, values):
        return start, values

    # XLA's CPU loops read a slice of one large product more slowly than they take a small one.
    final, (shown, kept) = run(plan, shared, carry, inputs, keep, project_first=not _on_cpu())
    return (final, shown), (shared, inputs, kept)


def _backward(plan, saved, cotangents):
    (shared, inputs, kept), (d_final, d_shown) = saved, cotangents
    cell, params = plan.cell, shared.params
    one_product = cell.input_gates == cell.state_gates
    p = _rows(cell, params, like=shared.initial.h)
    step = _pointwise(plan, shared, p)
    u_SH = _transposed(params.u_HGH) if cell.state_gates else None

    def back(sums, kept):
        d_carry, d_initial, d_clip, d_p = sums
        d_start, dz, pull_start, (d_past, *more) = step(d_carry, *kept)
        d_initial, d_clip, d_p = jax.tree.map(jnp.add, (d_initial, d_clip, d_p), tuple(more))
        sides = [_side(dz, names) for names in (cell.input_gates, cell.state_gates)]
        if cell.state_gates:
            d_start = d_start._replace(h=d_start.h + product(sides[1], u_SH, plan.dtype))
        d_carry, d_reset = pull_start(d_start)
        d_carry, d_initial = jax.tree.map(jnp.add, (d_carry, d_initial), (d_past, d_reset))
        return (d_carry, d_initial, d_clip, d_p), sides[:1] if one_product else sides

    zeros = jax.tree.map(jnp.zeros_like, (shared.initial, shared.step_clip, p))
    (d_carry, d_initial, d_clip, d_p), sides = lax.scan(
        back,
        (d_final, *zeros),
        (kept, inputs.valid_TB, inputs.reset_TB, d_shown),
        reverse=not plan.reverse,
        unroll=plan.unroll,
    )
    d_params, d_x = _products(plan, params, inputs.x_TBD, kept[0].h, sides[0], sides[-1])
    if p:
        d_params["p_PH"] = jnp.stack([jnp.sum(d_p[name], axis=0) for name in p])
    d_shared = type(shared)(type(params)(**d_params), d_initial, d_clip)
    return d_shared, d_carry, type(inputs)(d_x, None, None)


unroll_fused.defvjp(_forward, _backward)


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

    def step(d_carry, kept, valid_B, reset_B, d_shown):
        start, values = kept

        def rest(z, start, carry, initial, clip, p):
            act = Replay(cell, values)
            rows = SimpleNamespace(**p) if p else None
            new = cell.combine(act, SimpleNamespace(**z), start, rows)
            here = shared._replace(initial=initial, step_clip=clip)
            return conclude(plan, here, act, new, carry, valid_B, reset_B)

        def restart(carry, initial):
            return carry if plan.reverse else begin(carry, initial, reset_B)

        # The masks are linear in the carry: any carry will do where they are differentiated.
        _, pull = jax.vjp(rest, unseen, start, start, initial, shared.step_clip, p)
        dz, d_start, *others = pull((d_carry, d_shown))
        return d_start, dz, jax.vjp(restart, start, initial)[1], others

    return step


def _side(dz, names):
    """The gates of one side beside each other: (B, G·H)."""
    return jnp.concatenate([dz[name] for name in names], axis=-1) if names else None


def _products(plan, params, x_TBD, h_TBH, dz_input, dz_state):
    """The gradients of W, U and b by field, and that of x."""
    T, B, H = h_TBH.shape
    cell, dtype = plan.cell, plan.dtype

    def flat(array):
        return array.reshape(T * B, -1)

    def summed(dz):
        return jnp.sum(flat(dz), axis=0).reshape(-1, H)

    w_DGH = params.w_DGH
    found = {"w_DGH": product(flat(x_TBD).T, flat(dz_input), dtype).reshape(w_DGH.shape)}
    b = dict(zip(cell.input_gates, summed(dz_input), strict=True))
    if cell.state_gates:
        d_u = product(flat(h_TBH).T, flat(dz_state), dtype)
        found["u_HGH"] = d_u.reshape(params.u_HGH.shape)
        b |= dict(zip(cell.state_gates, summed(dz_state), strict=True))
    found["b_GH"] = jnp.stack([b[name] for name in cell.bias_gates])
    d_x = product(flat(dz_input), w_DGH.reshape(len(w_DGH), -1).T, dtype)
    return found, d_x.reshape(x_TBD.shape)


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
    """How many steps go through the engine at a time; None where that is all of them.

    On a CPU the fresh memory of a long unroll's derivatives costs more than larger products save:
    about 800 rows of (time, batch) at a time. Elsewhere all at once.
    """
    if not _on_cpu() or T * B < 2 * BLOCK_ROWS:
        return None
    return chunk_near(max(1, BLOCK_ROWS // B), T)
