"""Relative errors of every cell on this machine's accelerator, compared with float64 on its CPU.

    python -m experiments.bench.accelerator --out=runs/accelerator

Both engines compute every cell at every precision, from random parameters, inputs and initial
carries: one run, and four runs side by side with lengths, resets and time reversed. Errors are
measured of outputs and final carry ("values"), and of the gradients of a random weighted sum of
these with respect to parameters, input and initial carry. The error of an array is
‖computed − expected‖ / ‖expected‖, and the largest over all arrays is reported. The expected values
come from the reference engine in float64, which the tests compare with plain NumPy loops.

Gradients of relu units near 0 and of an LSTM without gates are ill-conditioned. Each case is
therefore also computed in float64 from inputs rounded to tf32. The limit of an error is SLACK times
the larger of the rounding unit and the change by this rounding, scaled to the precision.

Writes errors.jsonl, one line per measurement, and errors.md to --out. Exit codes: 0 done; 1 an
error is above its limit.
"""

import argparse
import functools
import itertools
import json
import multiprocessing
import os
import pathlib
import secrets
import sys
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.cells import CELLS
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence.unroll import unroll

PRECISIONS = {
    "float32": ("highest", None, 23),
    "tf32": ("tensorfloat32", None, 10),
    "bf16": ("highest", jnp.bfloat16, 7),
}
"""JAX's precision of products, the dtype of their operands, and the bits of a mantissa."""
TF32_BITS, SLACK = PRECISIONS["tf32"][2], 20
STEPS, BATCH, INPUTS, HIDDEN, RUNS = 48, 16, 32, 64, 4


def draw(cell, rng: np.random.Generator) -> tuple:
    """Random parameters of RUNS runs, input, carry, loss weights, lengths and resets."""
    B, H = BATCH, HIDDEN
    D = H if cell.square else INPUTS

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    keys = jax.random.split(jax.random.key(int(rng.integers(2**31))), RUNS)
    params_R = jax.vmap(lambda key: init_cell(key, cell, D, H, InitSpec()))(keys)
    params_R = jax.tree.map(lambda a: np.asarray(a) + 0.1 * normal(*a.shape), params_R)
    carry = cell.carry(*(0.5 * normal(B, H) for _ in cell.carry._fields))
    weights = normal(STEPS, B, H), cell.carry(*(normal(B, H) for _ in carry))
    lengths_B = rng.integers(0, STEPS + 1, B).astype(np.int32)
    reset_TB = rng.random((STEPS, B)) < 0.05
    return params_R, normal(STEPS, B, D), carry, weights, lengths_B, reset_TB


def compute(cell, engine: str, dtype, params_R, x, carry, weights, lengths_B, reset_TB) -> dict:
    """Values and gradients of one run, and of all runs side by side."""

    def loss(params, x, carry, options):
        result = unroll(cell, params, x, carry=carry, engine=engine, dtype=dtype, **options)
        values = result.outputs_TBH, result.carry
        products = jax.tree.map(lambda w, a: jnp.sum(w * a), weights, values)
        return sum(jax.tree.leaves(products)), values

    def both(params, **options):
        grad = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)
        gradients, values = grad(params, x, carry, options)
        return {"values": values, "gradients": gradients}

    many = {"lengths_B": lengths_B, "reset_TB": reset_TB, "reverse": True}
    return {
        "one run": both(jax.tree.map(lambda leaf: leaf[0], params_R)),
        "four runs": jax.vmap(lambda params: both(params, **many))(params_R),
    }


def rounded(array: np.ndarray, bits: int) -> np.ndarray:
    """Round floats to ``bits`` bits of mantissa after the leading one."""
    mantissa, exponent = np.frexp(array)
    return np.ldexp(np.round(mantissa * 2 ** (bits + 1)) / 2 ** (bits + 1), exponent)


def errors_of(computed: dict, expected: dict) -> dict[str, float]:
    """Relative errors of the values and of the gradients in each case."""
    pairs = itertools.product(("values", "gradients"), expected)
    return {
        f"{which}, {case}": worst_error(computed[case][which], expected[case][which])
        for which, case in pairs
    }


