"""Losses and metrics of predictions.

Imports ``types``.
"""
