"""Checks of a task before training: its interface, its data, the shapes of its batches, chance.

Stored data are read once and shapes are traced, so a check takes less time than compiling a model.
"""

import functools
import inspect
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.tasks.base import (
    EVALUATION_BATCH,
    HELD_OUT,
    KNOWN_METRICS,
    LINKS,
    PARTS,
    Batch,
    DataSetTask,
    GeneratedTask,
    Task,
    first_of,
)
from seqjax.tasks.datasets.ragged import RaggedTask
from seqjax.tasks.part_warnings import hashes, warn_of_new_classes, warn_of_repeats
from seqjax.tasks.streams.base import StreamTask
from seqjax.types import FLOAT32_MAX, ConfigError

DRAWN = 2**18
"""Most elements (step, sequence) of the batch that is drawn; its shapes are checked in full."""

UNBALANCED = 0.05
"""Deviation of a share from that of equally likely classes that "balanced" allows."""


class Setup(NamedTuple):
    """A task with the settings on which its loss and its batches depend."""

    task: Task
    link: str
    batch_size: int

    def error(self, field: str, expected: str, got: Any) -> ConfigError:
        """Return the error of a field, in one line."""
        return ConfigError(f"task {self.task.name}: {field}: expected {expected}, got {got}")

    def overrides(self, method: str) -> bool:
        """Return whether the task's class replaces a method of ``Task``."""
        return getattr(type(self.task), method) is not getattr(Task, method)


@functools.cache
def check_task(task: Task, link: str, batch_size: int) -> None:
    """Check a task and its data; a task that passed is not checked again in this process.

    All stored arrays are checked, and the values of one training batch. Shapes of loss and metrics
    are checked on a training and an evaluation batch, so that arrays of different shapes are
    refused instead of broadcast.

    Args:
      task: the task.
      link: link of the readout.
      batch_size: sequences of a training batch.

    Raises:
      ConfigError: one line, "task NAME: FIELD: expected ..., got ...".
      DataError: a file is missing or corrupt.
    """
    setup = Setup(task, link, batch_size)
    _check_interface(setup)
    for base in (DataSetTask, RaggedTask, StreamTask):
        if isinstance(task, base) and type(task).read is not base.read:  # else it has own arrays
            _check_stored(setup)
    _check_batches(setup)
    check_chance(setup)


def _check_interface(setup: Setup) -> None:
    """Check the attributes of a task, and that its loss and metric have their chance levels."""
    task = setup.task
    if task.targets not in LINKS:
        raise setup.error("targets", " or ".join(LINKS), repr(task.targets))
    for name, least in (("inputs", 1), ("outputs", 1), ("sources", 0)):
        if not isinstance(size := getattr(task, name), int) or size < least:
            raise setup.error(name, f"a whole number, {least} or more", repr(size))
    if setup.link not in task.links:
        raise setup.error("links", f"them to have {setup.link}", ", ".join(task.links))
    if task.targets == "values" and task.outputs != 1 and not setup.overrides("loss"):
        raise setup.error("outputs", "1 for values", task.outputs)
    classes = list(inspect.getmro(type(task)))
    places = {
        name: next(k for k, cls in enumerate(classes) if name in vars(cls))
        for name in ("loss", "chance_loss", "best_loss")
    }
    for level in ("chance_loss", "best_loss"):
        if places[level] > places["loss"]:  # that of a base class, which has another loss
            loss = f"the loss of {classes[places['loss']].__name__} without it"
            raise setup.error(level, "a definition for a loss of its own", loss)


def _check_stored(setup: Setup) -> None:
    """Check the arrays that the task reads, part by part."""
    stored = setup.task.read()
    if missing := set(PARTS) - set(stored):
        raise setup.error("read", "train, validation and test", f"no {sorted(missing)[0]}")
    for part in PARTS:
        arrays = stored[part]
        if isinstance(setup.task, StreamTask):
            _check_symbols(setup, f"symbols: {part}", arrays.symbols_N)
            _check_alike(setup, f"scored: {part}", arrays.scored_N, arrays.symbols_N)
            continue
        if not 2 <= len(arrays) <= 3:
            raise setup.error(f"read: {part}", "x, y and perhaps lengths", f"{len(arrays)} items")
        arrays = [np.asarray(array) for array in arrays]
        for name, array in zip(("x", "y", "lengths"), arrays, strict=False):
            check_numbers(setup, f"{name}: {part}", array)
        _check_examples(setup, part, *arrays)
    if isinstance(setup.task, DataSetTask):
        for part in HELD_OUT:
            shape, first = (np.shape(stored[p][0]) for p in (part, "train"))
            if shape[1:] != first[1:]:
                expected = f"shape (n, {', '.join(map(str, first[1:]))}), as in train"
                raise setup.error(f"x: {part}", expected, shape)
        examples = {part: hashes(*map(np.asarray, stored[part])) for part in PARTS}
        warn_of_repeats(f"task {setup.task.name}", examples)
        if setup.task.targets == "classes" and not setup.overrides("loss"):
            targets = {part: np.asarray(stored[part][1]) for part in PARTS}
            warn_of_new_classes(f"task {setup.task.name}", targets)


