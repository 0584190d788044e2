"""Observed of the gates: their histograms, each unit's saturation, what a unit keeps."""

from seqjax.diagnostics.gates import model_gates, model_retention
from seqjax.diagnostics.observers.base import HeldOut, Observed


def gates(held_out: HeldOut) -> Observed:
    """Of every gate the histogram (20,) and the shares (3,) below .1, .05, .01 and above .9 to .99.

    Cost: one forward pass that keeps all gates.
    """
    return {
        f"{gate}.{field}": getattr(statistics, field)
        for gate, statistics in model_gates(held_out.model, held_out.batch).items()
        for field in ("histogram", "low", "high")
    }


def units(held_out: HeldOut) -> Observed:
    """Of every unit of every gate the shares of time below .1 and above .9, and of every unit the
    mean retention time of its memory in steps: (H,) each.

    Times are of cells with a gate that keeps the memory; see ``diagnostics.gates.model_retention``.

    Cost: two forward passes that keep all gates.
    """
    found = {
        f"{layer}.retention": tau_H
        for layer, tau_H in model_retention(held_out.model, held_out.batch).items()
    }
    for gate, statistics in model_gates(held_out.model, held_out.batch).items():
        found |= {f"{gate}.low": statistics.unit_low_H, f"{gate}.high": statistics.unit_high_H}
    return found
