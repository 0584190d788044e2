"""Tables of records and of data frames: each arm at each point, with a caption."""

from seqjax.reporting.tables.frames import from_frame, from_scores
from seqjax.reporting.tables.records import make
from seqjax.reporting.tables.table import Table, cell_text, to_csv

__all__ = ["Table", "cell_text", "from_frame", "from_scores", "make", "to_csv"]
