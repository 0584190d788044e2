"""Training state of a batch of runs, and its conversion to named arrays for a checkpoint."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.training.config import Config
from seqjax.training.evaluation import evaluate_run, evaluated_variables, observe_run
from seqjax.training.step import Trace, TrainState, initial_state

Arrays = Mapping[str, np.ndarray]
Shapes = Mapping[str, jax.ShapeDtypeStruct]


@dataclasses.dataclass
class BatchState:
    """State of R runs that are trained side by side, between two chunks of steps.

    Attributes:
      runs: R, the number of runs; the run axis of ``state`` may be longer, to fill all devices.
      step: steps taken by each run.
      seconds: time taken by all runs together.
      state: leaves (R, ...); None before the first step.
      traces: (R, steps) for each chunk.
      metrics: metrics (R,) by name, for each evaluation.
      observed: observations (R, ...) by name, before the first step and for each evaluation; empty
        if ``train.observe`` is empty.
      ended: every run has stopped, so there are no further chunks.
    """

    runs: int
    step: int = 0
    seconds: float = 0.0
    state: TrainState | None = None
    traces: list[Trace] = dataclasses.field(default_factory=list)
    metrics: list[Arrays] = dataclasses.field(default_factory=list)
    observed: list[Arrays] = dataclasses.field(default_factory=list)
    ended: bool = False

    def add_chunk(
        self, step: int, seconds: float, state: TrainState, trace: Trace, metrics: Arrays
    ) -> None:
        """Append a chunk of steps and the evaluation after it.

        Args:
          step: steps taken by each run at the end of the chunk.
          seconds: time taken until then by all runs together.
          state: leaves (R or more, ...) after the chunk.
          trace: (R or more, steps of the chunk or more).
          metrics: (R or more,) by name.
        """
        steps = step - self.step
        self.traces.append(Trace(*(values[: self.runs, :steps] for values in trace)))
        self.metrics.append({name: values[: self.runs] for name, values in metrics.items()})
        self.step = step
        self.seconds = seconds
        self.state = state
        self.ended = self._all_stopped()

    def _all_stopped(self) -> bool:
        """Return whether every run has stopped early, or failed where runs may stop."""
        if not self.state.control:
            return False
        stopped, failed = jax.device_get((self.state.control.stopped_at, self.state.failed_at))
        done = (stopped >= 0) | (failed >= 0)
        return bool(done[: self.runs].all())

    def add_observations(self, observed: Arrays) -> None:
        """Append the observations at this step, (R or more, ...) by name."""
        self.observed.append({name: array[: self.runs] for name, array in observed.items()})

    def trace(self) -> Trace:
        """Trace of all steps so far, (R, step)."""
        return Trace(*(np.concatenate(parts, axis=1) for parts in zip(*self.traces, strict=True)))

    def padded_state(self, lanes: int) -> TrainState:
        """Training state with a run axis of length ``lanes``, filled up with copies of the last."""
        rows = np.minimum(np.arange(lanes), self.runs - 1)
        return jax.tree.map(lambda leaf: np.asarray(leaf)[rows], self.state)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything but ``step`` and ``seconds`` by name, with the run axis first."""
        names = self.metrics[0]
        tree = {
            "state": jax.device_get(self.state),
            "trace": self.trace(),
            "validation": {name: np.stack([m[name] for m in self.metrics], 1) for name in names},
            "observed": stack_observations(self.observed),
        }
        return named_leaves(jax.tree.map(lambda leaf: leaf[: self.runs], tree))

    @classmethod
    def from_arrays(cls, config: Config, step: int, seconds: float, arrays: Arrays) -> Self:
        """Inverse of ``to_arrays`` for runs of the structure of ``config``."""
        abstract = _abstract_tree(config, 1, step)
        leaves = [arrays[name] for name in named_leaves(abstract)]
        tree = jax.tree.unflatten(jax.tree.structure(abstract), leaves)
        columns = zip(*(values.T for values in tree["validation"].values()), strict=True)
        metrics = [dict(zip(tree["validation"], column, strict=True)) for column in columns]
        times = range(1 + len(metrics)) if tree["observed"] else ()
        observed = [{name: a[:, k] for name, a in tree["observed"].items()} for k in times]
        batch_state = cls(
            runs=len(leaves[0]),
            step=step,
            seconds=seconds,
            state=tree["state"],
            traces=[tree["trace"]],
            metrics=metrics,
            observed=observed,
        )
        batch_state.ended = batch_state._all_stopped()
        return batch_state


def abstract_arrays(config: Config, runs: int, step: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes of ``BatchState.to_arrays`` for runs of this structure after ``step`` steps."""
    return named_leaves(_abstract_tree(config, runs, step))


def _abstract_tree(config: Config, runs: int, step: int) -> dict[str, Any]:
    state = jax.eval_shape(initial_state, config, jax.ShapeDtypeStruct((), jnp.uint32))
    every = min(config.train.eval_every, config.train.steps)
    validations = -(-step // every)
    trace = jax.ShapeDtypeStruct((runs, step), jnp.float32)
    metrics, observed = _abstract_measurements(config)
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


def _abstract_measurements(config: Config) -> tuple[Shapes, Shapes]:
    """Shapes of one run's evaluation metrics, and of its observations."""
    data = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, config.task.data()))
    state = jax.eval_shape(initial_state, config, jax.ShapeDtypeStruct((), jnp.uint32))
    part = jax.ShapeDtypeStruct((), jnp.int32)
    run = (config, evaluated_variables(config, state))
    metrics = jax.eval_shape(evaluate_run, run, data, part)
    if not config.train.observe:
        return metrics, {}
    return metrics, jax.eval_shape(observe_run, (config, state.params), data)


def stack_observations(observed: list[Arrays]) -> Arrays:
    """Observations of several times as one array (R, times, ...) by name."""
    names = observed[0] if observed else ()
    return {name: np.stack([arrays[name] for arrays in observed], 1) for name in names}


def named_leaves(tree: Any) -> dict[str, Any]:
    """Leaves of a pytree by their path, with dots between the keys."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf
        for path, leaf in jax.tree.leaves_with_path(tree)
    }
