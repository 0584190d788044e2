"""Two small runs whose models are observed."""

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Axis, Study
from seqjax.tasks.base import first_of
from seqjax.training.config import make_config
from seqjax.training.evaluation import observe_model
from seqjax.training.step import build_model, initialise

T, STEPS, EVERY = 5, 5, 2  # validations after 2, 4 and 5 steps


BASE = {
    "task.name": "lag_recall",
    "task.length": T,
    "model.hidden": 4,
    "clip.kind": "norm",
    "train.steps": STEPS,
    "train.eval_every": EVERY,
    "train.batch_size": 8,
}


def two_runs(observe="", rates=(0.1, 1e38)):
    axes = (Axis("optim.learning_rate", rates),)
    return plan_runs(
        Study("made_up", "Why?", BASE | {"train.observe": observe}, axes=axes), range(1)
    )


def at_the_start():
    """The parameters of the first run before training."""
    runs = two_runs()
    config_R = jax.tree.map(lambda *x: np.asarray(x, np.float32), *(run.config for run in runs))
    mesh = jax.make_mesh((2,), ("runs",), axis_types=(jax.sharding.AxisType.Auto,))
    state_R = initialise(config_R, np.zeros((2,), np.uint32), mesh=mesh)
    return first_of(jax.device_get(state_R.params))


def held_out(config):
    """The first validation batch."""
    row = config.task.evaluation_rows({}, jnp.int32(0))[0]
    return config.task.evaluation_batch({}, row)


def seen_of(settings, names):
    """Measurements of a new model on the first validation batch."""
    config = make_config(BASE | settings | {"train.observe": names})
    made = jax.jit(
        lambda: observe_model(config, build_model(config, jax.random.key(0)), held_out(config))
    )
    return jax.device_get(made())
