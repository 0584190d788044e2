"""What is observed of a run before, during and after training: a few numbers of the diagnostics.

``train.observe`` names what, joined by +. Observed are held-out sequences.
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

    The x_t are what the cell reads: embedded, windowed and mapped. Of one layer and direction.

    Cost: one forward and one backward pass; two of each for cells with a c.
    """
    batch, recurrent = _first(batch), model.recurrent
    x_TBD = model.read(model.embed(batch.x))
    ((name, params),) = recurrent.cells.items()
    if name in recurrent.maps:
        x_TBD = recurrent.maps[name](x_TBD)

    def loss(outputs_TBH):
        logits = model.readout(outputs_TBH if model.every_step else outputs_TBH[-1])
        values = config.task.loss(config.link, logits, batch) * batch.weight
        return jnp.sum(values, axis=0) if model.every_step else values

    profile = gradient_profile(recurrent.cell, params.get_value(), x_TBD, loss)
    return {name: jnp.mean(norms_TB, axis=1) for name, norms_TB in profile.items()}


def inputs(config: Config, model: SequenceModel, batch: Batch) -> Observed:
    """‖∂ŷ_t/∂x_s‖ of the first sequence, as the largest at each distance t - s: (T,), and at s > t.

    ŷ_t are the logits that the readout makes of step t, x_s its input by itself, without a window.

    Cost: T V backward passes of one sequence.
    """
    del config

    def logits(x_TD):
        return model.readout(model.recurrent(model.read(x_TD[:, None])).outputs_TBH)[:, 0]

    norms_TT = input_jacobian(logits, model.embed(batch.x[:, :1])[:, 0])
    T = len(norms_TT)
    back_TT = jnp.arange(T)[:, None] - jnp.arange(T)[None, :]
    earlier_TT, later_TT = (jnp.where(which, norms_TT, 0) for which in (back_TT >= 0, back_TT < 0))
    distance_T = jnp.zeros((T,), norms_TT.dtype).at[jnp.abs(back_TT)].max(earlier_TT)
    return {"distance": distance_T, "later": jnp.max(later_TT)}


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
