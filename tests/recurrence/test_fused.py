"""The fused engine against the reference engine: every cell, every option, every transformation."""

import itertools
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec
from support import cells
from support.assertions import assert_close
from support.cells import every_pointwise_cell
from support.short_unroll import LENGTHS_B, RESET_TB, B, D, H, T

from seqjax.cells import CELLS
from seqjax.cells.base import Cell, Gate
from seqjax.cells.elman import elman_combine
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence import fused
from seqjax.recurrence.gradient_norms import StepBound
from seqjax.recurrence.unroll import unroll

# Lanes of one program: every choice of some or no lengths, resets and a bound. A length of T, no
# reset and an infinite bound have the meaning of none; leaving the options out is tested as well.
LANES = list(
    itertools.product((LENGTHS_B, np.full(B, T)), (RESET_TB, RESET_TB & False), (0.5, np.inf))
)
LANES = tuple(np.stack(values) for values in zip(*LANES, strict=True))
ABSENT = (None, None, None)
OPTIONS = [{"reverse": reverse, "remat": remat} for reverse in (False, True) for remat in (None, 2)]
LSTM = CELLS["lstm_peephole"]  # every kind of parameter that a pointwise cell can have


def draw(cell, dtype, seed=0):
    """Parameters, input, carry, and a weight for every number of a result."""
    params, x, carry, (of_outputs, of_carry) = cells.draw(cell, T, B, D, H, seed=seed)
    of_probes = {gate: (k + 1) * of_outputs for k, gate in enumerate(cell.activations)}
    arrays = params, x, carry, (of_outputs, of_carry, of_probes)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), arrays)


def everything(engine, cell, options, params, x, carry, weights, lengths_B, reset_TB, threshold):
    """Results and gradients with respect to all inputs, the count of a step bound among them."""

    def loss(params, x, carry, count):
        result = unroll(
            cell,
            params,
            x,
            carry=carry,
            lengths_B=lengths_B,
            reset_TB=reset_TB,
            step_bound=None if threshold is None else StepBound(threshold, count),
            probe=tuple(cell.activations),
            engine=engine,
            **options,
        )
        weighted = jax.tree.map(lambda a, w: jnp.sum(a * w), tuple(result), weights)
        return sum(jax.tree.leaves(weighted)), result

    return jax.grad(loss, (0, 1, 2, 3), has_aux=True)(params, x, carry, jnp.float32(0))


def by_engine(engine, cell, dtype, masks, options):
    """``everything`` under each of the options, mapped over the lanes if there are masks."""
    arrays = draw(cell, dtype)
    programs = [partial(everything, engine, cell, choice, *arrays) for choice in options]
    if masks is ABSENT:
        return [program(*masks) for program in programs]
    return [jax.vmap(program)(*masks) for program in programs]


def assert_engines_agree(cell, dtype, tolerance, masks, options):
    got, expected = jax.jit(
        lambda: [
            by_engine(engine, cell, dtype, masks, options) for engine in ("fused", "reference")
        ]
    )()
    assert_close(got, expected, tolerance)


@every_pointwise_cell
def test_engines_agree_for_every_cell(name, monkeypatch, x64):
    """In reverse with masks and bounds; forward with none, projecting the input before the loop."""
    assert_engines_agree(CELLS[name], jnp.float64, 1e-10, LANES, [{"reverse": True}])
    monkeypatch.setattr(fused, "_on_cpu", lambda: False)
    assert_engines_agree(CELLS[name], jnp.float64, 1e-10, ABSENT, OPTIONS[:1])


@pytest.mark.slow
def test_engines_agree_for_every_option(x64):
    """Options belong to the engine, not to the cell. Chunks of 2 steps leave one over."""
    assert_engines_agree(LSTM, jnp.float64, 1e-10, LANES, OPTIONS)
    assert_engines_agree(LSTM, jnp.float64, 1e-10, ABSENT, OPTIONS[-1:])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm_peephole", "gru"])
