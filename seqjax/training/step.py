"""Initialise and train many runs at once.

``initialise``, ``train_chunk`` and ``evaluation.evaluate`` take configurations stacked along a run
axis R. JAX compiles each once per tree structure, that is once per group of runs. The run axis is
sharded over the devices. The arithmetic of a run does not depend on the other runs.

``initial_model`` and ``loss_and_gradient`` depend on the kind of configuration: ``flax_models``
defines them for models of one's own.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh, PartitionSpec

from seqjax.metrics.losses import masked_mean, masked_sum
from seqjax.models.noise import ActivationNoise
from seqjax.models.sequence import SequenceModel, model_params, with_params
from seqjax.optim import optimizer
from seqjax.recurrence.gradient_norms import StepBound
from seqjax.recurrence.unroll import Unrolled
from seqjax.tasks.base import Batch
from seqjax.training import omega
from seqjax.training.config import Config
from seqjax.training.control import Control, after_validation, initial_control
from seqjax.training.specs import PRECISIONS
from seqjax.types import Array, Number, named_key


class TrainState(NamedTuple):
    """State of one run between two training steps.

    Attributes:
      params: parameters by layer.
      opt_state: state of the Optax chain.
      carry: state that is not trained but passed on from step to step: the final carry of the
        recurrent layers, leaves (B, H), if the task carries it from batch to batch; else empty. The
        gradient of the next step treats it as a constant.
      failed_at: step at which the loss or the gradient was not finite, or -1.
      control: what validations decide, see ``control``; ``()`` if nothing depends on them.
    """

    params: dict[str, Any]
    opt_state: optax.OptState
    carry: dict[str, NamedTuple]
    failed_at: Array
    control: Control | tuple[()] = ()


class Trace(NamedTuple):
    """Metrics of each training step.

    Attributes:
      loss: mean loss over the batch and the valid steps, whatever ``train.reduction`` is.
      norm: gradient norm before clipping.
      clipped: 1 if the gradient was clipped, else 0; under "step" clipping the fraction of (step,
        example) pairs that were clipped.
      after: gradient norm after clipping and floors.
    """

    loss: Array
    norm: Array
    clipped: Array
    after: Array


def build_model(config: Config, key: Array) -> SequenceModel:
    """Initialise the model of a run. Numbers of the configuration and the key may be traced."""
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
    """Model with shapes in place of arrays."""
    return nnx.eval_shape(lambda: build_model(config, jax.random.key(0)))


def _make_optimizer(
    config: Config, control: Control | tuple[()] = ()
) -> optax.GradientTransformation:
    optim = config.optim
    if control and optim.schedule == "plateau":
        optim = dataclasses.replace(optim, learning_rate=optim.learning_rate * control.rate)
    return optimizer.make_optimizer(
        optim, config.clip, config.train.steps, config.cell, config.floor
    )


def _step_bound(config: Config, count: Array) -> StepBound | None:
    """Bounds on the gradient inside the backward pass; None without any."""
    clip, floor = config.clip, config.floor
    bounds = {
        "threshold": clip.threshold if clip.kind == "step" else None,
        "floor": floor.level if floor.kind == "signal" else None,
        "contribution": floor.level if floor.kind == "contribution" else None,
    }
    unbounded = all(number is None for number in bounds.values())
    return None if unbounded else StepBound(count=count, **bounds)


def apply_model(
    config: Config,
    params: Any,
    batch: Batch,
    count: Array,
    carry: dict | None,
    noise: ActivationNoise | None = None,
) -> tuple[Array, Unrolled]:
    """Return the logits, and the states that they are read from."""
    model, bound = with_params(abstract_model(config), params), _step_bound(config, count)
    if batch.source is not None:
        of_source = None if noise is None else noise.folded("encoder")
        carry = model.encode(
            batch.source, batch.source_lengths_B, step_bound=bound, noise=of_source
        )
    if carry is not None and batch.reset_B is not None:
        zero = model.recurrent.initial_carry(batch.reset_B.size)
        reset_B1 = batch.reset_B[:, None]
        carry = jax.tree.map(lambda a, b: jnp.where(reset_B1, a, b), zero, carry)
    result = model.unroll_layers(
        batch.x,
        carry,
        lengths_B=batch.lengths_B,
        reset_TB=batch.reset_TB,
        step_bound=bound,
        noise=noise,
    )
    return model.read_out(result, noise), result


def _count_carries(config: Config, batch: Batch) -> Array:
    """Number of (step, example) carries in the backward pass, over layers and directions."""
    T, B = batch.x.shape[:2]
    steps = T * B if batch.lengths_B is None else jnp.sum(batch.lengths_B)
    if batch.source is not None:
        steps += jnp.sum(batch.source_lengths_B)
    return jnp.asarray(steps * config.model.layers * (1 + config.model.bidirectional), jnp.float32)


@functools.singledispatch
def loss_and_gradient(
    config: Config,
    state: TrainState,
    batch: Batch,
    step: Number = 0,
    key: Array | None = None,
) -> tuple[tuple[Array, dict], tuple[Any, Array]]:
    """Loss and gradient of a batch.

    Args:
      config: configuration of the run.
      state: state before the step.
      batch: the training batch.
      step: index of the step, from which the factor of Ω follows.
      key: key of the step's noise; None without regularisers.

    Returns:
      (mean loss, final carry) and (gradient of the loss that ``train.reduction`` names, number of
      (step, example) pairs that were clipped).
    """
    params, noise = config.reg.noisy_weights(state.params, key), config.reg.activation_noise(key)

    def losses_of(logits):
        """Return the loss that is minimised, and its mean."""
        values = config.task.loss(config.link, logits, batch)
        mean = masked_mean(values, batch.weight)
        by_sum = config.train.reduction == "sum"
        return masked_sum(values, batch.weight) if by_sum else mean, mean

    def objective(params, count):
        before = state.carry if config.task.carried else None
        logits, result = apply_model(config, params, batch, count, before, noise)
        carry = result.carry if config.task.carried else {}
        minimised, mean = losses_of(logits)
        return minimised, (mean, carry, result if "omega" in config.reg.names else None)

    (_, (loss, carry, result)), (grads, count) = jax.value_and_grad(
        objective, (0, 1), has_aux=True
    )(params, jnp.float32(0))
    if result is not None:
        model = with_params(abstract_model(config), params)
        grads = omega.add_gradient(
            grads,
            params,
            config.reg.omega_factor(step),
            config.cell,
            result,
            batch,
            lambda states: losses_of(model.read_out(states, noise))[0],
        )
    return (loss, carry), (grads, count)


def at_bucket_length(
    config: Config, data: Any, row: Any, batch: Batch, function: Callable[[Batch], Any]
) -> Any:
    """Apply ``function`` to the batch, cropped to the length of its bucket if the task has any."""
    task = config.task
    programs = [
        lambda batch, steps=steps: function(batch.cropped(steps, task.every_step))
        for steps in task.bucket_lengths(data)
    ]
    return jax.lax.switch(row.bucket, programs, batch) if programs else function(batch)


def train_step(
    config: Config, data: Any, state: TrainState, step: Array, row: Array, key: Array | None = None
) -> tuple[TrainState, Trace]:
    """Take one training step. A run that fails at this step, or has failed before, is frozen.

    Args:
      config: configuration of the run; its numbers may be traced.
      data: arrays of the task.
      state: state before the step.
      step: index of the step.
      row: description of the batch, one of ``task.rows``.
      key: key of the run, which regularisers read.
    """
    step_key = config.reg.step_key(key, step)
    batch = config.task.batch(data, row, config.train.batch_size)
    (loss, carry), (grads, clipped_pairs) = at_bucket_length(
        config,
        data,
        row,
        batch,
        lambda batch: loss_and_gradient(config, state, batch, step, step_key),
    )
    params, opt_state = optimizer.apply_gradients(
        _make_optimizer(config, state.control), grads, state.opt_state, state.params
    )
    clipped = optax.tree.get(opt_state, "clipped").astype(jnp.float32)
    if config.clip.kind == "step":
        clipped = clipped_pairs / _count_carries(config, batch)
    trace = Trace(
        loss=loss,
        norm=optax.tree.get(opt_state, "norm_before"),
        clipped=clipped,
        after=optax.tree.get(opt_state, "norm_after"),
    )

    finite = jnp.stack([jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves((loss, grads))]).all()
    failed_at = jnp.where((state.failed_at < 0) & ~finite, step, state.failed_at)
    new, old = (params, opt_state, carry), (state.params, state.opt_state, state.carry)
    frozen = jax.tree.map(lambda a, b: jnp.where(failed_at < 0, a, b), new, old)
    return TrainState(*frozen, failed_at, state.control), trace


def initial_state(config: Config, seed: Array) -> TrainState:
    """State of one run before its first step."""
    params, carry = initial_model(config, named_key(jax.random.key(seed), "weights"))
    control = initial_control(config, (params, carry))
    return TrainState(params, _make_optimizer(config).init(params), carry, jnp.int32(-1), control)


@functools.singledispatch
def initial_model(config: Config, key: Array) -> tuple[dict[str, Any], dict[str, Any]]:
    """Initial parameters and carry of ``TrainState``."""
    model = build_model(config, key)
    carried = config.task.carried
    carry = model.recurrent.initial_carry(config.train.batch_size) if carried else {}
    return model_params(model), carry


def reported_state(config: Config, state: TrainState) -> TrainState:
    """The state with the parameters and the carry of the reported step."""
    if config.train.select != "best":
        return state
    params, carry = state.control.best_model
    return state._replace(params=params, carry=carry)


def _train_chunk(
    run: tuple[Config, Array, TrainState],
    data: Any,
    first: Array,
    count: int,
    shared: bool = False,
) -> tuple[TrainState, Trace]:
    """State of one run after a chunk, and its trace, which is NaN after the last step.

    A run that has stopped takes no step. If it shares its device with other runs, its steps are
    computed with theirs and dropped: with a number of steps of its own, its rows would differ from
    theirs, and every bucket length would be computed.
    """
    config, seed, state = run
    key = jax.random.key(seed)
    rows = config.task.rows(data, named_key(key, "data"), first, count, config.train.batch_size)

    def body(k, carry):
        state, trace = carry
        row = jax.tree.map(lambda array: array[k], rows)
        state, values = train_step(config, data, state, first + k, row, key)
        return state, jax.tree.map(lambda array, value: array.at[k].set(value), trace, values)

    steps = jnp.minimum(count, config.train.steps - first)
    empty = Trace(*(jnp.full((count,), jnp.nan, jnp.float32) for _ in Trace._fields))
    if not config.train.may_stop:
        return jax.lax.fori_loop(0, steps, body, (state, empty))
    running = (state.control.stopped_at < 0) & (state.failed_at < 0)
    if not shared:
        return jax.lax.fori_loop(0, jnp.where(running, steps, 0), body, (state, empty))
    after = jax.lax.fori_loop(0, steps, body, (state, empty))
    return jax.tree.map(lambda new, old: jnp.where(running, new, old), after, (state, empty))


def over_runs(function: Callable[..., Any], mesh: Mesh, runs: Any, *shared: Any) -> Any:
    """Apply ``function(run, *shared)`` to every run, with the run axis sharded over the mesh.

    A device with a single run computes without a run axis.
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


