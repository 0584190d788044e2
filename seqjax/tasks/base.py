"""The interface of tasks: batches by row, losses, metrics, and the scores of chance.

A *row* identifies one batch: a key for a generated task, example numbers for a data set. Training
rows depend on (key, step) only, so a run can stop and continue at any step.
"""

import functools
import hashlib
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.metrics import losses
from seqjax.types import Array, ConfigError, named_key

LINKS = {"classes": ("softmax", "logistic", "linear"), "values": ("linear", "logistic")}
"""Links of each kind of targets; the first is the default."""
KNOWN_METRICS = {"classes": ("accuracy",), "values": ("mse", "mae")}
"""Metrics of ``Task.metrics`` by kind of targets; their chance level is computed from the data."""
EVALUATION_SIZE = 4096
EVALUATION_BATCH = 512
LONGEST = 2**20
PARTS = ("train", "validation", "test")
HELD_OUT = ("validation", "test")


class Batch(NamedTuple):
    """A time-major batch of sequences.

    Attributes:
      x: (T, B, D) floats or (T, B) symbols.
      y: classes (integers) or values (floats): (B,), or (T, B) for tasks with a readout at every
        step.
      weight: like ``y``; 0 excludes a position from loss and metrics.
      lengths_B: valid steps of each sequence, or None if all have T.
      subsets: weights, like ``y``, by the name of an accuracy over a subset of the sequences; only
        evaluation reads them.
      reset_B: for tasks that carry states over batches: True for lanes that restart from the zero
        state; None if none restarts.
      reset_TB: True at steps before which a lane returns to its state at the start of the batch,
        which is zero unless the task carries states; None if none does.
      source: (S, B) symbols that an encoder reads before x, or None.
      source_lengths_B: valid steps of each source.
    """

    x: Array
    y: Array
    weight: Array
    lengths_B: Array | None = None
    subsets: dict[str, Array] | None = None
    reset_B: Array | None = None
    source: Array | None = None
    source_lengths_B: Array | None = None
    reset_TB: Array | None = None

    def cropped(self, steps: int, every_step: bool) -> "Batch":
        """Return the first ``steps`` steps; no sequence may be longer."""
        inputs = self.x, self.source, self.reset_TB
        x, source, reset_TB = jax.tree.map(lambda array: array[:steps], inputs)
        cut = self._replace(x=x, source=source, reset_TB=reset_TB)
        if not every_step:
            return cut
        outputs = jax.tree.map(lambda array: array[:steps], (self.y, self.weight, self.subsets))
        return cut._replace(**dict(zip(("y", "weight", "subsets"), outputs, strict=True)))


