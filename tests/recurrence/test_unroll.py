"""``unroll`` apart from the equations: remat, padding, probes, exact results, errors."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import oracles
from support.assertions import assert_close
from support.short_unroll import LENGTHS_B, LSTM, RESET_TB, B, D, H, T, draw, total

from seqjax.cells import CELLS
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence.gradient_norms import StepBound
from seqjax.recurrence.unroll import unroll

# --- remat and padding ---


def compute(params, x, carry, **options):
    """Results and gradients in both directions, with all options of an unroll."""

    def loss(params, x, carry, count, reverse):
        result = unroll(
            LSTM,
            params,
            x,
            carry=carry,
            lengths_B=LENGTHS_B,
            reset_TB=RESET_TB,
            reverse=reverse,
            probe=("f", "g"),
            step_bound=StepBound(0.5, count),
            **options,
        )
        return total(result), result

    grad = jax.grad(loss, argnums=(0, 1, 2, 3), has_aux=True)
    return [grad(params, x, carry, 0.0, reverse) for reverse in (False, True)]


program = jax.jit(compute)


@cache
def plain():
    return program(*draw(LSTM))


@pytest.mark.slow
def test_remat_and_unroll_change_no_result_and_no_gradient():
    """With chunks of 2 steps, which does not divide T."""
    options = {"remat": True, "unroll": 2}
    assert_close(jax.jit(partial(compute, **options))(*draw(LSTM)), plain(), 1e-6)


@pytest.mark.parametrize("reverse", [False, True])
def test_chunks_may_be_one_step_or_more_than_there_are(reverse):
    params, x, carry = draw(LSTM)

    @jax.jit
    def run(params):
        options = {"carry": carry, "lengths_B": LENGTHS_B, "reverse": reverse}
        return [unroll(LSTM, params, x, remat=remat, **options) for remat in (None, 1, T + 2)]

    expected, *found = run(params)
    for result in found:
        assert_close(result, expected, 1e-6)


def test_remat_keeps_a_carry_a_chunk_instead_of_every_step():
    params, _, _ = draw(LSTM)
    x = jnp.ones((64, B, D))

    def residuals(remat):
        f = jax.vjp(lambda p: unroll(LSTM, p, x, remat=remat).outputs_TBH, params)[1]
        return sum(leaf.size for leaf in jax.tree.leaves(f))

    carries = 2 * B * H
    assert residuals(None) > 64 * 3 * carries
    assert residuals(8) < 8 * carries + x.size + 200
    assert residuals(True) == residuals(8)


def test_values_on_padding_reach_neither_results_nor_gradients():
    params, x, carry = draw(LSTM)
    padding = (np.arange(T)[:, None] >= LENGTHS_B)[:, :, None]
    for held in (np.nan, np.inf, 1e30):
        assert_close(program(params, jnp.where(padding, held, x), carry), plain(), 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_lengths_may_be_any_integers(dtype, x64):
    params, x, _ = draw(LSTM)
    lengths_B = LENGTHS_B.astype(dtype)
    result = unroll(LSTM, params, x, lengths_B=lengths_B)
    assert not np.any(result.outputs_TBH[lengths_B[2] :, 2])


# --- probes ---


@pytest.mark.parametrize("reverse", [False, True])
def test_probes_are_the_gates_and_zero_on_padding(reverse):
    params, x, carry = draw(LSTM)
    options = {"carry": carry, "lengths_B": LENGTHS_B, "reverse": reverse}
    result = unroll(LSTM, params, x, probe=("o", "f"), **options)
    assert set(result.probes) == {"o", "f"}
    assert unroll(LSTM, params, x).probes == {}
    for name, k in (("f", 1), ("o", 3)):
        w, u, b = params.w_DGH[:, k], params.u_HGH[:, k], params.b_GH[k]
        expected = np.zeros((T, B, H))
        for example, length in enumerate(LENGTHS_B):
            h = carry.h[example]
            for t in range(length)[:: -1 if reverse else 1]:
                expected[t, example] = oracles.sigmoid(x[t, example] @ w + h @ u + b)
                h = result.outputs_TBH[t, example]
        assert_close(result.probes[name], expected, 1e-6)


EQUATIONS = {
    "gru": (("z", "n"), lambda h, z, n: (1 - z) * n + z * h),
    "mut1": (("z", "n"), lambda h, z, n: z * n + (1 - z) * h),
    "janet": (("f", "i", "g"), lambda h, f, i, g: f * h + i * g),
    "elman": (("h",), lambda h, new: new),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_probes_of_other_cells_rebuild_their_outputs(name):
    """By the last line of the equation; gates without parameters are probed as well."""
    cell, (probe, equation) = CELLS[name], EQUATIONS[name]
    x = jnp.ones((T, B, H if cell.square else D))
    params = init_cell(jax.random.key(0), cell, x.shape[2], H, InitSpec())
    result = unroll(cell, params, x, probe=probe)
    before = jnp.concatenate([jnp.zeros((1, B, H)), result.outputs_TBH[:-1]])
    rebuilt = equation(before, *(result.probes[gate] for gate in probe))
    assert_close(rebuilt, result.outputs_TBH, 1e-6)


# --- errors ---

f32 = partial(np.ones, dtype=np.float32)
MISTAKES = [
    ({"x": f32((T, D))}, r"x_TBD: expected shape \(T, B, 2\), got \(5, 2\)"),
    ({"x": f32((T, B, 4))}, r"x_TBD: expected shape \(T, B, 2\), got \(5, 3, 4\)"),
    ({"x": f32((0, B, D))}, r"x_TBD: expected .*, got \(0, 3, 2\)"),
    ({"x": f32((T, 0, D))}, r"x_TBD: expected .*, got \(5, 0, 2\)"),
    ({"x": f32((T, B, 0)), "w_DGH": f32((0, 4, H))}, r"x_TBD: expected .*, got \(5, 3, 0\)"),
    ({"w_DGH": f32((D, 4, 0))}, r"params.w_DGH: expected .*, got \(2, 4, 0\)"),
    ({"x": np.ones((T, B, D), np.float16)}, r"x_TBD: params.w_DGH is float32, got float16"),
    (
        {"params": CELLS["lstm_peephole"].params(*[f32((1,))] * 4)},
        "params: .*'lstm'.* Params, got PeepholeParams",
    ),
    ({"w_DGH": f32((D, 3, H))}, r"params.w_DGH: expected shape \(2, 4, 3\), got \(2, 3, 3\)"),
    ({"u_HGH": f32((H, H))}, r"params.u_HGH: expected shape \(3, 4, 3\), got \(3, 3\)"),
    ({"b_GH": f32((H, 4))}, r"params.b_GH: expected shape \(4, 3\), got \(3, 4\)"),
    ({"b_GH": np.ones((4, H), np.float16)}, "params.b_GH is float16, got float32"),
    ({"carry": (f32((B, H)), f32((B, H)))}, "carry: .*'lstm'.* LSTMCarry, got tuple"),
    ({"carry": LSTM.carry(f32((B, H)), f32((B, D)))}, r"carry.c: .*\(3, 3\) .*, got \(3, 2\)"),
    ({"carry": LSTM.carry(np.ones((B, H), np.float16), f32((B, H)))}, "carry.h: .*got .*float16"),
    ({"lengths_B": np.ones(4, int)}, r"lengths_B: expected shape \(3,\), got \(4,\)"),
    ({"lengths_B": f32(B)}, "lengths_B: expected integer values, got float32"),
    ({"reset_TB": np.ones((B, T), bool)}, r"reset_TB: expected shape \(5, 3\), got \(3, 5\)"),
    ({"reset_TB": np.ones((T, B), int)}, "reset_TB: expected bool_? values, got int32"),
    ({"probe": ("i", "forget")}, "gate of cell 'lstm' 'forget'.*known: f, g, i, o"),
    ({"remat": 0}, "remat: expected True or a number of steps >= 1, got 0"),
]


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize(("given", "message"), MISTAKES)
def test_errors_name_the_expected_and_the_received_value(given, message, engine):
    params, x, _ = draw(LSTM)
    options = {"params": params, "x": x} | given
    parts = {name: options.pop(name) for name in params._fields if name in options}
    params, x = options.pop("params")._replace(**parts), options.pop("x")
    with pytest.raises(ValueError, match=message):
        unroll(LSTM, params, x, engine=engine, **options)


@pytest.mark.parametrize(("name", "field"), [("lstm_fgr", "r_HQH"), ("indrnn", "p_PH")])
def test_errors_in_extra_parameters_name_the_field(name, field):
    params, x, _ = draw(CELLS[name])
    wrong = getattr(params, field)[..., :-1]
    with pytest.raises(
        ValueError, match=rf"params.{field}: expected shape .* got \({wrong.shape[0]},"
    ):
        unroll(CELLS[name], params._replace(**{field: wrong}), x)
