"""The configuration of a run: numbers are data, everything else is structure.

A ``Config`` is a pytree whose leaves are its floats; sizes, names and the task live in the tree
structure. Two runs share a compiled program exactly when ``jax.tree.structure`` says so.
"""

import dataclasses
import functools
import math
import typing
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from seqjax.cells import CELLS
from seqjax.diagnostics.observers import OBSERVERS, Observer
from seqjax.init import InitSpec
from seqjax.models.sequence import ModelSpec
from seqjax.optim.clipping import ClipSpec
from seqjax.optim.gradient_floor import FloorSpec
from seqjax.optim.optimizer import WITH_MOMENTUM, OptimSpec
from seqjax.tasks import TASKS, Task
from seqjax.tasks.base import EVALUATION_BATCH
from seqjax.training.parsing import ConfigError, parse
from seqjax.types import check_most, static, unknown

PRECISIONS = {
    "float32": ("highest", None),
    "tf32": ("tensorfloat32", None),
    "bf16": ("highest", jnp.bfloat16),
}
"""JAX's precision of a product, and the dtype that its operands are rounded to."""
DEFAULT_TASK = "digits_rows"
LARGEST_BATCH, MOST_VALIDATIONS = 2**16, 10**4
MOST_ELEMENTS = 2**30
"""Steps of all sequences of a batch; JAX draws no more than 2**32 numbers at once."""


def observed(names: str) -> tuple[str, ...]:
    """The names in ``train.observe``."""
    return tuple(names.split("+")) if names else ()


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainSpec:
    """How long and at what precision; all structure.

    Attributes:
      steps: updates.
      batch_size: sequences an update.
      eval_every: updates between validations; one more comes at the end.
      precision: of matrix products: "float32" (the highest the device has), "tf32" (on devices that
        have it, float32 elsewhere), "bf16" (operands rounded to bfloat16). Parameters, carries,
        gates and sums are float32 under all three.
      observe: what to record of the model before training and at every validation, joined by +; see
        ``observation``. "" for nothing.
    """

    steps: int = static(300)
    batch_size: int = static(64)
    eval_every: int = static(50)
    precision: str = static("float32")
    observe: str = static("")

    def __post_init__(self):
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision: {unknown('precision', self.precision, PRECISIONS)}")
        for name in observed(self.observe):
            if name not in OBSERVERS:
                raise ValueError(f"observe: {unknown('observation', name, OBSERVERS)}")
        check_most(batch_size=(self.batch_size, LARGEST_BATCH))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that a run is, but its seed."""

    model: ModelSpec
    init: InitSpec
    clip: ClipSpec
    floor: FloorSpec
    optim: OptimSpec
    task: Task
    train: TrainSpec

    @property
    def link(self) -> str:
        """The readout's link: the one set, or the task's own."""
        return self.task.links[0] if self.model.readout == "auto" else self.model.readout


SECTIONS = {
    "model": ModelSpec,
    "init": InitSpec,
    "clip": ClipSpec,
    "floor": FloorSpec,
    "optim": OptimSpec,
    "train": TrainSpec,
}


def field_types(settings: Mapping[str, Any]) -> dict[str, type]:
    """Every path that the settings' cell and task have, with its type: float, int, bool or str.

    Raises:
      ConfigError: the settings name an unknown cell or task.
    """
    cell_name = settings.get("model.cell", ModelSpec.cell)
    task_name = settings.get("task.name", DEFAULT_TASK)
    if cell_name not in CELLS:
        raise ConfigError(f"model.cell: {unknown('cell', cell_name, CELLS)}")
    if task_name not in TASKS:
        raise ConfigError(f"task.name: {unknown('task', task_name, TASKS)}")
    return dict(_field_types(cell_name, task_name))


@functools.cache
def _field_types(cell_name: str, task_name: str) -> dict[str, type]:
    cell, task = CELLS[cell_name], TASKS[task_name]
    types = {"task.name": str}
    for section, spec in {**SECTIONS, "task": task}.items():
        hints = typing.get_type_hints(spec)
        for field in dataclasses.fields(spec):
            kind = hints[field.name]
            types[f"{section}.{field.name}"] = kind if kind in (int, bool, str) else float
    del types["init.bias"]
    return types | {f"init.bias.{gate}": float for gate in cell.bias_gates}


def idle(path: str, settings: Mapping[str, Any]) -> str | None:
    """Why ``path``, known to the settings' cell and task, would change nothing; None if it does."""

    def current(path, default):
        return settings.get(path, default)

    for bound, kind in (("clip.threshold", "clip.kind"), ("floor.level", "floor.kind")):
        if path == bound and current(kind, "none") == "none":
            return f"{kind} is none"
    name = current("optim.name", "momentum")
    if path == "optim.momentum" and name not in WITH_MOMENTUM:
        return f"optim.name is {name}"
    if path == "optim.weight_decay" and name != "adamw":
        return f"optim.name is {name}"
    if path == "optim.final" and current("optim.schedule", "constant") != "exponential":
        return "optim.schedule is not exponential"
    if path == "init.radius" and current("init.recurrent", "orthogonal") != "sparse":
        return "init.recurrent is not sparse"
    scheme = current("init.bias_scheme", "constant")
    if path == "init.t_max" and scheme != "chrono":
        return "init.bias_scheme is not chrono"
    if path.startswith("init.bias.") and path.removeprefix("init.bias.") in _by_scheme(settings):
        return f"init.bias_scheme {scheme} sets it"
    if path == "init.bias_spread" and not any(_constant_biases(settings)):
        return "every bias that is a constant is 0"
    cell = CELLS[current("model.cell", ModelSpec.cell)]
    drawn = {extra.draw for extra in cell.extras} | ({"recurrent"} if cell.state_gates else set())
    if path in ("init.recurrent", "init.radius") and "recurrent" not in drawn:
        return f"cell {cell.name} has no recurrent matrix"
    if path == "init.recurrent_gain" and not drawn & {"recurrent", "unit"}:
        return f"cell {cell.name} has no recurrent weights"
    if path == "model.embed" and not TASKS[current("task.name", DEFAULT_TASK)].symbols:
        return "the task's input is not symbols"
    return None


