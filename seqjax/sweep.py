"""Runs → groups → programs over devices → records.

Runs of equal structure form a group. A group advances in batches of R runs a device, a number that
depends on structure and kind of device alone; the last batch is filled with copies whose results
are dropped. So a run's numbers do not depend on the runs beside it.
"""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from seqjax import rules
from seqjax.config import Config, as_settings
from seqjax.modules import size_of
from seqjax.study import Run
from seqjax.tasks.base import EVALUATION_BATCH
from seqjax.training import Trace, abstract_model, evaluate, initialise, train_chunk

QUANTILES = (0.1, 0.5, 0.9, 1.0)
BATCH_BYTES = 2**30
MOST_RUNS = 256


def grouped(runs: list[Run]) -> list[list[Run]]:
    """The runs of each structure, in the order in which the structures first appear."""
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        groups.setdefault(jax.tree.structure(run.config), []).append(run)
    return list(groups.values())


def memory_of(config: Config) -> int:
    """Bytes that one training run needs, by shapes and a formula; nothing is compiled.

    Training: weights, gradient and at most two optimiser slots; for every step of a batch the
    input, the gates and the carry, kept for the backward pass, their cotangents, and as much again
    in between. Evaluation: weights, and the same once for a batch of 512.
    """
    task, model = config.task, abstract_model(config)
    parameters = size_of(model)["parameters"]
    data = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, task.data()))
    size = config.train.batch_size
    row = jax.eval_shape(
        lambda data: task.rows(data, jax.random.key(0), jnp.int32(0), 1, size)[0], data
    )
    T, B = jax.eval_shape(lambda data, row: task.batch(data, row, size), data, row).x.shape[:2]
    cell = model.recurrent.cell
    width = config.model.hidden * (len(cell.gates) + len(cell.carry._fields))
    layers = config.model.layers * len(model.recurrent.directions)
    stored = sum(x.size for x in jax.tree.leaves(data))
    training = 4 * parameters + 4 * T * B * (task.inputs + layers * width)
    evaluation = parameters + T * EVALUATION_BATCH * (task.inputs + layers * width)
    return 4 * (max(training, evaluation) + stored)


