"""Values and gradients of every cell against a plain NumPy loop, and against Flax and JAX."""

import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import rnn
from support import oracles
from support.assertions import assert_close
from support.cells import by_name, draw, every_cell
from support.update_golden import GOLDEN, golden_step

from seqjax.cells import CELLS
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence.unroll import unroll

THOROUGH = "lstm_peephole", "gru", "mut1"
SHAPE = 5, 3, 2, 3
"""(T, B, D, H); a cell that adds its input to its state takes D = H."""


def weighted(weights, outputs, carry):
    """The weighted sum of all results."""
    products = jax.tree.map(lambda w, a: (w * a).sum(), weights, (outputs, carry))
    return sum(jax.tree.leaves(products))


def masks(T, B):
    """Lengths with a 0 among them, and resets at the first, a middle and a padded step."""
    lengths_B = np.array([T, 0, T - 2])[:B]
    reset_TB = np.zeros((T, B), bool)
    reset_TB[2:4] = True
    reset_TB[0, 2] = True
    return lengths_B, reset_TB


@pytest.mark.core
@every_cell
def test_values_in_float32(name):
    cell, step = CELLS[name], oracles.STEPS[name]

    @jax.jit
    def run(params, x, carry, lengths_B, reset_TB):
        options = {"carry": carry, "lengths_B": lengths_B, "reset_TB": reset_TB}
        both = [unroll(cell, params, x, reverse=r, **options) for r in (False, True)]
        return [(result.outputs_TBH, result.carry) for result in both]

    params, x, carry, _ = draw(cell, 5, 3, 2, 4)
    lengths_B, reset_TB = masks(5, 3)
    got = run(*jax.tree.map(jnp.float32, (params, x, carry)), lengths_B, reset_TB)
    p, options = by_name(cell, params), (lengths_B, reset_TB)
    both = [oracles.unroll(step, p, x, carry, *options, reverse=r) for r in (False, True)]
    assert_close(got, [(outputs, cell.carry(*last)) for outputs, last in both], 1e-5)
    assert jax.tree.leaves(got)[0].dtype == jnp.float32


@every_cell
def test_values_and_gradients_with_lengths_resets_and_carry(name, x64):
    """With NaN on padding. Gradients in reverse, and over sets of parameters, for ``THOROUGH``.

    For other cells they follow from the values in reverse, which are tested above, and from the
    comparison of the engines.
    """
    thorough = name in THOROUGH
    directions = (False, True) if thorough else (False,)
    check_gradients(name, SHAPE, (2,) if thorough else (), masks(*SHAPE[:2]), directions)


@every_cell
def test_values_and_gradients_at_sizes_of_one(name, x64):
    check_gradients(name, (3, 1, 1, 1), (), (None, None), (False,))


@pytest.mark.parametrize("name", THOROUGH)
def test_values_and_gradients_of_one_step(name, x64):
    check_gradients(name, (1, 2, 1, 3), (), (None, None), (False,))


@pytest.mark.exhaustive
@every_cell
def test_values_and_gradients_in_both_directions_over_sets_of_parameters(name, x64):
    check_gradients(name, SHAPE, (2,), masks(*SHAPE[:2]), (False, True))
    check_gradients(name, (1, 2, 1, 3), (), (None, None), (False,))


def check_gradients(name, shape, runs, masks, directions):
    """Compare a cell with its oracle, mapped over ``runs``, forward and (True) in reverse."""
    cell, step = CELLS[name], oracles.STEPS[name]
    params, x, carry, weights = draw(cell, *shape, runs)
    lengths_B, reset_TB = masks
    if lengths_B is not None:
        x[np.arange(len(x))[:, None] >= lengths_B] = np.nan

    def loss(params, x, carry, reverse):
        options = {"lengths_B": lengths_B, "reset_TB": reset_TB, "reverse": reverse}
        result = unroll(cell, params, x, carry=carry, **options)
        return weighted(weights, result.outputs_TBH, result.carry), result

    def run(params):
        grad = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)
        return [grad(params, jnp.array(x), carry, r) for r in directions]

    mapped = jax.vmap(run) if runs else run
    found = jax.jit(mapped)(params)
    for reverse, (gradients, result) in zip(directions, found, strict=True):
        for run in np.ndindex(runs):
            own = jax.tree.map(lambda leaf, run=run: leaf[run], params)
            got = jax.tree.map(lambda leaf, run=run: leaf[run], (gradients, result))

            def oracle(own=own, reverse=reverse):
                options = lengths_B, reset_TB, reverse
                outputs, last = oracles.unroll(step, by_name(cell, own), x, carry, *options)
                return outputs, cell.carry(*last)

            assert_close((got[1].outputs_TBH, got[1].carry), oracle(), 1e-12)
            arrays = jax.tree.leaves((own, x, carry))
            gradients_N = jax.tree.leaves(got[0])
            check_slopes(lambda: weighted(weights, *oracle()), arrays, gradients_N)