def _by_scheme(settings: Mapping[str, Any]) -> set[str]:
    if settings.get("init.bias_scheme", "constant") == "constant":
        return set()
    return set(CELLS[settings.get("model.cell", ModelSpec.cell)].memory_gates)


def _constant_biases(settings: Mapping[str, Any]) -> list[float]:
    gates = CELLS[settings.get("model.cell", ModelSpec.cell)].bias_gates
    constant = [gate for gate in gates if gate not in _by_scheme(settings)]
    return [settings.get(f"init.bias.{gate}", 0.0) for gate in constant]


def make_config(settings: Mapping[str, Any]) -> Config:
    """The configuration with these values by path; everything else at its default.

    >>> make_config({"model.cell": "gru", "optim.learning_rate": "0.3"}).optim.learning_rate
    0.3

    Raises:
      ConfigError: an unknown path, a value of the wrong type or out of range.
    """
    types = field_types(settings)
    values = {section: {} for section in (*SECTIONS, "task")}
    cell = CELLS[settings.get("model.cell", ModelSpec.cell)]
    bias = {gate: 0.0 for gate in cell.bias_gates if gate not in _by_scheme(settings)}
    for path, text in settings.items():
        if path not in types:
            raise ConfigError(str(unknown("field", path, types)))
        value = parse(path, text, types[path])
        section, _, field = path.partition(".")
        if path.startswith("init.bias."):
            if reason := idle(path, settings):
                raise ConfigError(f"{path}: got {text!r}, but {reason}")
            bias[path.removeprefix("init.bias.")] = value
        elif path != "task.name":
            values[section][field] = value
    values["init"]["bias"] = bias
    task = TASKS[settings.get("task.name", DEFAULT_TASK)]
    made = {}
    for section, spec in {**SECTIONS, "task": task}.items():
        try:
            made[section] = spec(**values[section])
        except ValueError as error:  # it begins with the field
            raise ConfigError(f"{section}.{error}") from None
    config = Config(**made)
    _check(config)
    return config


