"""``python -m experiments.bench``: times of seqjax and its peers on one machine.

``problem`` defines the computation, ``ours`` and ``peers`` implement it, ``child`` is a process of
one framework, ``race`` times the processes in turn, ``suites`` lists the races, and ``report``
writes tables and a figure.
"""
