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
from absl import app

from experiments import flags
from experiments.claims import claim_4, claim_5
from experiments.claims.evidence import BETWEEN
from seqjax import tuning
from seqjax.config import PRECISIONS, Config
from seqjax.diagnostics.base import no_perturbation, start_of, step
from seqjax.diagnostics.gradients import weight_contributions
from seqjax.modules import with_arrays
from seqjax.observation.base import only_layer
from seqjax.signal import LEAST_NORM, tree_norm
from seqjax.study import Run, Study
from seqjax.tasks.base import Batch
from seqjax.training import TrainState, abstract_model, differentiate, initial_state, train_step
from seqjax.types import Array, named_key

FIRST_STEPS = 500
"""Of the runs of claim 5 at full size so many steps are looked at, and of all others every one."""


def _norm(config: Config, state: TrainState, batch: Batch) -> Array:
    return tree_norm(differentiate(config, state, batch)[1][0])


def _value(config: Config, state: TrainState, batch: Batch) -> Array:
    """The largest entry of the gradient."""
    gradient = differentiate(config, state, batch)[1][0]
    return jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(gradient)]).max()


def _signal(config: Config, state: TrainState, batch: Batch) -> Array:
    """(parts, T, B) norms of the cotangents of h, and of C, after each step.

    ``gradient_profile`` has for C the total derivative, with the path out through h of the same
    step, which lies behind the point where a floor raises the signal.
    """
    model = with_arrays(abstract_model(config), state.params)
    cell, params, x_TBD, loss = only_layer(config, model, batch)
    carry = start_of(cell, params, x_TBD)

    def total(eps):
        def body(carry, inputs):
            carry = jax.tree.map(jnp.add, step(cell, params, inputs[0], carry), inputs[1])
            return carry, carry.h

        return jnp.sum(loss(jax.lax.scan(body, carry, (x_TBD, eps))[1]))

    signals = jax.grad(total)(no_perturbation(carry, len(x_TBD)))
    norms = jnp.stack([tree_norm(leaf, axes=(2,))[:, :, 0] for leaf in signals])
    return norms / jnp.sum(batch.weight)  # training differentiates the mean


def _contribution(config: Config, state: TrainState, batch: Batch) -> Array:
    """(B, T) norms of what each example adds at each step to the gradient of W, U and b."""
    model = with_arrays(abstract_model(config), state.params)

    def of_example(b):
        alone = jax.tree.map(lambda leaf: leaf[..., b, None], batch)  # symbols: B comes last
        return jax.vmap(tree_norm)(weight_contributions(*only_layer(config, model, alone)))

    return jax.vmap(of_example)(jnp.arange(batch.x.shape[1])) / jnp.sum(batch.weight)


LOOKS = {"norm": _norm, "value": _value, "signal": _signal, "contribution": _contribution}
"""What each kind of clip and of floor bounds."""


@functools.partial(jax.jit, static_argnames=("kinds", "count"))
def looked_at(
    config: Config, seed: Array, data: Any, *, kinds: tuple[str, ...], count: int
) -> dict[str, Array]:
    """By kind what it would bound at each of the first ``count`` steps of a run, (count, ...)."""
    size = config.train.batch_size
    key = named_key(jax.random.key(seed), "data")
    rows = config.task.rows(data, key, jnp.int32(0), count, size)

    def body(state, at):
        batch = config.task.batch(data, at[1], size)
        seen = {kind: LOOKS[kind](config, state, batch) for kind in kinds}
        return train_step(config, data, state, *at)[0], seen

    with jax.default_matmul_precision(PRECISIONS[config.train.precision][0]):
        steps = jnp.arange(count, dtype=jnp.int32)
        return jax.lax.scan(body, initial_state(config, seed), (steps, rows))[1]


class Place(NamedTuple):
    """Constants of one run: their key in the table, the run, and how many of its steps count.

    ``kinds`` says which clip or floor each label of ``used`` is, ``names`` which quantiles.
    """

    key: str | tuple
    run: Run
    count: int
    used: Mapping[str, tuple[float, ...]]
    kinds: Mapping[str, str]
    names: tuple[str, ...]


def places(full: bool) -> Iterator[Place]:
    """Claim 4's, then claim 5's."""
    for run in _unbounded(claim_4.subject(full).study):
        key, kinds = run.config.task.name, {kind: kind for kind in claim_4.KINDS}
        used = claim_4.THRESHOLDS[full][key]
        yield Place(key, run, run.config.train.steps, used, kinds, claim_4.QUANTILES)
    for run in _unbounded(claim_5.subject(full).study):
        key = run.config.task.lag, run.arm.rpartition(BETWEEN)[2].removesuffix(" none")
        count = FIRST_STEPS if full else run.config.train.steps
        yield Place(key, run, count, claim_5.LEVELS[key], claim_5.FLOORS, claim_5.QUANTILES)


def _unbounded(study: Study) -> list[Run]:
    """Of every arm "none" the run of the first tuning seed at the smallest rate."""
    runs = [run for run in tuning.due(study, [], []) if run.arm.endswith("none")]
    smallest = min(run.config.optim.learning_rate for run in runs)
    first = [run for run in runs if run.seed == tuning.FIRST_SEED]
    return [run for run in first if run.config.optim.learning_rate == smallest]


def measured(place: Place) -> dict[str, tuple[float, ...]]:
    """What would stand in place of ``used``; norms under 1e-20 are left out, NaN is not."""
    config, kinds = place.run.config, {label: place.kinds[label] for label in place.used}
    asked = {"kinds": tuple(kinds.values()), "count": place.count}
    seen = looked_at(config, jnp.uint32(place.run.seed), config.task.data(), **asked)
    ranks, found = [int(name.removeprefix("q")) / 100 for name in place.names], {}
    for label, kind in kinds.items():
        norms = np.ravel(seen[kind])
        kept = norms[~(norms < LEAST_NORM)]
        # By rank, as in records: an infinite norm stays one value among others.
        found[label] = tuple(np.quantile(kept, ranks, method="inverted_cdf").tolist())
    return found


def described(place: Place, found: Mapping[str, tuple[float, ...]]) -> str:
    """The entry of the table as a literal, in two digits, and behind it what is in use."""
    lines = [f"{place.key!r}: {{"]
    for label, numbers in found.items():
        used = place.used[label]
        literal = ", ".join(f"{number:.2g}" for number in numbers)
        ratios = ", ".join(f"{a / b:.2f}" for a, b in zip(numbers, used, strict=True))
        lines.append(f'    "{label}": ({literal}),  # {ratios} times {used}')
    return "\n".join([*lines, "},"])


def main(argv: list[str]) -> None:
    del argv
    for place in places(flags.FLAGS.full):
        print(described(place, measured(place)), flush=True)


if __name__ == "__main__":
    flags.define_level_flags()
    app.run(main, flags_parser=flags.parser)
