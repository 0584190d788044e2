"""From a study (arms and axes) to a plan of runs, to groups of equal structure, to records.

Imports ``types``, ``cells``, ``models``, ``stats``, ``tasks``, ``training``, ``records``.
"""
