"""Studies (arms and axes), their plan of runs, groups of equal structure, training, records.

Imports ``types``, ``cells``, ``models``, ``stats``, ``tasks``, ``training``, ``records``,
``published``.
"""
