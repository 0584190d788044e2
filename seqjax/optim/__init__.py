"""Gradient clipping, the gradient floor and the Optax chain that joins them to an optimiser.

Imports ``types``, ``cells``, ``recurrence``.
"""
