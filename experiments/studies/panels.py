"""Panel of networks next to their baselines, for the figures of applications."""

from collections.abc import Mapping

import numpy as np

from experiments.claims.evidence import SAVED
from seqjax.reporting.plots.claims import ClaimPanel


def with_baselines(
    networks: Mapping[str, np.ndarray],
    baselines: Mapping[str, float],
    title: str,
    y_label: str,
    compared: str = SAVED,
) -> ClaimPanel:
    """Panel with a position on the x-axis for each network and each baseline.

    Args:
      networks: (seeds,) numbers by name.
      baselines: one number by name, equal for all seeds.
      title, y_label, compared: as in ``ClaimPanel``.
    """
    columns = np.broadcast_arrays(*networks.values(), *baselines.values())
    lines = {"": np.stack(columns, axis=1)}
    names = (*networks, *baselines)
    return ClaimPanel(lines, title, "", y_label, categories=names, compared=compared)
