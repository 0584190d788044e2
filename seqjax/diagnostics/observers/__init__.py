"""Observers: measurements of a model on held-out sequences before, during and after training.

``train.observe`` lists their names, joined by +. Each docstring gives the measurement and its cost.
"""

from collections.abc import Sequence

from seqjax.diagnostics.observers.base import HeldOut, Observed, Observer
from seqjax.diagnostics.observers.gates import gates, units
from seqjax.diagnostics.observers.gradients import contributions, gradients, inputs
from seqjax.diagnostics.observers.states import jacobians, lyapunov, probe, scales

OBSERVERS: dict[str, Observer] = {
    observer.name: observer
    for observer in (
        Observer(gates, ragged=True),
        Observer(units, ragged=True),
        Observer(scales, ragged=True),
        Observer(gradients, single_layer=True),
        Observer(contributions, single_layer=True),
        Observer(inputs),
        Observer(jacobians, single_layer=True),
        Observer(lyapunov, single_layer=True),
        Observer(probe, symbols=True),
    )
}


def observe(names: Sequence[str], held_out: HeldOut) -> Observed:
    """Measurements of these observers, by names like "gates.layer0_forward.f.low"."""
    return {
        f"{name}.{key}": array
        for name in names
        for key, array in OBSERVERS[name].measure(held_out).items()
    }
