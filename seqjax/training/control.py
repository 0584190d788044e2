"""Control of a run by its validation metric: best step, early stopping, rate on a plateau.

After each validation, with m the metric (negated if lower is better) and m* the best one so far,

    new best        m > m*, so the earlier of equal steps stays the best
    stop            after ``train.patience`` validations in a row without a new best, or once the
                    metric reaches ``train.stop_at``
    learning rate   times ``optim.plateau_factor`` after each ``optim.plateau_patience`` validations
                    in a row without a new best

A run that needs none of these has the empty state ``()``.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqjax.training.config import Config
from seqjax.types import Array


class Control(NamedTuple):
    """Decisions from the validations of a run so far; parts without a use are ``()``.

    Attributes:
      best: best metric, negated if lower is better; -inf before the first validation.
      best_step: number of updates at the best validation; 0 before the first.
      best_model: parameters and carry at that step, as in ``TrainState``.
      since_best: validations since the best.
      since_plateau: validations since the best or since the rate was last lowered.
      rate: factor of the learning rate.
      stopped_at: number of updates after which the run stopped, or -1.
    """

    best: Array
    best_step: Array
    best_model: Any
    since_best: Array
    since_plateau: Any
    rate: Any
    stopped_at: Array


def initial_control(config: Config, model: Any) -> Control | tuple[()]:
    """State before the first step; ``()`` if no setting needs one.

    Args:
      config: settings of the run.
      model: initial parameters and carry.
    """
    plateau = config.optim.schedule == "plateau"
    selects = config.train.select == "best"
    if not (plateau or selects or config.train.may_stop):
        return ()
    return Control(
        best=jnp.float32(-math.inf),
        best_step=jnp.int32(0),
        best_model=model if selects else (),
        since_best=jnp.int32(0),
        since_plateau=jnp.int32(0) if plateau else (),
        rate=jnp.float32(1) if plateau else (),
        stopped_at=jnp.int32(-1),
    )


def after_validation(
    config: Config, control: Control, model: Any, metrics: dict[str, Array], step: Array
) -> tuple[Control, dict[str, Array]]:
    """Return the state after a validation, and the metrics, NaN if the run had stopped before.

    Optax has ``contrib.reduce_on_plateau``. It is not used, because its factor must be a Python
    number, its tolerance must be positive, which for a negative metric has the wrong sign, and it
    expects a value with every update.

    Args:
      config: settings of the run; its numbers may be traced.
      control: state before the validation.
      model: parameters and carry that were evaluated.
      metrics: validation metrics by name.
      step: () number of updates so far.
    """
    train, sign = config.train, 1 if config.task.higher_is_better else -1
    running = control.stopped_at < 0
    metric = sign * metrics[config.task.metric]
    better = running & (metric > control.best)  # False for NaN
    since_best = jnp.where(better, 0, control.since_best + 1)
    stop = jnp.bool_(False)
    if train.patience:
        stop |= since_best >= train.patience
    if train.stop_at < math.inf:
        stop |= metric >= sign * train.stop_at
    since_plateau, rate = control.since_plateau, control.rate
    if config.optim.schedule == "plateau":
        since_plateau = jnp.where(better, 0, since_plateau + 1)
        lower = since_plateau >= config.optim.plateau_patience
        rate = jnp.where(lower, rate * config.optim.plateau_factor, rate)
        since_plateau = jnp.where(lower, 0, since_plateau)
    best_model = control.best_model
    if train.select == "best":
        best_model = jax.tree.map(lambda new, old: jnp.where(better, new, old), model, best_model)
    after = Control(
        best=jnp.where(better, metric, control.best),
        best_step=jnp.where(better, step, control.best_step),
        best_model=best_model,
        since_best=since_best,
        since_plateau=since_plateau,
        rate=rate,
        stopped_at=jnp.where(running & stop, step, control.stopped_at),
    )
    return after, {name: jnp.where(running, value, jnp.nan) for name, value in metrics.items()}
