"""Initialise, train and evaluate many runs at once.

``initialise``, ``train_chunk`` and ``evaluate`` take configurations stacked along a run axis R. JAX
compiles each once per tree structure, that is once per group of runs. The run axis is sharded over
the devices. The arithmetic of a run does not depend on the other runs.

``initial_model``, ``loss_and_gradient``, ``evaluated_variables`` and ``evaluation_means`` depend on
the kind of configuration: ``flax_models`` defines them for models of one's own.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh, PartitionSpec

from seqjax.diagnostics import observers
from seqjax.metrics.losses import masked_mean, masked_sum
from seqjax.models.noise import ActivationNoise
from seqjax.models.sequence import SequenceModel, model_params, with_params
from seqjax.optim import optimizer
from seqjax.recurrence.gradient_norms import StepBound
from seqjax.recurrence.unroll import Unrolled
from seqjax.tasks.base import Batch, first_of
from seqjax.training import omega
from seqjax.training.config import Config
from seqjax.training.specs import PRECISIONS, observed
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
    """

    params: dict[str, Any]
    opt_state: optax.OptState
    carry: dict[str, NamedTuple]
    failed_at: Array


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


def _make_optimizer(config: Config) -> optax.GradientTransformation:
    return optimizer.make_optimizer(
        config.optim, config.clip, config.train.steps, config.cell, config.floor
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


def _apply(
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
        logits, result = _apply(config, params, batch, count, before, noise)
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


def _at_bucket_length(
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
    (loss, carry), (grads, clipped_pairs) = _at_bucket_length(
        config,
        data,
        row,
        batch,
        lambda batch: loss_and_gradient(config, state, batch, step, step_key),
    )
    params, opt_state = optimizer.apply_gradients(
        _make_optimizer(config), grads, state.opt_state, state.params
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
    return TrainState(*frozen, failed_at), trace


def initial_state(config: Config, seed: Array) -> TrainState:
    """State of one run before its first step."""
    params, carry = initial_model(config, named_key(jax.random.key(seed), "weights"))
    return TrainState(params, _make_optimizer(config).init(params), carry, jnp.int32(-1))


@functools.singledispatch
def initial_model(config: Config, key: Array) -> tuple[dict[str, Any], dict[str, Any]]:
    """Initial parameters and carry of ``TrainState``."""
    model = build_model(config, key)
    carried = config.task.carried
    carry = model.recurrent.initial_carry(config.train.batch_size) if carried else {}
    return model_params(model), carry


@functools.singledispatch
def evaluated_variables(config: Config, state: TrainState) -> Any:
    """The part of a training state that predictions depend on: the parameters."""
    return state.params


def _train_chunk(
    run: tuple[Config, Array, TrainState], data: Any, first: Array, count: int
) -> tuple[TrainState, Trace]:
    """State of one run after a chunk, and its trace, which is NaN after the last step."""
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
    return jax.lax.fori_loop(0, steps, body, (state, empty))


def evaluate_run(run: tuple[Config, Any], data: Any, part: Array) -> dict[str, Array]:
    """Loss and metrics of one run; see ``evaluate``.

    Args:
      run: configuration, and the result of ``evaluated_variables``.
    """
    config, variables = run
    return evaluation_means(config, variables, data, part)


@functools.singledispatch
def evaluation_means(config: Config, params: Any, data: Any, part: Array) -> dict[str, Array]:
    """Means of loss and metrics over a split of the data; see ``evaluate``."""
    rows = config.task.evaluation_rows(data, part)

    def sums(batch):
        logits, _ = _apply(config, params, batch, jnp.float32(0), None)
        values = {"loss": (config.task.loss(config.link, logits, batch), batch.weight)}
        values |= config.task.metrics(config.link, logits, batch)
        return {name: (jnp.sum(v * w), jnp.sum(w)) for name, (v, w) in values.items()}

    def row_sums(row):
        return _at_bucket_length(config, data, row, config.task.evaluation_batch(data, row), sums)

    totals = jax.tree.map(lambda x: jnp.sum(x, axis=0), jax.lax.map(row_sums, rows))
    means = {name: total / weight for name, (total, weight) in totals.items()}
    return means | config.task.derived(means)


def examine_run(run: tuple[Config, Array, Any], data: Any) -> dict[str, Array]:
    """The ``final_metrics`` of one run, such as scores of the text that it generates.

    Args:
      run: configuration, seed and parameters.
    """
    config, seed, params = run
    model, key = with_params(abstract_model(config), params), jax.random.key(seed)
    return config.task.final_evaluation(data, model, named_key(key, "examination"))


def held_out_of(config: Config, model: SequenceModel, batch: Batch) -> observers.HeldOut:
    """Return the model and a batch of held-out sequences in the form that observers read."""
    return observers.HeldOut(
        model=model,
        batch=batch,
        loss=functools.partial(config.task.loss, config.link),
        symbols=config.task.inputs,
    )


def observe_model(config: Config, model: SequenceModel, batch: Batch) -> dict[str, Array]:
    """Run the observers in ``train.observe`` on a model and a batch of held-out sequences."""
    return observers.observe(observed(config.train.observe), held_out_of(config, model, batch))


def observe_run(run: tuple[Config, Any], data: Any) -> dict[str, Array]:
    """Run the observers in ``train.observe`` on one run and the first validation batch.

    Args:
      run: configuration and parameters.
    """
    config, params = run
    row = first_of(config.task.evaluation_rows(data, jnp.int32(0)))
    batch = config.task.evaluation_batch(data, row)
    return observe_model(config, with_params(abstract_model(config), params), batch)


def _over_runs(function: Callable[..., Any], mesh: Mesh, runs: Any, *shared: Any) -> Any:
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


def _matmul_precision(config: Config) -> contextlib.AbstractContextManager[None]:
    return jax.default_matmul_precision(PRECISIONS[config.train.precision][0])


@functools.partial(jax.jit, static_argnames="mesh")
def initialise(config_R: Config, seed_R: Array, *, mesh: Mesh) -> TrainState:
    """State of every run before its first step."""
    with _matmul_precision(config_R):
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
    with _matmul_precision(config_R):
        return _over_runs(
            lambda run, data, first: _train_chunk(run, data, first, count),
            mesh,
            (config_R, seed_R, state_R),
            data,
            first,
        )


@functools.partial(jax.jit, static_argnames="mesh")
def evaluate(
    config_R: Config, variables_R: Any, data: Any, part: Array, *, mesh: Mesh
) -> dict[str, Array]:
    """Loss and metrics (R,) of every run on a split of the data: 0 validation, 1 test.

    ``variables_R`` is the result of ``evaluated_variables``.
    """
    with _matmul_precision(config_R):
        return _over_runs(evaluate_run, mesh, (config_R, variables_R), data, part)


@functools.partial(jax.jit, static_argnames="mesh")
def examine(
    config_R: Config, seed_R: Array, params_R: Any, data: Any, *, mesh: Mesh
) -> dict[str, Array]:
    """Metrics (R,) that the task defines in ``final_evaluation``, of every run."""
    with _matmul_precision(config_R):
        return _over_runs(examine_run, mesh, (config_R, seed_R, params_R), data)


@functools.partial(jax.jit, static_argnames="mesh")
def observe(config_R: Config, params_R: Any, data: Any, *, mesh: Mesh) -> dict[str, Array]:
    """Observations (R, ...) of every run; see ``diagnostics.observers``."""
    with _matmul_precision(config_R):
        return _over_runs(observe_run, mesh, (config_R, params_R), data)
