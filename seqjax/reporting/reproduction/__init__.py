"""The page of a published table beside ours: text, data files, and an index over several tables."""

from seqjax.reporting.reproduction.comparison import Reproduction, reproduce
from seqjax.reporting.reproduction.page import to_latex, to_markdown
from seqjax.reporting.reproduction.values import to_csv, to_json

__all__ = ["Reproduction", "reproduce", "to_csv", "to_json", "to_latex", "to_markdown"]
