"""``equinox.nn.LSTMCell``, mapped over the batch, under ``lax.scan``."""

import equinox as eqx
import jax
import jax.numpy as jnp

from experiments.bench.peers.jax_job import jax_job
from experiments.bench.problem import Job, Size, draw


def make(suite: str, size: list[int], cell: str, precision: str) -> Job:
    """Prepare a job of the suite "layer"."""
    _, _, D, H = size
    arrays = draw(Size(*size))
    layer = eqx.nn.LSTMCell(D, H, key=jax.random.key(0))
    params, static = eqx.partition(
        eqx.tree_at(
            lambda c: (c.weight_ih, c.weight_hh, c.bias),
            layer,
            (
                jnp.asarray(arrays.w_DGH.reshape(D, -1).T),
                jnp.asarray(arrays.u_HGH.reshape(H, -1).T),
                jnp.asarray(arrays.b_GH.reshape(-1)),
            ),
        ),
        eqx.is_array,
    )

    def apply(params, x):
        cell = eqx.combine(params, static)

        def step(carry, x):
            carry = jax.vmap(cell)(x, carry)
            return carry, carry[0]

        zeros = jnp.zeros((x.shape[1], H))
        return jax.lax.scan(step, (zeros, zeros), x)[1]

    return jax_job(apply, params, arrays.x_TBD, arrays.y_TBH, precision=precision)
