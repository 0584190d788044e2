"""Split of examples into parts."""

import numpy as np


def stratified_order(classes: np.ndarray) -> np.ndarray:
    """Return a fixed permutation in which every contiguous slice has proportional classes.

    Args:
      classes: (n,) class of each example.

    Returns:
      (n,) indices; class counts of a slice differ from proportional ones by at most one example.
    """
    random = np.random.RandomState(0)  # the legacy generator, whose stream is frozen
    share = np.empty(len(classes))
    for label in np.unique(classes):
        (members,) = np.nonzero(classes == label)
        share[random.permutation(members)] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(share, kind="stable")
