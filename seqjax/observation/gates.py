"""Observed of the gates: their histograms, each unit's saturation, what a unit keeps."""

from seqjax.config import Config
from seqjax.diagnostics.gates import model_gates, model_retention
from seqjax.modules import SequenceModel
from seqjax.observation.base import Observed
from seqjax.tasks.base import Batch


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


def units(config: Config, model: SequenceModel, batch: Batch) -> Observed:
    """Of every unit of every gate the shares of time below .1 and above .9, and of every unit the
    mean retention time of its memory in steps: (H,) each.

    Times are of cells with a gate that keeps the memory; see ``diagnostics.gates.model_retention``.

    Cost: two forward passes that keep all gates.
    """
    del config
    found = {f"{layer}.retention": tau_H for layer, tau_H in model_retention(model, batch).items()}
    for gate, statistics in model_gates(model, batch).items():
        found |= {f"{gate}.low": statistics.unit_low_H, f"{gate}.high": statistics.unit_high_H}
    return found
