"""Aggregates, tables, text and figures from records, by pure functions.

In a notebook, ``tables.make(records)`` is displayed as a table, and ``plots.heat_map(table)``
and ``plots.curves(table, "training_loss")`` return Matplotlib figures.

Imports ``types``, ``stats``, ``tasks``, ``records``, ``sweeps``.
"""
