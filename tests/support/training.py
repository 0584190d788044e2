"""Small training runs, and their arrays."""

import jax
import numpy as np

from seqjax.training.step import build_model, initialise, train_chunk
from seqjax.types import named_key

STEPS = 6


SMALL = {
    "model.hidden": 4,
    "task.name": "adding",
    "task.length": 4,
    "train.steps": STEPS,
    "train.batch_size": 3,
    "optim.learning_rate": 0.3,
}


CELL = "layer0_forward"


def mesh_of(devices):
    return jax.make_mesh(
        (devices,),
        ("runs",),
        devices=jax.devices()[:devices],
        axis_types=(jax.sharding.AxisType.Auto,),
    )


def stacked(configs):
    return jax.tree.map(lambda *x: np.asarray(x, np.float32), *configs)


def train(configs, seeds, *, counts=(STEPS,), devices=1):
    """States after each chunk, and the whole trace, as NumPy arrays with a run axis."""
    runs, mesh = (stacked(configs), np.uint32(seeds)), mesh_of(devices)
    state, data = initialise(*runs, mesh=mesh), configs[0].task.data()
    states, traces, first = [], [], np.int32(0)
    for count in counts:
        state, trace = train_chunk(*runs, state, data, first, count=count, mesh=mesh)
        states.append(jax.device_get(state))
        traces.append(jax.device_get(trace))
        first = first + np.int32(count)
    return states, jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *traces)


def alone(tree, run=0):
    return jax.tree.map(lambda leaf: leaf[run], tree)


def starting_arrays(config, seed):
    model = build_model(config, named_key(jax.random.key(seed), "weights"))
    return {
        "readout": {"kernel": model.readout.kernel[...], "bias": model.readout.bias[...]},
        "recurrent": {"cells": {CELL: model.recurrent.cells[CELL].get_value()}},
    }
