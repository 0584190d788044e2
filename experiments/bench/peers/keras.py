"""``keras.layers.LSTM`` on its JAX backend, batch-major."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras

from experiments.bench.peers.jax_job import jax_job
from experiments.bench.problem import Job, Size, draw


def make(suite: str, size: list[int], cell: str, precision: str) -> Job:
    """Prepare a job of the suite "layer"."""
    B, T, D, H = size
    arrays = draw(Size(*size))
    layer = keras.layers.LSTM(H, return_sequences=True)
    layer.build((B, T, D))
    weights = arrays.w_DGH.reshape(D, -1), arrays.u_HGH.reshape(H, -1), arrays.b_GH.reshape(-1)
    fixed = [variable.value for variable in layer.non_trainable_variables]

    def apply(params, x):
        return layer.stateless_call(params, fixed, x)[0]

    x, y = (a.swapaxes(0, 1) for a in (arrays.x_TBD, arrays.y_TBH))
    job = jax_job(apply, list(weights), x, y, precision=precision)
    return job._replace(values={name: v.swapaxes(0, 1) for name, v in job.values.items()})
