"""What a task promises: batches by row, losses and metrics, and what chance scores.

A *row* is all that identifies one batch: a key for a generated task, example numbers for a data
set. Training rows come from (key, step) alone, so a run can stop and go on at any step.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.metrics import losses
from seqjax.types import Array, check_most, named_key

EVALUATION_SIZE = 4096
EVALUATION_BATCH = 512
LONGEST = 2**20
PARTS = ("validation", "test")


class Batch(NamedTuple):
    """Some sequences, time-major.

    Attributes:
      x: (T, B, D) floats or (T, B) symbols.
      y: classes (integers) or values (floats): (B,), or (T, B) for tasks with a readout at every
        step.
      weight: like ``y``; 0 where neither loss nor metric counts.
      lengths_B: valid steps of each sequence, or None when all have T.
      subsets: weights, like ``y``, of accuracies over some of the sequences alone, by the name of
        each; only evaluation looks at them.
      fresh_B: True where a lane starts from the zero state, though the task is carried; or None.
      source: (S, B) symbols that are read before x, or None.
      source_lengths_B: valid steps of each source.
    """

    x: Array
    y: Array
    weight: Array
    lengths_B: Array | None = None
    subsets: dict[str, Array] | None = None
    fresh_B: Array | None = None
    source: Array | None = None
    source_lengths_B: Array | None = None

    def cropped(self, steps: int, every_step: bool) -> "Batch":
        """The first steps; the sequences must not be longer."""
        cut = self._replace(x=self.x[:steps], source=jax.tree.map(lambda a: a[:steps], self.source))
        if not every_step:
            return cut
        outputs = jax.tree.map(lambda array: array[:steps], (self.y, self.weight, self.subsets))
        return cut._replace(**dict(zip(("y", "weight", "subsets"), outputs, strict=True)))


class Task:
    """Base of all tasks: a frozen dataclass of structural fields.

    Attributes:
      inputs: features D, or the number of symbols when ``symbols``.
      outputs: logits V: classes, or 1 for values.
      sources: symbols of the source, which an encoder reads before the input, or 0 for none.
      every_step: the readout is at every step, not only the last.
      next_step: the targets are later inputs, which a backward direction would read.
      carried: a step of training goes on from the recurrent state that the step before left.
      ragged: held-out sequences differ in length, and batches say how long each is.
      links: the readouts that fit; the first is the default.
      metric: the metric of the tables; ``higher_is_better`` says which way.
      examined: metrics that are measured once, after training, by ``examine``.
      shown: other test metrics that a report shows beside the table.
      examples: how many there are to train on, or None when they are drawn.
    """

    name: ClassVar[str]
    inputs: ClassVar[int]
    outputs: ClassVar[int]
    sources: ClassVar[int] = 0
    symbols: ClassVar[bool] = False
    every_step: ClassVar[bool] = False
    next_step: ClassVar[bool] = False
    carried: ClassVar[bool] = False
    ragged: ClassVar[bool] = False
    links: ClassVar[tuple[str, ...]] = ("softmax", "logistic", "linear")
    metric: ClassVar[str] = "accuracy"
    higher_is_better: ClassVar[bool] = True
    examined: ClassVar[tuple[str, ...]] = ()
    shown: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[int | None] = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_static(cls)  # a task is structure: no part of it is traced

    def data(self) -> dict[str, Any]:
        """Arrays that live on the device while runs of this task train."""
        return {}

    def rows(self, data: Any, key: Array, first: Array, count: int, batch_size: int) -> Array:
        """The rows of training steps first … first + count - 1."""
        raise NotImplementedError

    def evaluation_rows(self, data: Any, part: Array) -> Array:
        """The rows of a fixed set, 0 for validation and 1 for test; together each example once."""
        raise NotImplementedError

    def batch(self, data: Any, row: Array, batch_size: int) -> Batch:
        """The batch that a row names."""
        raise NotImplementedError

    def evaluation_batch(self, data: Any, row: Array) -> Batch:
        """The batch that a row of ``evaluation_rows`` names."""
        return self.batch(data, row, EVALUATION_BATCH)

    def widths(self, data: Any) -> tuple[int, ...]:
        """The steps that batches may be cropped to; a row has then a ``bucket``, its place here."""
        return ()

    def loss(self, link: str, logits: Array, batch: Batch) -> Array:
        """The loss at each position of ``batch.y``."""
        return losses.class_loss(link, logits, batch.y)

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        """(values, weights) of each metric; a metric is the weighted mean over the set."""
        weights = {"accuracy": batch.weight} | (batch.subsets or {})
        correct = losses.correct(logits, batch.y)
        return {name: (correct, weight) for name, weight in weights.items()}

    def derived(self, means: dict[str, Array]) -> dict[str, Array]:
        """Metrics that are a function of the means of the others, such as a perplexity."""
        return {}

    def examine(self, data: Any, model: Any, key: Array) -> dict[str, Array]:
        """The metrics ``examined`` of a trained model, such as of what it writes by itself."""
        raise NotImplementedError

    def saved_data(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Data that are saved with a trained model, so that it can be used without its data set.

        Returns:
          Anything that JSON can hold by name, and arrays of at most 32 bits by name.
        """
        return {}, {}

    def chance_metric(self) -> float:
        """The table's metric for the best constant prediction."""
        return 1 / self.outputs

    def chance_loss(self, link: str) -> float:
        """The loss of the best constant prediction."""
        return losses.chance_class_loss(link, self.outputs)

    def best_loss(self, link: str) -> float:
        """The lowest loss that any predictor can reach."""
        return 0.0


