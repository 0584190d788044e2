"""Subject-verb agreement in natural sentences: is the verb that comes next singular or plural?"""

import dataclasses
import math

import numpy as np

from seqjax.data.agreement import MOST_ATTRACTORS, PARTS, VOCABULARY, Prefixes, agreement
from seqjax.tasks.base import DataSetTask

CLASSES = 2
BALANCED = ("balanced_accuracy", *(f"balanced_accuracy_{n}" for n in range(MOST_ATTRACTORS + 1)))


@dataclasses.dataclass(frozen=True)
class AgreementNatural(DataSetTask):
    """The words before a verb, read to their end; the classes are singular and plural.

    5,000 training, 485 validation and 2,000 test sentences (``seqjax.data.agreement``) of 1 to 47
    words: the 1,000 most frequent of the training prefixes, and one symbol for all others. So many
    symbols are best embedded: ``model.embed=32``.

    Metrics:
      balanced_accuracy: the mean of the accuracies on singulars and on plurals, 1/2 at chance.
      balanced_accuracy_0 … _4: the same, of the sentences with so many attractors. Those with four
        are nearly all plural: one validation and seven test sentences are singular.
      accuracy: .63 for the answer "plural".
    """

    name = "agreement_natural"
    inputs, outputs, symbols, ragged = VOCABULARY + 1, CLASSES, True, True
    links = ("softmax",)
    metric = "balanced_accuracy"
    examples = PARTS["train"]

    def read(self):
        return {part: (p.words, p.classes, p.lengths) for part, p in agreement().items()}

    def data(self):
        weights = [_balancing(prefixes) for prefixes in agreement().values()]
        return super().data() | {"balanced": np.concatenate(weights)}

    def batch(self, data, row, batch_size):
        batch = super().batch(data, row, batch_size)
        weight_BM = data["balanced"][row] * batch.weight[:, None]
        return batch._replace(subsets=dict(zip(BALANCED, weight_BM.T, strict=True)))

    def chance_loss(self, link: str) -> float:
        """The entropy of the classes of the training sentences."""
        p = float(np.mean(agreement()["train"].classes))
        return -p * math.log(p) - (1 - p) * math.log1p(-p)


def _balancing(prefixes: Prefixes) -> np.ndarray:
    """The weight of each sentence in each of ``BALANCED``, (n, 6).

    1/(2 n) for the n sentences of its class, among all and among those with as many attractors: a
    mean with these weights is a balanced accuracy.
    """
    groups = [np.full(len(prefixes.classes), True)]
    groups += [prefixes.attractors == n for n in range(MOST_ATTRACTORS + 1)]
    weight_NM = np.zeros((len(prefixes.classes), len(groups)), np.float32)
    for weight_N, group in zip(weight_NM.T, groups, strict=True):
        for label in range(CLASSES):
            members = group & (prefixes.classes == label)
            weight_N[members] = 1 / (2 * max(1, members.sum()))
    return weight_NM
