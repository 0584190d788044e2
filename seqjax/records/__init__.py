"""The record of a finished run: a typed struct, strict JSON lines in and out, and data frames.

``Record`` has a run's fields. ``read`` yields the records of a file, ``read_all`` returns all
records of a workdir, ``load`` returns a pandas data frame, ``append`` adds a record. Imports
``stats.rules``, and for digests of code ``cells``, ``tasks``, ``training.config``.

Imports ``version``, ``cells``, ``stats``, ``tasks``, ``training``.
"""

from seqjax.records.frames import load, to_frame
from seqjax.records.jsonl import RecordError, append, read, read_all
from seqjax.records.record import Record

__all__ = ["Record", "RecordError", "append", "load", "read", "read_all", "to_frame"]
