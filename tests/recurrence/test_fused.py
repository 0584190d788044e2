"""The fused engine against the reference engine: every cell, every option, every transformation."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec
from support.assertions import assert_close

from seqjax.cells import CELLS
from seqjax.cells.base import Cell, Gate
from seqjax.cells.elman import elman_combine
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence import fused
from seqjax.recurrence.gradient_norms import StepBound
from seqjax.recurrence.unroll import unroll

T, B, D, H = 5, 3, 2, 3
LENGTHS_B = np.array([5, 0, 4])
RESET_TB = np.zeros((T, B), bool)
RESET_TB[2, 0] = RESET_TB[0, 2] = RESET_TB[3, 2] = RESET_TB[2:, 1] = True
POINTWISE = [name for name, cell in CELLS.items() if cell.combine is not None]
WHOLE_STEP = sorted(set(CELLS) - set(POINTWISE))

# Lanes of one program: every choice of some or no lengths, resets and a bound. A length of T, no
# reset and an infinite bound are what is meant by none; leaving the options out is tested as well.
LANES = list(
    itertools.product((LENGTHS_B, np.full(B, T)), (RESET_TB, RESET_TB & False), (0.5, np.inf))
)
LANES = tuple(np.stack(values) for values in zip(*LANES, strict=True))
PROGRAMS = [
    {"reverse": reverse, "remat": remat} for reverse in (False, True) for remat in (None, 2)
]
# Options belong to the engine, not to the cell: two that together have every kind of parameter get
# the whole product of them, the others the first and the last, in float32 the last alone.
THOROUGH = ("lstm_peephole", "gru")
# Compiled without optimisation: there are hundreds of programs, and each runs once.
quick = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def draw(cell, dtype, seed=0):
    """Parameters, input, carry, and a weight for every number of a result."""
    normal = np.random.default_rng(seed).normal
    width = H if cell.square else D
    shapes = jax.eval_shape(lambda: init_cell(jax.random.key(0), cell, width, H, InitSpec()))
    params = jax.tree.map(lambda leaf: normal(size=leaf.shape, scale=0.8), shapes)
    carry = cell.carry(*(normal(size=(B, H)) for _ in cell.carry._fields))
    probes = {gate: normal(size=(T, B, H)) for gate in cell.activations}
    weights = normal(size=(T, B, H)), jax.tree.map(np.ones_like, carry), probes
    return jax.tree.map(
        lambda leaf: jnp.asarray(leaf, dtype), (params, normal(size=(T, B, width)), carry, weights)
    )


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
        products = jax.tree.map(lambda a, w: jnp.sum(a * w), tuple(result), weights)
        return sum(jax.tree.leaves(products)), result

    return jax.grad(loss, (0, 1, 2, 3), has_aux=True)(params, x, carry, jnp.float32(0))


@pytest.mark.parametrize("name", POINTWISE)
@pytest.mark.parametrize(
    ("dtype", "tolerance", "masks"),
    [(jnp.float32, 1e-5, LANES), (jnp.float64, 1e-10, LANES), (jnp.float64, 1e-10, (None,) * 3)],
    ids=["float32", "float64", "float64 with nothing given"],
)
def test_every_option_of_every_cell_as_the_reference_engine(name, dtype, tolerance, masks, x64):
    cell = CELLS[name]
    arrays = draw(cell, dtype)

    def product(engine):
        def lane(options, *masks):
            return everything(engine, cell, options, *arrays, *masks)

        if masks[0] is None:  # each option once
            return [lane(options, *masks) for options in (PROGRAMS[0], PROGRAMS[-1])]
        precise, thorough = dtype == jnp.float64, name in THOROUGH
        few = [PROGRAMS[0], PROGRAMS[-1]] if precise or thorough else PROGRAMS[-1:]
        programs = PROGRAMS if precise and thorough else few
        return [jax.vmap(partial(lane, options))(*masks) for options in programs]

    assert_close(*quick(lambda: (product("fused"), product("reference")))(), tolerance)


# --- transformations ---

LSTM = CELLS["lstm_peephole"]  # every kind of parameter that a pointwise cell can have


def total(engine, params, x, cell=LSTM, **options):
    """A number that is not linear in anything."""
    return jnp.sum(jnp.sin(unroll(cell, params, x, engine=engine, **options).outputs_TBH))


def test_mapped_over_runs_and_shared_out_over_devices():
    many = [draw(LSTM, jnp.float32, seed)[:2] for seed in range(4)]
    params_R, x_R = jax.tree.map(lambda *leaves: jnp.stack(leaves), *many)
    runs = PartitionSpec("runs")

    def gradients(engine):
        over_lanes = jax.vmap(jax.grad(partial(total, engine), (0, 1)))
        mesh = Mesh(np.array(jax.devices()[:2]), ("runs",))
        return jax.shard_map(
            over_lanes, mesh=mesh, in_specs=(runs, runs), out_specs=runs, check_vma=False
        )

    found = jax.jit(gradients("fused"))(params_R, x_R)
    assert_close(found, jax.jit(gradients("reference"))(params_R, x_R), 1e-5)
    alone = [jax.grad(partial(total, "reference"), (0, 1))(*one) for one in many]
    assert_close(found, jax.tree.map(lambda *leaves: jnp.stack(leaves), *alone), 1e-5)


@pytest.mark.parametrize("outer", [jax.jacrev, jax.jacfwd], ids=["reverse", "forward"])
@pytest.mark.parametrize("options", [{}, {"remat": 2}, {"reverse": True}], ids=str)
def test_a_gradient_can_be_differentiated_again(outer, options, x64):
    params, x, *_ = draw(LSTM, jnp.float64)

    def second(engine):
        first = jax.grad(lambda b, x: total(engine, params._replace(b_GH=b), x, **options), (0, 1))
        return quick(outer(first, (0, 1)))(params.b_GH, x)

    assert_close(second("fused"), second("reference"), 1e-10)


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda f, x: jax.jvp(f, (x,), (x,)),
        lambda f, x: jax.jvp(jax.jit(f), (x,), (x,)),
        lambda f, x: jax.jit(jax.jacfwd(f))(x),
        lambda f, x: jax.linearize(jax.vmap(f), x[None])[1](x[None]),
    ],
    ids=["jvp", "jvp of jit", "jit of jacfwd", "linearize of vmap"],
)
@pytest.mark.parametrize("options", [{}, {"remat": 2}], ids=str)
def test_forward_mode_is_refused_with_the_way_out(differentiate, options):
    params, x, *_ = draw(LSTM, jnp.float32)
    with pytest.raises(ValueError, match=r'forward-mode.*engine="reference"'):
        differentiate(lambda x: total("auto", params, x, **options), x)
    differentiate(lambda x: total("reference", params, x, **options), x)


# --- what makes it fast ---


def loops(jaxpr):
    """The scans of a program, outer ones first."""
    for equation in jaxpr.eqns:
        for value in equation.params.values():
            if hasattr(value, "jaxpr"):
                if equation.primitive.name == "scan":
                    yield value.jaxpr
                yield from loops(value.jaxpr)


@pytest.mark.parametrize("cpu", [True, False])  # where the input's product belongs into the loop
@pytest.mark.parametrize("name", POINTWISE)
def test_a_step_has_one_product_with_the_state_forward_and_one_backward(monkeypatch, name, cpu):
    cell = CELLS[name]
    monkeypatch.setattr(fused, "_on_cpu", lambda: cpu)
    params, x, *_ = draw(cell, jnp.float32)

    def loss(params, x):
        return jnp.sum(unroll(cell, params, x).outputs_TBH)

    program = jax.make_jaxpr(jax.grad(loss, (0, 1)))(params, x).jaxpr
    products = [str(loop).count("dot_general") for loop in loops(program)]
    assert products == [cpu + bool(cell.state_gates), bool(cell.state_gates)]


@pytest.mark.parametrize("name", POINTWISE)
def test_the_input_is_projected_before_the_loop_or_in_it(monkeypatch, name):
    cell = CELLS[name]
    params, x, *_ = draw(cell, jnp.float32)

    def value_and_gradients(on_cpu):
        monkeypatch.setattr(fused, "_on_cpu", lambda: on_cpu)
        return quick(jax.value_and_grad(partial(total, "fused", cell=cell), (0, 1)))(params, x)

    assert_close(value_and_gradients(False), value_and_gradients(True), 1e-5)


@pytest.mark.parametrize("rows", [1, 6])  # blocks of 1, and of 2 with a step left over
@pytest.mark.parametrize("reverse", [False, True])
def test_blocks_change_nothing(monkeypatch, rows, reverse):
    params, x, carry, weights = draw(LSTM, jnp.float32)
    plain = quick(partial(everything, "reference", LSTM, {"reverse": reverse}))
    arrays = params, x, carry, weights, LENGTHS_B, RESET_TB, 0.5
    monkeypatch.setattr(fused, "BLOCK_ROWS", rows)
    assert fused.block(T, B) is not None
    blocks = quick(partial(everything, "fused", LSTM, {"reverse": reverse}))
    assert_close(blocks(*arrays), plain(*arrays), 1e-5)


@pytest.mark.parametrize(
    ("steps", "batch", "block"),
    [(8, 32, None), (100, 32, 25), (100, 64, 10), (400, 16, 50), (97, 32, 25), (10, 5000, 1)],
)
def test_a_block_is_rather_a_divisor_of_the_steps(steps, batch, block):
    assert fused.block(steps, batch) == block


# --- which engine ---


@pytest.mark.parametrize("name", ["lstm", "mut1"])
def test_auto_is_the_fused_engine_where_there_is_one(name):
    cell = CELLS[name]
    params, x, *_ = draw(cell, jnp.float32)

    def program(engine):
        return str(jax.make_jaxpr(lambda x: unroll(cell, params, x, engine=engine))(x))

    expected = "fused" if name in POINTWISE else "reference"
    assert program("auto") == program(expected)
    assert ("custom_vjp" in program("auto")) == (name in POINTWISE)


@pytest.mark.parametrize("name", WHOLE_STEP)
def test_a_cell_with_a_whole_step_has_no_fused_form(name):
    params, x, *_ = draw(CELLS[name], jnp.float32)
    with pytest.raises(ValueError, match=f"'{name}' has no pointwise form"):
        unroll(CELLS[name], params, x, engine="fused")


def test_an_unknown_engine_is_named():
    params, x, *_ = draw(LSTM, jnp.float32)
    with pytest.raises(ValueError, match=r"unknown engine 'fast'.*known: auto, fused, reference"):
        unroll(LSTM, params, x, engine="fast")


def test_an_equation_that_looks_at_z_itself_gives_no_wrong_gradient():
    """Only ``act`` knows the values of z again; anything else that needs them becomes NaN."""

    def squared(act, z, carry, p):
        return elman_combine(act, z, carry, p)._replace(h=z.h * z.h)

    cell = Cell("squared", (Gate("h", "tanh"),), squared)
    params, x, *_ = draw(CELLS["elman"], jnp.float32)
    gradient = jax.grad(lambda b: jnp.sum(unroll(cell, params._replace(b_GH=b), x).outputs_TBH))
    assert np.isnan(gradient(params.b_GH)).all()


# --- what makes it small ---


def temporary_bytes(steps, every_step, **options):
    """What the compiled gradient of a loss on every step's readout, or the last one's, needs."""
    batch, hidden = 16, 128
    params = init_cell(jax.random.key(0), LSTM, 2, hidden, InitSpec())

    def loss(params, readout_HV, x):
        result = unroll(LSTM, params, x, **options)
        h = result.outputs_TBH.reshape(-1, hidden) if every_step else result.carry.h
        return jnp.mean((h @ readout_HV) ** 2)

    shapes = params, jnp.ones((hidden, 1)), jax.ShapeDtypeStruct((steps, batch, 2), jnp.float32)
    program = jax.jit(jax.value_and_grad(loss, (0, 1))).lower(*shapes).compile()
    return program.memory_analysis().temp_size_in_bytes


def test_remat_saves_memory():
    plain, small = (temporary_bytes(20_000, False, remat=remat) for remat in (None, True))
    assert small < plain / 10


def test_remat_with_a_loss_on_every_step_keeps_the_outputs_and_their_cotangents():
    """Both belong to the loss. The blocks of the fused engine spare a plain step much already."""
    plain = temporary_bytes(20_000, True, engine="reference")
    small = temporary_bytes(20_000, True, remat=True)
    print("of a plain step by the reference engine:", small / plain)
    assert small < plain / 5
    assert small < 2.2 * 20_000 * 16 * 128 * 4


def test_the_memory_of_remat_grows_as_the_root_of_the_steps():
    many, few = (temporary_bytes(steps, False, remat=True) for steps in (20_000, 5_000))
    assert many < 2.5 * few
