"""``flax.nnx.RNN`` over ``OptimizedLSTMCell``."""

import jax.numpy as jnp
from flax import nnx

from experiments.bench.peers.jax_job import jax_job
from experiments.bench.problem import Job, Size, draw


def make(suite: str, size: list[int], cell: str, precision: str) -> Job:
    """Prepare a job of the suite "layer"."""
    _, _, D, H = size
    arrays = draw(Size(*size))
    layer = nnx.RNN(nnx.OptimizedLSTMCell(D, H, rngs=nnx.Rngs(0)), time_major=True)
    graph, state, rest = nnx.split(layer, nnx.Param, ...)
    params = nnx.to_pure_dict(state)
    params["cell"]["dense_i"]["kernel"] = arrays.w_DGH.reshape(D, -1)
    params["cell"]["dense_h"]["kernel"] = arrays.u_HGH.reshape(H, -1)
    params["cell"]["dense_h"]["bias"] = arrays.b_GH.reshape(-1)

    def apply(params, x):
        nnx.replace_by_pure_dict(state, params)
        zeros = jnp.zeros((x.shape[1], H))
        return nnx.merge(graph, state, rest)(x, initial_carry=(zeros, zeros))

    return jax_job(apply, params, arrays.x_TBD, arrays.y_TBH, precision=precision)