def worst_error(computed: Any, expected: Any) -> float:
    """Largest relative error over all arrays; infinite if any entry is not finite."""
    errors = []
    for a, b in zip(jax.tree.leaves(computed), jax.tree.leaves(expected), strict=True):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        size, error = np.linalg.norm(b), np.linalg.norm(a - b)
        if not np.isfinite(error):
            return float("inf")
        if size > 0 or error > 0:
            errors.append(error / size if size > 0 else float("inf"))
    return float(max(errors))


def measure(name: str, seed: int, precisions: tuple[str, ...]) -> list[dict[str, Any]]:
    """Errors of a cell, one row per engine and precision."""
    cell = CELLS[name]
    on_cpu = jax.default_device(jax.devices("cpu")[0])
    with on_cpu:
        drawn = draw(cell, np.random.default_rng([seed, list(CELLS).index(name)]))
    with on_cpu, jax.enable_x64(True):
        wide = jax.tree.map(lambda a: np.float64(a) if a.dtype == np.float32 else a, drawn)
        reference = jax.jit(functools.partial(compute, cell, "reference", None))
        expected = jax.device_get(reference(*wide))
        coarse = jax.tree.map(lambda a: rounded(a, TF32_BITS), wide[:3])
        changed = jax.device_get(reference(*coarse, *wide[3:]))
    changes = errors_of(changed, expected)
    rows = []
    for engine in ("reference", "fused") if cell.combine is not None else ("reference",):
        for precision in precisions:
            products, dtype, bits = PRECISIONS[precision]
            row = {"cell": name, "engine": engine, "precision": precision, "errors": {}}
            row["changes"] = changes
            rows.append(row)
            try:
                with jax.default_matmul_precision(products):
                    fast = functools.partial(compute, cell, engine, dtype)
                    got = jax.device_get(jax.jit(fast)(*drawn))
            except jax.errors.JaxRuntimeError as error:
                row |= {"failed": str(error), "accepted": False}
                continue
            row["errors"] = errors_of(got, expected)
            least = SLACK * 2.0**-bits
            limits = {kind: least * max(1, 2**TF32_BITS * c) for kind, c in changes.items()}
            row["accepted"] = all(row["errors"][kind] <= limits[kind] for kind in limits)
    return rows


def table(rows: list[dict]) -> Iterator[str]:
    """Markdown table of the worst error of each cell, over engines and cases."""
    kinds = [(precision, which) for precision in PRECISIONS for which in ("values", "gradients")]
    yield "| cell | engines | " + " | ".join(f"{p}, {which}" for p, which in kinds) + " |"
    yield "| --- " * (len(kinds) + 2) + "|"
    for name in CELLS:
        rows_of_cell = [row for row in rows if row["cell"] == name]
        if not rows_of_cell:
            continue
        cells = [name, str(len({row["engine"] for row in rows_of_cell}))]
        for precision, which in kinds:
            errors = [
                error
                for row in rows_of_cell
                for kind, error in row["errors"].items()
                if row["precision"] == precision and kind.startswith(which)
            ]
            cells.append(f"{max(errors):.1e}" if errors else "")
        yield f"| {' | '.join(cells)} |"


def main() -> int:
    """Measure all cells, in several processes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.accelerator")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/accelerator"))
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="random seed")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    rows = []
    work = functools.partial(measure, seed=options.seed, precisions=tuple(PRECISIONS))
    with (
        multiprocessing.get_context("spawn").Pool(options.processes) as pool,
        open(options.out / "errors.jsonl", "w") as file,
    ):
        for cell_rows in pool.imap_unordered(work, CELLS):
            rows += cell_rows
            file.writelines(json.dumps(row) + "\n" for row in cell_rows)
            file.flush()
    text = "\n".join([f"Seed {options.seed}.\n", *table(rows)])
    (options.out / "errors.md").write_text(text + "\n")
    print(text)
    refused = [row for row in rows if not row["accepted"]]
    for row in refused:
        print("above its limit:", json.dumps(row), file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
