"""Matrix products in bfloat16: operands rounded, sums not, in every engine and in training."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.cells import every_stepwise_cell
from support.jaxprs import jaxprs

from seqjax.cells import CELLS
from seqjax.cells.matmul import matmul
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence.unroll import unroll
from seqjax.training.config import make_config
from seqjax.training.step import initialise, train_chunk

T, B, D, H = 12, 4, 3, 16


def draws(*shapes):
    keys = jax.random.split(jax.random.key(0), len(shapes))
    return [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]


def rounded(array):
    return np.asarray(array.astype(jnp.bfloat16), np.float64)


def setting(name):
    cell = CELLS[name]
    width = H if cell.square else D
    params = init_cell(jax.random.key(1), cell, width, H, InitSpec())
    return cell, params, jax.random.normal(jax.random.key(2), (T, B, width))


def loss(cell, x, **options):
    return lambda params: jnp.sum(unroll(cell, params, x, **options).outputs_TBH ** 2)


def test_operands_are_rounded_and_sums_are_not():
    a, b = draws((8, 2000), (2000, 5))
    got = matmul(a, b, jnp.bfloat16)
    assert got.dtype == jnp.float32
    want = rounded(a) @ rounded(b)
    np.testing.assert_allclose(got, want, rtol=0, atol=4e-6 * np.abs(want).max())
    assert np.abs(a @ b - want).max() > 1e-4 * np.abs(want).max()


def test_gradients_are_products_of_rounded_operands():
    a, b, d = draws((8, 20), (20, 5), (8, 5))
    d_a, d_b = jax.vjp(lambda a, b: matmul(a, b, jnp.bfloat16), a, b)[1](d)
    assert d_a.dtype == d_b.dtype == jnp.float32
    np.testing.assert_allclose(d_a, rounded(d) @ rounded(b).T, atol=1e-5)
    np.testing.assert_allclose(d_b, rounded(a).T @ rounded(d), atol=1e-5)


def test_matmul_without_a_dtype_is_the_plain_product():
    a, b = draws((8, 20), (20, 5))
    np.testing.assert_array_equal(matmul(a, b), a @ b)


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("name", ["elman", "lstm_peephole", "gru", "indrnn"])
def test_every_product_of_an_engine_has_operands_in_the_dtype(name, engine):
    cell, params, x = setting(name)
    of = loss(cell, x, engine=engine, dtype=jnp.bfloat16)
    check_products(jax.make_jaxpr(jax.value_and_grad(of))(params))


@every_stepwise_cell
def test_every_product_of_a_stepwise_cell_has_operands_in_the_dtype(name):
    cell, params, x = setting(name)
    check_products(jax.make_jaxpr(jax.value_and_grad(loss(cell, x, dtype=jnp.bfloat16)))(params))


def check_products(closed):
    inside = list(jaxprs(closed.jaxpr))
    dots = [e for j in inside for e in j.eqns if e.primitive.name == "dot_general"]
    assert len(dots) >= 3
    for dot in dots:
        assert [v.aval.dtype for v in dot.invars] == [jnp.bfloat16] * 2
        assert dot.outvars[0].aval.dtype == jnp.float32
    scans = [e for j in inside for e in j.eqns if e.primitive.name == "scan"]
    assert scans
    for scan in scans:
        body = scan.params["jaxpr"]
        ends = zip(scan.outvars, getattr(body, "jaxpr", body).outvars, strict=True)
        carried = [v.aval.dtype for v, one in ends if v.aval.shape == one.aval.shape]  # not stacked
        assert carried and set(carried) <= {jnp.dtype("float32"), jnp.dtype("int32")}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm_peephole", "gru"])
def test_engines_agree_in_bfloat16_and_differ_from_float32(name):
    cell, params, x = setting(name)

    @jax.jit
    def three(params):
        choices = {"dtype": jnp.bfloat16}, {"dtype": jnp.bfloat16, "engine": "reference"}, {}
        return [jax.value_and_grad(loss(cell, x, **options))(params) for options in choices]

    fused, reference, single = three(params)
    for a, b, c in zip(*map(jax.tree.leaves, (fused, reference, single)), strict=True):
        size = jnp.abs(c).max()
        assert jnp.abs(a - b).max() <= 4e-3 * size
        assert 1e-5 * size < jnp.abs(a - c).max() <= 5e-2 * size


def test_a_dtype_that_is_no_floating_one_is_refused():
    cell, params, x = setting("lstm")
    with pytest.raises(ValueError, match=r"dtype: .*int8"):
        unroll(cell, params, x, dtype=jnp.int8)


def test_every_product_of_a_training_step_has_operands_in_the_dtype():
    config = make_config({"train.precision": "bf16", "task.name": "adding", "task.length": 8})
    mesh = jax.make_mesh((1,), ("runs",), axis_types=(jax.sharding.AxisType.Auto,))
    config_R = jax.tree.map(lambda x: np.full((1,), x, np.float32), config)
    state = initialise(config_R, np.zeros((1,), np.uint32), mesh=mesh)
    options = {"count": 2, "mesh": mesh}
    chunk = jax.make_jaxpr(functools.partial(train_chunk, **options))
    check_products(chunk(config_R, np.zeros((1,), np.uint32), state, None, np.int32(0)))
