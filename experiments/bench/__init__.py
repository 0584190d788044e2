"""``python -m experiments.bench``: seqjax beside its peers, measured in turn on one machine.

``problem`` is what all compute, ``peers`` and ``ours`` how each does it, ``child`` a process of one
framework, ``race`` the processes in turn, ``suites`` what is raced, ``report`` what came out.
"""
