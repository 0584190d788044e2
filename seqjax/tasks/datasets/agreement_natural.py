"""Subject-verb agreement in natural sentences: predict the number of the next verb."""

import dataclasses
import math
from typing import Any

import numpy as np

from seqjax.data.agreement import MOST_ATTRACTORS, PARTS, VOCABULARY, Prefixes, agreement
from seqjax.tasks.base import Batch, DataSetTask

CLASSES = 2
BALANCED = ("balanced_accuracy", *(f"balanced_accuracy_{n}" for n in range(MOST_ATTRACTORS + 1)))


@dataclasses.dataclass(frozen=True)
class AgreementNatural(DataSetTask):
    """Classify whether a verb is singular or plural after reading all words before it.

    5,000 training, 485 validation and 2,000 test sentences of 1 to 47 words
    (``seqjax.data.agreement``). The 1,000 most frequent words of the training prefixes have a
    symbol each; all other words share one symbol. Set ``model.embed=32``: one-hot inputs of this
    size are slow.

    Metrics:
      balanced_accuracy: mean of the accuracies on singulars and on plurals, 1/2 at chance.
      balanced_accuracy_0 … _4: the same on sentences with this number of attractors. With four
        attractors only one validation and seven test sentences are singular.
      accuracy: .63 for the constant answer "plural".
    """

    name = "agreement_natural"
    inputs, outputs, symbols, ragged = VOCABULARY + 1, CLASSES, True, True
    links = ("softmax",)
    metric = "balanced_accuracy"
    examples = PARTS["train"]

    def read(self) -> dict[str, tuple[np.ndarray, ...]]:
        return {part: (p.words, p.classes, p.lengths) for part, p in agreement().items()}

    def data(self) -> dict[str, Any]:
        weights = [_balancing(prefixes) for prefixes in agreement().values()]
        return super().data() | {"balanced": np.concatenate(weights)}

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        batch = super().batch(data, row, batch_size)
        weight_BM = data["balanced"][row] * batch.weight[:, None]
        return batch._replace(subsets=dict(zip(BALANCED, weight_BM.T, strict=True)))

    def chance_metric(self) -> float:
        return 1 / CLASSES

    def chance_loss(self, link: str) -> float:
        """Return the entropy of the classes of the training sentences."""
        p = float(np.mean(agreement()["train"].classes))
        return -p * math.log(p) - (1 - p) * math.log1p(-p)


def _balancing(prefixes: Prefixes) -> np.ndarray:
    """Return weights (n, 6): a weighted mean of correct answers for each metric of ``BALANCED``.

    The weight is 1/(2 m) for the m sentences of the same class, among all sentences and among those
    with the same number of attractors.
    """
    groups = [np.full(len(prefixes.classes), True)]
    groups += [prefixes.attractors == n for n in range(MOST_ATTRACTORS + 1)]
    weight_NM = np.zeros((len(prefixes.classes), len(groups)), np.float32)
    for weight_N, group in zip(weight_NM.T, groups, strict=True):
        for label in range(CLASSES):
            members = group & (prefixes.classes == label)
            weight_N[members] = 1 / (2 * max(1, members.sum()))
    return weight_NM
