"""Checks of a task before training: its interface, its data, the shapes of its batches, chance.

Stored data are read once and shapes are traced, so a check takes less time than compiling a model.
"""

import functools
import inspect
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.tasks.base import HELD_OUT, LINKS, PARTS, Batch, DataSetTask, Task, first_of
from seqjax.tasks.datasets.ragged import RaggedTask
from seqjax.tasks.streams.base import StreamTask
from seqjax.types import FLOAT32_MAX, ConfigError

DRAWN = 2**18
"""Most elements (step, sequence) of the batch that is drawn; its shapes are checked in full."""


class Checked(NamedTuple):
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
    checked = Checked(task, link, batch_size)
    _check_interface(checked)
    for base in (DataSetTask, RaggedTask, StreamTask):
        if isinstance(task, base) and type(task).read is not base.read:  # else it has own arrays
            _check_stored(checked)
    _check_batches(checked)
    check_chance(checked)


def _check_interface(checked: Checked) -> None:
    """Check the attributes of a task, and that its loss and metric have their chance levels."""
    task = checked.task
    if task.targets not in LINKS:
        raise checked.error("targets", " or ".join(LINKS), repr(task.targets))
    for name, least in (("inputs", 1), ("outputs", 1), ("sources", 0)):
        if not isinstance(size := getattr(task, name), int) or size < least:
            raise checked.error(name, f"a whole number, {least} or more", repr(size))
    if checked.link not in task.links:
        raise checked.error("links", f"them to have {checked.link}", ", ".join(task.links))
    if task.targets == "values" and task.outputs != 1 and not checked.overrides("loss"):
        raise checked.error("outputs", "1 for values", task.outputs)
    classes = list(inspect.getmro(type(task)))
    places = {
        name: next(k for k, cls in enumerate(classes) if name in vars(cls))
        for name in ("loss", "chance_loss", "best_loss")
    }
    for level in ("chance_loss", "best_loss"):
        if places[level] > places["loss"]:  # that of a base class, which has another loss
            loss = f"the loss of {classes[places['loss']].__name__} without it"
            raise checked.error(level, "a definition for a loss of its own", loss)


def _check_stored(checked: Checked) -> None:
    """Check the arrays that the task reads, part by part."""
    stored = checked.task.read()
    if missing := set(PARTS) - set(stored):
        raise checked.error("read", "train, validation and test", f"no {sorted(missing)[0]}")
    for part in PARTS:
        arrays = stored[part]
        if isinstance(checked.task, StreamTask):
            _check_symbols(checked, f"symbols: {part}", arrays.symbols_N)
            _check_alike(checked, f"scored: {part}", arrays.scored_N, arrays.symbols_N)
            continue
        if not 2 <= len(arrays) <= 3:
            raise checked.error(f"read: {part}", "x, y and perhaps lengths", f"{len(arrays)} items")
        arrays = [np.asarray(array) for array in arrays]
        for name, array in zip(("x", "y", "lengths"), arrays, strict=False):
            check_numbers(checked, f"{name}: {part}", array)
        _check_examples(checked, part, *arrays)
    if isinstance(checked.task, DataSetTask):
        for part in HELD_OUT:
            shape, first = (np.shape(stored[p][0]) for p in (part, "train"))
            if shape[1:] != first[1:]:
                expected = f"shape (n, {', '.join(map(str, first[1:]))}), as in train"
                raise checked.error(f"x: {part}", expected, shape)


def _check_examples(
    checked: Checked, part: str, x: np.ndarray, y: np.ndarray, lengths: np.ndarray | None = None
) -> None:
    """Check the examples of a part: inputs, targets and lengths, and their numbers."""
    task = checked.task
    joined = isinstance(task, RaggedTask)
    examples = lengths if joined else x
    if not len(examples):
        raise checked.error(f"x: {part}", "one example or more", "none")
    if task.symbols:
        _check_symbols(checked, f"x: {part}", x)
    if type(task).batch is DataSetTask.batch:
        shape = (len(x), *x.shape[1:2], *(() if task.symbols else (task.inputs,)))
        if x.shape != shape or x.ndim == 1:
            expected = "(n, T)" if task.symbols else f"(n, T, {task.inputs})"
            raise checked.error(f"x: {part}", f"shape {expected}", f"shape {x.shape}")
        if y.ndim != 1:
            raise checked.error(f"y: {part}", f"shape ({len(y)},)", f"shape {y.shape}")
    count = len(x) if joined and task.every_step else len(examples)
    if len(y) != count:
        raise checked.error(f"y: {part}", f"{count:,} targets, as many as in x", f"{len(y):,}")
    if not checked.overrides("loss"):
        _check_targets(checked, part, y)
    if lengths is not None:
        _check_lengths(checked, part, lengths, len(x) if joined else x.shape[1])


