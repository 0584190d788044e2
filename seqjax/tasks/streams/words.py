"""Prediction of WikiText-2 word by word, in perplexity."""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from seqjax.data import wikitext
from seqjax.data.folder import DataError
from seqjax.metrics import losses
from seqjax.tasks.base import LONGEST, Batch
from seqjax.tasks.lowest import LOWEST
from seqjax.tasks.streams.base import StreamTask, Text
from seqjax.tasks.streams.text import WrittenText
from seqjax.types import Array, check_size

MOST_WORDS = 2**20


@dataclasses.dataclass(frozen=True)
class WikiText2(StreamTask):
    """Predict the next word of WikiText-2, 2,088,628 words with a vocabulary of 33,278.

    The data are read from the folder of data sets or from a Python package, see
    ``seqjax.data.wikitext``. Symbols need an embedding: set ``model.embed``. As in ``WrittenText``
    a lane restarts elsewhere from the zero state after ``fresh`` windows.

    Evaluation predicts each word except the first, in segments of 1,024 words that start from the
    zero state; the ends of lines count as words.

    Metrics:
      word_nll: negative log-likelihood of a word in nats. Chance is the entropy of single words in
        training. On the published data with their whole vocabulary, a score of 1 is the lowest
        published figure (``tasks.lowest``).
      perplexity: exp of ``word_nll``.
      accuracy: share of words that are the most likely one.

    Attributes:
      vocabulary: number of symbols: the most frequent training words, <unk> for all other words,
        and <eos> for the end of a line.
      fresh: consecutive windows that a lane reads before it restarts from the zero state.

    Raises:
      ValueError: a field is out of its range.
    """

    vocabulary: int = wikitext.VOCABULARY
    fresh: int = 16

    name, metric, higher_is_better = "wikitext2", "word_nll", False
    extra_metrics = ("perplexity",)
    links = ("softmax",)
    embedded = True
    at_once: ClassVar[int] = 2**11

    rows = WrittenText.rows

    def __post_init__(self) -> None:
        check_size("length", self.length, 1, LONGEST)
        check_size("fresh", self.fresh, 1, LONGEST)
        check_size("vocabulary", self.vocabulary, 3, MOST_WORDS)

    @property
    def inputs(self) -> int:
        return self.vocabulary

    outputs = inputs

    @property
    def sizes(self) -> dict[str, int]:
        return {part: len(words) for part, words in self._parts.items()}

    @property
    def _parts(self) -> dict[str, np.ndarray]:
        return wikitext.wikitext2(self.vocabulary).parts

    def read(self) -> dict[str, Text]:
        parts = self._parts
        if len(parts["train"]) < self.length:
            raise DataError(
                f"{self.name}: train: expected at least {self.length:,} words for task.length, "
                f"got {len(parts['train']):,}"
            )
        return {part: Text(words, np.ones(len(words), bool)) for part, words in parts.items()}

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        place_B, before_B = row.T
        return super().batch(data, place_B, batch_size)._replace(reset_B=before_B == 0)

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        return {
            "word_nll": (self.loss(link, logits, batch), batch.weight),
            "accuracy": (losses.correct(logits, batch.y), batch.weight),
        }

    def derived(self, means: dict[str, Array]) -> dict[str, Array]:
        return {"perplexity": jnp.exp(means["word_nll"])}

    def chance_metric(self) -> float:
        return self.chance_loss("softmax")

    def best_loss(self, link: str) -> float:
        published = self.vocabulary == wikitext.VOCABULARY and self.sizes == wikitext.PARTS
        return LOWEST[self.name].loss if published else 0.0
