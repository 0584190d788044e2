"""How examples are split into parts, the same everywhere."""

import numpy as np


def stratified_order(classes: np.ndarray) -> np.ndarray:
    """An order of which every contiguous piece has the classes in proportion, to one example."""
    random = np.random.RandomState(0)  # the legacy generator, whose stream is frozen
    share = np.empty(len(classes))
    for label in np.unique(classes):
        (members,) = np.nonzero(classes == label)
        share[random.permutation(members)] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(share, kind="stable")
