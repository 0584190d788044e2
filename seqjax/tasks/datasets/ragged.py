"""Data sets of sequences that differ in length, in a few buckets of lengths.

A batch holds sequences of one bucket and is as wide as that bucket, so that little of it is
padding; every width is compiled once, as a branch of the one program that trains.
"""

import functools
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.data.folder import DataError
from seqjax.tasks.base import PARTS, Batch, Task
from seqjax.types import Array, named_key


class Sequences(NamedTuple):
    """S sequences, one behind the other: nothing is stored of padding.

    Attributes:
      x_N: (N, D) floats or bytes, or (N,) symbols, N the sum of the lengths.
      y: (S,) classes, or (N, ...) where there is a readout at every step.
      lengths_S: int32, 1 or more.
    """

    x_N: np.ndarray
    y: np.ndarray
    lengths_S: np.ndarray


class Row(NamedTuple):
    """The sequences of a batch by their numbers, -1 for none, and the bucket they fit in."""

    bucket: Array
    examples_B: Array


class RaggedTask(Task):
    """A task on stored sequences that differ in length.

    Every epoch shuffles each bucket by the run's key, and leaves out what does not fill a batch. In
    which order the buckets come is drawn anew for each epoch, for all runs alike: so runs that
    share a program are at the same width, and none computes what it drops.

    Attributes:
      most_buckets: buckets, at most.
      at_once: steps of an evaluation batch, about; it bounds the memory.
    """

    ragged = True
    most_buckets: ClassVar[int] = 4
    at_once: ClassVar[int] = 2**14

    def read(self) -> Mapping[str, Sequences]:
        """The parts "train", "validation" and "test"."""
        raise NotImplementedError

    def data(self):
        parts = [self.read()[part] for part in ("train", *PARTS)]
        x, y, length = (np.concatenate(column) for column in zip(*parts, strict=True))
        ends = np.cumsum([len(part.lengths_S) for part in parts])
        numbers = np.split(np.arange(len(length), dtype=np.int32), ends[:-1])
        widths = best_widths(length[numbers[0]], self.most_buckets)
        widths[-1] = max(length)
        of_train = np.searchsorted(widths, length[numbers[0]])
        return {
            "x": x,
            "y": y,
            "length": length.astype(np.int32),
            "start": (np.cumsum(length) - length).astype(np.int32),
            "steps": tuple(np.arange(width, dtype=np.int32) for width in widths),
            "train": tuple(numbers[0][of_train == k] for k in range(len(widths))),
            "evaluation": _evaluation(numbers[1:], length, widths, self.at_once),
        }

    def widths(self, data):
        return tuple(len(steps) for steps in data["steps"])

    def rows(self, data, key, first, count, batch_size):
        buckets = _at_least(data["train"], batch_size)
        each = [len(examples) // batch_size for _, examples in buckets]
        a_epoch = sum(each)
        if a_epoch == 0:
            found = sum(map(len, data["train"]))
            raise DataError(
                f"{self.name}: train.batch_size: expected at most {found}, the number of training "
                f"examples, got {batch_size}"
            )
        bucket_E = jnp.asarray(np.repeat([k for k, _ in buckets], each), jnp.int32)

        def epoch(number):
            key_own = jax.random.fold_in(named_key(key, "training"), number)
            shuffled = [
                jax.random.permutation(jax.random.fold_in(key_own, k), examples)
                for k, examples in buckets
            ]
            rows = [
                examples[: n * batch_size].reshape(n, batch_size)
                for examples, n in zip(shuffled, each, strict=True)
            ]
            key_all = jax.random.fold_in(named_key(jax.random.key(0), "buckets"), number)
            order_E = jax.random.permutation(key_all, a_epoch)
            return Row(bucket_E[order_E], jnp.concatenate(rows)[order_E])

        epochs = first // a_epoch + jnp.arange(-(-count // a_epoch) + 1, dtype=jnp.int32)
        made = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), jax.vmap(epoch)(epochs))
        cut = functools.partial(jax.lax.dynamic_slice_in_dim, slice_size=count)
        return jax.tree.map(lambda a: cut(a, first % a_epoch), made)

    def evaluation_rows(self, data, part):
        return jax.tree.map(lambda a: a[part], data["evaluation"])

    def batch(self, data, row, batch_size):
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


def best_widths(lengths_S: np.ndarray, most: int) -> list[int]:
    """At most ``most`` widths that together pad these sequences least, the longest length last.

        minimise Σ_s min {w : w >= length_s}

    by dynamic programming over the different lengths.

    >>> best_widths(np.array([24, 24, 32, 48, 64]), 2)
    [32, 64]
    """
    length_U, count_U = np.unique(lengths_S, return_counts=True)
    before = np.concatenate([[0], np.cumsum(count_U)])  # sequences shorter than length_U[k]
    U = len(length_U)
    cost, cuts = length_U * before[1:], [np.zeros(U, np.int64)]
    for _ in range(min(most, U) - 1):
        # total[k, j]: the widest bucket holds the lengths j … k, the others all below j
        total = length_U[:, None] * (before[1:, None] - before[None, :-1])
        total = total + np.concatenate([[0], cost[:-1]])[None]
        total[np.triu_indices(U, 1)] = np.iinfo(np.int64).max
        cuts.append(total.argmin(axis=1))
        cost = total.min(axis=1)
    widths, k = [], U - 1
    for cut in reversed(cuts):
        widths.append(int(length_U[k]))
        k = cut[k] - 1
        if k < 0:
            break
    return widths[::-1]


def _at_least(buckets: tuple[Array, ...], size: int) -> list[tuple[int, Array]]:
    """(bucket, examples), where buckets that do not fill a batch have gone into wider ones."""
    kept, waiting = [], []
    for k, examples in enumerate(buckets):
        waiting.append(examples)
        if sum(map(len, waiting)) >= size:
            kept.append((k, jnp.concatenate(waiting)))
            waiting = []
    if waiting:
        waiting += [kept.pop()[1]] if kept else []
        kept.append((len(buckets) - 1, jnp.concatenate(waiting)))
    return kept


def _evaluation(
    parts: list[np.ndarray], length: np.ndarray, widths: list[int], at_once: int
) -> Row:
    """(2, batches) and (2, batches, size): each part in batches, sorted by length."""
    size = max(1, min(at_once // widths[-1], max(map(len, parts))))
    batches = -(-max(map(len, parts)) // size)
    examples = np.full((len(parts), batches * size), -1, np.int32)
    for row, part in zip(examples, parts, strict=True):
        row[: len(part)] = part[np.argsort(length[part], kind="stable")]
    examples = examples.reshape(len(parts), batches, size)
    longest = np.where(examples >= 0, length[examples], 0).max(axis=2)
    return Row(np.searchsorted(widths, longest).astype(np.int32), examples)
