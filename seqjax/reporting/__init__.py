"""From records to aggregates, tables, text and figures. Pure functions; nothing is trained.

Imports ``stats``, ``records``, ``tasks`` and ``sweeps.study``.
"""
