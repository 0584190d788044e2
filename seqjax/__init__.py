"""seqjax: recurrent cells, their initialisation and their clipping, as data.

The import order is the reading order, and a test enforces it: ``types``, ``cells``, ``recurrence``,
``init``, ``models``, ``metrics``, ``optim``, ``stats``, ``data``, ``baselines``, ``tasks``,
``diagnostics``, ``training``, ``records``, ``sweeps``, ``reporting``.
"""