def runs_per_device(config: Config, platform: str) -> int:
    """R, the runs that one device advances together: a rule, never a measurement at run time.

    One on a CPU, where a run to a core is fastest; elsewhere the largest power of two up to 256
    whose runs fit in 1 GiB by ``memory_of``.
    """
    if platform == "cpu":
        return 1
    fitting = max(1, BATCH_BYTES // memory_of(config))
    return min(MOST_RUNS, 2 ** int(math.log2(fitting)))


def described(groups: list[list[Run]], platform: str) -> Iterator[str]:
    """What running these groups would take, a line each; nothing is compiled."""
    for number, group in enumerate(groups, start=1):
        config, R = group[0].config, runs_per_device(group[0].config, platform)
        size = size_of(abstract_model(config))
        yield (
            f"group {number}: {len(group)} runs of {config.train.steps} steps, "
            f"{config.model.cell} of {config.model.hidden} units on {config.task.name}, "
            f"{size['parameters_recurrent']:,} parameters ({size['parameters']:,} with readout), "
            f"{size['multiply_adds']:,} multiply-adds a step, {R} run(s) a device together, "
            f"about {R * memory_of(config) / 2**20:.1f} MiB a device"
        )
    runs = sum(map(len, groups))
    steps = sum(run.config.train.steps for group in groups for run in group)
    yield f"{runs} runs, {steps:,} steps, {len(groups)} group(s)"
    yield f"programs: {len(groups)} each to initialise, train and evaluate"


def execute(
    group: list[Run],
    per_device: int,
    devices: list[jax.Device],
    advanced: Callable[[int], None] = lambda steps: None,
) -> Iterator[tuple[dict[str, Any], Trace]]:
    """Trains the runs of one group and yields the record and the trace of each.

    Args:
      group: runs of one structure.
      per_device: R.
      devices: they share every batch.
      advanced: told, after every chunk, how many steps of all runs together it took.
    """
    mesh = jax.make_mesh(
        (len(devices),), ("runs",), devices=devices, axis_types=(jax.sharding.AxisType.Auto,)
    )
    data = jax.device_put(
        group[0].config.task.data(), jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    )
    size = size_of(abstract_model(group[0].config))
    together = per_device * len(devices)
    for start in range(0, len(group), together):
        batch = group[start : start + together]
        filled = batch + [batch[-1]] * (together - len(batch))
        for run, outcome, trace in _run_batch(filled, len(batch), data, mesh, advanced):
            yield {**_identity(run), **size, **outcome}, trace


def _run_batch(
    filled: list[Run], real: int, data: Any, mesh: Mesh, advanced: Callable[[int], None]
) -> Iterator[tuple[Run, dict[str, Any], Trace]]:
    """Trains runs side by side; the first ``real`` of them count."""
    config = filled[0].config
    config_R = jax.tree.map(lambda *x: np.asarray(x, np.float32), *(run.config for run in filled))
    seed_R = np.asarray([run.seed for run in filled], np.uint32)
    steps, every = config.train.steps, min(config.train.eval_every, config.train.steps)
    began = time.perf_counter()
    state = initialise(config_R, seed_R, mesh=mesh)
    traces, validations = [], []
    for first in range(0, steps, every):
        state, trace = train_chunk(
            config_R, seed_R, state, data, np.int32(first), count=every, mesh=mesh
        )
        validations.append(
            jax.device_get(evaluate(config_R, state.params, data, np.int32(0), mesh=mesh))
        )
        traces.append(jax.device_get(trace))
        advanced(min(every, steps - first) * real)
    test = jax.device_get(evaluate(config_R, state.params, data, np.int32(1), mesh=mesh))
    failed_at = jax.device_get(state.failed_at)
    seconds = time.perf_counter() - began
    trace = Trace(
        *(np.concatenate(parts, axis=1)[:, :steps] for parts in zip(*traces, strict=True))
    )
    for k, run in enumerate(filled[:real]):
        own = _own_steps(Trace(*(values[k] for values in trace)), int(failed_at[k]))
        outcome = _outcome(
            config,
            own,
            [{name: values[k] for name, values in v.items()} for v in validations],
            {name: values[k] for name, values in test.items()},
            int(failed_at[k]),
        )
        yield run, {**outcome, "seconds": round(seconds / real, 6)}, own


def _own_steps(trace: Trace, failed_at: int) -> Trace:
    """The trace up to the step that failed: a frozen run goes through the motions only."""
    over = (failed_at >= 0) & (np.arange(len(trace.loss)) > failed_at)
    return Trace(*(np.where(over, np.nan, values).astype(np.float32) for values in trace))


def _identity(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "study": run.study,
        "arm": run.arm,
        "point": dict(run.point),
        "seed": run.seed,
        "paired": run.paired,
        "settings": as_settings(run.config),
        "rules": rules.RULES_HASH,
    }


def _outcome(
    config: Config, trace: Trace, validations: list[dict], test: dict, failed_at: int
) -> dict[str, Any]:
    """Everything that a run's numbers say about it."""
    task, steps = config.task, config.train.steps
    taken = steps if failed_at < 0 else failed_at
    final = [*validations[-1].values(), *test.values()]
    nonfinite = None if failed_at < 0 else failed_at
    if nonfinite is None and not np.all(np.isfinite(final)):
        nonfinite = steps
    scores = [_score(config, metrics) for metrics in validations]
    failed = rules.failure(nonfinite, trace.loss, task.chance_loss(config.link), scores)
    norms = trace.norm[: max(taken, 1)]  # without that of the step that failed, which has no size
    hide = nonfinite is not None
    return {
        "metric": task.metric,
        "higher_is_better": task.higher_is_better,
        "chance": {"metric": task.chance_metric(), "loss": task.chance_loss(config.link)},
        "best_loss": task.best_loss(config.link),
        "reduction": "mean over the batch and the valid steps",
        "failed": failed,
        "validation": {name: None if hide else value for name, value in validations[-1].items()},
        "test": {name: None if hide else value for name, value in test.items()},
        "score": 0.0 if failed else _score(config, test),
        "gradient_norm": {
            "mean": np.mean(norms, dtype=np.float64).astype(np.float32),
            **{f"q{round(100 * q)}": _quantile(norms, q) for q in QUANTILES},
            "at_failure": trace.norm[failed_at] if failed_at >= 0 else None,
        },
        "clipped_fraction": float(np.mean(trace.clipped[:taken])) if taken else 0.0,
        "curve": _curve(config, trace, validations, failed_at),
    }


def _score(config: Config, metrics: dict[str, np.ndarray]) -> float:
    task = config.task
    metric = float(metrics[task.metric])
    if not math.isfinite(metric):
        return 0.0
    if task.higher_is_better:
        return rules.accuracy_score(metric, task.chance_metric())
    return rules.score(metric, task.chance_metric(), task.best_loss(config.link))


def _quantile(norms: np.ndarray, q: float) -> np.float32:
    """The quantile by rank, so that an infinite norm stays one value among others."""
    return (
        np.float32(np.nan)
        if np.isnan(norms).any()
        else np.quantile(norms, q, method="inverted_cdf")
    )


def _curve(
    config: Config, trace: Trace, validations: list[dict], failed_at: int
) -> dict[str, list]:
    """What the learning curves show: one entry for each validation, none after a failure."""
    every = min(config.train.eval_every, config.train.steps)
    pieces = [slice(k * every, (k + 1) * every) for k in range(len(validations))]
    ends = [min(piece.stop, config.train.steps) for piece in pieces]
    return {
        "step": ends,
        "training_loss": [np.mean(trace.loss[piece]) for piece in pieces],
        "gradient_norm": [np.mean(trace.norm[piece]) for piece in pieces],
        "clipped_fraction": [np.mean(trace.clipped[piece]) for piece in pieces],
        **{
            f"validation_{name}": [
                metrics[name] if failed_at < 0 or end <= failed_at else None
                for metrics, end in zip(validations, ends, strict=True)
            ]
            for name in validations[0]
        },
    }
