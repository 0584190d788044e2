"""What ``unroll`` promises beside the equations: masks, memory, probes, bounds, errors."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from conftest import assert_close
from hypothesis import given
from hypothesis import strategies as st

from seqjax.cells import CELLS
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence import unroll
from seqjax.signal import StepBound

LSTM = CELLS["lstm"]
T, B, D, H = 5, 3, 2, 3
LENGTHS_B = np.array([5, 0, 4])
RESET_TB = np.zeros((T, B), bool)
RESET_TB[2, 0] = RESET_TB[0, 2] = RESET_TB[4, 2] = RESET_TB[2:, 1] = True


def draw(cell, runs=(), seed=0):
    """Parameters, input and carry, in float32."""
    normal = np.random.default_rng(seed).normal
    shapes = jax.eval_shape(lambda: init_cell(jax.random.key(0), cell, D, H, InitSpec()))
    params = jax.tree.map(lambda leaf: normal(size=(*runs, *leaf.shape)), shapes)
    carry = cell.carry(*(normal(size=(B, H)) for _ in cell.carry._fields))
    return jax.tree.map(jnp.float32, (params, normal(size=(T, B, D)), carry))


def total(result):
    """One number in which each result has another weight."""
    leaves = jax.tree.leaves(result)
    return sum(
        jnp.sum(leaf * jnp.cos(jnp.arange(leaf.size).reshape(leaf.shape))) for leaf in leaves
    )


# --- one unroll, many ways of computing it ---


def compute(params, x, carry, **options):
    """Results and gradients in both directions, with everything that an unroll can do."""

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


@cache
def plain():
    return jax.jit(compute)(*draw(LSTM))


@pytest.mark.parametrize(
    "options",
    [
        {"remat": 1},
        {"remat": True},  # 2, which does not divide T
        {"remat": T + 2},
        {"unroll": 2},
    ],
    ids=str,
)
def test_remat_and_unroll_change_no_result_and_no_gradient(options):
    assert_close(jax.jit(partial(compute, **options))(*draw(LSTM)), plain(), 1e-6)


def test_remat_keeps_a_carry_a_chunk_instead_of_every_step():
    params, _, _ = draw(LSTM)
    x = jnp.ones((64, B, D))

    def kept(remat):
        f = jax.vjp(lambda p: unroll(LSTM, p, x, remat=remat).outputs_TBH, params)[1]
        return sum(leaf.size for leaf in jax.tree.leaves(f))

    carries = 2 * B * H
    assert kept(None) > 64 * 3 * carries
    assert kept(8) < 8 * carries + x.size + 200
    assert kept(True) == kept(8)


def test_what_padding_holds_reaches_neither_values_nor_gradients():
    params, x, carry = draw(LSTM)
    padding = (np.arange(T)[:, None] >= LENGTHS_B)[:, :, None]
    run = jax.jit(compute)
    for held in (np.nan, np.inf, 1e30):
        assert_close(run(params, jnp.where(padding, held, x), carry), plain(), 0)


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
    """The last line of the equation from what was probed, derived and inner gates included."""
    cell, (probe, equation) = CELLS[name], EQUATIONS[name]
    x = jnp.ones((T, B, H if cell.square else D))
    params = init_cell(jax.random.key(0), cell, x.shape[2], H, InitSpec())
    result = unroll(cell, params, x, probe=probe)
    before = jnp.concatenate([jnp.zeros((1, B, H)), result.outputs_TBH[:-1]])
    rebuilt = equation(before, *(result.probes[gate] for gate in probe))
    assert_close(rebuilt, result.outputs_TBH, 1e-6)


# --- properties ---

STEPS = SLOTS = 6
seeds = st.integers(0, 2**32 - 1)
some_lengths = st.lists(st.integers(0, STEPS), min_size=SLOTS, max_size=SLOTS)
some_resets = st.lists(st.booleans(), min_size=STEPS, max_size=STEPS)
directions = st.booleans()


@cache
def program(reverse):
    """One for every example that hypothesis draws."""
    params = init_cell(jax.random.key(1), LSTM, D, H, InitSpec(bias={"f": 1.0}))

    def run(x, carry, lengths_B, reset_TB):
        options = {"carry": carry, "lengths_B": lengths_B, "reset_TB": reset_TB}
        result = unroll(LSTM, params, x, reverse=reverse, **options)
        return result.outputs_TBH, result.carry

    return jax.jit(run)


def run(x, carry, lengths_B=(STEPS,) * SLOTS, reset_T=(False,) * STEPS, reverse=False):
    reset_TB = np.array([reset_T] * SLOTS).T
    return jax.tree.map(np.array, program(reverse)(x, carry, np.array(lengths_B), reset_TB))


def sequences(seed):
    """As many sequences as slots, and the initial carry of each."""
    normal = np.random.default_rng(seed).normal
    leaves = normal(size=(STEPS, SLOTS, D)), normal(size=(SLOTS, H)), normal(size=(SLOTS, H))
    x, h, c = (leaf.astype(np.float32) for leaf in leaves)
    return x, LSTM.carry(h, c)


def lane(tree, b):
    return jax.tree.map(lambda leaf: leaf[b], tree)


def flipped(array, lengths_B):
    """Time turned round within each length; padding stays where it is."""
    out = array.copy()
    for b, length in enumerate(lengths_B):
        out[:length, b] = array[:length, b][::-1]
    return out


@given(seeds, some_lengths)
def test_padding_changes_nothing(seed, lengths_B):
    """Valid steps have the bits that they have without padding, and the last of them is kept."""
    x, carry = sequences(seed)
    whole, _ = run(x, carry)
    outputs, last = run(x, carry, lengths_B)
    for b, length in enumerate(lengths_B):
        assert_close(outputs[:length, b], whole[:length, b], 0)
        assert not outputs[length:, b].any()
        assert_close(last.h[b], whole[length - 1, b] if length else carry.h[b], 0)
        assert length or (last.c[b] == carry.c[b]).all()


@given(seeds, some_lengths)
def test_reversing_commutes_with_flipping_time(seed, lengths_B):
    x, carry = sequences(seed)
    outputs, last = run(x, carry, lengths_B, reverse=True)
    other, other_last = run(flipped(x, lengths_B), carry, lengths_B)
    assert_close((outputs, last), (flipped(other, lengths_B), other_last), 1e-6)


def test_reversing_commutes_without_lengths():
    params, x, carry = draw(LSTM)
    ahead = unroll(LSTM, params, x[::-1], carry=carry, probe=("i",))
    back = unroll(LSTM, params, x, carry=carry, probe=("i",), reverse=True)
    expected = ahead.outputs_TBH[::-1], ahead.carry, {"i": ahead.probes["i"][::-1]}
    assert_close(tuple(back), expected, 1e-6)


@given(seeds, some_resets, directions)
def test_resets_equal_separate_sequences(seed, reset_T, reverse):
    """One sequence with resets, against its pieces in slots of their own."""
    x, carry = sequences(seed)
    carry = jax.tree.map(lambda leaf: np.repeat(leaf[:1], SLOTS, axis=0), carry)
    together, last = run(x, carry, reset_T=reset_T, reverse=reverse)

    starts = [0, *(t for t in range(1, STEPS) if reset_T[t])]
    lengths = np.diff([*starts, STEPS])
    pieces = np.zeros_like(x)
    for slot, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        pieces[:length, slot] = x[start : start + length, 0]
    unused = [0] * (SLOTS - len(starts))
    apart, apart_last = run(pieces, carry, [*lengths, *unused], reverse=reverse)

    joined = np.concatenate([apart[:length, slot] for slot, length in enumerate(lengths)])
    assert_close(together[:, 0], joined, 1e-6)
    final = lane(apart_last, 0 if reverse else len(starts) - 1)
    if reverse and reset_T[0]:  # the reset after step 0 comes last
        final = lane(carry, 0)
    assert_close(lane(last, 0), final, 1e-6)


@given(seeds, some_lengths, directions)
def test_chunks_that_hand_on_the_carry_equal_the_whole(seed, cuts_B, reverse):
    x, carry = sequences(seed)
    whole, last = run(x, carry, reverse=reverse)
    head, tail = np.array(cuts_B), STEPS - np.array(cuts_B)
    behind = np.zeros_like(x)
    for b, cut in enumerate(cuts_B):
        behind[: STEPS - cut, b] = x[cut:, b]
    if reverse:
        late, middle = run(behind, carry, tail, reverse=True)
        early, end = run(x, middle, head, reverse=True)
    else:
        early, middle = run(x, carry, head)
        late, end = run(behind, middle, tail)
    for b, cut in enumerate(cuts_B):
        early[cut:, b] = late[: STEPS - cut, b]
    assert_close((early, end), (whole, last), 1e-6)


# --- the bound on the signal ---


@cache
def one_step(cell):
    """A step of one example, and its gradients from the signal that comes back to it."""

    def forward(params, x_D, carry):
        start = jax.tree.map(lambda leaf: leaf[None], carry)
        return lane(unroll(cell, params, x_D[None, None], carry=start).carry, 0)

    return jax.jit(forward), jax.jit(lambda signal, *at: jax.vjp(forward, *at)[1](signal))


def by_hand(cell, params, x, carry, cotangents, threshold, reverse):
    """Gradients and count, example by example and step by step, with cotangents cut by NumPy."""
    forward, backward = one_step(cell)
    add = partial(jax.tree.map, np.add)
    zero = partial(jax.tree.map, np.zeros_like)
    d_params, d_x, d_carry, count = zero(params), zero(x), zero(carry), 0
    for b, length in enumerate(LENGTHS_B):
        initial = state = lane(carry, b)
        steps, starts = range(length)[:: -1 if reverse else 1], {}
        for t in steps:
            first = RESET_TB[t, b]
            starts[t] = initial if first and not reverse else state
            state = forward(params, x[t, b], starts[t])
            state = initial if first and reverse else state
        d_outputs, signal = lane((cotangents[0].swapaxes(0, 1), cotangents[1]), b)
        d_initial = zero(signal)
        for t in reversed(steps):
            first = RESET_TB[t, b]
            if first and reverse:
                d_initial, signal = add(d_initial, signal), zero(signal)
            signal = signal._replace(h=signal.h + d_outputs[t])
            norm = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in signal))
            if norm > threshold:
                count += 1
                signal = jax.tree.map(lambda leaf, factor=threshold / norm: leaf * factor, signal)
            own, d_x[t, b], signal = backward(signal, params, x[t, b], starts[t])
            d_params = add(d_params, own)
            if first and not reverse:
                d_initial, signal = add(d_initial, signal), zero(signal)
        for leaf, value in zip(d_carry, add(d_initial, signal), strict=True):
            leaf[b] = value
    return (d_params, d_x, d_carry), count


@pytest.mark.parametrize("name", ["lstm", "gru_reset_before"])
@pytest.mark.parametrize("reverse", [False, True])
def test_step_clip_equals_a_loop_that_shortens_each_steps_signal(name, reverse):
    """The threshold is mapped over, so it is traced; inf, as the last of them, clips nothing."""
    cell = CELLS[name]
    params, x, carry = draw(cell)
    normal = np.random.default_rng(1).normal
    cotangents = normal(size=(T, B, H)), cell.carry(*(normal(size=(B, H)) for _ in carry))
    cotangents = jax.tree.map(np.float32, cotangents)

    def gradients(threshold):
        def f(params, x, carry, count):
            options = {"carry": carry, "lengths_B": LENGTHS_B, "reset_TB": RESET_TB}
            clip = StepBound(threshold, count)
            result = unroll(cell, params, x, reverse=reverse, step_bound=clip, **options)
            return result.outputs_TBH, result.carry

        *own, count = jax.vjp(f, params, x, carry, 0.0)[1](cotangents)
        return tuple(own), count

    thresholds = np.float32([0.3, 2.0, np.inf])
    found = jax.jit(jax.vmap(gradients))(thresholds)
    counts = []
    for k, threshold in enumerate(thresholds):
        hand, count = by_hand(cell, params, x, carry, cotangents, threshold, reverse)
        assert_close(jax.tree.map(lambda leaf, k=k: leaf[k], found[0]), hand, 1e-5)
        assert found[1][k] == count
        counts.append(count)
    assert counts[0] > counts[1] > counts[2] == 0


@pytest.mark.parametrize("name", ["lstm", "gru", "mut3"])
def test_an_infinite_step_clip_leaves_every_bit(name):
    """In the reference engine: the two programs of the fused one may round at other places."""
    cell = CELLS[name]
    params, x, carry = draw(cell)

    def f(params, x, carry, **options):
        options |= {"carry": carry, "lengths_B": LENGTHS_B, "engine": "reference"}
        return total(unroll(cell, params, x, **options)[:2])

    plain = jax.jit(jax.grad(f, (0, 1, 2)))(params, x, carry)
    for clip in (StepBound(np.inf), StepBound(jnp.inf)):
        bounded = jax.jit(jax.grad(partial(f, step_bound=clip), (0, 1, 2)))(params, x, carry)
        assert_close(bounded, plain, 0)


# --- exact facts ---


def test_direct_path_along_the_cell_state_is_the_product_of_forget_gates():
    """∂c_T/∂c_0 with U = 0, where h, and with it the gates, do not see the old cell state."""
    params, x, carry = draw(LSTM)
    params = params._replace(u_HGH=jnp.zeros_like(params.u_HGH))
    for steps in (1, T):

        def final(c, steps=steps):
            result = unroll(LSTM, params, x[:steps], carry=carry._replace(c=c), probe=("f",))
            return jnp.sum(result.carry.c), result.probes["f"]

        slope, f = jax.grad(final, has_aux=True)(carry.c)
        assert_close(slope, jnp.prod(f, axis=0), 1e-6)


@pytest.mark.parametrize(("name", "gamma"), [("elman", 1.0), ("elman_sigmoid", 0.25)])
def test_elman_jacobian_is_bounded_by_gamma_sigma_max_to_the_k(name, gamma):
    """‖∂h_k/∂h_0‖ <= (γ·σ_max)^k; equal where U is orthogonal and every z is 0."""
    cell, k = CELLS[name], 4

    def jacobian(h, params, x):
        last = unroll(cell, params, x[:, None], carry=cell.carry(h[None])).carry.h
        return last[0]

    jacobian = jax.jit(jax.jacrev(jacobian))
    for seed in range(5):
        params, x, carry = draw(cell, seed=seed)
        bound = (gamma * np.linalg.norm(params.u_HGH[:, 0], 2)) ** k
        assert np.linalg.norm(jacobian(carry.h[0], params, x[:k, 0]), 2) < bound
    spec = InitSpec(recurrent="orthogonal", recurrent_gain=1.5)
    params = init_cell(jax.random.key(0), cell, D, H, spec)
    rest = np.zeros(H, np.float32) if name == "elman" else np.full(H, 0.5, np.float32)
    params = params._replace(b_GH=-(rest @ params.u_HGH[:, 0])[None])
    norm = np.linalg.norm(jacobian(rest, params, np.zeros((k, D), np.float32)), 2)
    assert_close(norm, (gamma * 1.5) ** k, 1e-5)


# --- the caller's mistakes ---

f32 = partial(np.ones, dtype=np.float32)
MISTAKES = {
    "x has two axes": ({"x": f32((T, D))}, r"x_TBD: expected shape \(T, B, 2\), got \(5, 2\)"),
    "x has another width": (
        {"x": f32((T, B, 4))},
        r"x_TBD: expected shape \(T, B, 2\), got \(5, 3, 4\)",
    ),
    "x has another dtype": (
        {"x": np.ones((T, B, D), np.float16)},
        r"x_TBD: params.w_DGH is float32, got float16",
    ),
    "parameters of another cell": (
        {"params": CELLS["lstm_peephole"].params(*[f32((1,))] * 4)},
        "params: .*'lstm' expects Params, got PeepholeParams",
    ),
    "a matrix with two axes": (
        {"w_DGH": f32((D, H))},
        r"params.w_DGH: expected shape .*4.*, got \(2, 3\)",
    ),
    "too few input gates": (
        {"w_DGH": f32((D, 3, H))},
        r"params.w_DGH: expected shape \(2, 4, 3\), got \(2, 3, 3\)",
    ),
    "another recurrent shape": (
        {"u_HGH": f32((H, H))},
        r"params.u_HGH: expected shape \(3, 4, 3\), got \(3, 3\)",
    ),
    "another bias shape": (
        {"b_GH": f32((H, 4))},
        r"params.b_GH: expected shape \(4, 3\), got \(3, 4\)",
    ),
    "another bias dtype": (
        {"b_GH": np.ones((4, H), np.float16)},
        "params.b_GH is float16, got float32",
    ),
    "a bare tuple as carry": (
        {"carry": (f32((B, H)), f32((B, H)))},
        "carry: cell 'lstm' expects LSTMCarry, got tuple",
    ),
    "a carry of another width": (
        {"carry": LSTM.carry(f32((B, H)), f32((B, D)))},
        r"carry.c: expected \(3, 3\) float32, got \(3, 2\) float32",
    ),
    "a carry of another dtype": (
        {"carry": LSTM.carry(np.ones((B, H), np.float16), f32((B, H)))},
        r"carry.h: expected \(3, 3\) float32, got \(3, 3\) float16",
    ),
    "too many lengths": (
        {"lengths_B": np.ones(4, int)},
        r"lengths_B: expected shape \(3,\), got \(4,\)",
    ),
    "fractional lengths": (
        {"lengths_B": f32(B)},
        "lengths_B: expected integer values, got float32",
    ),
    "resets batch-major": (
        {"reset_TB": np.ones((B, T), bool)},
        r"reset_TB: expected shape \(5, 3\), got \(3, 5\)",
    ),
    "resets as numbers": (
        {"reset_TB": np.ones((T, B), int)},
        "reset_TB: expected bool_? values, got int32",
    ),
    "an unknown gate": (
        {"probe": ("i", "forget")},
        "unknown gate of cell 'lstm' 'forget'.*known: f, g, i, o",
    ),
    "no steps a chunk": ({"remat": 0}, "remat: expected True or a number of steps >= 1, got 0"),
}


@pytest.mark.parametrize(("given", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_name_what_was_expected_and_what_came(given, message):
    params, x, _ = draw(LSTM)
    options = {"params": params, "x": x} | given
    parts = {name: options.pop(name) for name in params._fields if name in options}
    params, x = options.pop("params")._replace(**parts), options.pop("x")
    with pytest.raises(ValueError, match=message):
        unroll(LSTM, params, x, **options)


@pytest.mark.parametrize(("name", "field"), [("lstm_fgr", "r_HQH"), ("indrnn", "p_PH")])
def test_mistakes_in_a_cells_own_parameters_are_named(name, field):
    params, x, _ = draw(CELLS[name])
    wrong = getattr(params, field)[..., :-1]
    with pytest.raises(
        ValueError, match=rf"params.{field}: expected shape .* got \({wrong.shape[0]},"
    ):
        unroll(CELLS[name], params._replace(**{field: wrong}), x)
