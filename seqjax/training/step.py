"""From a configuration and a seed to a trained model: three programs, for many runs at once.

``initialise``, ``train_chunk`` and ``evaluate`` take configurations stacked along a run axis R. JAX
compiles each once for every tree structure, that is for every group of runs. Devices share the run
axis; a run's arithmetic does not depend on which runs stand beside it.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, PartitionSpec

from seqjax.cells import CELLS
from seqjax.diagnostics import observers
from seqjax.metrics.losses import masked_mean
from seqjax.models.sequence import SequenceModel, abstract_module, model_params, with_params
from seqjax.optim import optimizer
from seqjax.recurrence.gradient_norms import StepBound
from seqjax.tasks.base import Batch, first_of
from seqjax.training.config import PRECISIONS, Config, observed
from seqjax.types import Array, named_key


class TrainState(NamedTuple):
    """What training hands on from step to step.

    Attributes:
      carry: what the recurrent layers ended with, leaves (B, H), where the task is carried; else
        nothing. No gradient goes back through it.
      failed_at: the step at which the run ended, or -1.
    """

    params: dict[str, Any]
    opt_state: optax.OptState
    carry: dict[str, NamedTuple]
    failed_at: Array


class Trace(NamedTuple):
    """Of each step: the loss, the gradient norm before clipping, whether it was clipped, the norm
    after clipping and floors.

    Under "step" clipping ``clipped`` is the fraction of (step, example) pairs.
    """

    loss: Array
    norm: Array
    clipped: Array
    after: Array


def build_model(config: Config, key: Array) -> SequenceModel:
    """The model of a run; initialisation numbers and the key may be traced."""
    task = config.task
    return SequenceModel(
        config.model,
        task.inputs,
        task.outputs,
        every_step=task.every_step,
        source_size=task.sources,
        symbols=task.symbols,
        init=config.init,
        key=key,
        dtype=PRECISIONS[config.train.precision][1],
    )


def abstract_model(config: Config) -> SequenceModel:
    """The model's shapes without its numbers."""
    return abstract_module(lambda: build_model(config, jax.random.key(0)))


def _make_optimizer(config: Config) -> optax.GradientTransformation:
    cell = CELLS[config.model.cell]
    return optimizer.make_optimizer(
        config.optim, config.clip, config.train.steps, cell, config.floor
    )


def _step_bound(config: Config, count: Array) -> StepBound | None:
    """The bounds inside the backward pass, if there are any."""
    clip, floor = config.clip, config.floor
    bounds = {
        "threshold": clip.threshold if clip.kind == "step" else None,
        "floor": floor.level if floor.kind == "signal" else None,
        "contribution": floor.level if floor.kind == "contribution" else None,
    }
    unbounded = all(number is None for number in bounds.values())
    return None if unbounded else StepBound(count=count, **bounds)


def _apply(
    config: Config, params: Any, batch: Batch, count: Array, carry: dict | None
) -> tuple[Array, dict]:
    """The logits, and the carry after the last step."""
    model, bound = with_params(abstract_model(config), params), _step_bound(config, count)
    if batch.source is not None:
        carry = model.encode(batch.source, batch.source_lengths_B, step_bound=bound)
    if carry is not None and batch.fresh_B is not None:
        zero, fresh_B1 = model.recurrent.initial_carry(batch.fresh_B.size), batch.fresh_B[:, None]
        carry = jax.tree.map(lambda a, b: jnp.where(fresh_B1, a, b), zero, carry)
    return model.logits_and_carry(batch.x, carry, lengths_B=batch.lengths_B, step_bound=bound)


def _carries(config: Config, batch: Batch) -> Array:
    """How many carries the backward pass of a batch goes through, over layers and directions."""
    T, B = batch.x.shape[:2]
    steps = T * B if batch.lengths_B is None else jnp.sum(batch.lengths_B)
    if batch.source is not None:
        steps += jnp.sum(batch.source_lengths_B)
    return jnp.asarray(steps * config.model.layers * (1 + config.model.bidirectional), jnp.float32)