def _check_examples(
    setup: Setup, part: str, x: np.ndarray, y: np.ndarray, lengths: np.ndarray | None = None
) -> None:
    """Check the examples of a part: inputs, targets and lengths, and their numbers."""
    task = setup.task
    joined = isinstance(task, RaggedTask)
    examples = lengths if joined else x
    if not len(examples):
        raise setup.error(f"x: {part}", "one example or more", "none")
    if task.symbols:
        _check_symbols(setup, f"x: {part}", x)
    if type(task).batch is DataSetTask.batch:
        shape = (len(x), *x.shape[1:2], *(() if task.symbols else (task.inputs,)))
        if x.shape != shape or x.ndim == 1:
            expected = "(n, T)" if task.symbols else f"(n, T, {task.inputs})"
            raise setup.error(f"x: {part}", f"shape {expected}", f"shape {x.shape}")
        if y.ndim != 1:
            raise setup.error(f"y: {part}", f"shape ({len(y)},)", f"shape {y.shape}")
    count = len(x) if joined and task.every_step else len(examples)
    if len(y) != count:
        raise setup.error(f"y: {part}", f"{count:,} targets, as many as in x", f"{len(y):,}")
    if not setup.overrides("loss"):
        _check_targets(setup, part, y)
        if part == "train":
            _check_balance(setup, part, y, len(examples))
    if lengths is not None:
        _check_lengths(setup, part, lengths, len(x) if joined else x.shape[1])


def _check_targets(setup: Setup, part: str, y: np.ndarray) -> None:
    """Check the range of targets, and that those of training differ."""
    task, field = setup.task, f"y: {part}"
    low, high = y.min(), y.max()
    if task.targets == "classes":
        if y.dtype.kind not in "iub":
            raise setup.error(field, "classes as integers", f"values of type {y.dtype}")
        if low < 0 or high >= task.outputs:
            outside = low if low < 0 else high
            raise setup.error(field, f"classes 0 to {task.outputs - 1}", outside)
    elif (
        setup.link == "logistic" and not setup.overrides("best_loss") and not 0 <= low <= high <= 1
    ):
        outside = low if low < 0 else high
        raise setup.error(field, "values from 0 to 1 for readout logistic", outside)
    if part == "train" and low == high:
        raise setup.error(field, "targets that differ", f"{low} in every example")


def _check_balance(setup: Setup, part: str, y: np.ndarray, sequences: int) -> None:
    """Check that the classes of a task that says so are about equally frequent.

    Args:
      setup: the task.
      part: name of the data.
      y: targets.
      sequences: number of sequences that the targets are of.
    """
    task = setup.task
    if not task.balanced or task.targets != "classes":
        return
    share, chance = np.bincount(y.reshape(-1)).max() / y.size, 1 / task.outputs
    deviation = (chance * (1 - chance) / sequences) ** 0.5
    if share > chance + UNBALANCED + 5 * deviation:
        got = f"one of {task.outputs} with a share of {share:.2g} in {part}"
        raise setup.error("balanced", "classes that are equally frequent", got)


def _check_lengths(setup: Setup, part: str, lengths: np.ndarray, steps: int) -> None:
    """Check lengths: of each sequence in padded arrays, or of all sequences one after another."""
    field = f"lengths: {part}"
    if lengths.dtype.kind not in "iu" or lengths.ndim != 1:
        got = f"shape {lengths.shape} and type {lengths.dtype}"
        raise setup.error(field, "whole numbers (n,)", got)
    wrong = np.flatnonzero((lengths < 1) | (lengths > steps))
    if wrong.size:
        got = f"{lengths[wrong[0]]} at example {wrong[0]}"
        raise setup.error(field, f"lengths from 1 to {steps}", got)
    if isinstance(setup.task, RaggedTask) and lengths.sum() != steps:
        raise setup.error(field, f"a sum of {steps:,}, the steps in x", f"{lengths.sum():,}")


def _check_counts(setup: Setup, examples: int) -> None:
    """Check the number of training examples."""
    task = setup.task
    if setup.batch_size > examples:
        raise setup.error("batch_size", f"at most {examples} examples", setup.batch_size)
    if task.examples is not None and task.examples != examples:
        raise setup.error("examples", f"{examples}, as read", task.examples)


