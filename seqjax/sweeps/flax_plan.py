"""The runs of a sweep over a Flax module of one's own: arms, axes and settings, checked and typed.

A setting is a field of clip, optim or train, or an argument of the function that makes the module.
Records name arguments with the prefix "model.".
"""

import dataclasses
import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from flax import linen

from seqjax.sweeps.study import MOST_RUNS, UNNAMED, Run
from seqjax.tasks.arrays import ArrayTask
from seqjax.training.config import make_spec
from seqjax.training.flax_models import (
    RNGS,
    FlaxConfig,
    FlaxModel,
    argument_text,
    parameters_of,
)
from seqjax.training.overrides import (
    ConfigError,
    Field,
    Overrides,
    all_fields,
    suggestions,
    unknown_field,
)
from seqjax.training.specs import SECTIONS

Values = Mapping[str, Any]
"""Values by path of a field, or by "model." and the name of an argument."""
FIELDS = ("clip", "optim", "train")
MODEL = "model."
SET_BY_LINEN = ("parent", "name")
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
OURS_ALONE = {
    "train.observe": ("", "observers read the cells of SequenceModel"),
    "train.reduction": ("mean", "the loss function of the model reduces the losses itself"),
    "train.precision": ("float32", "tf32", "bf16 rounds the operands of seqjax's models alone"),
}
"""Accepted values, and the reason, of fields that do more for models of seqjax."""


@dataclasses.dataclass(frozen=True)
class FlaxSweep:
    """Arms × axes of a module of one's own, with typed values.

    Attributes:
      task: the data and the levels of loss and metric.
      make, loss: as in ``FlaxModel``.
      arms: settings by name of the arm.
      axes: values by path.
      base: settings of all arms.
      tune: path of the tuned axis, or None.
    """

    task: ArrayTask
    make: Callable[..., Any]
    loss: Callable[..., Any]
    arms: Mapping[str, Values]
    axes: Mapping[str, Sequence[Any]]
    base: Values
    tune: str | None

    def plan(self, seeds: Iterable[int]) -> list[Run]:
        """The runs, arm by arm, point by point, seed by seed.

        Raises:
          ConfigError: a setting or axis without effect, a value out of range, too many runs.
        """
        seeds, runs = list(seeds), []
        size = math.prod(map(len, self.axes.values())) * len(self.arms) * len(seeds)
        if size > MOST_RUNS:
            raise ConfigError(f"axes: expected at most {MOST_RUNS:,} runs, got {size:,}")
        used: dict[str, set[str]] = {arm: set() for arm in self.arms}
        varied: set[str] = set()
        unused: dict[str, str] = {}
        for arm in self.arms:
            for point, given in self._points(arm, unused):
                used[arm] |= given.keys()
                varied |= point.keys()
                shown = {path: argument_text(value) for path, value in point.items()}
                run = Run(self.task.name, arm, shown, 0, self._config(given), "data")
                runs += [dataclasses.replace(run, seed=seed) for seed in seeds]
        places = [("", self.base, set().union(*used.values())), ("", self.axes, varied)]
        places += [(f"arm {arm}: ", self.arms[arm], used[arm]) for arm in self.arms]
        for place, values, effective in places:
            for path in values:
                if path not in effective:
                    why = unused.get(path, "every arm sets it")
                    name = path.removeprefix(MODEL)
                    raise ConfigError(f"{place}{name}: changes nothing, because {why}")
        return runs

    def _points(self, arm: str, reasons: dict[str, str]) -> Iterator[tuple[Values, Values]]:
        """Points of an arm, and the values given at each, without fields that have no effect.

        Args:
          arm: its name.
          reasons: gets the reason why a field has no effect, by path.
        """
        axes = {path: axis for path, axis in self.axes.items() if path not in self.arms[arm]}
        known = set()
        for values in itertools.product(*axes.values()):
            point = dict(zip(axes, values, strict=True))
            given = {**self.base, **self.arms[arm], **point}
            unused = _unused(given)
            reasons |= unused
            given = {path: value for path, value in given.items() if path not in unused}
            point = {path: value for path, value in point.items() if path not in unused}
            if (key := tuple(point.items())) not in known:
                known.add(key)
                yield point, given

    def _config(self, given: Values) -> FlaxConfig:
        arguments = {
            path.removeprefix(MODEL): value
            for path, value in given.items()
            if path.startswith(MODEL)
        }
        numbers = {name: v for name, v in arguments.items() if isinstance(v, float)}
        defaults = {
            name: parameter.default
            for name, parameter in _arguments(self.make).items()
            if isinstance(parameter.default, bool | int | float | str)
        }
        fixed = {name: v for name, v in {**defaults, **arguments}.items() if name not in numbers}
        model = FlaxModel(
            make=self.make,
            loss=self.loss,
            fixed=tuple((name, type(fixed[name]), fixed[name]) for name in sorted(fixed)),
            numbers=numbers,
        )
        config = FlaxConfig(model=model, **_specs(given), task=self.task)
        if config.train.batch_size > self.task.examples:
            raise ConfigError(
                f"train.batch_size: expected at most {self.task.examples}, the training examples, "
                f"got {config.train.batch_size}"
            )
        return config


