"""The record of a finished run: a typed struct, and strict JSON lines in and out.

Imports ``data.files`` and ``stats.rules``.
"""

from seqjax.records.jsonl import RecordError, append, read, read_all
from seqjax.records.record import Record

__all__ = ["Record", "RecordError", "append", "read", "read_all"]