def check_numbers(setup: Setup, field: str, array: np.ndarray) -> None:
    """Check that an array has numbers that float32 or int32 holds, and neither NaN nor infinity."""
    if array.dtype.kind not in "biuf":
        raise setup.error(field, "numbers", f"type {array.dtype}")
    if array.dtype in (np.int64, np.uint64) and array.size:  # int32 on a device, without an error
        for extreme in (array.min(), array.max()):
            if not -(2**31) <= extreme < 2**31:
                raise setup.error(field, "whole numbers that int32 holds", extreme)
    if array.dtype.kind != "f" or not array.size:
        return
    low, high = float(array.min()), float(array.max())  # both are NaN if one element is
    if max(-low, high) <= FLOAT32_MAX:
        return
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(array) <= FLOAT32_MAX)
    place = tuple(int(k) for k in np.argwhere(wrong)[0])
    raise setup.error(
        field,
        "finite numbers that float32 holds",
        f"{wrong.sum():,} others, the first {array[place]} at index {list(place)}",
    )


def _check_symbols(setup: Setup, field: str, array: np.ndarray) -> None:
    """Check that an array has symbols of the task."""
    if array.dtype.kind not in "iu":
        raise setup.error(field, "symbols as integers", f"type {array.dtype}")
    if array.size and not 0 <= array.min() <= array.max() < setup.task.inputs:
        outside = array.min() if array.min() < 0 else array.max()
        raise setup.error(field, f"symbols 0 to {setup.task.inputs - 1}", outside)


def _check_alike(setup: Setup, field: str, array: Any, other: Any) -> None:
    if array.shape != other.shape:
        raise setup.error(field, f"shape {other.shape}", f"shape {array.shape}")


