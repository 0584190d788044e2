"""Runs of any NNX or linen module with a loss of one's own, for the training step of ``step``.

A module is split into its parameters and the rest: batch statistics, and the keys and counters of
random streams. The rest is passed on from step to step as the carry of ``TrainState``. A module is
built anew in every trace, because its attributes may be traced numbers, and gets its arrays then;
the compiler drops the computation of initial weights that are not used.
"""

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen, nnx

from seqjax.cells.base import Cell
from seqjax.models.recurrent import RecurrentLayers
from seqjax.optim.clipping import ClipSpec
from seqjax.optim.gradient_floor import FloorSpec
from seqjax.optim.optimizer import OptimSpec
from seqjax.tasks.arrays import ArrayTask, Examples, number_of_examples
from seqjax.training.config import as_settings, settings_of_spec
from seqjax.training.evaluation import evaluated_variables, evaluation_means
from seqjax.training.regularization import RegularizationSpec
from seqjax.training.specs import TrainSpec
from seqjax.training.step import TrainState, initial_model, loss_and_gradient
from seqjax.types import Array, ConfigError, Number, named_key, static

STRUCTURE = {"static": True}
RNGS = "rngs"
"""Argument by which a function that makes an NNX module takes its ``nnx.Rngs``."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FlaxModel:
    """A function that makes a module, its arguments, and the loss of the module.

    Attributes:
      make: function from ``rngs`` and the arguments to an ``nnx.Module``, or from the arguments to
        a ``linen.Module``.
      loss: function from the module and a batch to a loss, or a loss and metrics by name.
      fixed: arguments of the structure, as (name, type, value); the type tells 1 from True.
      numbers: arguments that may be traced, by name.
      eager: compute what depends neither on a key nor on a traced number while tracing, as outside
        of ``jax.jit``. NNX takes arrays of a trace, unlike others, for static attributes.
    """

    make: Callable[..., Any] = dataclasses.field(metadata=STRUCTURE)
    loss: Callable[..., Any] = dataclasses.field(metadata=STRUCTURE)
    fixed: tuple[tuple[str, type, Any], ...] = dataclasses.field(metadata=STRUCTURE)
    numbers: Mapping[str, Number]
    eager: bool = static(False)

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of ``make`` by name, without ``rngs``."""
        return {name: value for name, _, value in self.fixed} | dict(self.numbers)

    @property
    def is_linen(self) -> bool:
        """True if ``make`` takes no ``rngs``."""
        return RNGS not in parameters_of(self.make)

    def with_fixed_numbers(self) -> "FlaxModel":
        """The model whose numbers are Python numbers and part of the structure."""
        numbers = tuple((name, float, value) for name, value in self.numbers.items())
        return dataclasses.replace(self, fixed=self.fixed + numbers, numbers={}, eager=True)

    def build(self, key: Array | None = None) -> nnx.Module | linen.Module:
        """The module.

        Args:
          key: key of the random streams of an NNX module.
        """
        if self.is_linen:
            kind, reason, rngs = linen.Module, "takes no rngs, so expected a linen", {}
        else:
            kind, reason, rngs = nnx.Module, "takes rngs, so expected an nnx", {RNGS: nnx.Rngs(key)}
        with jax.ensure_compile_time_eval() if self.eager else contextlib.nullcontext():
            module = self.make(**rngs, **self.arguments)
        if not isinstance(module, kind):
            got = type(module).__name__
            raise ConfigError(f"make_model: {reason}.Module, got {got}")
        return module

    def measure(self, module: Any, batch: Examples) -> tuple[Array, dict[str, Array]]:
        """Loss and metrics of a batch.

        Raises:
          ConfigError: the loss is no scalar, or the metrics are no scalars by name.
        """
        result = self.loss(module, batch)
        loss, metrics = result if isinstance(result, tuple) else (result, {})
        if not isinstance(metrics, Mapping) or "loss" in metrics:
            raise ConfigError("loss: expected a loss, or (loss, {metric: value}) without 'loss'")
        for name, value in {"loss": loss, **metrics}.items():
            if jnp.shape(value) or not jnp.issubdtype(jnp.result_type(value), jnp.floating):
                got = f"shape {jnp.shape(value)} of {jnp.result_type(value)}"
                raise ConfigError(f"loss: expected a float scalar as {name}, got {got}")
        return loss, dict(metrics)


