"""Measures the thresholds of claim 4 and the levels of claim 5 again.

    python -m experiments.claims.levels
    python -m experiments.claims.levels --full

Each is a quantile over the steps of a run of the norms that a clip or a floor would bound. The runs
are those of the studies without clipping and without a floor, on the first tuning seed at the
smallest rate. Output: a line for each entry, with the numbers in use.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.claims import claim_4, claim_5
from experiments.cli import flags, program, signals
from seqjax.diagnostics.base import initial_carry_of, step, zero_perturbation
from seqjax.diagnostics.gradients import weight_contributions
from seqjax.diagnostics.observers.base import extract_layer
from seqjax.models.sequence import with_params
from seqjax.recurrence.gradient_norms import LEAST_NORM, tree_norm
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Run, Study
from seqjax.tasks.base import Batch
from seqjax.training.config import Config
from seqjax.training.specs import PRECISIONS
from seqjax.training.step import (
    TrainState,
    abstract_model,
    held_out_of,
    initial_state,
    loss_and_gradient,
    train_step,
)
from seqjax.types import Array, named_key

FIRST_STEPS = 500
"""Steps measured of a run of claim 5 at full size; of other runs all are."""


def _norm(config: Config, state: TrainState, batch: Batch) -> Array:
    return tree_norm(loss_and_gradient(config, state, batch)[1][0])


def _value(config: Config, state: TrainState, batch: Batch) -> Array:
    gradient = jax.tree.leaves(loss_and_gradient(config, state, batch)[1][0])
    return jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in gradient]).max()


def _signal(config: Config, state: TrainState, batch: Batch) -> Array:
    """(parts, T, B) norms of the cotangents of h and of C after each step.

    They differ from ``gradient_profile``, whose ∂L/∂C includes the path through h of the same step:
    a floor raises the signal of C before that path joins it.
    """
    model = with_params(abstract_model(config), state.params)
    cell, params, x_TBD, loss = extract_layer(held_out_of(config, model, batch))
    carry = initial_carry_of(cell, params, x_TBD)

    def total(eps):
        def body(carry, inputs):
            carry = jax.tree.map(jnp.add, step(cell, params, inputs[0], carry), inputs[1])
            return carry, carry.h

        return jnp.sum(loss(jax.lax.scan(body, carry, (x_TBD, eps))[1]))

    signals = jax.grad(total)(zero_perturbation(carry, len(x_TBD)))
    norms = jnp.stack([tree_norm(leaf, axes=(2,))[:, :, 0] for leaf in signals])
    return norms / jnp.sum(batch.weight)  # training differentiates the mean


def _contribution(config: Config, state: TrainState, batch: Batch) -> Array:
    """(B, T) norms of each example's contribution at each step to the gradient of W, U and b."""
    model = with_params(abstract_model(config), state.params)

    def of_example(b):
        alone = jax.tree.map(lambda leaf: leaf[..., b, None], batch)  # symbols: B comes last
        return jax.vmap(tree_norm)(
            weight_contributions(*extract_layer(held_out_of(config, model, alone)))
        )

    return jax.vmap(of_example)(jnp.arange(batch.x.shape[1])) / jnp.sum(batch.weight)


NORMS = {"norm": _norm, "value": _value, "signal": _signal, "contribution": _contribution}
"""Norms that each kind of clip and of floor bounds, as functions of (config, state, batch)."""


@functools.partial(jax.jit, static_argnames=("kinds", "count"))
def norms_of(
    config: Config, seed: Array, data: Any, *, kinds: tuple[str, ...], count: int
) -> dict[str, Array]:
    """(count, ...) norms at the first ``count`` steps of a run, by kind."""
    size, key = config.train.batch_size, named_key(jax.random.key(seed), "data")
    rows = config.task.rows(data, key, jnp.int32(0), count, size)

    def body(state, at):
        batch = config.task.batch(data, at[1], size)
        seen = {kind: NORMS[kind](config, state, batch) for kind in kinds}
        return train_step(config, data, state, *at)[0], seen

    with jax.default_matmul_precision(PRECISIONS[config.train.precision][0]):
        steps = jnp.arange(count, dtype=jnp.int32), rows
        return jax.lax.scan(body, initial_state(config, seed), steps)[1]


class Entry(NamedTuple):
    """One entry of ``claim_4.THRESHOLDS`` or ``claim_5.LEVELS``, and the run that measures it.

    Attributes:
      run: run without clipping and without a floor.
      count: number of steps that are measured.
      used: numbers in use, by kind of clip or label of floor.
      kinds: key of ``NORMS`` for each of them.
      quantiles: names of the quantiles that these numbers are.
    """

    run: Run
    count: int
    used: Mapping[str, tuple[float, ...]]
    kinds: tuple[str, ...]
    quantiles: tuple[str, ...]


def entries(full: bool) -> dict[str | tuple, Entry]:
    """The entries of claim 4, then those of claim 5, by their keys."""
    found: dict[str | tuple, Entry] = {}
    for run in _unbounded(claim_4.experiment(full).study, "kind"):
        key = run.config.task.name
        used = claim_4.THRESHOLDS[full][key]
        found[key] = Entry(run, run.config.train.steps, used, tuple(used), claim_4.QUANTILES)
    study = claim_5.experiment(full).study
    for run in _unbounded(study, "floor"):
        key = run.config.task.lag, study.arm(run.arm).tags["model"]
        count = FIRST_STEPS if full else run.config.train.steps
        used = claim_5.LEVELS[key]
        kinds = tuple(claim_5.FLOORS[label] for label in used)
        found[key] = Entry(run, count, used, kinds, claim_5.QUANTILES)
    return found


def _unbounded(study: Study, tag: str) -> list[Run]:
    """The run of the first tuning seed at the smallest rate, of each arm whose tag is "none"."""
    runs = [run for run in plan_runs(study, []) if study.arm(run.arm).tags.get(tag) == "none"]
    first = min((run.seed, run.config.optim.learning_rate) for run in runs)
    return [run for run in runs if (run.seed, run.config.optim.learning_rate) == first]


def measured(entry: Entry) -> dict[str, np.ndarray]:
    """Numbers to replace ``used``. Norms under 1e-20 are left out; NaN is not."""
    config, seed = entry.run.config, jnp.uint32(entry.run.seed)
    seen = norms_of(config, seed, config.task.data(), kinds=entry.kinds, count=entry.count)
    ranks = [int(name.removeprefix("q")) / 100 for name in entry.quantiles]
    found = {}
    for label, kind in zip(entry.used, entry.kinds, strict=True):
        norms = np.asarray(seen[kind])
        norms = norms[~(norms < LEAST_NORM)]
        found[label] = np.quantile(norms, ranks, method="inverted_cdf")  # by rank, as in records
    return found


def main(argv: list[str]) -> None:
    """Print every entry when it is measured, in two digits."""
    del argv
    for key, entry in entries(flags.FLAGS.full).items():
        for label, numbers in measured(entry).items():
            found = tuple(float(f"{number:.2g}") for number in numbers)
            print(f"{key!r}, {label!r}: {found}, in use: {entry.used[label]}", flush=True)


if __name__ == "__main__":
    signals.install()
    flags.define_level_flags()
    program.run(main, flags.parser, __doc__)