def test_engines_agree_in_float32(name):
    assert_engines_agree(CELLS[name], jnp.float32, 1e-5, LANES, OPTIONS[-1:])


@pytest.mark.exhaustive
@every_pointwise_cell
def test_engines_agree_with_both_ends_of_the_options_for_every_cell(name, x64):
    cell, ends = CELLS[name], [OPTIONS[0], OPTIONS[-1]]
    assert_engines_agree(cell, jnp.float64, 1e-10, LANES, ends)
    assert_engines_agree(cell, jnp.float64, 1e-10, ABSENT, ends)
    assert_engines_agree(cell, jnp.float32, 1e-5, LANES, ends[1:])


# --- transformations ---


def total(engine, params, x, cell=LSTM, **options):
    """A loss that is not linear in its inputs."""
    return jnp.sum(jnp.sin(unroll(cell, params, x, engine=engine, **options).outputs_TBH))


def test_mapped_over_runs_and_shared_out_over_devices():
    many = [draw(LSTM, jnp.float32, seed)[:2] for seed in range(4)]
    params_R, x_R = jax.tree.map(lambda *leaves: jnp.stack(leaves), *many)
    runs = PartitionSpec("runs")
    mapped = jax.shard_map(
        jax.vmap(jax.grad(partial(total, "fused"), (0, 1))),
        mesh=Mesh(np.array(jax.devices()[:2]), ("runs",)),
        in_specs=(runs, runs),
        out_specs=runs,
        check_vma=False,
    )
    alone = jax.jit(jax.grad(partial(total, "reference"), (0, 1)))
    expected = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(alone(*one) for one in many))
    assert_close(jax.jit(mapped)(params_R, x_R), expected, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"remat": 2}, {"reverse": True}], ids=str)
def test_a_gradient_can_be_differentiated_again(options, x64):
    """Hessian-vector products, in reverse mode and in forward mode over the reverse mode."""
    point, direction = draw(LSTM, jnp.float64)[:2], draw(LSTM, jnp.float64, seed=1)[:2]

    def second(engine):
        gradient = jax.grad(lambda point: total(engine, *point, **options))
        return (
            jax.vjp(gradient, point)[1](direction)[0],
            jax.jvp(gradient, (point,), (direction,))[1],
        )

    (backward, forward), expected = jax.jit(lambda: (second("fused"), second("reference")))()
    assert_close((backward, forward), expected, 1e-10)
    assert_close(forward, backward, 1e-10)


@pytest.mark.parametrize("options", [{}, {"remat": 2}], ids=str)
def test_forward_mode_is_an_error_of_jax(options):
    params, x, *_ = draw(LSTM, jnp.float32)
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(lambda x: total("auto", params, x, **options), (x,), (x,))
    jax.jvp(lambda x: total("reference", params, x, **options), (x,), (x,))


# --- speed ---


def loops(jaxpr):
    """The bodies of the scans of a program, outer ones first."""
    for equation in jaxpr.eqns:
        for value in equation.params.values():
            if hasattr(value, "jaxpr"):
                if equation.primitive.name == "scan":
                    yield value.jaxpr
                yield from loops(value.jaxpr)


@every_pointwise_cell
def test_a_step_has_one_product_with_the_state_forward_and_one_backward(monkeypatch, name):
    """On a CPU the forward loop has the product with the input as well."""
    cell = CELLS[name]
    params, x, *_ = draw(cell, jnp.float32)
    with_state = bool(cell.state_gates)

    def loss(params, x):
        return jnp.sum(unroll(cell, params, x).outputs_TBH)

    for on_cpu in (True, False):
        monkeypatch.setattr(fused, "_on_cpu", lambda on_cpu=on_cpu: on_cpu)
        program = jax.make_jaxpr(jax.grad(loss, (0, 1)))(params, x).jaxpr
        products = [str(loop).count("dot_general") for loop in loops(program)]
        assert products == [on_cpu + with_state, with_state]


