"""Readers of real data sets; files are bundled or in the folder of data sets.

Imports nothing else of seqjax.
"""
