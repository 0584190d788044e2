"""Linear probes: how well an input can be decoded from later states."""

import jax
import jax.numpy as jnp

from seqjax.diagnostics.base import map_sequentially
from seqjax.metrics.losses import correct
from seqjax.types import Array

RIDGE = 1e-4
"""Added to the covariance of the states; halves the weight of directions with a standard deviation
of .01."""


def linear_probe(
    states_TBH: Array, labels_B: Array, held_states_TBH: Array, held_labels_B: Array, classes: int
) -> Array:
    """Accuracy with which a linear map decodes a class from the state h_t, for every t: (T,).

    Least squares on one-hot classes, with centred states and a small fixed ridge,

        W = (cov(h) + 10⁻⁴ I)⁻¹ cov(h, y),   ŷ = argmax (mean(y) + (h - mean(h)) W)

    fitted on one set and evaluated on another (Alain and Bengio 2016). The ridge suppresses traces
    of the class that are too faint for float32. Chance is 1/V for equally likely classes.

    Args:
      states_TBH, labels_B: outputs and classes (integers) of the training set, such as the symbol
        at step s.
      held_states_TBH, held_labels_B: outputs and classes of the held-out set; B may differ.
      classes: V; static.

    Cost: T linear systems of H equations; no pass through the network.
    """
    y_BV = jax.nn.one_hot(labels_B, classes, dtype=states_TBH.dtype)
    mean_1V = jnp.mean(y_BV, axis=0, keepdims=True)

    def accuracy(h_BH, held_BH):
        mean_1H = jnp.mean(h_BH, axis=0, keepdims=True)
        centred_BH = h_BH - mean_1H
        with jax.default_matmul_precision("highest"):
            cov_HH = centred_BH.T @ centred_BH / len(h_BH)
            cov_HV = centred_BH.T @ (y_BV - mean_1V) / len(h_BH)
            ridge_HH = RIDGE * jnp.eye(h_BH.shape[1], dtype=h_BH.dtype)
            w_HV = jax.scipy.linalg.solve(cov_HH + ridge_HH, cov_HV, assume_a="pos")
            guess_BV = mean_1V + (held_BH - mean_1H) @ w_HV
        return jnp.mean(correct(guess_BV, held_labels_B))

    return map_sequentially(accuracy, states_TBH, held_states_TBH)
