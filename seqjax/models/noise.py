"""Noise in training: on weights, on inputs, and dropout between layers."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqjax.types import Array, Number, named_key

NOISY = ("w_DGH", "u_HGH")
"""Arrays of a cell that weight noise changes."""


def add_weight_noise(params: dict[str, Any], key: Array, deviation: Number) -> dict[str, Any]:
    """The parameters with N(0, deviation²) added to W and U of every recurrent layer.

    Biases, peepholes and other extras, embeddings, linear maps and the readout are unchanged
    (Graves, NIPS 2011; Chung et al. 2014 perturb W and U as here). One draw serves a whole batch.

    Args:
      params: parameters by layer, as of ``model_params``.
      key: each array's key is folded from it by its path.
      deviation: standard deviation; may be traced.
    """

    def noisy(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        if not name.endswith(NOISY):
            return leaf
        normal = jax.random.normal(named_key(key, name), leaf.shape, leaf.dtype)
        return leaf + jnp.asarray(deviation, leaf.dtype) * normal

    return jax.tree.map_with_path(noisy, params)


def dropout(key: Array, x: Array, rate: Number) -> Array:
    """Inverted dropout: entries are 0 with probability ``rate``, others are x / (1 - rate)."""
    keep = 1 - jnp.asarray(rate, x.dtype)
    return jnp.where(jax.random.bernoulli(key, keep, x.shape), x / keep, 0)


class ActivationNoise(NamedTuple):
    """Noise on the activations of one batch. A number that is None switches its noise off.

    Every entry (t, b, d) has a separate draw. Recurrent connections have no noise (Zaremba,
    Sutskever and Vinyals 2014, arXiv 1409.2329).

    Attributes:
      key: key of the batch; each place in the model folds its own from it.
      input_noise: standard deviation of Gaussian noise on the inputs: on floats, and on the
        embeddings or one-hot vectors of symbols.
      input_dropout: dropout rate of the input of each recurrent layer.
      output_dropout: dropout rate of the states that the readout reads.
    """

    key: Array
    input_noise: Number | None = None
    input_dropout: Number | None = None
    output_dropout: Number | None = None

    def folded(self, name: str) -> "ActivationNoise":
        """The same noise with independent draws, for another part of the model."""
        return self._replace(key=named_key(self.key, name))

    def on_input(self, x_TBD: Array) -> Array:
        """The embedded inputs, before their window, with Gaussian noise."""
        if self.input_noise is None:
            return x_TBD
        normal = jax.random.normal(named_key(self.key, "input"), x_TBD.shape, x_TBD.dtype)
        return x_TBD + jnp.asarray(self.input_noise, x_TBD.dtype) * normal

    def on_layer(self, layer: int, x_TBD: Array) -> Array:
        """The input of a recurrent layer, shared by its directions, with dropout."""
        if self.input_dropout is None:
            return x_TBD
        return dropout(named_key(self.key, f"layer{layer}"), x_TBD, self.input_dropout)

    def on_output(self, h: Array) -> Array:
        """The states that the readout reads, (T, B, H) or (B, H), with dropout."""
        if self.output_dropout is None:
            return h
        return dropout(named_key(self.key, "output"), h, self.output_dropout)
