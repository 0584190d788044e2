"""Observers of gates: histograms, saturation and retention times."""

from seqjax.diagnostics.gates import model_gates, model_retention
from seqjax.diagnostics.observers.base import HeldOut, Observed


def gates(held_out: HeldOut) -> Observed:
    """Histogram (20,) of every gate, and fractions (3,) below .1, .05, .01 and above .9, .95, .99.

    Cost: one forward pass that stores all gates.
    """
    return {
        f"{gate}.{field}": getattr(statistics, field)
        for gate, statistics in model_gates(held_out.model, held_out.batch).items()
        for field in ("histogram", "low", "high")
    }


def units(held_out: HeldOut) -> Observed:
    """Fractions of steps below .1 and above .9 of every unit of every gate, and retention times.

    Arrays are (H,), times in steps. Only cells with a gate that retains the memory have retention
    times; see ``model_retention``.

    Cost: two forward passes that store gates.
    """
    arrays = {
        f"{layer}.retention": tau_H
        for layer, tau_H in model_retention(held_out.model, held_out.batch).items()
    }
    for gate, statistics in model_gates(held_out.model, held_out.batch).items():
        arrays |= {f"{gate}.low": statistics.unit_low_H, f"{gate}.high": statistics.unit_high_H}
    return arrays
