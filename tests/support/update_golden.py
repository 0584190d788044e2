"""Golden values: one training step of each cell.

Write them with ``PYTHONPATH=.:tests python tests/support/update_golden.py``.

Update only when a cell's equation or parameters are meant to have changed, and say so in the
commit. Parameters are sines of a counter: no random generator has a say.
"""

import json
from pathlib import Path

import conftest  # noqa: F401 - the strict environment, before jax
import jax
import jax.numpy as jnp
import numpy as np

from seqjax.cells import CELLS
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence.unroll import unroll

GOLDEN = Path(__file__).with_name("golden_steps.json")


def golden_step(cell) -> dict[str, float]:
    """The loss before and after one SGD step, and the sum of the absolute updated parameters."""
    T, B, H = 4, 2, 3
    D = H if cell.square else 2

    def waves(shape, frequency):
        return jnp.array(np.sin(frequency * np.arange(1, 1 + np.prod(shape))).reshape(shape), "f4")

    shapes = jax.eval_shape(lambda: init_cell(jax.random.key(0), cell, D, H, InitSpec()))
    leaves, tree = jax.tree.flatten(shapes)
    params = jax.tree.unflatten(tree, [waves(s.shape, 1.1 + k) for k, s in enumerate(leaves)])
    x_TBD = waves((T, B, D), 0.7)

    @jax.jit
    def step(params):
        def loss(params):
            return jnp.mean(jnp.square(unroll(cell, params, x_TBD).outputs_TBH))

        value, gradient = jax.value_and_grad(loss)(params)
        return value, jax.tree.map(lambda p, g: p - 0.3 * g, params, gradient)

    before, params = step(params)
    after, _ = step(params)
    checksum = sum(jnp.sum(jnp.abs(leaf)) for leaf in jax.tree.leaves(params))
    return {"before": float(before), "after": float(after), "checksum": float(checksum)}


if __name__ == "__main__":
    numbers = {name: golden_step(cell) for name, cell in CELLS.items()}
    GOLDEN.write_text(json.dumps(numbers, indent=1) + "\n")
