"""Aggregates, tables, text and figures from records and data frames, by pure functions.

In a notebook, ``tables.make(records)`` and ``tables.from_frame(frame, …)`` are displayed as tables,
and ``plots.heat_map(table)``, ``plots.forest(table)`` and ``plots.curves(table)`` as figures.

Imports ``types``, ``stats``, ``tasks``, ``training``, ``records``, ``published``, ``sweeps``.
"""
