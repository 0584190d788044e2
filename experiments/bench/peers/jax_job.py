"""Job of a JAX function ``apply(params, x) -> outputs``."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.bench.problem import RATE, Job

PRECISIONS = {"float32": "highest", "tf32": "tensorfloat32"}


def jax_job(apply: Callable, params: Any, x: Any, y: Any, *, precision: str, axis: str = "") -> Job:
    """Job of a training step of ``apply``, with its forward pass.

    Its values are the outputs before and after one update.
    """
    jax.config.update("jax_default_matmul_precision", PRECISIONS[precision])
    params, x, y = jax.tree.map(jnp.asarray, (params, x, y))
    rows = y.shape[0] * y.shape[1]

    def loss(params, x, y):
        return jnp.sum((apply(params, x) - y) ** 2) / rows

    grad = jax.value_and_grad(loss)
    forward = apply
    if axis:
        grad, forward, params, x, y = _over_devices(loss, apply, axis, params, x, y)

    @functools.partial(jax.jit, donate_argnums=0)
    def train(params, x, y):
        value, gradient = grad(params, x, y)
        return jax.tree.map(lambda p, g: p - RATE * g, params, gradient), value

    forward = jax.jit(forward)
    values, facts = {"outputs": np.asarray(forward(params, x))}, {}
    state = [params]
    compiled = train.lower(params, x, y).compile()
    facts["temporary_bytes"] = compiled.memory_analysis().temp_size_in_bytes

    def run(times):
        for _ in range(times):
            state[0], value = compiled(state[0], x, y)
            value.block_until_ready()

    def run_forward(times):
        for _ in range(times):
            jax.block_until_ready(forward(state[0], x))

    run(1)
    values["updated"] = np.asarray(forward(state[0], x))
    return Job(run, values, facts, run_forward)


def _over_devices(
    loss: Callable, apply: Callable, axis: str, params: Any, x: Any, y: Any
) -> tuple[Callable, Callable, Any, Any, Any]:
    """Loss and gradient with the batch sharded over all devices."""
    from jax.sharding import AxisType, NamedSharding, PartitionSpec

    mesh = jax.make_mesh((jax.device_count(),), (axis,), axis_types=(AxisType.Auto,))
    replicated, sharded = PartitionSpec(), PartitionSpec(None, axis)

    def local(params, x, y):
        return jax.lax.psum(jax.value_and_grad(loss)(params, x, y), axis)

    over = functools.partial(jax.shard_map, mesh=mesh, check_vma=False)
    grad = over(local, in_specs=(replicated, sharded, sharded), out_specs=replicated)
    forward = over(apply, in_specs=(replicated, sharded), out_specs=sharded)
    params = jax.device_put(params, NamedSharding(mesh, replicated))
    return grad, forward, params, *jax.device_put((x, y), NamedSharding(mesh, sharded))
