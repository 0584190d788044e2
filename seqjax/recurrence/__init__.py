"""Unrolling a cell along time: a plain reference engine and a fused one with a custom gradient.

``unroll`` chooses between them.

Imports ``types``, ``cells``.
"""
