"""seqjax as a contender. Suites of sweeps need all of seqjax, other suites only jax and numpy."""

import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.bench.peers.jax_job import PRECISIONS, jax_job
from experiments.bench.problem import AbsentError, Job, Size, draw
from seqjax.cells import CELLS
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence import unroll as recurrence


def make(suite: str, **options) -> Job:
    """Prepare a job of the suite "layer", "runs", "sweep", "together" or "ceiling"."""
    suites = {
        "layer": _layer,
        "runs": _runs,
        "sweep": _sweep,
        "together": _together,
        "ceiling": _ceiling,
    }
    return suites[suite](**options)


def _layer(
    size: list[int],
    cell: str,
    precision: str,
    engine: str = "auto",
    devices: bool = False,
    remat: bool = False,
    unroll: int = 1,
) -> Job:
    """``unroll`` of a cell; with ``devices`` the batch is sharded over all devices."""
    if devices and (jax.device_count() == 1 or size[0] % jax.device_count()):
        raise AbsentError(f"{jax.device_count()} device(s) for a batch of {size[0]}")
    chosen, size = CELLS[cell], Size(*size)
    arrays = draw(size, len(chosen.input_gates))
    extras = init_cell(jax.random.key(0), chosen, size.D, size.H, InitSpec())
    b_GH = arrays.b_GH
    if cell == "gru":  # the bias of n is inside the product with the reset gate
        b_GH = np.stack([*b_GH[:2], np.zeros_like(b_GH[2]), b_GH[2]])
    drawn = {"w_DGH": arrays.w_DGH, "u_HGH": arrays.u_HGH, "b_GH": b_GH}
    params = extras._replace(
        **{name: jnp.asarray(drawn[name]) for name in drawn if name in extras._fields}
    )

    def apply(params, x):
        options = {"engine": engine, "remat": remat or None, "unroll": unroll}
        return recurrence.unroll(chosen, params, x, **options).outputs_TBH

    job = jax_job(
        apply,
        params,
        arrays.x_TBD,
        arrays.y_TBH,
        precision=precision,
        axis="batch" if devices else "",
    )
    job.facts["multiply_adds"] = chosen.multiply_adds(size.D, size.H)
    return job


def _runs(size: list[int], together: int, precision: str) -> Job:
    """Training steps of several models side by side on one device, to choose R."""
    jax.config.update("jax_default_matmul_precision", PRECISIONS[precision])
    cell, size = CELLS["lstm"], Size(*size)
    arrays = draw(size)
    x, y = jnp.asarray(arrays.x_TBD), jnp.asarray(arrays.y_TBH)
    keys = jax.random.split(jax.random.key(0), together)
    params = jax.vmap(lambda key: init_cell(key, cell, size.D, size.H, InitSpec()))(keys)

    def step(params):
        def loss(params):
            return jnp.mean((recurrence.unroll(cell, params, x).outputs_TBH - y) ** 2)

        return jax.tree.map(lambda p, g: p - 0.01 * g, params, jax.grad(loss)(params))

    if together == 1:  # as in training: a device with one run sees no run axis
        params = jax.tree.map(lambda a: a[0], params)
        compiled = jax.jit(step, donate_argnums=0)
    else:
        compiled = jax.jit(jax.vmap(step), donate_argnums=0)
    state = [params]

    def run(times):
        for _ in range(times):
            state[0] = jax.block_until_ready(compiled(state[0]))

    run(1)
    return Job(run, {}, {})


def _sweep(size: list[int], runs: int, steps: int, precision: str) -> Job:
    """Runs of the adding task from seeds to losses, with the programs of a sweep."""
    from seqjax.sweeps.executor import runs_per_device
    from seqjax.training.step import initialise, train_chunk

    config, data = _adding(size, steps, precision)
    devices = jax.local_devices()
    together = runs_per_device(config, devices[0].platform) * len(devices)
    mesh = jax.make_mesh((len(devices),), ("runs",), axis_types=(jax.sharding.AxisType.Auto,))
    config_R = jax.tree.map(lambda x: np.full((together,), x, np.float32), config)

    def batch(first: int) -> Any:
        seed_R = np.arange(first, first + together, dtype=np.uint32)
        state = initialise(config_R, seed_R, mesh=mesh)
        options = {"count": steps, "mesh": mesh}
        return train_chunk(config_R, seed_R, state, data, np.int32(0), **options)[1]

    def run(times):
        for _ in range(times):
            for first in range(0, runs, together):
                jax.device_get(batch(first))

    jax.device_get(batch(0))
    return Job(run, _one_update(config, size), {"together": together})