class Task:
    """Base class of tasks: a frozen dataclass of structural fields.

    Methods that raise NotImplementedError are defined by the subclasses. Those that have a default
    have it for two kinds of ``targets``: classes, with cross entropy and accuracy, and values, with
    squared and absolute errors. A task with another loss also defines ``chance_loss`` and
    ``best_loss``, and one with another metric defines ``chance_metric``.

    Attributes:
      targets: "classes" (integers) or "values" (floats).
      balanced: chance levels are those of equally likely classes, whatever the data.
      inputs: features D, or the number of symbols if ``symbols``.
      outputs: logits V: classes, or 1 for values.
      sources: number of source symbols, read by an encoder before the input; 0 for no source.
      symbols: inputs are symbols.
      embedded: the symbols are too many for one-hot vectors, so ``model.embed`` must be set.
      every_step: read out at every step, not only at the last.
      next_step: the targets are later inputs, so a backward direction would see them.
      carried: a training step continues from the recurrent state of the step before.
      ragged: sequences differ in length; batches have ``lengths_B``.
      links: accepted readouts; the first is the default.
      metric: metric of the tables; its best value is 1 if higher is better, as for an accuracy or
        R²; else it is a loss or error, which is not negative unless ``best_loss`` is.
      higher_is_better: direction of ``metric``.
      final_metrics: metrics that ``final_evaluation`` computes once, after training.
      extra_metrics: other test metrics that a report lists below the table.
      examples: number of training examples, or None for generated data.
      reduction: how the losses of a batch are averaged, in words.
    """

    name: ClassVar[str]
    targets: ClassVar[str] = "classes"
    balanced: ClassVar[bool] = False
    inputs: ClassVar[int]
    outputs: ClassVar[int]
    sources: ClassVar[int] = 0
    symbols: ClassVar[bool] = False
    embedded: ClassVar[bool] = False
    every_step: ClassVar[bool] = False
    next_step: ClassVar[bool] = False
    carried: ClassVar[bool] = False
    ragged: ClassVar[bool] = False
    final_metrics: ClassVar[tuple[str, ...]] = ()
    extra_metrics: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[int | None] = None
    reduction: ClassVar[str] = "mean over the batch and the valid steps"

    @property
    def links(self) -> tuple[str, ...]:
        return LINKS[self.targets]

    @property
    def metric(self) -> str:
        return KNOWN_METRICS[self.targets][0]

    @property
    def higher_is_better(self) -> bool:
        return self.targets == "classes"

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_static(cls)  # a task is structure: no part of it is traced

    def data(self) -> dict[str, Any]:
        """Return the arrays that stay on the device while runs of this task train."""
        return {}

    def rows(self, data: Any, key: Array, first: Array, count: int, batch_size: int) -> Any:
        """Return the rows of training steps first … first + count - 1.

        Args:
          data: arrays of ``data``.
          key: key of the run.
          first: () first step.
          count: number of steps.
          batch_size: sequences of a batch.
        """
        raise NotImplementedError

    def evaluation_rows(self, data: Any, part: Array) -> Any:
        """Return the rows of a fixed set that together hold each example once.

        Args:
          data: arrays of ``data``.
          part: () 0 for validation, 1 for test.
        """
        raise NotImplementedError

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        """Return the batch of a row of ``rows``."""
        raise NotImplementedError

    def evaluation_batch(self, data: Any, row: Any) -> Batch:
        """Return the batch of a row of ``evaluation_rows``."""
        return self.batch(data, row, EVALUATION_BATCH)

    def training_rows(self, data: Any) -> Any:
        """Return the rows of ``training_batch`` that hold each training example once.

        Generated data have as many examples as validation.
        """
        raise NotImplementedError

    def training_batch(self, data: Any, row: Any) -> Batch:
        """Return the batch of a row of ``training_rows``."""
        return self.evaluation_batch(data, row)

    def bucket_lengths(self, data: Any) -> tuple[int, ...]:
        """Return the lengths to which batches may be cropped; ``row.bucket`` is an index of it."""
        return ()

    def loss(self, link: str, logits: Array, batch: Batch) -> Array:
        """Return the loss at each position of ``batch.y``."""
        loss = losses.class_loss if self.targets == "classes" else losses.value_loss
        return loss(link, logits, batch.y)

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        """Return (values, weights) by metric; a metric is the weighted mean over the set."""
        if self.targets == "values":
            error = losses.value(link, logits) - batch.y
            values = {"mse": jnp.square(error), "mae": jnp.abs(error)}
            return {name: (value, batch.weight) for name, value in values.items()}
        weights = {"accuracy": batch.weight} | (batch.subsets or {})
        correct = losses.correct(logits, batch.y)
        return {name: (correct, weight) for name, weight in weights.items()}

    def derived(self, means: dict[str, Array]) -> dict[str, Array]:
        """Return metrics computed from the means of other metrics, such as a perplexity."""
        return {}

    def baselines(self) -> dict[str, float]:
        """Return ``metric`` of predictors without a network on the test part, by their names."""
        return {}

    def final_evaluation(self, data: Any, model: Any, key: Array) -> dict[str, Array]:
        """Return ``final_metrics`` of a trained model, such as scores of the text it generates."""
        raise NotImplementedError

    def describe(self) -> str:
        """Return a line on data that the user has chosen, for plans; "" for other tasks."""
        return ""

    def saved_data(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return data to save with a trained model, so that it can be used without its data set.

        Returns:
          JSON values by name, and arrays of at most 32 bits by name.
        """
        return {}, {}

    def training_targets(self) -> tuple[np.ndarray, np.ndarray]:
        """Return targets of training (N,), or a sample of them, and their weights (N,)."""
        raise NotImplementedError

    def chance_metric(self) -> float:
        """Return ``metric`` of the best constant prediction.

        Raises:
          ConfigError: the metric is not one of ``KNOWN_METRICS``.
        """
        if self.metric not in KNOWN_METRICS[self.targets]:
            raise self._undefined("chance_metric", f"the metric {self.metric!r}")
        if self.balanced:
            return 1 / self.outputs
        return _chance_levels(self)[self.metric]

    def chance_loss(self, link: str) -> float:
        """Return the loss of the best constant prediction.

        Raises:
          ConfigError: the loss is not that of ``Task``.
        """
        self._check_loss("chance_loss")
        if self.balanced:
            return losses.chance_class_loss(link, self.outputs)
        return _chance_levels(self)[link]

    def best_loss(self, link: str) -> float:
        """Return the lowest loss that any predictor can reach, at which the score is 1.

        If it is unknown, the lowest published one: better runs then have scores above 1.

        Raises:
          ConfigError: the loss is not that of ``Task``.
        """
        self._check_loss("best_loss")
        return 0.0

    def _check_loss(self, method: str) -> None:
        if type(self).loss is not Task.loss:
            raise self._undefined(method, "a loss of its own")

    def _undefined(self, method: str, reason: str) -> ConfigError:
        return ConfigError(f"task {self.name}: {method}: expected a definition, as it has {reason}")


@functools.cache
def _chance_levels(task: Task) -> dict[str, float]:
    """Return the loss of the best constant prediction by link, and its known metrics by name."""
    try:
        y, weight = task.training_targets()
    except NotImplementedError:
        raise ConfigError(
            f"task {task.name}: training_targets: expected a definition, from which chance is "
            "computed"
        ) from None
    if not np.sum(weight) > 0:
        raise ConfigError(f"task {task.name}: weight: expected a weight above 0, got none")
    if task.targets == "values":
        variance = losses.constant_value_loss(y, weight)
        deviation = losses.constant_absolute_error(y, weight)
        return {"linear": variance, "logistic": variance, "mse": variance, "mae": deviation}
    counts = np.bincount(y[weight > 0], weight[weight > 0], minlength=task.outputs)
    shares = counts / counts.sum()
    by_link = {link: losses.constant_class_loss(link, shares) for link in LINKS["classes"]}
    return {"accuracy": float(shares.max()), **by_link}


class GeneratedTask(Task):
    """A task with generated sequences; training, validation and test use separate key streams.

    Chance levels are computed from 4,096 sequences of a further key stream, unless the classes are
    ``balanced``.
    """

    def sample(self, key: Array, batch_size: int) -> Batch:
        """Return a batch of ``batch_size`` sequences."""
        raise NotImplementedError

    def training_targets(self) -> tuple[np.ndarray, np.ndarray]:
        def of_key(key: Array) -> tuple[Array, Array]:
            batch = self.sample(key, EVALUATION_BATCH)
            return batch.y, batch.weight

        key = named_key(jax.random.key(0), "chance")
        keys = jax.random.split(key, EVALUATION_SIZE // EVALUATION_BATCH)
        y, weight = jax.jit(functools.partial(jax.lax.map, of_key))(keys)
        return np.ravel(y), np.ravel(weight)

    def rows(self, data: Any, key: Array, first: Array, count: int, batch_size: int) -> Any:
        del data, batch_size
        steps = first + jnp.arange(count, dtype=jnp.int32)
        return jax.vmap(jax.random.fold_in, (None, 0))(named_key(key, "training"), steps)

    def evaluation_rows(self, data: Any, part: Array) -> Any:
        del data
        key = jax.random.fold_in(named_key(jax.random.key(0), "evaluation"), part)
        return jax.random.split(key, EVALUATION_SIZE // EVALUATION_BATCH)

    def training_rows(self, data: Any) -> Any:
        return self.evaluation_rows(data, jnp.int32(len(HELD_OUT)))

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        del data
        return self.sample(row, batch_size)


class DataSetTask(Task):
    """A task on stored examples, shuffled anew in every epoch; an incomplete last batch is dropped.

    ``data()`` has the concatenated parts as "x", "y" and, if lengths differ, "lengths"; the numbers
    of training examples as "train", and the numbers of validation and test examples as "evaluation"
    (2, batches, size), padded with -1.
    """

    def read(self) -> dict[str, tuple[np.ndarray, ...]]:
        """Return the parts "train", "validation" and "test".

        Each is x, (n, T, D) floats or (n, T) symbols; y (n,); and lengths (n,) unless all are T.
        """
        raise NotImplementedError

    def training_targets(self) -> tuple[np.ndarray, np.ndarray]:
        y = self.read()["train"][1]
        return y, np.ones(len(y))

    def data(self) -> dict[str, Any]:
        parts = self.read()
        columns = zip(*(parts[part] for part in PARTS), strict=True)
        joined = [np.concatenate(column) for column in columns]
        sizes = [len(parts[part][1]) for part in PARTS]
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

    def rows(self, data: Any, key: Array, first: Array, count: int, batch_size: int) -> Any:
        n = data["train"].size
        steps_per_epoch = n // batch_size
        epochs = first // steps_per_epoch
        epochs += jnp.arange(-(-count // steps_per_epoch) + 1, dtype=jnp.int32)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(named_key(key, "training"), epochs)
        shuffled = jax.vmap(lambda k: jax.random.permutation(k, data["train"]))(keys)
        rows = shuffled[:, : steps_per_epoch * batch_size].reshape(-1, batch_size)
        return jax.lax.dynamic_slice_in_dim(rows, first % steps_per_epoch, count)

    def evaluation_rows(self, data: Any, part: Array) -> Any:
        return data["evaluation"][part]

    def training_rows(self, data: Any) -> Any:
        size = data["evaluation"].shape[-1]
        n = data["train"].size
        padded = jnp.pad(data["train"], (0, -n % size), constant_values=-1)
        return padded.reshape(-1, size)

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        del batch_size
        lengths_B = data["lengths"][row] if "lengths" in data else None
        x = jnp.swapaxes(data["x"][row], 0, 1)
        return Batch(x, data["y"][row], (row >= 0).astype(jnp.float32), lengths_B)


def digest_of_data(tasks: Iterable[Task]) -> str | None:
    """Return 16 hexadecimal digits of the SHA-256 of the tasks' data; None if all are generated."""
    return digest_of_arrays(task.data() for task in dict.fromkeys(tasks))


def digest_of_arrays(trees: Iterable[Any]) -> str | None:
    """Return 16 hexadecimal digits of the SHA-256 of trees of arrays; None if there is no array."""
    digest, empty = hashlib.sha256(), True
    for tree in trees:
        for path, leaf in jax.tree.leaves_with_path(tree):
            array, empty = np.ascontiguousarray(leaf), False
            name = jax.tree_util.keystr(path)
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.reshape(-1).view(np.uint8))
    return None if empty else digest.hexdigest()[:16]


def first_of(rows: Any) -> Any:
    """Return the first row of ``rows``, which may be a tree."""
    return jax.tree.map(lambda leaf: leaf[0], rows)