def _check_batches(setup: Setup) -> None:
    """Check shapes and types of a training and an evaluation batch, and the values of one."""
    task, size = setup.task, setup.batch_size
    data = task.data()
    for field, array in jax.tree.leaves_with_path(data):
        check_numbers(setup, f"data{jax.tree_util.keystr(field)}", np.asarray(array))
    if isinstance(task, DataSetTask):
        _check_counts(setup, len(data["train"]))

    def training(data: Any, size: int = size) -> Batch:
        row = first_of(task.rows(data, jax.random.key(0), jnp.int32(0), 1, size))
        return task.batch(data, row, size)

    def evaluation(data: Any) -> Batch:
        return task.evaluation_batch(data, first_of(task.evaluation_rows(data, jnp.int32(1))))

    data = jax.tree.map(jnp.asarray, data)
    for kind, make in (("training", training), ("evaluation", evaluation)):
        batch = jax.eval_shape(make, data)
        _check_shapes(setup, batch, size if kind == "training" else None)
        _check_readout(setup, batch)
    most = max(1, DRAWN // batch.x.shape[0])
    drawn = jax.jit(training, static_argnums=1)(data, min(size, most))
    _check_values(setup, jax.tree.map(np.asarray, drawn))
    if isinstance(task, GeneratedTask) and type(task).batch is GeneratedTask.batch:
        _check_samples(setup, min(EVALUATION_BATCH, most))


def _check_samples(setup: Setup, size: int) -> None:
    """Check that keys give different sequences, those of validation and test, and the classes.

    Args:
      setup: a generated task.
      size: number of sequences of each sample; so many do not agree by chance.
    """
    task = setup.task
    rows = [task.evaluation_rows({}, jnp.int32(part)) for part in range(len(HELD_OUT))]
    leaves = [a for a in jax.tree.leaves(rows) if jnp.issubdtype(a.dtype, jax.dtypes.prng_key)]
    if not leaves:
        return
    keys = jnp.concatenate(leaves)
    if len(np.unique(jax.random.key_data(keys), axis=0)) < len(keys):
        raise setup.error("evaluation_rows", "keys that differ, also between parts", "one twice")
    drawn = jax.jit(jax.vmap(lambda key: task.sample(key, size)[:3]))(keys[:: len(leaves[0])])
    x, y, weight = map(np.asarray, drawn)
    if (x[0] == x[1]).all() and (y[0] == y[1]).all():
        raise setup.error("sample", "other sequences for another key", "the same")
    first = [targets.flat[0] for targets in y]
    if first[0] != first[1] and (y[0] == first[0]).all() and (y[1] == first[1]).all():
        raise setup.error("sample", "targets that differ within a batch", f"{first[0]} for all")
    if not setup.overrides("loss"):
        _check_balance(setup, "sample", y[weight > 0], len(rows) * size)


def _check_shapes(setup: Setup, batch: Batch, size: int | None) -> None:
    """Check shapes and types of the arrays of a batch.

    Args:
      setup: the task.
      batch: a batch of shapes.
      size: number of sequences that it should have, or None for any.
    """
    task, x = setup.task, batch.x
    expected = f"(T, B{'' if task.symbols else f', {task.inputs}'})"
    if x.ndim != (2 if task.symbols else 3) or (not task.symbols and x.shape[2] != task.inputs):
        raise setup.error("x", f"a batch of shape {expected}", f"shape {x.shape}")
    if size is not None and x.shape[1] != size:
        raise setup.error("x", f"a batch of {size} sequences", f"shape {x.shape}")
    each = x.shape[:2] if task.every_step else x.shape[1:2]
    own_loss = setup.overrides("loss")  # which may have several targets at a position
    shapes = {"y": batch.y.shape[: len(each)] if own_loss else batch.y.shape}
    shapes["weight"] = batch.weight.shape
    shapes |= {f"subsets: {name}": a.shape for name, a in (batch.subsets or {}).items()}
    for field, shape in shapes.items():
        if shape != each:
            raise setup.error(field, f"shape {each} beside x {x.shape}", f"shape {shape}")
    if batch.lengths_B is not None and batch.lengths_B.shape != x.shape[1:2]:
        raise setup.error("lengths", f"shape {x.shape[1:2]}", f"shape {batch.lengths_B.shape}")
    kinds = {"x": (x, task.symbols), "weight": (batch.weight, False)}
    if not own_loss:
        kinds["y"] = batch.y, task.targets == "classes"
    for field, (array, integer) in kinds.items():
        kind = jnp.integer if integer else jnp.floating
        if not jnp.issubdtype(array.dtype, kind):
            expected = "integers" if integer else "floats"
            raise setup.error(field, f"a batch of {expected}", f"type {array.dtype}")


def _check_readout(setup: Setup, batch: Batch) -> None:
    """Check the shapes of loss and metrics, which could otherwise be broadcast."""
    task, link = setup.task, setup.link
    logits = jax.ShapeDtypeStruct((*batch.weight.shape, task.outputs), jnp.float32)
    loss = jax.eval_shape(lambda *args: task.loss(link, *args), logits, batch)
    _check_alike(setup, "loss", loss, batch.weight)
    pairs = jax.eval_shape(lambda *args: task.metrics(link, *args), logits, batch)
    for name, (values, weights) in pairs.items():
        _check_alike(setup, f"metrics: {name}", values, weights)
    means = {name: jax.ShapeDtypeStruct((), jnp.float32) for name in pairs}
    names = {*pairs, *jax.eval_shape(task.derived, means)}
    if task.metric not in names:
        raise setup.error("metric", " or ".join(sorted(names)), repr(task.metric))


def _check_values(setup: Setup, batch: Batch) -> None:
    """Check the values of a training batch."""
    task, counted = setup.task, batch.weight > 0
    check_numbers(setup, "weight", batch.weight)
    if not counted.any() or batch.weight.min() < 0:
        got = f"{batch.weight.min()} to {batch.weight.max()}"
        raise setup.error("weight", "a batch of weights 0 or more, one of them above", got)
    if task.symbols:
        _check_symbols(setup, "x", batch.x)
    else:
        check_numbers(setup, "x", batch.x)
    if batch.lengths_B is not None:
        longest = len(batch.x)
        if not 1 <= batch.lengths_B.min() <= batch.lengths_B.max() <= longest:
            got = f"{batch.lengths_B.min()} to {batch.lengths_B.max()}"
            raise setup.error("lengths", f"a batch of lengths from 1 to {longest}", got)
    if not setup.overrides("loss"):
        check_numbers(setup, "y", batch.y[counted])
        _check_targets(setup, "training batch", batch.y[counted])


def check_chance(setup: Setup) -> None:
    """Check that chance levels are known and finite, and that a prediction can be better."""
    task, link = setup.task, setup.link
    for targets, names in KNOWN_METRICS.items():
        if task.metric in names and task.higher_is_better != (targets == "classes"):
            expected = f"{targets == 'classes'} for {task.metric}"
            raise setup.error("higher_is_better", expected, task.higher_is_better)
    metric, loss, best = task.chance_metric(), task.chance_loss(link), task.best_loss(link)
    if task.metric == "accuracy" and metric < 0:
        raise setup.error("chance_metric", "0 or more, as for any accuracy", metric)
    room = 1 - metric if task.higher_is_better else metric - best
    for field, value, gap in (("chance_metric", metric, room), ("chance_loss", loss, loss - best)):
        if not 0 < gap <= FLOAT32_MAX:
            limit = 1 if field == "chance_metric" and task.higher_is_better else best
            raise setup.error(field, f"a finite number worse than the best, {limit:g}", value)