def _check_targets(checked: Checked, part: str, y: np.ndarray) -> None:
    """Check the range of targets, and that those of training differ."""
    task, field = checked.task, f"y: {part}"
    low, high = y.min(), y.max()
    if task.targets == "classes":
        if y.dtype.kind not in "iub":
            raise checked.error(field, "classes as integers", f"values of type {y.dtype}")
        if low < 0 or high >= task.outputs:
            outside = low if low < 0 else high
            raise checked.error(field, f"classes 0 to {task.outputs - 1}", outside)
    elif (
        checked.link == "logistic"
        and not checked.overrides("best_loss")
        and not 0 <= low <= high <= 1
    ):
        outside = low if low < 0 else high
        raise checked.error(field, "values from 0 to 1 for readout logistic", outside)
    if part == "train" and low == high:
        raise checked.error(field, "targets that differ", f"{low} in every example")


def _check_lengths(checked: Checked, part: str, lengths: np.ndarray, steps: int) -> None:
    """Check lengths: of each sequence in padded arrays, or of all sequences one after another."""
    field = f"lengths: {part}"
    if lengths.dtype.kind not in "iu" or lengths.ndim != 1:
        got = f"shape {lengths.shape} and type {lengths.dtype}"
        raise checked.error(field, "whole numbers (n,)", got)
    wrong = np.flatnonzero((lengths < 1) | (lengths > steps))
    if wrong.size:
        got = f"{lengths[wrong[0]]} at example {wrong[0]}"
        raise checked.error(field, f"lengths from 1 to {steps}", got)
    if isinstance(checked.task, RaggedTask) and lengths.sum() != steps:
        raise checked.error(field, f"a sum of {steps:,}, the steps in x", f"{lengths.sum():,}")


def _check_counts(checked: Checked, examples: int) -> None:
    """Check the number of training examples."""
    task = checked.task
    if checked.batch_size > examples:
        raise checked.error("batch_size", f"at most {examples} examples", checked.batch_size)
    if task.examples is not None and task.examples != examples:
        raise checked.error("examples", f"{examples}, as read", task.examples)


def check_numbers(checked: Checked, field: str, array: np.ndarray) -> None:
    """Check that an array has numbers that float32 or int32 holds, and neither NaN nor infinity."""
    if array.dtype.kind not in "biuf":
        raise checked.error(field, "numbers", f"type {array.dtype}")
    if array.dtype in (np.int64, np.uint64) and array.size:  # int32 on a device, without an error
        for extreme in (array.min(), array.max()):
            if not -(2**31) <= extreme < 2**31:
                raise checked.error(field, "whole numbers that int32 holds", extreme)
    if array.dtype.kind != "f" or not array.size:
        return
    low, high = float(array.min()), float(array.max())  # both are NaN if one element is
    if max(-low, high) <= FLOAT32_MAX:
        return
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(array) <= FLOAT32_MAX)
    place = tuple(int(k) for k in np.argwhere(wrong)[0])
    raise checked.error(
        field,
        "finite numbers that float32 holds",
        f"{wrong.sum():,} others, the first {array[place]} at index {list(place)}",
    )


def _check_symbols(checked: Checked, field: str, array: np.ndarray) -> None:
    """Check that an array has symbols of the task."""
    if array.dtype.kind not in "iu":
        raise checked.error(field, "symbols as integers", f"type {array.dtype}")
    if array.size and not 0 <= array.min() <= array.max() < checked.task.inputs:
        outside = array.min() if array.min() < 0 else array.max()
        raise checked.error(field, f"symbols 0 to {checked.task.inputs - 1}", outside)


def _check_alike(checked: Checked, field: str, array: Any, other: Any) -> None:
    if array.shape != other.shape:
        raise checked.error(field, f"shape {other.shape}", f"shape {array.shape}")


