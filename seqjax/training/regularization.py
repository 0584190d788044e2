"""``RegularizationSpec``: noise, dropout and Pascanu's Ω in training."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell
from seqjax.models.noise import ActivationNoise, add_weight_noise
from seqjax.types import Array, Number, added, check_names, check_range, named_key, static

ON_ACTIVATIONS = ("input_noise", "input_dropout", "output_dropout")
RANDOM = ("weight_noise", *ON_ACTIVATIONS)
KINDS = (*RANDOM, "omega")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class RegularizationSpec:
    """Regularisation in training; evaluation has none. Numbers may be traced; kinds are static.

    Draws of step t come from the keys of the run and t, so a resumed run repeats them. The recorded
    training loss is that of the perturbed model, without Ω.

    Attributes:
      kinds: regularisers, joined by "+"; "" for none.
      weight_noise: standard deviation of the Gaussian noise on W and U of the recurrent layers, one
        draw an update. The gradient is that at the noisy weights and updates the weights without
        noise (Graves, NIPS 2011). See ``models.noise.add_weight_noise`` for the arrays.
      input_noise: standard deviation of the Gaussian noise on every input of every step: on floats,
        and on embeddings or one-hot vectors of symbols.
      input_dropout: dropout rate of the input of each recurrent layer. Dropout is inverted, with a
        draw for each unit, step and sequence; recurrent connections have none (Zaremba, Sutskever
        and Vinyals 2014, arXiv 1409.2329).
      output_dropout: dropout rate of the states that the readout reads.
      omega: factor α of Ω at the first update. Ω keeps the norm of the gradient from step to step;
        it is defined for Elman cells of one layer and direction. Its gradient α ∂Ω/∂U is part of
        the gradient that is clipped.
        See ``training.omega`` (Pascanu, Mikolov and Bengio 2013; the authors' code has α = 2).
      omega_half: updates t after which the factor is α/2: α / (1 + t / omega_half); inf for a
        constant factor. With the updates of an epoch it falls as α / (number of the epoch).

    Raises:
      ValueError: an unknown name or a number out of range, as "field: expected ..., got ...".
    """

    kinds: str = static("", added=True)
    weight_noise: Number = added(0.075)
    input_noise: Number = added(0.1)
    input_dropout: Number = added(0.5)
    output_dropout: Number = added(0.5)
    omega: Number = added(2.0)
    omega_half: Number = added(math.inf)

    def __post_init__(self):
        check_names("kinds", self.names, "regulariser", KINDS)
        for field in ("weight_noise", "input_noise", "omega"):
            accepted = "a finite number, 0 or more"
            check_range(field, getattr(self, field), lambda x: 0 <= x < math.inf, accepted)
        check_range("omega_half", self.omega_half, lambda t: t > 0, "a positive number, or inf")
        for field in ("input_dropout", "output_dropout"):
            check_range(field, getattr(self, field), lambda p: 0 <= p < 1, "a number in [0, 1)")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the regularisers in ``kinds``."""
        return tuple(self.kinds.split("+")) if self.kinds else ()

    def unused(self, cell: Cell, task: Any) -> dict[str, str]:
        """Fields without effect for this cell and task, each with the reason."""
        fields = {**{kind: kind for kind in KINDS}, "omega_half": "omega"}
        return {
            field: f"reg.kinds has no {kind}"
            for field, kind in fields.items()
            if kind not in self.names
        }

    def noisy_weights(self, params: dict[str, Any], key: Array | None) -> dict[str, Any]:
        """The parameters at which the gradient is taken.

        Args:
          params: parameters by layer.
          key: key of the step; not read without weight noise.
        """
        if "weight_noise" not in self.names:
            return params
        return add_weight_noise(params, named_key(key, "weights"), self.weight_noise)

    def activation_noise(self, key: Array | None) -> ActivationNoise | None:
        """The noise on activations, or None without any.

        Args:
          key: key of the step; not read without noise on activations.
        """
        numbers = {name: getattr(self, name) for name in ON_ACTIVATIONS if name in self.names}
        return ActivationNoise(named_key(key, "activations"), **numbers) if numbers else None

    def omega_factor(self, step: Array) -> Array:
        """The factor of Ω at a step."""
        time = jnp.asarray(step, jnp.float32) / jnp.asarray(self.omega_half, jnp.float32)
        return self.omega / (1 + time)

    def step_key(self, run_key: Array | None, step: Array) -> Array | None:
        """The key of a step; None if no regulariser is random, so that no program changes."""
        if not set(self.names) & set(RANDOM):
            return None
        return jax.random.fold_in(named_key(run_key, "regularisation"), step)
