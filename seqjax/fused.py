"""The fused engine: one ``custom_vjp`` for every cell that has a pointwise form.

The forward pass is the reference engine's, and keeps what the backward pass needs: the carry that
each step starts from and the value of each gate. The backward pass goes through the steps once
more, with ``dh = dz Uᵀ`` as its only product:

    dz_t, dstart_t = pointwise derivatives of the step at (start_t, gates_t)
    dh_t += dz_t Uᵀ
    dU = Σ_t start_tᵀ dz_t    dW = Σ_t x_tᵀ dz_t    db = Σ_t dz_t    dx = dz Wᵀ    after the loop

Derivatives of activations come from their values, σ' = s (1 - s) and tanh' = 1 - t²; those of the
rest of the equation from ``jax.vjp``. So a new cell needs no code here.
"""

import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
from jax import lax

from seqjax.reference import Recorder, begin, conclude

SLOPES = {
    "sigmoid": lambda s: s * (1 - s),
    "tanh": lambda t: 1 - t * t,
    "relu": lambda r: (r > 0).astype(r.dtype),
    "linear": jnp.ones_like,
}


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _replayed(activation, z, value):
    """``value``, as the activation of ``z``, which is not computed again."""
    return value


@_replayed.defjvp
def _slope(activation, primals, tangents):
    _, value = primals
    return value, SLOPES[activation](value) * tangents[0] + tangents[1]


class Replay:
    """The ``act`` of a backward step: gives the recorded values, with the activations' slopes."""

    def __init__(self, cell, recorded):
        self.kinds = {gate.name: gate.activation for gate in cell.gates}
        self.recorded, self.values = recorded, {}

    def __call__(self, name, z):
        self.values[name] = _replayed(self.kinds[name], z, self.recorded[name])
        return self.values[name]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def unroll_fused(plan, params, around, carry, inputs):
    """What ``unroll_reference`` computes."""
    return _forward(plan, params, around, carry, inputs)[0]


def _forward(plan, params, around, carry, inputs):
    cell = plan.cell

    def step(carry, inputs):
        x_BD, a_BGH, valid_B, reset_B = inputs
        start = carry if plan.reverse else begin(carry, around.initial, reset_B)
        act = Recorder(cell)
        new = cell.advance(params, act, x_BD, a_BGH, start)
        carry, shown = conclude(plan, around, act, new, carry, valid_B, reset_B)
        return carry, (shown, (start, act.values))

    x_TBD, *masks = inputs
    projected = (x_TBD, cell.project(params, x_TBD), *masks)
    final, (shown, kept) = lax.scan(
        step, carry, projected, reverse=plan.reverse, unroll=plan.unroll
    )
    return (final, shown), (params, around, inputs, kept)


def _backward(plan, saved, cotangents):
    params, around, (x_TBD, valid_TB, reset_TB), kept = saved
    cell, d_final, d_shown = plan.cell, *cotangents
    T, B, H = kept[0].h.shape
    rows = {extra.field: cell.rows(extra, params) for extra in cell.extras}
    p = {k: jnp.broadcast_to(v, (B, H)) for k, v in vars(rows.get("p_PH", SimpleNamespace())).items()}
    unseen = {name: jnp.full((B, H), jnp.nan, x_TBD.dtype) for name in cell.bias_gates}

    def step(sums, inputs):
        d_carry, d_around, d_p = sums
        (start, values), valid_B, reset_B, d_shown = inputs

        def rest(z, start, carry, around, p):
            act = Replay(cell, values)
            new = cell.combine(act, SimpleNamespace(**z), start, SimpleNamespace(**p) if p else None)
            return conclude(plan, around, act, new, carry, valid_B, reset_B)

        _, pull = jax.vjp(rest, unseen, start, start, around, p)
        dz, d_start, d_past, *more = pull((d_carry, d_shown))
        d_around, d_p = jax.tree.map(jnp.add, (d_around, d_p), tuple(more))
        sides = tuple(
            jnp.concatenate([dz[name] for name in names], axis=-1) if names else None
            for names in (cell.input_gates, cell.state_gates)
        )
        if cell.state_gates:
            d_start = d_start._replace(h=d_start.h + sides[1] @ u_HGH.reshape(H, -1).T)
        if not plan.reverse:
            _, pull = jax.vjp(lambda carry, initial: begin(carry, initial, reset_B), start, start)
            d_start, d_initial = pull(d_start)
            d_around = d_around._replace(initial=jax.tree.map(jnp.add, d_around.initial, d_initial))
        return (jax.tree.map(jnp.add, d_start, d_past), d_around, d_p), sides

    u_HGH = params.u_HGH if cell.state_gates else None
    zeros = jax.tree.map(jnp.zeros_like, (around, p))
    (d_carry, d_around, d_p), (dz_input, dz_state) = lax.scan(
        step,
        (d_final, *zeros),
        (kept, valid_TB, reset_TB, d_shown),
        reverse=not plan.reverse,
        unroll=plan.unroll,
    )
    flat = lambda a: a.reshape(T * B, -1)
    d_params = {"w_DGH": (flat(x_TBD).T @ flat(dz_input)).reshape(params.w_DGH.shape)}
    db = dict(zip(cell.input_gates, jnp.sum(flat(dz_input), 0).reshape(-1, H)))
    if cell.state_gates:
        d_params["u_HGH"] = (flat(kept[0].h).T @ flat(dz_state)).reshape(u_HGH.shape)
        db |= dict(zip(cell.state_gates, jnp.sum(flat(dz_state), 0).reshape(-1, H)))
    d_params["b_GH"] = jnp.stack([db[name] for name in cell.bias_gates])
    if p:
        d_params["p_PH"] = jnp.stack([jnp.sum(d_p[name], 0) for name in p])
    D = x_TBD.shape[2]
    d_x = (flat(dz_input) @ params.w_DGH.reshape(D, -1).T).reshape(x_TBD.shape)
    return type(params)(**d_params), d_around, d_carry, (d_x, None, None)


unroll_fused.defvjp(_forward, _backward)
