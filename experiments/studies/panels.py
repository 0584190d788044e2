"""Panel of networks next to their baselines, for the figures of applications."""

from collections.abc import Callable, Mapping

import numpy as np

from experiments.claims.words import SAVED, in_words
from seqjax.reporting.plots.claims import ClaimPanel, Place, Quantity


def over_baseline(name: str) -> Place:
    """Place of a comparison "network over baseline": a row for each baseline, a panel a network."""
    network, _, baseline = name.partition(" over ")
    return Place(baseline, in_words(network))


def with_baselines(
    networks: Mapping[str, np.ndarray],
    baselines: Mapping[str, float],
    title: str,
    y_label: str,
    compared: Quantity | Mapping[str, Quantity] = SAVED,
    place: Callable[[str], Place] = over_baseline,
) -> ClaimPanel:
    """Panel with a position on the x-axis for each network and each baseline.

    Args:
      networks: (seeds,) numbers by name.
      baselines: one number by name, equal for all seeds.
      title, y_label, compared, place: as in ``ClaimPanel``.
    """
    columns = np.broadcast_arrays(*networks.values(), *baselines.values())
    lines = {"": np.stack(columns, axis=1)}
    names = (*networks, *baselines)
    shown = {"categories": names, "place": place, "words": in_words}
    return ClaimPanel(lines, title, "", y_label, compared, **shown)