def matmul_precision(config: Config) -> contextlib.AbstractContextManager[None]:
    return jax.default_matmul_precision(PRECISIONS[config.train.precision][0])


@functools.partial(jax.jit, static_argnames="mesh")
def initialise(config_R: Config, seed_R: Array, *, mesh: Mesh) -> TrainState:
    """State of every run before its first step."""
    with matmul_precision(config_R):
        return over_runs(lambda run: initial_state(*run), mesh, (config_R, seed_R))


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
    """Train every run for ``count`` steps from step ``first``, or until ``train.steps``.

    Args:
      config_R: configurations stacked along the run axis.
      seed_R: seeds, (R,).
      state_R: states before step ``first``; their memory is reused.
      data: arrays of the task.
      first: index of the first step.
      count: number of steps, static.
      mesh: mesh whose axis ``runs`` shards the run axis.

    Returns:
      States after the chunk, and the trace (R, count), NaN after ``train.steps``.
    """
    shared = len(seed_R) > mesh.size
    with matmul_precision(config_R):
        return over_runs(
            lambda run, data, first: _train_chunk(run, data, first, count, shared),
            mesh,
            (config_R, seed_R, state_R),
            data,
            first,
        )


@functools.partial(jax.jit, static_argnames="mesh")
def update_control(
    config_R: Config, state_R: TrainState, metrics_R: dict[str, Array], step: Array, *, mesh: Mesh
) -> tuple[Control, dict[str, Array]]:
    """The ``control.after_validation`` of every run: states, and metrics (R,)."""

    def of_run(run, step):
        config, state, metrics = run
        return after_validation(config, state.control, (state.params, state.carry), metrics, step)

    return over_runs(of_run, mesh, (config_R, state_R, metrics_R), step)
