"""Diagnostics of a network: gradients through time, Jacobians, gates, probes, depth; observers.

Imports ``types``, ``cells``, ``recurrence``, ``init``, ``models``, ``metrics``, ``tasks``.
"""
