"""The configuration of a run: numbers are data, everything else is structure.

A ``Config`` is a pytree whose leaves are its floats; sizes, names and the task live in the tree
structure. Two runs share a compiled program exactly when ``jax.tree.structure`` says so.
"""

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax

from seqjax.cells import CELLS, Cell
from seqjax.diagnostics.observers import OBSERVERS
from seqjax.init import InitSpec
from seqjax.models.sequence import ModelSpec
from seqjax.optim.clipping import ClipSpec
from seqjax.optim.gradient_floor import FloorSpec
from seqjax.optim.optimizer import OptimSpec
from seqjax.tasks import TASKS, Task
from seqjax.tasks.base import EVALUATION_BATCH
from seqjax.tasks.checks import check_task
from seqjax.training import omega
from seqjax.training.overrides import ConfigError, Overrides, unknown_field
from seqjax.training.regularization import RegularizationSpec
from seqjax.training.specs import SECTIONS, TrainSpec, observed

MOST_ELEMENTS = 2**30
"""Bound on the steps of all sequences of a batch; JAX draws at most 2**32 numbers at once."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that defines a run, except its seed."""

    model: ModelSpec
    init: InitSpec
    clip: ClipSpec
    floor: FloorSpec
    reg: RegularizationSpec
    optim: OptimSpec
    task: Task
    train: TrainSpec

    @property
    def cell(self) -> Cell:
        """The recurrent cell."""
        return CELLS[self.model.cell]

    @property
    def link(self) -> str:
        """The readout's link: ``model.readout``, or the task's default if that is "auto"."""
        return self.task.links[0] if self.model.readout == "auto" else self.model.readout


def make_config(values: Mapping[str, Any]) -> Config:
    """The configuration with these typed values by path, and defaults for all other fields.

    >>> make_config({"model.cell": "gru", "optim.learning_rate": 0.3}).optim.learning_rate
    0.3

    Raises:
      ConfigError: a path that the cell or the task does not have, a value of another type or out
        of range, or contradicting values.
    """
    overrides = Overrides(values)
    known = overrides.fields()
    for path in overrides:
        if path not in known:
            raise unknown_field(path, overrides.cell, overrides.task)
    specs = _specs(overrides)
    cell, init = CELLS[overrides.cell], specs["init"]
    by_scheme = init.scheme_gates(cell)
    for gate in by_scheme:
        if gate in init.bias:
            raise ConfigError(
                f"init.bias.{gate}: expected no value, because init.bias_scheme "
                f"{init.bias_scheme} sets it, got {init.bias[gate]}"
            )
    bias = {gate: 0.0 for gate in cell.bias_gates if gate not in by_scheme}
    specs["init"] = dataclasses.replace(init, bias={**bias, **init.bias})
    task = make_spec(TASKS[overrides.task], "task", overrides)
    config = Config(**specs, task=task)
    for path, value, accepted in _conflicts(config):
        raise ConfigError(f"{path}: expected {accepted}, got {value}")
    return config


def _specs(overrides: Overrides) -> dict[str, Any]:
    """The Specs with these values, by section."""
    return {section: make_spec(spec, section, overrides) for section, spec in SECTIONS.items()}


def make_spec(spec: type, section: str, overrides: Overrides) -> Any:
    """The Spec or task with the values of its section; other values are ignored.

    Raises:
      ConfigError: a value out of range.
    """
    values, bias = {}, {}
    names = {field.name for field in dataclasses.fields(spec)}
    for path, value in overrides.items():
        first, _, name = path.partition(".")
        if first == section and name in names:
            values[name] = value
        elif path.startswith("init.bias."):
            bias[name.removeprefix("bias.")] = value
    if section == "init":
        values["bias"] = bias
    try:
        return spec(**values)
    except ValueError as error:  # its message begins with the field
        raise ConfigError(f"{section}.{error}") from None


