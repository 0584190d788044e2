"""Training state of a batch of runs.

A batch of runs is stopped and continued between two chunks. What its rest depends on is a
``Progress``: as named arrays and two numbers it can be written down and read again.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.training.config import Config
from seqjax.training.step import Trace, TrainState, evaluate_run, initial_state, observe_run

Arrays = Mapping[str, np.ndarray]
Metrics = Mapping[str, np.ndarray]


@dataclasses.dataclass
class Progress:
    """So many runs side by side, after ``step`` steps each.

    Attributes:
      runs: how many; lanes of ``state`` beyond them only fill the devices.
      step: steps taken.
      seconds: time taken, of all runs together.
      state: leaves (R, ...); None before the first step.
      traces: one (R, steps) for each chunk.
      metrics: one for each evaluation, (R,) by name.
      observed: one before the first step and one for each evaluation, (R, ...) by name; empty where
        nothing is observed.
    """

    runs: int
    step: int = 0
    seconds: float = 0.0
    state: TrainState | None = None
    traces: list[Trace] = dataclasses.field(default_factory=list)
    metrics: list[Metrics] = dataclasses.field(default_factory=list)
    observed: list[Metrics] = dataclasses.field(default_factory=list)

    def add(
        self, step: int, seconds: float, state: TrainState, trace: Trace, metrics: Metrics
    ) -> None:
        """A chunk that brought the runs to ``step``."""
        R, taken = self.runs, step - self.step
        self.traces.append(Trace(*(values[:R, :taken] for values in trace)))
        self.metrics.append({name: values[:R] for name, values in metrics.items()})
        self.step, self.seconds, self.state = step, seconds, state

    def observe(self, found: Metrics) -> None:
        """What is observed of the runs as they are now."""
        self.observed.append({name: array[: self.runs] for name, array in found.items()})

    def trace(self) -> Trace:
        """All chunks in one, (R, step)."""
        return Trace(*(np.concatenate(parts, axis=1) for parts in zip(*self.traces, strict=True)))

    def in_lanes(self, together: int) -> TrainState:
        """The state in so many lanes: the last run is copied into those that are left over."""
        chosen = np.minimum(np.arange(together), self.runs - 1)
        return jax.tree.map(lambda leaf: np.asarray(leaf)[chosen], self.state)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything but ``step`` and ``seconds``, by name; the run axis comes first in each."""
        names = self.metrics[0]
        whole = {
            "state": jax.device_get(self.state),
            "trace": self.trace(),
            "validation": {name: np.stack([m[name] for m in self.metrics], 1) for name in names},
            "observed": stacked(self.observed),
        }
        return named(jax.tree.map(lambda leaf: leaf[: self.runs], whole))

    @classmethod
    def from_arrays(cls, config: Config, step: int, seconds: float, arrays: Arrays) -> Self:
        """The inverse of ``to_arrays``, for runs of this structure."""
        abstract = _abstract(config, 1, step)
        leaves = [arrays[name] for name in named(abstract)]
        whole = jax.tree.unflatten(jax.tree.structure(abstract), leaves)
        columns = zip(*(values.T for values in whole["validation"].values()), strict=True)
        metrics = [dict(zip(whole["validation"], column, strict=True)) for column in columns]
        times = range(1 + len(metrics)) if whole["observed"] else ()
        seen = [{n: array[:, k] for n, array in whole["observed"].items()} for k in times]
        return cls(len(leaves[0]), step, seconds, whole["state"], [whole["trace"]], metrics, seen)


def shapes(config: Config, runs: int, step: int) -> dict[str, jax.ShapeDtypeStruct]:
    """What ``to_arrays`` gives for so many runs of this structure after ``step`` steps."""
    return named(_abstract(config, runs, step))


def _abstract(config: Config, runs: int, step: int) -> dict[str, Any]:
    state = jax.eval_shape(initial_state, config, jax.ShapeDtypeStruct((), jnp.uint32))
    every = min(config.train.eval_every, config.train.steps)
    validations = -(-step // every)
    trace = jax.ShapeDtypeStruct((runs, step), jnp.float32)
    metrics, observed = _measured(config)
    return {
        "state": jax.tree.map(lambda a: jax.ShapeDtypeStruct((runs, *a.shape), a.dtype), state),
        "trace": Trace(*(trace for _ in Trace._fields)),
        "validation": {
            name: jax.ShapeDtypeStruct((runs, validations), shape.dtype)
            for name, shape in metrics.items()
        },
        "observed": {
            name: jax.ShapeDtypeStruct((runs, 1 + validations, *shape.shape), shape.dtype)
            for name, shape in observed.items()
        },
    }


def stacked(observed: list[Metrics]) -> Metrics:
    """Observations in one array (R, times, ...) by name."""
    names = observed[0] if observed else ()
    return {name: np.stack([found[name] for found in observed], 1) for name in names}


def _measured(config: Config) -> tuple[dict, dict]:
    """The metrics of an evaluation, and what is observed, as shapes."""
    data = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, config.task.data()))
    state = jax.eval_shape(initial_state, config, jax.ShapeDtypeStruct((), jnp.uint32))
    part, run = jax.ShapeDtypeStruct((), jnp.int32), (config, state.params)
    return jax.eval_shape(evaluate_run, run, data, part), jax.eval_shape(observe_run, run, data)


def named(tree: Any) -> dict[str, Any]:
    """Leaves by their path, with dots."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf
        for path, leaf in jax.tree.leaves_with_path(tree)
    }