def parameters_of(make: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Parameters of a function, or of a class's ``__init__``, by name."""
    partial = make if isinstance(make, functools.partial) else functools.partial(make)
    if isinstance(partial.func, type):  # the metaclass of nnx.Module hides the signature
        init = partial.func.__init__
        partial = functools.partial(init, None, *partial.args, **partial.keywords)
    return inspect.signature(partial).parameters


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FlaxConfig:
    """Everything that defines a run of a module of one's own, except its seed."""

    model: FlaxModel
    clip: ClipSpec
    optim: OptimSpec
    train: TrainSpec
    task: ArrayTask

    floor = FloorSpec()
    reg = RegularizationSpec()
    link = ""

    @property
    def cell(self) -> Cell | None:
        """The cell whose units are clipped under "adaptive"; None under other kinds.

        Raises:
          ConfigError: the module has no ``RecurrentLayers``, or several cells.
        """
        if self.clip.kind != "adaptive":
            return None
        modules = []
        if not self.model.is_linen:
            modules = [
                module for _, module in nnx.iter_modules(self.model.build(jax.random.key(0)))
            ]
        cells = {layers.cell for layers in modules if isinstance(layers, RecurrentLayers)}
        if len(cells) != 1:
            names = " and ".join(sorted(cell.name for cell in cells)) or "none"
            raise ConfigError(
                "clip.kind: adaptive clips the units of seqjax's RecurrentLayers; expected a "
                f"module with those of one cell, got {names}"
            )
        return cells.pop()


@as_settings.register
def _(config: FlaxConfig) -> dict[str, Any]:
    arguments = {f"model.{name}": argument_text(v) for name, v in config.model.arguments.items()}
    settings = {"task.name": config.task.name, **arguments}
    for section in ("clip", "optim", "train"):
        settings |= settings_of_spec(section, getattr(config, section))
    return settings


def argument_text(value: Any) -> Any:
    """An argument as records have it: numbers and text as they are, functions by their name."""
    if isinstance(value, bool | int | float | str):
        return value
    return getattr(value, "__qualname__", None) or str(value)


@initial_model.register
def _(config: FlaxConfig, key: Array) -> tuple[dict[str, Any], dict[str, Any]]:
    params, rest = (
        _initial_linen(config, key) if config.model.is_linen else _initial_nnx(config, key)
    )
    if not jax.tree.leaves(params):
        raise ConfigError("make_model: expected a module with parameters, got none")
    return params, rest


def _initial_nnx(config: FlaxConfig, key: Array) -> tuple[dict[str, Any], dict[str, Any]]:
    params, rest = _split(config.model.build(key))
    return params, _without_keys(rest)


def _initial_linen(config: FlaxConfig, key: Array) -> tuple[dict[str, Any], dict[str, Any]]:
    """Variables from the first call of the module in the loss of the first training examples."""
    examples = config.task.parts["train"]
    batch = jax.tree.map(lambda a: jnp.asarray(a[: config.train.batch_size]), examples)
    module = LinenModel(config.model.build(), {}, named_key(key, "parameters"), training=True)
    config.model.measure(module, batch)
    rest = dict(module.variables)
    params = rest.pop("params", {})
    return params, {"variables": rest, "key": jax.random.key_data(named_key(key, "steps"))}


@loss_and_gradient.register
def _(
    config: FlaxConfig,
    state: TrainState,
    batch: Examples,
    step: Number = 0,
    key: Array | None = None,
) -> tuple[tuple[Array, dict], tuple[Any, Array]]:
    del step, key  # the module has its own random streams, and no regularisers

    def objective(params):
        module = _bind(config.model, params, state.carry, training=True)
        loss, _ = config.model.measure(module, batch)
        return loss.astype(jnp.float32), _rest_of(module)

    (loss, carry), grads = jax.value_and_grad(objective, has_aux=True)(state.params)
    return (loss, carry), (grads, jnp.float32(0))


@evaluated_variables.register
def _(config: FlaxConfig, state: TrainState) -> Any:
    return state.params, state.carry


@evaluation_means.register
def _(config: FlaxConfig, variables: Any, data: Any, part: Array | None) -> dict[str, Array]:
    """Means over all examples: over full batches, and over the rest as a smaller batch."""

    def measure(batch: Examples) -> dict[str, Array]:
        loss, metrics = config.model.measure(_bind(config.model, *variables, training=False), batch)
        return {"loss": loss, **metrics}

    def means(name: str) -> dict[str, Array]:
        examples = data["parts"][name]
        n = number_of_examples(examples)
        size = min(config.train.batch_size, n)
        whole = n // size * size
        batches = jax.tree.map(lambda a: a[:whole].reshape(-1, size, *a.shape[1:]), examples)
        sums = jax.tree.map(lambda a: size * jnp.sum(a, axis=0), jax.lax.map(measure, batches))
        if n > whole:
            last = measure(jax.tree.map(lambda a: a[whole:], examples))
            sums = jax.tree.map(lambda total, mean: total + (n - whole) * mean, sums, last)
        return jax.tree.map(lambda total: (total / n).astype(jnp.float32), sums)

    if part is None:
        return means("train")
    return jax.lax.switch(part, [lambda: means("validation"), lambda: means("test")])


class LinenModel:
    """A linen module with its variables, which a loss function calls as ``model(x)``.

    Attributes:
      module: the module.
      variables: its variables by collection. In training a call updates all but "params".
      training: False in evaluation. Modules with dropout or batch statistics take it as argument:
        ``model(x, deterministic=not model.training)``.
    """

    def __init__(
        self, module: linen.Module, variables: Mapping[str, Any], key: Array, training: bool
    ):
        self.module, self.variables, self.training = module, variables, training
        self.key, self.calls = key, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the module, with a key of this step and call for its random streams."""
        rngs = {"params": jax.random.fold_in(self.key, self.calls)}
        self.calls += 1
        if not self.variables:
            result, self.variables = self.module.init_with_output(rngs, *args, **kwargs)
            return result
        if not self.training:
            return self.module.apply(self.variables, *args, rngs=rngs, **kwargs)
        mutable = [name for name in self.variables if name != "params"]
        result, updated = self.module.apply(
            self.variables, *args, rngs=rngs, mutable=mutable, **kwargs
        )
        self.variables = {**self.variables, **updated}
        return result


def _bind(model: FlaxModel, params: Any, rest: Any, training: bool) -> nnx.Module | LinenModel:
    """The module with these parameters and this rest, as the loss takes it."""
    if model.is_linen:
        variables = {"params": params, **rest["variables"]}
        key = jax.random.wrap_key_data(rest["key"])
        return LinenModel(model.build(), variables, key, training)
    graph, params_state, rest_state = nnx.split(model.build(jax.random.key(0)), nnx.Param, ...)
    rest = jax.tree.map(_with_keys, nnx.to_pure_dict(rest_state), rest)
    nnx.replace_by_pure_dict(params_state, params)
    nnx.replace_by_pure_dict(rest_state, rest)
    module = nnx.merge(graph, params_state, rest_state)
    (module.train if training else module.eval)()
    return module


def _rest_of(module: nnx.Module | LinenModel) -> dict[str, Any]:
    """The rest of a module after a step."""
    if isinstance(module, nnx.Module):
        return _without_keys(_split(module)[1])
    rest = {name: values for name, values in module.variables.items() if name != "params"}
    return {"variables": rest, "key": jax.random.key_data(jax.random.split(module.key, 1)[0])}


def _split(module: nnx.Module) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and rest of an NNX module as plain dicts."""
    nnx.pop(module, nnx.Intermediate)  # values that a loss may have read
    _, params, rest = nnx.split(module, nnx.Param, ...)
    return nnx.to_pure_dict(params), nnx.to_pure_dict(rest)


def _without_keys(tree: Any) -> Any:
    """Random keys as their numbers, which checkpoints can store."""
    return jax.tree.map(lambda a: jax.random.key_data(a) if _is_key(a) else a, tree)


def _with_keys(like: Any, leaf: Array) -> Array:
    """The inverse for one leaf, which becomes a key if ``like`` is one."""
    return jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(like)) if _is_key(like) else leaf


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
