"""A task on arrays in memory, whose loss and metrics are those of a function outside the task."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from seqjax.metrics import losses
from seqjax.tasks.base import PARTS, DataSetTask, digest_of_arrays
from seqjax.tasks.checks import Setup, check_chance, check_numbers
from seqjax.tasks.part_warnings import hashes, warn_of_repeats
from seqjax.types import Array, ConfigError

Examples = Any
"""A tree of arrays, such as (x, y), whose leading axis runs over the examples."""


@dataclasses.dataclass(frozen=True, eq=False)
class ArrayTask(DataSetTask):
    """Training, validation and test examples, and the levels of loss and metric.

    Tasks of equal data and levels are equal, so that their runs share compiled programs.

    Attributes:
      name: name in records.
      parts: the examples of "train", "validation" and "test".
      of_metric: name of the metric in tables, which ``metric`` returns.
      higher: direction of the metric, which ``higher_is_better`` returns.
      chance: values of "loss" and of the metric for the best constant prediction.
      best: the lowest loss that any predictor can reach, and the lowest metric if lower is better.

    Raises:
      ConfigError: a part is missing or empty, or has arrays of different lengths or other shapes
        than the training examples, NaN or infinity; a chance level that is not worse than the best.
    """

    name: str
    parts: Mapping[str, Examples]
    of_metric: str
    higher: bool
    chance: Mapping[str, float]
    best: float

    reduction = "as the loss function averages"

    def __post_init__(self):
        if set(self.parts) != set(PARTS):
            given = ", ".join(map(str, self.parts)) or "none"
            raise ConfigError(f"data: expected {', '.join(PARTS)}, got {given}")
        arrays = {part: jax.tree.map(np.asarray, self.parts[part]) for part in PARTS}
        object.__setattr__(self, "parts", arrays)
        setup = Setup(self, "", 0)
        for part in PARTS:
            _check_examples(setup, part)
        examples = {part: hashes(*jax.tree.leaves(arrays[part])) for part in PARTS}
        warn_of_repeats(f"task {self.name}", examples)
        check_chance(setup)
        if not self.chance["loss"] > 0:  # a run fails if its loss exceeds 1.1 times chance
            raise setup.error("chance_loss", "a positive number", self.chance["loss"])

    @functools.cached_property
    def _identity(self) -> tuple:
        levels = self.of_metric, self.higher, tuple(sorted(self.chance.items())), self.best
        return self.name, digest_of_arrays([self.parts]), *levels

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrayTask) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def metric(self) -> str:
        return self.of_metric

    @property
    def higher_is_better(self) -> bool:
        return self.higher

    @property
    def examples(self) -> int:
        return number_of_examples(self.parts["train"])

    def chance_metric(self) -> float:
        return self.chance[self.of_metric]

    def chance_loss(self, link: str) -> float:
        return self.chance["loss"]

    def best_loss(self, link: str) -> float:
        return self.best

    def data(self) -> dict[str, Any]:
        return {"parts": self.parts, "train": np.arange(self.examples, dtype=np.int32)}

    def batch(self, data: Any, row: Array, batch_size: int) -> Examples:
        """Return the training examples with these numbers."""
        return jax.tree.map(lambda array: array[row], data["parts"]["train"])


def number_of_examples(examples: Examples) -> int:
    """Length of the leading axis of the arrays."""
    return len(jax.tree.leaves(examples)[0])


def _check_examples(setup: Setup, part: str) -> None:
    """Check the arrays of a part, and compare their shapes with those of training."""
    examples, like = setup.task.parts[part], setup.task.parts["train"]
    if jax.tree.structure(examples) != (structure := jax.tree.structure(like)):
        raise setup.error(part, f"arrays as in train, {structure}", jax.tree.structure(examples))
    pairs = zip(jax.tree.leaves_with_path(examples), jax.tree.leaves(like), strict=True)
    for (path, array), of_train in pairs:
        field = part + jax.tree_util.keystr(path)
        check_numbers(setup, field, array)
        if not array.ndim or not array.size:
            raise setup.error(field, "an example or more", f"shape {array.shape}")
        if len(array) != (n := number_of_examples(examples)):
            raise setup.error(field, f"{n} examples, as the first array has", len(array))
        if (array.shape[1:], array.dtype) != (of_train.shape[1:], of_train.dtype):
            expected = f"shape (n, *{of_train.shape[1:]}) of {of_train.dtype} as in train"
            raise setup.error(field, expected, f"{array.shape} of {array.dtype}")
    if not jax.tree.leaves(examples):
        raise setup.error(part, "an array or more", "none")


def chance_of_classes(y: Any) -> dict[str, float]:
    """Accuracy and cross entropy (in nats) of always predicting the frequencies of the classes.

    >>> chance_of_classes([0, 1, 1, 1])["accuracy"]
    0.75

    Args:
      y: training targets, whole numbers from 0.

    Returns:
      The chance levels "loss" and "accuracy", for ``sweep``.

    Raises:
      ConfigError: other numbers.
    """
    y = np.ravel(np.asarray(y))
    if y.dtype.kind not in "biu" or not y.size or y.min() < 0:
        got = f"{y.size} values of {y.dtype}" + (f", from {y.min()}" if y.size else "")
        raise ConfigError(f"y: expected whole numbers from 0, got {got}")
    shares = np.bincount(y.astype(int)) / y.size
    return {
        "loss": losses.constant_class_loss("softmax", shares),
        "accuracy": float(shares.max()),
    }


def chance_of_values(y: Any) -> dict[str, float]:
    """Mean squared error of always predicting the mean, which is the variance of the targets.

    >>> chance_of_values([1.0, 3.0])
    {'loss': 1.0, 'mse': 1.0}

    Args:
      y: training targets (n, ...); the variances of several outputs are averaged.

    Returns:
      The chance levels "loss" and "mse", for ``sweep``.
    """
    variance = float(np.var(np.asarray(y, np.float64), axis=0).mean())
    return {"loss": variance, "mse": variance}
