"""Cells by name: ``CELLS["lstm"]`` is a ``Cell``, a gate table and one equation.

Imports ``types``.
"""

from seqjax.cells import elman, gru, lstm, mut
from seqjax.cells.base import ACTIVATIONS, Cell, Extra, Gate, Hidden, Params

MODULES = (elman, lstm, gru, mut)
CELLS: dict[str, Cell] = {cell.name: cell for module in MODULES for cell in module.CELLS}

__all__ = ["ACTIVATIONS", "CELLS", "Cell", "Extra", "Gate", "Hidden", "Params"]
