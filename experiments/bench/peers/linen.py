"""``flax.linen.RNN`` over ``OptimizedLSTMCell``."""

from flax import linen as nn

from experiments.bench.peers.jax_job import jax_job
from experiments.bench.problem import Job, Size, draw


def make(suite: str, size: list[int], cell: str, precision: str) -> Job:
    """Prepare a job of the suite "layer"."""
    arrays = draw(Size(*size))
    layer = nn.RNN(nn.OptimizedLSTMCell(arrays.b_GH.shape[1]), time_major=True)
    gates = {}
    for k, name in enumerate("ifgo"):
        gates["i" + name] = {"kernel": arrays.w_DGH[:, k]}
        gates["h" + name] = {"kernel": arrays.u_HGH[:, k], "bias": arrays.b_GH[k]}
    params = {"params": {"cell": gates}}
    return jax_job(layer.apply, params, arrays.x_TBD, arrays.y_TBH, precision=precision)
