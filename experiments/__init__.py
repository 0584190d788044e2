"""Studies, and the commands that run and report them.

A study is a module here with a ``STUDY``; its name stands in ``STUDIES``.
"""

STUDIES = ("init_by_clip", "gate_bias", "clip_threshold")