class GeneratedTask(Task):
    """A task whose sequences are drawn: no sequence repeats, and sets have key domains apart."""

    def sample(self, key: Array, batch_size: int) -> Batch:
        """``batch_size`` sequences."""
        raise NotImplementedError

    def rows(self, data, key, first, count, batch_size):
        del data, batch_size
        steps = first + jnp.arange(count, dtype=jnp.int32)
        return jax.vmap(jax.random.fold_in, (None, 0))(named_key(key, "training"), steps)

    def evaluation_rows(self, data, part):
        del data
        key = jax.random.fold_in(named_key(jax.random.key(0), "evaluation"), part)
        return jax.random.split(key, EVALUATION_SIZE // EVALUATION_BATCH)

    def batch(self, data, row, batch_size):
        del data
        return self.sample(row, batch_size)


class DataSetTask(Task):
    """A task on stored examples, reshuffled for every epoch; a last short batch is left out.

    ``data()`` holds what ``read`` does, its parts joined, as "x", "y" and, where they differ,
    "lengths"; "train" (example numbers) and "evaluation" (2, batches, size): the example numbers of
    validation and test, -1 for none.
    """

    def read(self) -> dict[str, tuple[np.ndarray, ...]]:
        """The parts "train", "validation" and "test".

        Each is x, (n, T, D) floats or (n, T) symbols; y (n,); and lengths (n,) unless all are T.
        """
        raise NotImplementedError

    def data(self):
        parts = self.read()
        columns = zip(*(parts[part] for part in ("train", *PARTS)), strict=True)
        joined = [np.concatenate(column) for column in columns]
        sizes = [len(parts[part][1]) for part in ("train", *PARTS)]
        numbers = np.split(np.arange(sum(sizes), dtype=np.int32), np.cumsum(sizes)[:-1])
        largest = max(sizes[1:])
        size = min(largest, EVALUATION_BATCH)
        places = -(-largest // size) * size
        padded = [np.pad(n, (0, places - len(n)), constant_values=-1) for n in numbers[1:]]
        return {
            **dict(zip(("x", "y", "lengths"), joined, strict=False)),
            "train": numbers[0],
            "evaluation": np.stack(padded).reshape(2, -1, size),
        }

    def rows(self, data, key, first, count, batch_size):
        n = data["train"].size
        a_epoch = n // batch_size
        epochs = first // a_epoch + jnp.arange(-(-count // a_epoch) + 1, dtype=jnp.int32)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(named_key(key, "training"), epochs)
        shuffled = jax.vmap(lambda k: jax.random.permutation(k, data["train"]))(keys)
        rows = shuffled[:, : a_epoch * batch_size].reshape(-1, batch_size)
        return jax.lax.dynamic_slice_in_dim(rows, first % a_epoch, count)

    def evaluation_rows(self, data, part):
        return data["evaluation"][part]

    def batch(self, data, row, batch_size):
        del batch_size
        lengths_B = data["lengths"][row] if "lengths" in data else None
        x = jnp.swapaxes(data["x"][row], 0, 1)
        return Batch(x, data["y"][row], (row >= 0).astype(jnp.float32), lengths_B)


def digest_of_data(tasks: Iterable[Task]) -> str | None:
    """16 hexadecimal digits of the SHA-256 of what tasks hold; None where all are drawn."""
    digest, drawn = hashlib.sha256(), True
    for task in dict.fromkeys(tasks):
        for path, leaf in jax.tree.leaves_with_path(task.data()):
            array, drawn = np.ascontiguousarray(leaf), False
            name = jax.tree_util.keystr(path)
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.reshape(-1).view(np.uint8))
    return None if drawn else digest.hexdigest()[:16]


def first_of(rows: Any) -> Any:
    """The first of some rows, which may be trees."""
    return jax.tree.map(lambda leaf: leaf[0], rows)


def check_length(task: Any, least: int) -> None:
    """Raises ValueError unless ``task.length`` is at least ``least``, and one can wait for it."""
    if task.length < least:
        raise ValueError(f"length: {task.name} needs at least {least}, got {task.length}")
    check_most(length=(task.length, LONGEST))
