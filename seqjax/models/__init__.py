"""Flax NNX modules: recurrent layers, sequence models, and sampling from them.

Imports ``types``, ``cells``, ``recurrence``, ``init``.
"""