# Blocks of 1, and of 2 with a step left over.
@pytest.mark.slow
@pytest.mark.parametrize(("rows", "reverse"), [(1, False), (6, False), (6, True)])
def test_blocks_change_nothing(monkeypatch, rows, reverse):
    params, x, carry, weights = draw(LSTM, jnp.float32)
    plain = jax.jit(partial(everything, "fused", LSTM, {"reverse": reverse}))
    arrays = params, x, carry, weights, LENGTHS_B, RESET_TB, 0.5
    expected = plain(*arrays)
    monkeypatch.setattr(fused, "BLOCK_ROWS", rows)
    assert fused.block_size(T, B) is not None
    blocks = jax.jit(partial(everything, "fused", LSTM, {"reverse": reverse}))
    assert_close(blocks(*arrays), expected, 1e-5)


# --- choice of an engine ---


@pytest.mark.parametrize("name", ["lstm", "mut1"])
def test_auto_is_the_fused_engine_where_there_is_one(name):
    cell = CELLS[name]
    params, x, *_ = draw(cell, jnp.float32)

    def program(engine):
        return str(jax.make_jaxpr(lambda x: unroll(cell, params, x, engine=engine))(x))

    expected = "fused" if name == "lstm" else "reference"
    assert program("auto") == program(expected)
    assert ("custom_vjp" in program("auto")) == (name == "lstm")


@pytest.mark.parametrize(("name", "engine"), [("mut1", "fused"), ("lstm", "fast")])
def test_engines_that_a_cell_does_not_have_are_refused(name, engine):
    params, x, *_ = draw(CELLS[name], jnp.float32)
    with pytest.raises(ValueError, match=r"engine.*auto.*reference"):
        unroll(CELLS[name], params, x, engine=engine)


def test_an_equation_that_reads_z_other_than_by_act_has_nan_gradients():

    def squared(act, z, carry, p):
        return elman_combine(act, z, carry, p)._replace(h=z.h * z.h)

    cell = Cell("squared", (Gate("h", "tanh"),), squared)
    params, x, *_ = draw(CELLS["elman"], jnp.float32)
    gradient = jax.grad(lambda b: jnp.sum(unroll(cell, params._replace(b_GH=b), x).outputs_TBH))
    assert np.isnan(gradient(params.b_GH)).all()


# --- memory ---


@cache
def temporary_bytes(steps, every_step, engine="auto", remat=None):
    """Bytes that the compiled gradient of a loss on the outputs, or on the last one, allocates."""
    batch, hidden = 16, 128
    params = init_cell(jax.random.key(0), LSTM, 2, hidden, InitSpec())

    def loss(params, readout_HV, x):
        result = unroll(LSTM, params, x, engine=engine, remat=remat)
        h = result.outputs_TBH.reshape(-1, hidden) if every_step else result.carry.h
        return jnp.mean((h @ readout_HV) ** 2)

    shapes = params, jnp.ones((hidden, 1)), jax.ShapeDtypeStruct((steps, batch, 2), jnp.float32)
    program = jax.jit(jax.value_and_grad(loss, (0, 1))).lower(*shapes).compile()
    return program.memory_analysis().temp_size_in_bytes


@pytest.mark.slow
def test_remat_saves_memory():
    small = temporary_bytes(20_000, False, remat=True)
    assert small < temporary_bytes(20_000, False) / 10
    # It grows as the root of the steps.
    assert small < 2.5 * temporary_bytes(5_000, False, remat=True)


@pytest.mark.slow
def test_remat_with_a_loss_on_every_step_saves_all_but_the_outputs_and_their_cotangents():
    """Both belong to the loss. Blocks of the fused engine already save much of a plain step."""
    plain = temporary_bytes(20_000, True, engine="reference")
    small = temporary_bytes(20_000, True, remat=True)
    assert small < plain / 5
    assert small < 2.2 * 20_000 * 16 * 128 * 4
