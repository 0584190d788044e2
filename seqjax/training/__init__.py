"""The configuration of a run, its training step, evaluation, training state and checkpoints.

Imports ``types``, ``cells``, ``recurrence``, ``init``, ``models``, ``metrics``, ``optim``,
``tasks``, ``diagnostics``.
"""