def _check_batches(checked: Checked) -> None:
    """Check shapes and types of a training and an evaluation batch, and the values of one."""
    task, size = checked.task, checked.batch_size
    data = task.data()
    for field, array in jax.tree.leaves_with_path(data):
        check_numbers(checked, f"data{jax.tree_util.keystr(field)}", np.asarray(array))
    if isinstance(task, DataSetTask):
        _check_counts(checked, len(data["train"]))

    def training(data: Any, size: int = size) -> Batch:
        row = first_of(task.rows(data, jax.random.key(0), jnp.int32(0), 1, size))
        return task.batch(data, row, size)

    def evaluation(data: Any) -> Batch:
        return task.evaluation_batch(data, first_of(task.evaluation_rows(data, jnp.int32(1))))

    data = jax.tree.map(jnp.asarray, data)
    for kind, make in (("training", training), ("evaluation", evaluation)):
        batch = jax.eval_shape(make, data)
        _check_shapes(checked, batch, size if kind == "training" else None)
        _check_readout(checked, batch)
    drawn = min(size, max(1, DRAWN // batch.x.shape[0]))
    _check_values(
        checked, jax.tree.map(np.asarray, jax.jit(training, static_argnums=1)(data, drawn))
    )


def _check_shapes(checked: Checked, batch: Batch, size: int | None) -> None:
    """Check shapes and types of the arrays of a batch.

    Args:
      checked: the task.
      batch: a batch of shapes.
      size: number of sequences that it should have, or None for any.
    """
    task, x = checked.task, batch.x
    expected = f"(T, B{'' if task.symbols else f', {task.inputs}'})"
    if x.ndim != (2 if task.symbols else 3) or (not task.symbols and x.shape[2] != task.inputs):
        raise checked.error("x", f"a batch of shape {expected}", f"shape {x.shape}")
    if size is not None and x.shape[1] != size:
        raise checked.error("x", f"a batch of {size} sequences", f"shape {x.shape}")
    each = x.shape[:2] if task.every_step else x.shape[1:2]
    own_loss = checked.overrides("loss")  # which may have several targets at a position
    shapes = {"y": batch.y.shape[: len(each)] if own_loss else batch.y.shape}
    shapes["weight"] = batch.weight.shape
    shapes |= {f"subsets: {name}": a.shape for name, a in (batch.subsets or {}).items()}
    for field, shape in shapes.items():
        if shape != each:
            raise checked.error(field, f"shape {each} beside x {x.shape}", f"shape {shape}")
    if batch.lengths_B is not None and batch.lengths_B.shape != x.shape[1:2]:
        raise checked.error("lengths", f"shape {x.shape[1:2]}", f"shape {batch.lengths_B.shape}")
    kinds = {"x": (x, task.symbols), "weight": (batch.weight, False)}
    if not own_loss:
        kinds["y"] = batch.y, task.targets == "classes"
    for field, (array, integer) in kinds.items():
        kind = jnp.integer if integer else jnp.floating
        if not jnp.issubdtype(array.dtype, kind):
            expected = "integers" if integer else "floats"
            raise checked.error(field, f"a batch of {expected}", f"type {array.dtype}")


def _check_readout(checked: Checked, batch: Batch) -> None:
    """Check the shapes of loss and metrics, which could otherwise be broadcast."""
    task, link = checked.task, checked.link
    logits = jax.ShapeDtypeStruct((*batch.weight.shape, task.outputs), jnp.float32)
    loss = jax.eval_shape(lambda *args: task.loss(link, *args), logits, batch)
    _check_alike(checked, "loss", loss, batch.weight)
    pairs = jax.eval_shape(lambda *args: task.metrics(link, *args), logits, batch)
    for name, (values, weights) in pairs.items():
        _check_alike(checked, f"metrics: {name}", values, weights)
    means = {name: jax.ShapeDtypeStruct((), jnp.float32) for name in pairs}
    names = {*pairs, *jax.eval_shape(task.derived, means)}
    if task.metric not in names:
        raise checked.error("metric", " or ".join(sorted(names)), repr(task.metric))


def _check_values(checked: Checked, batch: Batch) -> None:
    """Check the values of a training batch."""
    task, counted = checked.task, batch.weight > 0
    check_numbers(checked, "weight", batch.weight)
    if not counted.any() or batch.weight.min() < 0:
        got = f"{batch.weight.min()} to {batch.weight.max()}"
        raise checked.error("weight", "a batch of weights 0 or more, one of them above", got)
    if task.symbols:
        _check_symbols(checked, "x", batch.x)
    else:
        check_numbers(checked, "x", batch.x)
    if batch.lengths_B is not None:
        longest = len(batch.x)
        if not 1 <= batch.lengths_B.min() <= batch.lengths_B.max() <= longest:
            got = f"{batch.lengths_B.min()} to {batch.lengths_B.max()}"
            raise checked.error("lengths", f"a batch of lengths from 1 to {longest}", got)
    if not checked.overrides("loss"):
        check_numbers(checked, "y", batch.y[counted])
        _check_targets(checked, "training batch", batch.y[counted])


def check_chance(checked: Checked) -> None:
    """Check that chance levels are known and finite, and that a prediction can be better."""
    task, link = checked.task, checked.link
    metric, loss, best = task.chance_metric(), task.chance_loss(link), task.best_loss(link)
    if task.metric == "accuracy" and metric < 0:
        raise checked.error("chance_metric", "0 or more, as for any accuracy", metric)
    room = 1 - metric if task.higher_is_better else metric - best
    for field, value, gap in (("chance_metric", metric, room), ("chance_loss", loss, loss - best)):
        if not 0 < gap <= FLOAT32_MAX:
            limit = 1 if field == "chance_metric" and task.higher_is_better else best
            raise checked.error(field, f"a finite number worse than the best, {limit:g}", value)