def _check(config: Config) -> None:
    """Raises ConfigError for a value out of range."""

    def need(path: str, value: Any, good: bool, accepted: str) -> None:
        if not good:
            raise ConfigError(f"{path}: expected {accepted}, got {value}")

    positive = ("model.hidden", "model.layers", "model.window", "train.steps", "train.batch_size")
    for path in positive:
        section, field = path.split(".")
        value = getattr(getattr(config, section), field)
        need(path, value, value >= 1, "at least 1")
    every, least = config.train.eval_every, max(1, -(-config.train.steps // MOST_VALIDATIONS))
    need("train.eval_every", every, every >= least, f"at least {least}")
    length, most = getattr(config.task, "length", 1), MOST_ELEMENTS // EVALUATION_BATCH
    most = min(most, MOST_ELEMENTS // config.train.batch_size)
    need("task.length", length, length <= most, f"at most {most} at this batch size")
    need("model.embed", config.model.embed, config.model.embed >= 0, "0 or more")
    init, optim = config.init, config.optim
    numbers = {f"init.bias.{gate}": value for gate, value in init.bias.items()}
    numbers |= {"init.recurrent_gain": init.recurrent_gain, "init.input_gain": init.input_gain}
    for path, value in numbers.items():
        need(path, value, math.isfinite(value), "a finite number")
    spread = init.bias_spread
    need("init.bias_spread", spread, 0 <= spread < math.inf, "0 or more")
    need("init.radius", init.radius, 0 < init.radius < math.inf, "a positive number")
    need("init.t_max", init.t_max, 2 < init.t_max < math.inf, "a number over 2")
    rate = optim.learning_rate
    need("optim.learning_rate", rate, 0 < rate < math.inf, "a positive number")
    need("optim.momentum", optim.momentum, 0 <= optim.momentum < 1, "a number in [0, 1)")
    decay = optim.weight_decay
    need("optim.weight_decay", decay, 0 <= decay < math.inf, "0 or more")
    need("optim.final", optim.final, 0 < optim.final <= 1, "a number in (0, 1]")
    scheme, cell = config.init.bias_scheme, CELLS[config.model.cell]
    usable = scheme == "constant" or bool(cell.memory_gates)
    need("init.bias_scheme", scheme, usable, f"constant: cell {cell.name} has no memory gate")
    window, source = config.model.window, config.task.sources
    need("model.window", window, window == 1 or not source, "1 where a source is read first")
    both, ahead = config.model.bidirectional, config.task.next_step
    need("model.bidirectional", both, not (both and ahead), "false: targets are inputs to come")
    links = (*config.task.links, "auto")
    need("model.readout", config.model.readout, config.model.readout in links, " or ".join(links))
    most, size = config.task.examples, config.train.batch_size
    need("train.batch_size", size, most is None or size <= most, f"at most {most}, the examples")
    _check_observed(config, need)


def _check_observed(config: Config, need: Callable[[str, Any, bool, str], None]) -> None:
    path, task = "train.observe", config.task
    names = observed(config.train.observe)
    single = config.model.layers == 1 and not config.model.bidirectional

    def check(good: Callable[[Observer], bool], accepted: str) -> None:
        refused = [name for name in names if not good(OBSERVERS[name])]
        need(path, config.train.observe, not refused, accepted.format(" or ".join(refused)))

    check(
        lambda observer: single or not observer.single_layer,
        "no {} where there is more than one layer or direction",
    )
    check(
        lambda observer: observer.ragged or not task.ragged,
        "scales, units and gates alone where sequences differ in length",
    )
    check(lambda observer: not task.sources, "nothing where a source is read first")
    check(
        lambda observer: task.symbols or not observer.symbols,
        "no {} where the input is not symbols",
    )


def as_settings(config: Config) -> dict[str, Any]:
    """Every path with its value: ``make_config`` turns it back."""
    settings = {"task.name": config.task.name}
    for section in (*SECTIONS, "task"):
        for field, value in vars(getattr(config, section)).items():
            if field == "bias":
                settings |= {f"init.bias.{gate}": number for gate, number in value.items()}
            else:
                settings[f"{section}.{field}"] = value
    return settings