def differentiate(
    config: Config, state: TrainState, batch: Batch
) -> tuple[tuple[Array, dict], tuple[Any, Array]]:
    """((loss, the carry left), (gradient, shortened pairs)) of a batch in this state."""

    def objective(params, count):
        before = state.carry if config.task.carried else None
        logits, carry = _apply(config, params, batch, count, before)
        loss = masked_mean(config.task.loss(config.link, logits, batch), batch.weight)
        return loss, carry if config.task.carried else {}

    return jax.value_and_grad(objective, (0, 1), has_aux=True)(state.params, jnp.float32(0))


def _cropped(config: Config, data: Any, row: Any, batch: Batch, function: Callable) -> Any:
    """``function`` of the batch, which is as narrow as its bucket if the task has buckets."""
    task = config.task
    programs = [
        lambda batch, steps=steps: function(batch.cropped(steps, task.every_step))
        for steps in task.widths(data)
    ]
    return jax.lax.switch(row.bucket, programs, batch) if programs else function(batch)


def train_step(
    config: Config, data: Any, state: TrainState, step: Array, row: Array
) -> tuple[TrainState, Trace]:
    """One update, unless the run has failed or fails at this step, where it is frozen."""
    batch = config.task.batch(data, row, config.train.batch_size)
    (loss, carry), (grads, pairs) = _cropped(
        config, data, row, batch, functools.partial(differentiate, config, state)
    )
    params, opt_state = optimizer.apply_gradients(
        _make_optimizer(config), grads, state.opt_state, state.params
    )
    clipped = optax.tree.get(opt_state, "clipped").astype(jnp.float32)
    if config.clip.kind == "step":
        clipped = pairs / _carries(config, batch)
    before, after = (optax.tree.get(opt_state, f"norm_{when}") for when in ("before", "after"))
    trace = Trace(loss, before, clipped, after)

    finite = jnp.stack([jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves((loss, grads))]).all()
    failed_at = jnp.where((state.failed_at < 0) & ~finite, step, state.failed_at)
    new, old = (params, opt_state, carry), (state.params, state.opt_state, state.carry)
    kept = jax.tree.map(lambda a, b: jnp.where(failed_at < 0, a, b), new, old)
    return TrainState(*kept, failed_at), trace


def initial_state(config: Config, seed: Array) -> TrainState:
    """The state of one run before its first step."""
    model = build_model(config, named_key(jax.random.key(seed), "weights"))
    params, carry = model_params(model), {}
    if config.task.carried:
        carry = model.recurrent.initial_carry(config.train.batch_size)
    return TrainState(params, _make_optimizer(config).init(params), carry, jnp.int32(-1))


def _train_chunk(run, data, first: Array, count: int) -> tuple[TrainState, Trace]:
    config, seed, state = run
    key = named_key(jax.random.key(seed), "data")
    rows = config.task.rows(data, key, first, count, config.train.batch_size)

    def body(k, carry):
        state, trace = carry
        row = jax.tree.map(lambda array: array[k], rows)
        state, values = train_step(config, data, state, first + k, row)
        return state, jax.tree.map(lambda array, value: array.at[k].set(value), trace, values)

    steps = jnp.minimum(count, config.train.steps - first)
    nothing = Trace(*(jnp.full((count,), jnp.nan, jnp.float32) for _ in Trace._fields))
    return jax.lax.fori_loop(0, steps, body, (state, nothing))


def evaluate_run(run, data, part: Array) -> dict[str, Array]:
    config, params = run
    rows = config.task.evaluation_rows(data, part)

    def sums(batch):
        logits, _ = _apply(config, params, batch, jnp.float32(0), None)
        values = {"loss": (config.task.loss(config.link, logits, batch), batch.weight)}
        values |= config.task.metrics(config.link, logits, batch)
        return {name: (jnp.sum(v * w), jnp.sum(w)) for name, (v, w) in values.items()}

    def of_row(row):
        return _cropped(config, data, row, config.task.evaluation_batch(data, row), sums)

    totals = jax.tree.map(lambda x: jnp.sum(x, axis=0), jax.lax.map(of_row, rows))
    means = {name: total / weight for name, (total, weight) in totals.items()}
    return means | config.task.derived(means)


