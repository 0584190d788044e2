"""The configuration of a run, its training step, evaluation, training state and checkpoints.

Imports everything from ``types`` to ``diagnostics``.
"""
