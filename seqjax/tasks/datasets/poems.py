"""Classical Chinese poems, character by character."""

import dataclasses
import functools
import math
import pathlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.data import poems
from seqjax.data.poems import FORMS, Poem
from seqjax.metrics import losses
from seqjax.models import sampling
from seqjax.tasks.base import PARTS, Batch
from seqjax.tasks.datasets import poetry
from seqjax.tasks.datasets.poetry import FIRST, FORM, UNKNOWN, Script
from seqjax.tasks.datasets.ragged import RaggedTask, Sequences
from seqjax.types import Array, check_size

SAMPLES = 1000
MOST_CHARACTERS = 2**14
FACTORS = np.array([0x9E3779B1, 0x85EBCA6B], np.uint32)
"""Odd multipliers of two 32-bit hashes."""


class Prepared(NamedTuple):
    """The script of the training poems, and the poems and symbol sequences of every part."""

    script: Script
    parts: dict[str, list[Poem]]
    sequences: dict[str, list[np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Poems(RaggedTask):
    """Predict the next character or mark of a regulated poem, given its form.

    9,731 training, 512 validation and 538 test poems of the Tang (``seqjax.data.poems``); symbols
    as in ``seqjax.tasks.datasets.poetry``. The ``vocabulary`` most frequent characters of the
    training poems have a symbol each, ties in the order of Unicode; 2,500 of them cover 97.6 % of
    the characters. All other characters share one symbol, which is predicted like any other.

    Metrics:
      perplexity: exp of the mean negative log-likelihood of a symbol (characters, marks, the end);
        at chance exp of the entropy of the training symbols.
      perplexity_characters: the same over characters only, including the shared symbol.
      formed: share of 1,000 sampled poems that have exactly the requested form. Forms are drawn
        with their training frequencies; all later symbols are sampled without a constraint.
      copied: share of the lines of well-formed samples that occur in a line of a training poem.

    Attributes:
      vocabulary: number of most frequent characters with their own symbol.

    Raises:
      ValueError: ``vocabulary`` is not in 1 … 16,384.
    """

    vocabulary: int = 2500

    name = "poems"
    symbols, every_step, next_step = True, True, True
    links = ("softmax",)
    metric, higher_is_better = "perplexity", False
    final_metrics = ("formed", "copied")
    extra_metrics = ("perplexity_characters", *final_metrics)

    def __post_init__(self) -> None:
        check_size("vocabulary", self.vocabulary, 1, MOST_CHARACTERS)

    @property
    def inputs(self) -> int:
        return FIRST + self.vocabulary

    outputs = inputs

    def prepared(self) -> Prepared:
        """Return the poems as text and as symbols."""
        return _prepared(poems.tang(), self.vocabulary)

    def read(self) -> dict[str, Sequences]:
        return {part: _joined(found) for part, found in self.prepared().sequences.items()}

    def data(self) -> dict[str, Any]:
        return super().data() | _evaluation_data(poems.tang(), self.vocabulary)

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        nats_TB = losses.class_loss(link, logits, batch.y)
        character_TB = (batch.y == UNKNOWN) | (batch.y >= FIRST)
        return {
            "nats": (nats_TB, batch.weight),
            "nats_characters": (nats_TB, batch.weight * character_TB.astype(jnp.float32)),
        }

    def derived(self, means: dict[str, Array]) -> dict[str, Array]:
        return {
            "perplexity": jnp.exp(means["nats"]),
            "perplexity_characters": jnp.exp(means["nats_characters"]),
        }

    def final_evaluation(self, data: Any, model: Any, key: Array) -> dict[str, Array]:
        form_B = jax.random.choice(jax.random.fold_in(key, SAMPLES), data["forms"], (SAMPLES,))
        keys_B = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(SAMPLES))
        drawn_TB = sampling.sample(model, form_B, keys_B, poetry.LONGEST)
        return form_and_copies(
            drawn_TB, form_B - min(FORM.values()), data["allowed"], data["copies"]
        )

    def saved_data(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        script, parts, _ = self.prepared()
        lines = {line for poem in parts["train"] for line in poem.lines}
        passages = {passage for line in lines for passage in poetry.passages(line)}
        return {"characters": script.characters}, {"passages": poetry.fingerprints(passages)}

    def chance_metric(self) -> float:
        return math.exp(self.chance_loss("softmax"))

    def chance_loss(self, link: str) -> float:
        """Return the entropy of the symbols of the training poems."""
        return losses.constant_class_loss(link, _shares(poems.tang(), self.vocabulary))


def form_and_copies(
    drawn_TB: Array, form_B: Array, allowed_FTV: Array, copies_NK: Array
) -> dict[str, Array]:
    """Return the metrics "formed" and "copied" of sampled poems.

    Args:
      drawn_TB: the symbols sampled after the form's symbol.
      form_B: indices in ``FORMS``.
      allowed_FTV: True for the symbols that a form allows at each step, and after the poem's end.
      copies_NK: hashes of the passages that count as copied.
    """
    place_FLC = jnp.asarray(np.stack([poetry.line_places(form) for form in FORMS]))

    def one(sample: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        drawn_T, form = sample
        formed = jnp.all(allowed_FTV[form, jnp.arange(len(drawn_T)), drawn_T])
        place_LC = place_FLC[form]
        line_LC = jnp.where(place_LC >= 0, drawn_T[place_LC], -1)
        same_LN = jnp.all(checksums(line_LC)[:, None] == copies_NK[None], axis=-1)
        there_L = (place_LC[:, 0] >= 0) & formed
        return formed, jnp.sum(there_L & jnp.any(same_LN, axis=1)), jnp.sum(there_L)

    formed_B, copied_B, lines_B = jax.lax.map(one, (drawn_TB.T, form_B))
    count = jnp.maximum(jnp.sum(lines_B), 1).astype(jnp.float32)
    return {
        "formed": jnp.sum(formed_B).astype(jnp.float32) / len(formed_B),
        "copied": jnp.sum(copied_B).astype(jnp.float32) / count,
    }


def checksums(line_LC: np.ndarray | Array) -> np.ndarray | Array:
    """Return two 32-bit hashes of each line of symbols, (L, 2) uint32."""
    numpy = np if isinstance(line_LC, np.ndarray) else jnp
    sum_LK = numpy.zeros((len(line_LC), len(FACTORS)), numpy.uint32)
    for symbol_L in (line_LC + 2).astype(numpy.uint32).T:
        sum_LK = (sum_LK ^ symbol_L[:, None]) * FACTORS[None]
        sum_LK = sum_LK ^ (sum_LK >> numpy.uint32(15))
    return sum_LK


@functools.cache
def _evaluation_data(files: tuple[pathlib.Path, ...], vocabulary: int) -> dict[str, np.ndarray]:
    """Return hashes of copied passages, forms of training poems, and symbols allowed by form."""
    script, parts, _ = _prepared(files, vocabulary)
    lines = [line for poem in parts["train"] for line in poem.lines]
    copies = {
        tuple(passage)
        for line in lines
        for passage in poetry.passages([script.symbols.get(sign, UNKNOWN) for sign in line])
    }
    padded = np.full((len(copies), poetry.LONGEST_LINE), -1, np.int32)
    for row, passage in zip(padded, sorted(copies), strict=True):
        row[: len(passage)] = passage
    return {
        "copies": checksums(padded),
        "forms": np.array([FORM[poem.form] for poem in parts["train"]], np.int32),
        "allowed": _allowed(script),
    }


def _allowed(script: Script) -> np.ndarray:
    """Return ``Script.allowed`` of every form, (F, LONGEST, V); True after the poem's end."""
    allowed = np.ones((len(FORMS), poetry.LONGEST, script.size), bool)
    for row, form in zip(allowed, FORMS, strict=True):
        own = script.allowed(form)
        row[: len(own)] = own
    return allowed


def _joined(sequences: list[np.ndarray]) -> Sequences:
    """Return all but the last symbol of each sequence as x, all but the first as y."""
    length_S = np.array([len(symbols) - 1 for symbols in sequences], np.int32)
    x, y = (
        np.concatenate([s[cut] for s in sequences]) for cut in (slice(None, -1), slice(1, None))
    )
    return Sequences(x, y, length_S)


@functools.cache
def _prepared(files: tuple[pathlib.Path, ...], vocabulary: int) -> Prepared:
    parts = poems.collected(files).parts
    script = poetry.script_of(parts["train"], vocabulary)
    sequences = {
        part: [np.array(script.encoded(poem), np.int32) for poem in parts[part]] for part in PARTS
    }
    return Prepared(script, parts, sequences)


@functools.cache
def _shares(files: tuple[pathlib.Path, ...], vocabulary: int) -> np.ndarray:
    """Return (V,) the frequency of each symbol among the targets of training."""
    prepared = _prepared(files, vocabulary)
    predicted = np.concatenate([s[1:] for s in prepared.sequences["train"]])
    return np.bincount(predicted, minlength=prepared.script.size) / len(predicted)
