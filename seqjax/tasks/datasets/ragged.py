"""Data sets of sequences of different lengths, batched by length buckets.

A batch holds sequences of one bucket and has its length, so little is padding. Each bucket length
is compiled once, as a branch of the training program.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.data.folder import DataError
from seqjax.tasks.base import PARTS, Batch, Task
from seqjax.types import Array, named_key

MOST_DISTINCT = 1024
"""Most lengths among which bucket lengths are selected; bounds the memory."""


class Sequences(NamedTuple):
    """S sequences, concatenated without padding.

    Attributes:
      x_N: (N, D) floats or bytes, or (N,) symbols; N is the sum of the lengths.
      y: (S,) classes, or (N, ...) for a readout at every step.
      lengths_S: int32, 1 or more.
    """

    x_N: np.ndarray
    y: np.ndarray
    lengths_S: np.ndarray


class Row(NamedTuple):
    """A batch: its index in ``bucket_lengths`` and its example numbers, -1 for padding."""

    bucket: Array
    examples_B: Array


class BucketedTask(Task):
    """A task on stored sequences, batched by length buckets.

    Every epoch shuffles each bucket with the key of the run and drops incomplete batches. The order
    of buckets is drawn anew for each epoch but is the same for all runs, so runs of one program are
    in the same bucket and none computes a discarded branch.

    Attributes:
      most_buckets: largest number of buckets.
      at_once: approximate number of steps of an evaluation batch; bounds the memory.
    """

    ragged = True
    most_buckets: ClassVar[int] = 4
    at_once: ClassVar[int] = 2**14

    def arrays(
        self,
        x: np.ndarray,
        y: np.ndarray,
        start: np.ndarray,
        length: np.ndarray,
        numbers: Sequence[np.ndarray],
    ) -> dict[str, Any]:
        """Return the arrays of ``data``.

        Args:
          x: (N, ...) steps of all sequences, which may overlap.
          y: (S,) targets, or (N, ...) for a readout at every step.
          start, length: (S,) first step and number of steps of each sequence.
          numbers: numbers of the sequences of training, validation and test.
        """
        lengths = best_bucket_lengths(length[numbers[0]], self.most_buckets)
        lengths[-1] = max(length)
        bucket_of_train = np.searchsorted(lengths, length[numbers[0]])
        return {
            "x": x,
            "y": y,
            "length": length.astype(np.int32),
            "start": start.astype(np.int32),
            "steps": tuple(np.arange(steps, dtype=np.int32) for steps in lengths),
            "train": tuple(numbers[0][bucket_of_train == k] for k in range(len(lengths))),
            "evaluation": _evaluation(numbers[1:], length, lengths, self.at_once),
        }

    def bucket_lengths(self, data: Any) -> tuple[int, ...]:
        return tuple(len(steps) for steps in data["steps"])

    def rows(self, data: Any, key: Array, first: Array, count: int, batch_size: int) -> Any:
        buckets = _merged(data["train"], batch_size)
        each = [len(examples) // batch_size for _, examples in buckets]
        steps_per_epoch = sum(each)
        if steps_per_epoch == 0:
            found = sum(map(len, data["train"]))
            raise DataError(
                f"{self.name}: train.batch_size: expected at most {found}, the number of training "
                f"examples, got {batch_size}"
            )
        bucket_E = jnp.asarray(np.repeat([k for k, _ in buckets], each), jnp.int32)

        def epoch(number: Array) -> Row:
            key_own = jax.random.fold_in(named_key(key, "training"), number)
            shuffled = [
                jax.random.permutation(jax.random.fold_in(key_own, k), examples)
                for k, examples in buckets
            ]
            batches = [
                examples[: n * batch_size].reshape(n, batch_size)
                for examples, n in zip(shuffled, each, strict=True)
            ]
            key_all = jax.random.fold_in(named_key(jax.random.key(0), "buckets"), number)
            order_E = jax.random.permutation(key_all, steps_per_epoch)
            return Row(bucket_E[order_E], jnp.concatenate(batches)[order_E])

        epochs = first // steps_per_epoch + jnp.arange(
            -(-count // steps_per_epoch) + 1, dtype=jnp.int32
        )
        rows = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), jax.vmap(epoch)(epochs))
        cut = functools.partial(jax.lax.dynamic_slice_in_dim, slice_size=count)
        return jax.tree.map(lambda a: cut(a, first % steps_per_epoch), rows)

    def evaluation_rows(self, data: Any, part: Array) -> Any:
        return jax.tree.map(lambda a: a[part], data["evaluation"])

    def training_rows(self, data: Any) -> Any:
        size, rows = data["evaluation"].examples_B.shape[-1], []
        for k, examples in enumerate(data["train"]):
            padded = jnp.pad(examples, (0, -len(examples) % size), constant_values=-1)
            examples_B = padded.reshape(-1, size)
            rows.append(Row(jnp.full(len(examples_B), k, jnp.int32), examples_B))
        return jax.tree.map(lambda *parts: jnp.concatenate(parts), *rows)

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        del batch_size
        step_T1, examples_B = data["steps"][-1][:, None], row.examples_B
        start_B, length_B = data["start"][examples_B], data["length"][examples_B]
        valid_TB = (step_T1 < length_B[None]) & (examples_B >= 0)[None]
        place_TB = jnp.where(valid_TB, start_B[None] + step_T1, 0)
        x = data["x"][place_TB]
        x = jnp.where(valid_TB.reshape(*valid_TB.shape, *(1,) * (x.ndim - 2)), x, jnp.zeros_like(x))
        if self.every_step:
            return Batch(x, data["y"][place_TB], valid_TB.astype(jnp.float32), length_B)
        weight_B = (examples_B >= 0).astype(jnp.float32)
        return Batch(x, data["y"][examples_B], weight_B, length_B)


class RaggedTask(BucketedTask):
    """A task on sequences of different lengths, which ``read`` returns."""

    def read(self) -> Mapping[str, Sequences]:
        """Return the parts "train", "validation" and "test"."""
        raise NotImplementedError

    def training_targets(self) -> tuple[np.ndarray, np.ndarray]:
        y = self.read()["train"].y
        return y, np.ones(len(y))

    def data(self) -> dict[str, Any]:
        parts = [self.read()[part] for part in PARTS]
        x, y, length = (np.concatenate(column) for column in zip(*parts, strict=True))
        ends = np.cumsum([len(part.lengths_S) for part in parts])
        numbers = np.split(np.arange(len(length), dtype=np.int32), ends[:-1])
        return self.arrays(x, y, np.cumsum(length) - length, length, numbers)


def best_bucket_lengths(lengths_S: np.ndarray, most: int) -> list[int]:
    """Return the ascending bucket lengths, at most ``most``, with the least padding.

        minimise Σ_s min {w : w >= length_s}

    by dynamic programming over the distinct lengths, which are rounded up if they are many. The
    last one is the longest length, rounded up.

    >>> best_bucket_lengths(np.array([24, 24, 32, 48, 64]), 2)
    [32, 64]
    """
    length_U, count_U = np.unique(lengths_S, return_counts=True)
    if len(length_U) > MOST_DISTINCT:
        step = -(-int(length_U[-1]) // MOST_DISTINCT)
        length_U, count_U = np.unique(-(-lengths_S // step) * step, return_counts=True)
    before = np.concatenate([[0], np.cumsum(count_U)])  # sequences shorter than length_U[k]
    U = len(length_U)
    cost, cuts = length_U * before[1:], [np.zeros(U, np.int64)]
    for _ in range(min(most, U) - 1):
        # total[k, j]: the longest bucket holds the lengths j … k, shorter buckets those below j
        total = length_U[:, None] * (before[1:, None] - before[None, :-1])
        total = total + np.concatenate([[0], cost[:-1]])[None]
        total[np.triu_indices(U, 1)] = np.iinfo(np.int64).max
        cuts.append(total.argmin(axis=1))
        cost = total.min(axis=1)
    chosen, k = [], U - 1
    for cut in reversed(cuts):
        chosen.append(int(length_U[k]))
        k = cut[k] - 1
        if k < 0:
            break
    return chosen[::-1]


def _merged(buckets: tuple[Array, ...], size: int) -> list[tuple[int, Array]]:
    """Return (bucket, examples); buckets too small for a batch are merged into longer ones."""
    result, waiting = [], []
    for k, examples in enumerate(buckets):
        waiting.append(examples)
        if sum(map(len, waiting)) >= size:
            result.append((k, jnp.concatenate(waiting)))
            waiting = []
    if waiting:
        waiting += [result.pop()[1]] if result else []
        result.append((len(buckets) - 1, jnp.concatenate(waiting)))
    return result


def _evaluation(
    parts: Sequence[np.ndarray], length: np.ndarray, lengths: list[int], at_once: int
) -> Row:
    """Return rows (2, batches) and (2, batches, size) of both parts, sorted by length."""
    size = max(1, min(at_once // lengths[-1], max(map(len, parts))))
    batches = -(-max(map(len, parts)) // size)
    examples = np.full((len(parts), batches * size), -1, np.int32)
    for row, part in zip(examples, parts, strict=True):
        row[: len(part)] = part[np.argsort(length[part], kind="stable")]
    examples = examples.reshape(len(parts), batches, size)
    longest = np.where(examples >= 0, length[examples], 0).max(axis=2)
    return Row(np.searchsorted(lengths, longest).astype(np.int32), examples)
