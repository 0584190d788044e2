"""Figures of tables, diagnostics and verdicts, drawn off screen."""

from seqjax.reporting.plots.claims import Curves, claim_figure
from seqjax.reporting.plots.observed import observed_figures
from seqjax.reporting.plots.summary import MOST_CELLS, MOST_PANELS, curves, heat_map, save

__all__ = [
    "MOST_CELLS",
    "MOST_PANELS",
    "Curves",
    "claim_figure",
    "curves",
    "heat_map",
    "observed_figures",
    "save",
]
