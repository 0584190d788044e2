"""Predictors without a network to compare with: classical models and n-grams.

Imports nothing else of seqjax.
"""
