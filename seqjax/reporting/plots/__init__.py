"""Figures of tables, of quantities observed during training, and of verdicts."""

from seqjax.reporting.plots.claims import ClaimPanel, Margin, Place, Quantity, claim_figure
from seqjax.reporting.plots.dumbbells import dumbbells
from seqjax.reporting.plots.forests import forest
from seqjax.reporting.plots.heat_maps import MOST_CELLS, heat_map
from seqjax.reporting.plots.learning_curves import MOST_PANELS, curves
from seqjax.reporting.plots.observed import observed_figures
from seqjax.reporting.plots.style import save

__all__ = [
    "MOST_CELLS",
    "MOST_PANELS",
    "ClaimPanel",
    "Margin",
    "Place",
    "Quantity",
    "claim_figure",
    "curves",
    "dumbbells",
    "forest",
    "heat_map",
    "observed_figures",
    "save",
]