def check_slopes(f, arrays, gradients, step=1e-6, directions=3):
    """Gradients of ``f()`` against finite differences along random directions in each array."""
    rng = np.random.default_rng(0)
    for array, gradient in zip(arrays, gradients, strict=True):
        before = array.copy()
        for _ in range(directions):
            direction, ends = rng.normal(size=array.shape), []
            for sign in (1, -1):
                array[...] = before + sign * step * direction
                ends.append(f())
            array[...] = before
            slope = (ends[0] - ends[1]) / (2 * step)
            size = np.linalg.norm(gradient) * np.linalg.norm(direction)
            assert abs(np.sum(gradient * direction) - slope) <= 1e-6 * max(size, 1e-3)


def linen_params(cell, params):
    """The parameters of linen's cell: Dense layers named by side (i, h) and gate."""

    def dense(side, matrices, rows):
        kernels = {f"{side}{k}": {"kernel": m} for k, m in matrices.items()}
        return {
            name: leaf | {"bias": rows[name[1]]} if name[1] in rows else leaf
            for name, leaf in kernels.items()
        }

    named = by_name(cell, params)
    w, u, b = named["W"], named["U"], named["b"]
    if cell.name == "lstm":  # one bias a gate, on the state's side
        return dense("i", w, {}) | dense("h", u, b)
    u["n"], from_state = u.pop("n_h"), b.pop("n_h")
    return dense("i", w, b) | dense("h", u, {"n": from_state})


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_values_and_gradients_equal_flax_linen(name, x64):
    cell = CELLS[name]
    T, B, D, H = SHAPE
    params, x, carry, weights = draw(cell, T, B, D, H)
    theirs = nn.OptimizedLSTMCell(H) if name == "lstm" else nn.GRUCell(H)
    network = nn.RNN(theirs, time_major=True, return_carry=True)

    def ours(params, x, carry):
        result = unroll(cell, params, x, carry=carry)
        return weighted(weights, result.outputs_TBH, result.carry)

    def other(params, x, carry):
        start = (carry.c, carry.h) if name == "lstm" else carry.h
        variables = {"params": {"cell": linen_params(cell, params)}}
        last, outputs = network.apply(variables, x, initial_carry=start)
        last = cell.carry(h=last[1], c=last[0]) if name == "lstm" else cell.carry(last)
        return weighted(weights, outputs, last)

    got, expected = (
        jax.jit(jax.value_and_grad(f, (0, 1, 2)))(params, x, carry) for f in (ours, other)
    )
    assert_close(got, expected, 1e-12)


def test_lstm_equals_the_reference_in_jax(x64):
    cell = CELLS["lstm"]
    T, B, D, H = SHAPE
    params, x, carry, weights = draw(cell, T, B, D, H)

    def ours(params, x, carry):
        result = unroll(cell, params, x, carry=carry)
        return weighted(weights, result.outputs_TBH, result.carry)

    def theirs(params, x, carry):
        w, u = (matrix.reshape(-1, 4 * H).T for matrix in (params.w_DGH, params.u_HGH))
        b = params.b_GH.reshape(-1)
        outputs, h, c = rnn.lstm_ref(
            x.transpose(1, 0, 2), carry.h[None], carry.c[None], {0: w}, {0: u}, {0: b},
            {0: jnp.zeros_like(b)}, jnp.full((B,), T, jnp.int32), D, H, 1, 0.0, False,
        )  # fmt: skip
        return weighted(weights, outputs.transpose(1, 0, 2), cell.carry(h[0], c[0]))

    got, expected = (
        jax.jit(jax.value_and_grad(f, (0, 1, 2)))(params, jnp.array(x), carry)
        for f in (ours, theirs)
    )
    assert_close(got, expected, 1e-12)


@every_cell
def test_multiply_adds_are_the_number_of_weights(name):
    cell = CELLS[name]
    params, *_ = draw(cell, 1, 1, 3, 5)
    entries = sum(leaf.size for leaf in jax.tree.leaves(params._replace(b_GH=np.zeros(0))))
    assert cell.multiply_adds(params.w_DGH.shape[0], 5) == entries


@pytest.mark.parametrize("name", ["mut1", "mut2"])
def test_cells_that_add_input_to_state_refuse_unequal_widths(name):
    with pytest.raises(ValueError, match=f"{name}.*got 3, 5"):
        init_cell(jax.random.key(0), CELLS[name], 3, 5, InitSpec())
    square = init_cell(jax.random.key(0), CELLS[name], 5, 5, InitSpec())
    with pytest.raises(ValueError, match=r"x_TBD: expected shape \(T, B, 5\), got \(2, 1, 3\)"):
        unroll(CELLS[name], square, jnp.ones((2, 1, 3)))
    with pytest.raises(ValueError, match="got 3, 5"):
        unroll(CELLS[name], square._replace(w_DGH=square.w_DGH[:3]), jnp.ones((2, 1, 3)))


@every_cell
def test_one_golden_training_step(name):
    """``tests/support/update_golden.py`` says when and how to update the file."""
    assert_close(golden_step(CELLS[name]), json.loads(GOLDEN.read_text())[name], 1e-5)
