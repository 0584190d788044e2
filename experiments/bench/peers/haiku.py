"""``haiku.LSTM`` under ``dynamic_unroll``."""

import haiku as hk
import numpy as np

from experiments.bench.peers.jax_job import jax_job
from experiments.bench.problem import Job, Size, draw


def make(suite: str, size: list[int], cell: str, precision: str) -> Job:
    """Prepare a job of the suite "layer"."""
    arrays = draw(Size(*size))

    @hk.without_apply_rng
    @hk.transform
    def layer(x):
        core = hk.LSTM(size[3], name="lstm")
        return hk.dynamic_unroll(core, x, core.initial_state(x.shape[1]))[0]

    order = [0, 2, 1, 3]  # i g f o
    both = np.concatenate([arrays.w_DGH, arrays.u_HGH])[:, order]
    b_GH = arrays.b_GH - np.float32([0, 1, 0, 0])[:, None]  # haiku adds 1 to the bias of f
    params = {"lstm/linear": {"w": both.reshape(len(both), -1), "b": b_GH[order].reshape(-1)}}
    return jax_job(layer.apply, params, arrays.x_TBD, arrays.y_TBH, precision=precision)
