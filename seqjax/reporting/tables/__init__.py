"""Tables of records: mean and interval of each arm at each point, with a caption."""

from seqjax.reporting.tables.records import make
from seqjax.reporting.tables.table import Table, cell_text, label, to_csv

__all__ = ["Table", "cell_text", "label", "make", "to_csv"]
