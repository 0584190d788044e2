"""cuDNN through ``jax.experimental.rnn``, batch-major; needs an NVIDIA GPU."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import rnn

from experiments.bench.peers.jax_job import jax_job
from experiments.bench.problem import AbsentError, Arrays, Job, Size, draw


def packed(arrays: Arrays) -> np.ndarray:
    """Flat weights W, U, b and a second bias of 0, the inverse of ``unpack_lstm_weights``."""
    w, u = (a.transpose(1, 2, 0).reshape(-1) for a in (arrays.w_DGH, arrays.u_HGH))
    b = arrays.b_GH.reshape(-1)
    return np.concatenate([w, u, b, np.zeros_like(b)])


def apply(weights, x_BTD, hidden: int, lstm) -> jax.Array:
    """Outputs by ``rnn.lstm``, or by ``rnn.lstm_ref``, which needs no GPU."""
    B, T, D = x_BTD.shape
    bias = weights.size - 4 * hidden
    weights = jnp.concatenate([weights[:bias], jax.lax.stop_gradient(weights[bias:])])
    zeros = jnp.zeros((1, B, hidden))
    lengths = jnp.full((B,), T, jnp.int32)
    return lstm(x_BTD, zeros, zeros, weights, lengths, D, hidden, 1, 0.0, False)[0]


def make(suite: str, size: list[int], cell: str, precision: str) -> Job:
    """Prepare a job of the suite "layer"."""
    if jax.default_backend() != "gpu":
        raise AbsentError("no NVIDIA GPU")
    arrays = draw(Size(*size))
    x, y = (a.swapaxes(0, 1) for a in (arrays.x_TBD, arrays.y_TBH))

    def outputs(weights, x):
        return apply(weights, x, size[3], rnn.lstm)

    job = jax_job(outputs, packed(arrays), x, y, precision=precision)
    return job._replace(values={name: v.swapaxes(0, 1) for name, v in job.values.items()})
