"""Generated subject-verb agreement: the verb needs the number of a noun several words earlier.

The setting of Linzen, Dupoux and Goldberg 2016 in an artificial language in which the number of the
subject, the numbers of all other nouns and the distance are independent.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqjax.tasks.base import EVALUATION_BATCH, Batch, GeneratedTask
from seqjax.types import Array, check_size, named_key

NUMBERS = 2
"""Singular 0, plural 1."""
NOUNS, NEUTRAL = 8, 8
"""Number of nouns, each with a singular and a plural form, and of words without number."""
VERB = 0
"""Symbol of the verb position and of padding."""
ATTRACTORS = 0.25
"""Probability that a word between subject and verb is a noun."""
DISTANCES = (7, 15, 30)
"""Distances of additional test sentences."""
MOST_BETWEEN = 2**12


class EvaluationRow(NamedTuple):
    """An evaluation batch: ``kind`` 0 is as in training, kind n has DISTANCES[n - 1]."""

    key: Array
    kind: Array


@dataclasses.dataclass(frozen=True)
class Agreement(GeneratedTask):
    """Classify the number of the subject at the position of the verb.

        sentence = noun, (noun | neutral word) k times, VERB

    Each of the k words is a noun with probability 1/4, else neutral. Nouns are uniform among eight
    lemmas and independently singular or plural with probability 1/2; neutral words are uniform
    among eight; k is uniform in shortest … longest. Symbol 0 is ``VERB``, nouns have the symbols
    1 + 2 · lemma + number, and neutral words the remaining eight. The two classes are read out at
    the last of k + 2 steps; a subject at step 1 and a verb at step 9 have k = 7.

    Metrics, 1/2 at chance:
      accuracy: over k in shortest … longest; the loss and model selection use the same sentences.
      accuracy_7_opposite: at k = 7 with at least one noun of the opposite number in between.
      accuracy_15, accuracy_30: at k = 15 and 30.

    A baseline that answers the number of the last noun is right with probability, for p = 1/4 and
    q = p/2,

        a(k) = 1/2 + (1 - p)^k / 2,     and     (a(k) - (1 - q)^k) / (1 - (1 - q)^k)

    given at least one opposite noun. In the first formula either no noun is in between, or the last
    noun has the right number with probability 1/2; the second formula excludes sentences without an
    opposite noun, in which the baseline is right. With the defaults: .674 over k = 0 … 10, .287 at
    k = 7 with an opposite noun, .507 at 15, .500 at 30.

    Validation and test have 4,096 sentences with the distances of training, and 4,096 at each of
    ``DISTANCES``. Few short sentences exist (16 at k = 0), so some test sentences also occur in
    training.

    Attributes:
      shortest: fewest words between subject and verb.
      longest: most words between subject and verb.

    Raises:
      ValueError: not 0 <= shortest <= longest <= ``MOST_BETWEEN``.
    """

    shortest: int = 0
    longest: int = 10

    name = "agreement"
    inputs, outputs, symbols, ragged = 1 + NUMBERS * NOUNS + NEUTRAL, NUMBERS, True, True
    balanced = True

    def __post_init__(self) -> None:
        check_size("longest", self.longest, 0, MOST_BETWEEN)
        check_size("shortest", self.shortest, 0, self.longest)

    def sample(self, key: Array, batch_size: int) -> Batch:
        return _sentences(key, batch_size, self.shortest, self.longest, self.longest + 2)

    def evaluation_rows(self, data: Any, part: Array) -> Any:
        trained = super().evaluation_rows(data, part)

        def at(distance: int) -> Array:
            return jax.vmap(lambda key: named_key(key, f"distance {distance}"))(trained)

        keys = [trained, *map(at, DISTANCES)]
        kinds = [jnp.full(len(some), kind, jnp.int32) for kind, some in enumerate(keys)]
        return EvaluationRow(jnp.concatenate(keys), jnp.concatenate(kinds))

    def evaluation_batch(self, data: Any, row: Any) -> Batch:
        del data
        low = jnp.array((self.shortest, *DISTANCES), jnp.int32)[row.kind]
        high = jnp.array((self.longest, *DISTANCES), jnp.int32)[row.kind]
        steps = max(self.longest, *DISTANCES) + 2
        batch = _sentences(row.key, EVALUATION_BATCH, low, high, steps)
        number_TB = number_of(batch.x)
        opposite_B = jnp.any(number_TB == 1 - batch.y[None], axis=0)
        kind_B = jnp.broadcast_to(row.kind, batch.y.shape)
        chosen = {
            "accuracy_7_opposite": (kind_B == 1) & opposite_B,
            "accuracy_15": kind_B == 2,
            "accuracy_30": kind_B == 3,
        }
        subsets = {name: one.astype(jnp.float32) for name, one in chosen.items()}
        return batch._replace(weight=(kind_B == 0).astype(jnp.float32), subsets=subsets)


def _sentences(
    key: Array, batch_size: int, low: int | Array, high: int | Array, steps: int
) -> Batch:
    """Return sentences of ``steps`` steps with low … high words between subject and verb."""
    shape = (steps, batch_size)
    keys = jax.random.split(key, 5)
    between_1B = jax.random.randint(keys[0], (1, batch_size), low, high + 1, jnp.int32)
    number_TB = jax.random.randint(keys[1], shape, 0, NUMBERS, jnp.int32)
    noun_TB = 1 + NUMBERS * jax.random.randint(keys[2], shape, 0, NOUNS, jnp.int32) + number_TB
    first = 1 + NUMBERS * NOUNS
    neutral_TB = jax.random.randint(keys[3], shape, first, first + NEUTRAL, jnp.int32)
    step_T1 = jnp.arange(steps, dtype=jnp.int32)[:, None]
    is_noun_TB = (step_T1 == 0) | jax.random.bernoulli(keys[4], ATTRACTORS, shape)
    word_TB = jnp.where(is_noun_TB, noun_TB, neutral_TB)
    x_TB = jnp.where(step_T1 <= between_1B, word_TB, VERB)
    return Batch(x_TB, number_TB[0], jnp.ones(batch_size, jnp.float32), between_1B[0] + 2)


def number_of(x: Array) -> Array:
    """Return the number of each symbol: 0 singular, 1 plural, -1 for other words."""
    is_noun = (x > VERB) & (x <= NUMBERS * NOUNS)
    return jnp.where(is_noun, (x - 1) % NUMBERS, -1)
