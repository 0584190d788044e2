"""Warnings about training, validation and test parts that make results look better or worse."""

import warnings
from collections.abc import Iterable, Mapping

import numpy as np

from seqjax.data.folder import DataWarning

RARE = 0.01
"""Share of repeated examples that needs no warning."""


def hashes(*arrays: np.ndarray) -> list[int]:
    """Hash of each example.

    Args:
      arrays: arrays whose leading axis runs over the examples, such as inputs and targets.
    """
    rows = zip(*(np.ascontiguousarray(array) for array in arrays), strict=True)
    return [hash(tuple(part.tobytes() for part in row)) for row in rows]


def warn_of_repeats(name: str, parts: Mapping[str, Iterable[int]]) -> None:
    """Warn if examples of a part are also in an earlier one, which makes results look better.

    Args:
      name: the data set, for the warning.
      parts: hashes of examples with their targets, by part, training first.
    """
    earlier: dict[str, set[int]] = {}
    for part, examples in parts.items():
        examples = list(examples)
        for other, known in earlier.items():
            repeated = sum(example in known for example in examples)
            if repeated > RARE * len(examples):
                _warn(
                    f"{name}: {repeated:,} of {len(examples):,} {part} examples are also {other} "
                    "examples"
                )
        earlier[part] = set(examples)


def warn_of_new_classes(name: str, parts: Mapping[str, np.ndarray]) -> None:
    """Warn of classes that no training example has, which a model cannot know.

    Args:
      name: the data set, for the warning.
      parts: classes of the examples, by part, training first.
    """
    (_, known), *others = parts.items()
    for part, labels in others:
        found, counts = np.unique(labels, return_counts=True)
        new = ~np.isin(found, known)
        if new.any():
            _warn(
                f"{name}: {counts[new].sum():,} of {np.size(labels):,} {part} targets are of "
                f"classes that no training example has, such as {found[new][0]}"
            )


def _warn(message: str) -> None:
    warnings.warn(message, DataWarning, stacklevel=3)
