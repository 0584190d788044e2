"""Gradient clipping, the gradient floor and the Optax chain that joins them to an optimiser.

Imports ``cells``, ``recurrence`` and ``metrics``.
"""