def make_sweep(
    task: ArrayTask,
    make: Callable[..., Any],
    loss: Callable[..., Any],
    arms: Mapping[str, Values] | None,
    axes: Mapping[str, Sequence[Any]] | None,
    settings: Values | None,
    tune: str | None,
) -> FlaxSweep:
    """The sweep with these values, after checking all names and types.

    Raises:
      ConfigError: an unknown name, a value of another type, an argument without a value.
    """
    arms = {UNNAMED: {}} if arms is None else arms
    axes, settings = axes or {}, settings or {}
    if not arms:
        raise ConfigError("arms: expected an arm or more, got none")
    for place, values in {"settings": settings, **arms}.items():
        if not isinstance(values, Mapping):
            raise ConfigError(f"{place}: expected values by name, got {values!r}")
    for name, values in axes.items():
        if isinstance(values, str) or not isinstance(values, Iterable) or not len(tuple(values)):
            raise ConfigError(f"axes: {name}: expected a tuple of values, got {values!r}")
    given = [settings, *arms.values(), *({name: v} for name in axes for v in axes[name])]
    types = _Types(make, given)
    typed = {types.path(name): [types.value(name, v) for v in axes[name]] for name in axes}
    sweep = FlaxSweep(
        task=task,
        make=make,
        loss=loss,
        arms={str(arm): types.values(values) for arm, values in arms.items()},
        axes=typed,
        base=types.values(settings),
        tune=None if tune is None else types.path(tune),
    )
    if sweep.tune is not None and sweep.tune not in sweep.axes:
        raise ConfigError(f"tune: expected one of {', '.join(axes) or 'no axes'}, got {tune!r}")
    for path in sweep.axes.keys() & sweep.base.keys():
        raise ConfigError(
            f"{path.removeprefix(MODEL)}: expected one of settings and axes, got both"
        )
    for path, values in sweep.axes.items():
        texts = [np.float32(v) if isinstance(v, float) else argument_text(v) for v in values]
        if len(set(texts)) < len(texts):
            name = path.removeprefix(MODEL)
            raise ConfigError(f"axes: {name}: expected different values, got {list(values)}")
    _check_complete(make, sweep)
    return sweep