def _conflicts(config: Config) -> Iterator[tuple[str, Any, str]]:
    """Fields that contradict another Spec or the task: path, value and accepted values."""
    model, init, task, train = config.model, config.init, config.task, config.train
    cell = CELLS[model.cell]
    most = MOST_ELEMENTS // max(EVALUATION_BATCH, train.batch_size)
    if getattr(task, "length", 1) > most:
        yield "task.length", task.length, f"at most {most} at this batch size"
    if init.bias_scheme != "constant" and not cell.memory_gates:
        yield "init.bias_scheme", init.bias_scheme, f"constant: cell {cell.name} has no memory gate"
    if model.window > 1 and task.sources:
        yield "model.window", model.window, "1 for a task with a source"
    if model.bidirectional and task.next_step:
        yield "model.bidirectional", True, "false where targets are later inputs"
    if task.embedded and not model.embed:
        yield "model.embed", 0, f"1 or more: {task.name} has {task.inputs:,} symbols"
    if model.readout not in (*task.links, "auto"):
        yield "model.readout", model.readout, " or ".join((*task.links, "auto"))
    if task.examples is not None and train.batch_size > task.examples:
        yield (
            "train.batch_size",
            train.batch_size,
            f"at most {task.examples}, the training examples",
        )
    if "omega" in config.reg.names and (
        reason := omega.conflict(cell, model.layers, model.bidirectional, task.sources)
    ):
        yield "reg.kinds", config.reg.kinds, f"no omega {reason}"
    if train.training_metrics and type(task).training_rows is Task.training_rows:
        yield "train.training_metrics", True, f"false: task {task.name} has no training_rows"
    for name in observed(train.observe):
        if reason := _observer_conflict(name, model, task):
            yield "train.observe", train.observe, f"no {name} {reason}"


def _observer_conflict(name: str, model: ModelSpec, task: Task) -> str | None:
    """The reason why an observer does not support this model or task, or None."""
    observer = OBSERVERS[name]
    if task.sources:
        return "for a task with a source"
    if observer.single_layer and (model.layers > 1 or model.bidirectional):
        return "with more than one layer or direction"
    if task.ragged and not observer.ragged:
        return "for sequences that differ in length"
    if observer.symbols and not task.symbols:
        return "for a task whose input is not symbols"
    return None


def unused_reasons(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields without effect under these values, by path, each with the reason.

    >>> unused_reasons({"clip.kind": "norm", "optim.name": "adam"})["optim.momentum"]
    'optim.name is adam'

    Args:
      values: typed values by path. Those of fields that do not exist for the cell and the task
        are ignored.

    Raises:
      ConfigError: an unknown cell or task, a value of a Spec out of range.
    """
    overrides = Overrides(values)
    overrides.fields()
    cell, task = CELLS[overrides.cell], TASKS[overrides.task]
    return {
        f"{section}.{field}": reason
        for section, spec in _specs(overrides).items()
        for field, reason in spec.unused(cell, task).items()
    }


def check_tasks(configs: Iterable[Config]) -> None:
    """Check every distinct task of some runs, and its data; see ``check_task``.

    Raises:
      ConfigError: one line with the task and the field; or ``train.stop_at`` is at chance or worse,
        so that every run would stop at its first validation, or better than the metric can be.
      DataError: a file is missing or corrupt.
    """
    arguments = ((c.task, c.link, c.train.batch_size, c.train.stop_at) for c in configs)
    for task, link, batch_size, stop_at in dict.fromkeys(arguments):
        check_task(task, link, batch_size)
        if stop_at < math.inf:
            _check_stop(task, link, stop_at)


def _check_stop(task: Task, link: str, stop_at: float) -> None:
    chance = task.chance_metric()
    if task.higher_is_better:
        right, accepted = chance < stop_at <= 1, f"more than {chance:.4g}, chance, and at most 1"
    else:
        least = 0 if task.best_loss(link) >= 0 else -math.inf
        accepted = f"less than {chance:.4g}, chance{', and 0 or more' if least == 0 else ''}"
        right = least <= stop_at < chance
    if not right:
        raise ConfigError(f"train.stop_at: expected {task.metric} {accepted}, got {stop_at}")


@functools.singledispatch
def as_settings(config: Config) -> dict[str, Any]:
    """The values of fields by path; ``make_config`` turns them back into the configuration.

    Fields that records of earlier versions lack are left out at their default; see ``types.added``.
    """
    settings = {"task.name": config.task.name}
    for section in (*SECTIONS, "task"):
        settings |= settings_of_spec(section, getattr(config, section))
    return settings


def settings_of_spec(section: str, spec: Any) -> dict[str, Any]:
    """The part of ``as_settings`` of a Spec or task."""
    settings = {}
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if field.name == "bias":
            settings |= {f"init.bias.{gate}": number for gate, number in value.items()}
        elif not field.metadata.get("added") or value != field.default:
            settings[f"{section}.{field.name}"] = value
    return settings


def complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a record with the defaults of the fields that it leaves out.

    >>> complete(as_settings(make_config({}))).keys() == Overrides().fields().keys()
    True

    Args:
      settings: values by path of a configuration that ``make_config`` makes.
    """
    known = Overrides(settings).fields()
    later = {path: field.default for path, field in known.items() if path not in settings}
    return {**settings, **{p: v for p, v in later.items() if not p.startswith("init.bias.")}}
