"""Intervals and exact tests over few seeds, scores, and the decision rules of the claims.

Imports nothing else of seqjax.
"""
