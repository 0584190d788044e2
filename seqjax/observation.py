"""What is observed of a run before, during and after training: a few numbers of the diagnostics.

``train.observe`` names what, joined by +. Observed are held-out sequences, valid steps alone.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from seqjax.config import Config, observed
from seqjax.diagnostics.gates import model_gates
from seqjax.diagnostics.gradients import gradient_profile
from seqjax.diagnostics.jacobians import input_jacobian
from seqjax.modules import SequenceModel
from seqjax.tasks.base import Batch
from seqjax.types import Array

EXAMPLES = 64
"""So many sequences of the batch are looked at for gradients."""

Observed = dict[str, Array]


def observe(config: Config, model: SequenceModel, batch: Batch) -> Observed:
    """Everything that the configuration names, by names like "gates.layer0_forward.f.low"."""
    return {
        f"{name}.{key}": array
        for name in observed(config.train.observe)
        for key, array in KINDS[name](config, model, batch).items()
    }


def gates(config: Config, model: SequenceModel, batch: Batch) -> Observed:
    """Of every gate the histogram (20,) and the shares (3,) below .1, .05, .01 and above .9 to .99.

    Cost: one forward pass that keeps all gates.
    """
    del config
    return {
        f"{gate}.{field}": getattr(statistics, field)
        for gate, statistics in model_gates(model, batch).items()
        for field in ("histogram", "low", "high")
    }


def gradients(config: Config, model: SequenceModel, batch: Batch) -> Observed:
    """‖∂L/∂h_t‖, ‖∂L/∂c_t‖ and ‖∂L/∂x_t‖, (T,), the mean over 64 sequences of each one's own loss.

    Cost: one forward and one backward pass; two of each for cells with a c.
    """
    batch = _first(batch)
    (params,) = (params.get_value() for params in model.recurrent.cells.values())

    def loss(outputs_TBH):
        logits = model.readout(outputs_TBH if model.every_step else outputs_TBH[-1])
        values = config.task.loss(config.link, logits, batch) * batch.weight
        return jnp.sum(values, axis=0) if model.every_step else values

    x_TBD = model.read(model.embed(batch.x))
    profile = gradient_profile(model.recurrent.cell, params, x_TBD, loss)
    return {name: jnp.mean(norms_TB, axis=1) for name, norms_TB in profile.items()}


def inputs(config: Config, model: SequenceModel, batch: Batch) -> Observed:
    """‖∂ŷ_t/∂x_s‖ of the first sequence, as the largest at each distance t - s: (T,), and at s > t.

    Cost: T V backward passes of one sequence.
    """
    del config

    def logits(x_TD):
        return model.readout(model.recurrent(model.read(x_TD[:, None])).outputs_TBH)[:, 0]

    norms_TT = input_jacobian(logits, model.embed(batch.x[:, :1])[:, 0])
    T = len(norms_TT)
    distances = jnp.arange(T)[:, None] - jnp.arange(T)[None, :]
    at_T = [jnp.max(jnp.where(distances == k, norms_TT, 0)) for k in range(T)]
    return {
        "distance": jnp.stack(at_T),
        "later": jnp.max(jnp.where(distances < 0, norms_TT, 0)),
    }


def _first(batch: Batch) -> Batch:
    """Its first sequences."""
    return jax.tree.map(lambda array: array[..., :EXAMPLES], batch._replace(x=None))._replace(
        x=batch.x[:, :EXAMPLES]
    )


KINDS: dict[str, Callable[[Config, SequenceModel, Batch], Observed]] = {
    "gates": gates,
    "gradients": gradients,
    "inputs": inputs,
}
