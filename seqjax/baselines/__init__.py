"""Baselines without a network: classical models and n-grams.

Imports nothing else of seqjax.
"""
