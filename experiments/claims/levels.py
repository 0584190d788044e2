"""The thresholds of claim 4 and the levels of claim 5, measured again beside those in use.

    python -m experiments.claims.levels
    python -m experiments.claims.levels --full

Each is a quantile, over the steps of a run, of what a clip or a floor would bound there. The runs
are those of the studies themselves that neither clip nor raise anything, on the first tuning seed
at the smallest rate. Printed as they stand in the modules, with those in use and the ratios behind.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.claims import claim_4, claim_5
from experiments.claims.evidence import BETWEEN
from experiments.cli import flags, program, signals
from seqjax.diagnostics.base import initial_carry_of, step, zero_perturbation
from seqjax.diagnostics.gradients import weight_contributions
from seqjax.diagnostics.observers.base import extract_layer
from seqjax.models.sequence import with_params
from seqjax.recurrence.gradient_norms import LEAST_NORM, tree_norm
from seqjax.sweeps import tuning
from seqjax.sweeps.study import Run, Study
from seqjax.tasks.base import Batch
from seqjax.training.config import PRECISIONS, Config
from seqjax.training.step import (
    TrainState,
    abstract_model,
    held_out_of,
    initial_state,
    loss_and_gradient,
    train_step,
)
from seqjax.types import Array, named_key

FIRST_STEPS = 500  # of a run of claim 5 at full size; of all others every step counts


def _norm(config: Config, state: TrainState, batch: Batch) -> Array:
    return tree_norm(loss_and_gradient(config, state, batch)[1][0])


def _value(config: Config, state: TrainState, batch: Batch) -> Array:
    gradient = jax.tree.leaves(loss_and_gradient(config, state, batch)[1][0])
    return jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in gradient]).max()


def _signal(config: Config, state: TrainState, batch: Batch) -> Array:
    """(parts, T, B) norms of the cotangents of h, and of C, after each step.

    Not those of ``gradient_profile``, whose ∂L/∂C also goes out through h of the same step: a floor
    raises C's signal before that joins it.
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
    """(B, T) norms of what each example adds at each step to the gradient of W, U and b."""
    model = with_params(abstract_model(config), state.params)

    def of_example(b):
        alone = jax.tree.map(lambda leaf: leaf[..., b, None], batch)  # symbols: B comes last
        return jax.vmap(tree_norm)(
            weight_contributions(*extract_layer(held_out_of(config, model, alone)))
        )

    return jax.vmap(of_example)(jnp.arange(batch.x.shape[1])) / jnp.sum(batch.weight)


LOOKS = {"norm": _norm, "value": _value, "signal": _signal, "contribution": _contribution}
"""What each kind of clip and of floor bounds."""


@functools.partial(jax.jit, static_argnames=("kinds", "count"))
def looked_at(config: Config, seed: Array, data: Any, *, kinds: tuple[str, ...], count: int):
    """By kind what it would bound at each of the first ``count`` steps of a run, (count, ...)."""
    size, key = config.train.batch_size, named_key(jax.random.key(seed), "data")
    rows = config.task.rows(data, key, jnp.int32(0), count, size)

    def body(state, at):
        batch = config.task.batch(data, at[1], size)
        seen = {kind: LOOKS[kind](config, state, batch) for kind in kinds}
        return train_step(config, data, state, *at)[0], seen

    with jax.default_matmul_precision(PRECISIONS[config.train.precision][0]):
        steps = jnp.arange(count, dtype=jnp.int32), rows
        return jax.lax.scan(body, initial_state(config, seed), steps)[1]


class Place(NamedTuple):
    """An entry of a table: its key, the run it is of, so many steps of that, and its numbers."""

    key: str | tuple
    run: Run
    count: int
    used: Mapping[str, tuple[float, ...]]
    quantiles: tuple[str, ...]


def places(full: bool) -> Iterator[Place]:
    """Claim 4's, then claim 5's."""
    for run in _unbounded(claim_4.subject(full).study):
        key, count = run.config.task.name, run.config.train.steps
        yield Place(key, run, count, claim_4.THRESHOLDS[full][key], claim_4.QUANTILES)
    for run in _unbounded(claim_5.subject(full).study):
        key = run.config.task.lag, run.arm.rpartition(BETWEEN)[2].removesuffix(" none")
        count = FIRST_STEPS if full else run.config.train.steps
        yield Place(key, run, count, claim_5.LEVELS[key], claim_5.QUANTILES)


def _unbounded(study: Study) -> list[Run]:
    """Of every arm "none" the run of the first tuning seed at the smallest rate."""
    runs = [run for run in tuning.due(study, [], []) if run.arm.endswith("none")]
    first = min((run.seed, run.config.optim.learning_rate) for run in runs)
    return [run for run in runs if (run.seed, run.config.optim.learning_rate) == first]


def measured(place: Place) -> dict[str, np.ndarray]:
    """What would stand in place of ``used``; norms under 1e-20 are left out, NaN is not."""
    config, seed = place.run.config, jnp.uint32(place.run.seed)
    # A label of claim 4 is the kind itself.
    kinds = tuple(claim_5.FLOORS.get(label, label) for label in place.used)
    data = config.task.data()
    seen = jax.device_get(looked_at(config, seed, data, kinds=kinds, count=place.count))
    ranks, found = [int(name.removeprefix("q")) / 100 for name in place.quantiles], {}
    for label, kind in zip(place.used, kinds, strict=True):
        norms = seen[kind][~(seen[kind] < LEAST_NORM)]
        found[label] = np.quantile(norms, ranks, method="inverted_cdf")  # by rank, as in records
    return found


def described(key: str | tuple, found: Mapping[str, np.ndarray], used: Mapping[str, tuple]) -> str:
    """The entry as a literal, in two digits, and behind it the ratios to what is in use."""
    lines = [f"{key!r}: {{"]
    for label, numbers in found.items():
        literal = tuple(float(f"{number:.2g}") for number in numbers)
        ratios = ", ".join(f"{ratio:.2f}" for ratio in numbers / used[label])
        lines.append(f"    {label!r}: {literal},  # {ratios} times {used[label]}")
    return "\n".join([*lines, "},"])


def main(argv: list[str]) -> None:
    del argv
    for place in places(flags.FLAGS.full):
        print(described(place.key, measured(place), place.used), flush=True)


if __name__ == "__main__":
    signals.install()
    flags.define_level_flags()
    program.run(main, flags.parser, __doc__)