def examine_run(run, data) -> dict[str, Array]:
    config, seed, params = run
    model, key = with_params(abstract_model(config), params), jax.random.key(seed)
    return config.task.examine(data, model, named_key(key, "examination"))


def held_out_of(config: Config, model: SequenceModel, batch: Batch) -> observers.HeldOut:
    """The model and the batch, as observers read them."""
    return observers.HeldOut(
        model=model,
        batch=batch,
        loss=functools.partial(config.task.loss, config.link),
        symbols=config.task.inputs,
    )


def observe_model(config: Config, model: SequenceModel, batch: Batch) -> dict[str, Array]:
    """The measurements that ``train.observe`` names, of a model on held-out sequences."""
    return observers.observe(observed(config.train.observe), held_out_of(config, model, batch))


def observe_run(run, data) -> dict[str, Array]:
    """What ``train.observe`` names, on the first batch of the validation set."""
    config, params = run
    row = first_of(config.task.evaluation_rows(data, jnp.int32(0)))
    batch = config.task.evaluation_batch(data, row)
    return observe_model(config, with_params(abstract_model(config), params), batch)


def _over_runs(function, mesh: Mesh, runs: Any, *shared: Any) -> Any:
    """``function(run, *shared)`` for every run, the run axis shared out over the mesh.

    A device that has a single run does not see a run axis at all.
    """

    def local(runs, *shared):
        if jax.tree.leaves(runs)[0].shape[0] > 1:
            return jax.vmap(lambda run: function(run, *shared))(runs)
        one = function(jax.tree.map(lambda x: x[0], runs), *shared)
        return jax.tree.map(lambda x: x[None], one)

    return jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(PartitionSpec("runs"), *(PartitionSpec() for _ in shared)),
        out_specs=PartitionSpec("runs"),
        check_vma=False,
    )(runs, *shared)


def _precise(config: Config):
    return jax.default_matmul_precision(PRECISIONS[config.train.precision][0])


@functools.partial(jax.jit, static_argnames="mesh")
def initialise(config_R: Config, seed_R: Array, *, mesh: Mesh) -> TrainState:
    """The state of every run before its first step."""
    with _precise(config_R):
        return _over_runs(lambda run: initial_state(*run), mesh, (config_R, seed_R))


@functools.partial(jax.jit, static_argnames=("count", "mesh"), donate_argnames="state_R")
def train_chunk(
    config_R: Config,
    seed_R: Array,
    state_R: TrainState,
    data: Any,
    first: Array,
    *,
    count: int,
    mesh: Mesh,
) -> tuple[TrainState, Trace]:
    """``count`` steps of every run from step ``first``, fewer where the run's steps end."""
    with _precise(config_R):
        return _over_runs(
            lambda run, data, first: _train_chunk(run, data, first, count),
            mesh,
            (config_R, seed_R, state_R),
            data,
            first,
        )


@functools.partial(jax.jit, static_argnames="mesh")
def evaluate(
    config_R: Config, params_R: Any, data: Any, part: Array, *, mesh: Mesh
) -> dict[str, Array]:
    """Loss and metrics of every run on a part of the task: 0 validation, 1 test."""
    with _precise(config_R):
        return _over_runs(evaluate_run, mesh, (config_R, params_R), data, part)


@functools.partial(jax.jit, static_argnames="mesh")
def examine(
    config_R: Config, seed_R: Array, params_R: Any, data: Any, *, mesh: Mesh
) -> dict[str, Array]:
    """The metrics that the task has ``examined`` of every run."""
    with _precise(config_R):
        return _over_runs(examine_run, mesh, (config_R, seed_R, params_R), data)


@functools.partial(jax.jit, static_argnames="mesh")
def observe(config_R: Config, params_R: Any, data: Any, *, mesh: Mesh) -> dict[str, Array]:
    """The observations of every run; see ``observation``."""
    with _precise(config_R):
        return _over_runs(observe_run, mesh, (config_R, params_R), data)
