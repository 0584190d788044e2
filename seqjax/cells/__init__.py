"""The cells by name. ``CELLS["lstm"]`` is a ``Cell``: a gate table and one equation."""

from seqjax.cells import elman, gru, lstm, mut
from seqjax.cells.base import ACTIVATIONS, Cell, Extra, Gate, Hidden, Params

CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        elman.ELMAN,
        elman.ELMAN_SIGMOID,
        elman.ELMAN_RELU,
        elman.FEEDFORWARD,
        *lstm.CELLS,
        gru.GRU,
        gru.GRU_RESET_BEFORE,
        mut.MUT1,
        mut.MUT2,
        mut.MUT3,
        elman.INDRNN,
    )
}

__all__ = ["ACTIVATIONS", "CELLS", "Cell", "Extra", "Gate", "Hidden", "Params"]