def _adding(size: list[int], steps: int, precision: str) -> tuple[Any, Any]:
    """Configuration of a run on the adding task, and the task's data."""
    from seqjax.training.config import make_config

    B, T, _, H = size
    config = make_config(
        {
            "task.name": "adding",
            "task.length": T,
            "model.hidden": H,
            "train.batch_size": B,
            "train.steps": steps,
            "train.precision": precision,
            "optim.learning_rate": 0.01,
            "optim.momentum": 0.9,
            "clip.kind": "norm",
            "clip.threshold": 1.0,
        }
    )
    return config, config.task.data()


def _together(size: list[int], runs: int, steps: int, precision: str) -> Job:
    """Training steps of ``runs`` runs side by side on one device, with the program of a sweep.

    Facts are the memory that the compiled program needs and that ``memory_of`` predicts, in bytes,
    the number of time steps, and the time of initialisation.
    """
    from seqjax.sweeps.executor import memory_of
    from seqjax.training.step import initialise, train_chunk

    config, data = _adding(size, steps, precision)
    mesh = jax.make_mesh(
        (1,), ("runs",), devices=jax.devices()[:1], axis_types=(jax.sharding.AxisType.Auto,)
    )
    config_R = jax.tree.map(lambda x: np.full((runs,), x, np.float32), config)
    seed_R, first = np.arange(runs, dtype=np.uint32), np.int32(0)
    jax.block_until_ready(initialise(config_R, seed_R, mesh=mesh))  # compiles
    began = time.perf_counter()
    initial = jax.block_until_ready(initialise(config_R, seed_R, mesh=mesh))
    seconds = time.perf_counter() - began
    compiled = train_chunk.lower(
        config_R, seed_R, initial, data, first, count=steps, mesh=mesh
    ).compile()
    memory = compiled.memory_analysis()
    state = [initial]

    def run(times):
        for _ in range(times):
            state[0], trace = compiled(config_R, seed_R, state[0], data, first)
            jax.block_until_ready(trace)
        return trace

    facts = {
        "run_steps": runs * steps * size[1],
        "bytes": memory.temp_size_in_bytes + memory.argument_size_in_bytes,
        "predicted_bytes": runs * memory_of(config),
        "initialise_seconds": seconds,
    }
    return Job(run, {"losses": np.asarray(run(1).loss[0])}, facts)


def _one_update(config: Any, size: list[int]) -> dict[str, np.ndarray]:
    """Loss and recurrent matrix after one step of the sweep's training program."""
    from seqjax.cells.base import Params
    from seqjax.tasks.base import Batch
    from seqjax.tasks.synthetic.adding import Adding
    from seqjax.training.step import initial_state, train_step

    arrays = draw(Size(*size))
    y_B = arrays.y_TBH[0, :, 0]

    class Drawn(Adding):
        def sample(self, key, batch_size):
            return Batch(jnp.asarray(arrays.x_TBD), jnp.asarray(y_B), jnp.ones_like(y_B))

    config = dataclasses.replace(config, task=Drawn(length=size[1]))
    state = initial_state(config, jnp.uint32(0))
    params = {
        "recurrent": {"cells": {"layer0_forward": Params(*arrays[2:])}},
        "readout": {"kernel": arrays.u_HGH[:, 0, :1], "bias": np.zeros(1, np.float32)},
    }
    params = jax.tree.map(lambda old, new: jnp.asarray(new), state.params, params)
    row = config.task.rows(None, jax.random.key(0), jnp.int32(0), 1, size[0])[0]
    state, trace = jax.jit(train_step)(config, None, state._replace(params=params), 0, row)
    u_HGH = state.params["recurrent"]["cells"]["layer0_forward"].u_HGH
    return {"loss": np.asarray(trace.loss), "updated": np.asarray(u_HGH)}


def _ceiling(side: int, precision: str) -> Job:
    """One large square matrix product."""
    jax.config.update("jax_default_matmul_precision", PRECISIONS[precision])
    a = jax.random.normal(jax.random.key(0), (side, side))
    product = jax.jit(lambda a: a @ a)

    def run(times):
        for _ in range(times):
            product(a).block_until_ready()

    run(1)
    return Job(run, {}, {})
