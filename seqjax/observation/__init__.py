"""What is observed of a run before, during and after training: a few numbers of the diagnostics.

``train.observe`` names what, joined by +. Observed are held-out sequences. What each kind costs is
said at its function.
"""

from collections.abc import Callable

from seqjax.config import Config, observed
from seqjax.modules import SequenceModel
from seqjax.observation.base import EXAMPLES, TRAJECTORIES, Observed
from seqjax.observation.gates import gates, units
from seqjax.observation.gradients import contributions, gradients, inputs
from seqjax.observation.states import EXPONENTS, jacobians, lyapunov, probe, scales
from seqjax.tasks.base import Batch

KINDS: dict[str, Callable[[Config, SequenceModel, Batch], Observed]] = {
    kind.__name__: kind
    for kind in (
        gates,
        units,
        scales,
        gradients,
        contributions,
        inputs,
        jacobians,
        lyapunov,
        probe,
    )
}


def observe(config: Config, model: SequenceModel, batch: Batch) -> Observed:
    """Everything that the configuration names, by names like "gates.layer0_forward.f.low"."""
    return {
        f"{name}.{key}": array
        for name in observed(config.train.observe)
        for key, array in KINDS[name](config, model, batch).items()
    }


__all__ = ["EXAMPLES", "EXPONENTS", "KINDS", "TRAJECTORIES", "Observed", "observe"]
