"""Flax NNX modules: recurrent layers, sequence models, and sampling from them.

Imports ``cells``, ``recurrence`` and ``init``.
"""