class _Types:
    """Paths of names, and types of values.

    An argument is a number, which may be traced, if it is a float anywhere: in a setting, an arm,
    an axis or the signature. Whole numbers among its values become floats then.

    Args:
      make: the function that makes the module.
      given: all values by name.
    """

    def __init__(self, make: Callable[..., Any], given: Sequence[Values]):
        self.arguments = _arguments(make)
        self.any_name = any(
            parameter.kind is inspect.Parameter.VAR_KEYWORD
            for parameter in parameters_of(make).values()
        )
        self.numbers = {
            name for name, parameter in self.arguments.items() if type(parameter.default) is float
        }
        for values in given:
            self.numbers |= {
                self.path(name).removeprefix(MODEL)
                for name, value in values.items()
                if isinstance(value, float | np.floating)
            }

    def path(self, name: str) -> str:
        """The path of a field, or "model." and the name of an argument."""
        if name.rpartition(".")[0] in FIELDS:
            if name not in all_fields():
                raise unknown_field(name)
            return name
        argument = name.removeprefix(MODEL)
        if (argument in self.arguments or self.any_name) and argument.isidentifier():
            return MODEL + argument
        fields = [path for path in all_fields() if path.partition(".")[0] in FIELDS]
        known = [*(MODEL + argument for argument in self.arguments), *fields]
        meant = next(suggestions(name, known), "").removeprefix(MODEL)
        hint = f" (did you mean {meant!r}?)" if meant else ""
        names = ", ".join(self.arguments) or "none"
        raise ConfigError(
            f"{name}: expected an argument of make_model or a field of {', '.join(FIELDS)}"
            f"{hint}; arguments: {names}"
        )

    def values(self, given: Values) -> Values:
        """Values by path."""
        return {self.path(name): self.value(name, value) for name, value in given.items()}

    def value(self, name: str, value: Any) -> Any:
        """The typed value."""
        path = self.path(name)
        if not path.startswith(MODEL):
            return Overrides({path: value})[path]
        value = value.item() if isinstance(value, np.generic) else value
        number = isinstance(value, float) or type(value) is int
        if number and path.removeprefix(MODEL) in self.numbers:
            return Field(name, float, math.nan, "").check(value)
        try:
            hash(value)
        except TypeError:
            expected = "a number, text, a function or another hashable value"
            raise ConfigError(f"{name}: expected {expected}, got {value!r}") from None
        return value


@functools.cache
def _arguments(make: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Arguments of ``make_model`` that a sweep may set, by name."""
    names = {RNGS, *(SET_BY_LINEN if _is_linen_class(make) else ())}
    return {
        name: parameter
        for name, parameter in parameters_of(make).items()
        if name not in names and parameter.kind in NAMED
    }


def _is_linen_class(make: Callable[..., Any]) -> bool:
    function = make.func if isinstance(make, functools.partial) else make
    return isinstance(function, type) and issubclass(function, linen.Module)


def _check_complete(make: Callable[..., Any], sweep: FlaxSweep) -> None:
    """Raise ConfigError if an argument without a default has no value in an arm."""
    for arm, settings in sweep.arms.items():
        given = {*sweep.base, *settings, *sweep.axes}
        for name, parameter in _arguments(make).items():
            if parameter.default is inspect.Parameter.empty and MODEL + name not in given:
                raise ConfigError(
                    f"{name}: expected a value for this argument of make_model in settings, in "
                    f"arm {arm} or in axes"
                )


def _specs(given: Values) -> dict[str, Any]:
    """The Specs with these values, by section.

    Raises:
      ConfigError: a value out of range, or one for models of seqjax alone.
    """
    for path, (*accepted, reason) in OURS_ALONE.items():
        if path in given and given[path] not in accepted:
            expected = " or ".join(map(repr, accepted))
            raise ConfigError(f"{path}: expected {expected}, because {reason}, got {given[path]!r}")
    if given.get("clip.kind") == "step":
        raise ConfigError(
            "clip.kind: expected another kind than step, which acts inside seqjax.unroll: let the "
            "loss pass step_bound to a model of seqjax"
        )
    fields = Overrides({path: v for path, v in given.items() if not path.startswith(MODEL)})
    return {section: make_spec(SECTIONS[section], section, fields) for section in FIELDS}


def _unused(given: Values) -> dict[str, str]:
    """Fields without effect under these values, by path, each with the reason."""
    return {
        f"{section}.{field}": reason
        for section, spec in _specs(given).items()
        for field, reason in spec.unused(None, None).items()
    }
