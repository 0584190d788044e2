"""Initialisation: distributions of blocks and biases, shared draws, traced numbers, errors.

``tests/training/test_config.py`` has names and ranges of the fields.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from support.assertions import assert_close

from seqjax.cells import CELLS
from seqjax.init import NONZEROS, InitSpec, init_cell, spectral_radius
from seqjax.recurrence.unroll import unroll
from seqjax.types import named_key

LSTM, GRU = CELLS["lstm"], CELLS["gru"]
jitted_radius = jax.jit(spectral_radius)
KEY = jax.random.key(3)
D, H = 40, 60


def init(cell, spec=None, sizes=(D, H), key=KEY):
    return init_cell(key, cell, *sizes, spec or InitSpec())


def gate(cell, params, name):
    """The blocks and biases of a gate that it has."""
    found = {}
    if name in cell.input_gates:
        found["W"] = params.w_DGH[:, cell.input_gates.index(name)]
    if name in cell.state_gates:
        found["U"] = params.u_HGH[:, cell.state_gates.index(name)]
    if name in cell.bias_gates:
        found["b"] = params.b_GH[cell.bias_gates.index(name)]
    return found


# --- the blocks ---


def test_orthogonal_makes_every_block_orthogonal():
    for matrices in (init(LSTM).u_HGH, init(CELLS["lstm_fgr"]).r_HQH):
        for n in range(matrices.shape[1]):
            values = np.linalg.svd(matrices[:, n], compute_uv=False)
            assert_close(values, np.ones(H), 1e-5)


def test_orthogonal_fused_makes_the_rows_of_the_whole_orthonormal():
    u_HGH = init(LSTM, InitSpec("orthogonal_fused", recurrent_gain=2.0)).u_HGH
    whole = u_HGH.reshape(H, 4 * H) / 2
    assert_close(whole @ whole.T, np.eye(H), 1e-5)
    assert np.linalg.svd(u_HGH[:, 0], compute_uv=False).min() < 0.4


PLAIN = {
    "lecun": ({"input": "lecun"}, D**-0.5, H**-0.5),
    "glorot": ({"input": "glorot"}, (2 / (D + H)) ** 0.5, H**-0.5),
    "normal": ({"input": "normal", "recurrent": "normal"}, D**-0.5, H**-0.5),
    "uniform": ({"input": "uniform", "recurrent": "uniform"}, (3 * H) ** -0.5, (3 * H) ** -0.5),
    "fixed": (
        {
            "input": "normal_fixed",
            "input_gain": 0.1,
            "recurrent": "uniform_fixed",
            "recurrent_gain": 0.3,
        },
        0.1,
        0.3 * 3**-0.5,
    ),
    "gains": ({"input_gain": 2.0, "recurrent_gain": 3.0}, 2 * D**-0.5, 3 * H**-0.5),
}


@pytest.mark.parametrize(("spec", "w_deviation", "u_deviation"), PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("name", ["lstm", "mut3"])
def test_each_gates_block_has_the_deviation_of_the_plain_matrix(
    name, spec, w_deviation, u_deviation
):
    """A sample deviation of n normal draws is within 4 / √(2n) of the true one, relatively."""
    cell = CELLS[name]
    params = init(cell, InitSpec(**spec))
    for k in cell.bias_gates:
        blocks = gate(cell, params, k)
        for block, deviation in ((blocks["W"], w_deviation), (blocks["U"], u_deviation)):
            assert abs(np.mean(block)) < 4 * deviation / block.size**0.5
            assert abs(np.std(block) / deviation - 1) < 4 / (2 * block.size) ** 0.5
            if spec.get("recurrent") == "uniform":
                assert 0.98 * H**-0.5 < np.max(np.abs(block)) <= H**-0.5
        if spec.get("recurrent") == "uniform_fixed":
            assert 0.98 * 0.3 < np.max(np.abs(blocks["U"])) <= 0.3


def test_identity_is_scaled():
    u_HGH = init(LSTM, InitSpec(recurrent="identity", recurrent_gain=0.01)).u_HGH
    assert_close(u_HGH.transpose(1, 0, 2), 0.01 * np.stack([np.eye(H, dtype="f4")] * 4), 1e-7)


@pytest.mark.slow
def test_sparse_blocks_have_fifteen_weights_a_unit_and_the_radius():
    init = jax.jit(init_cell, static_argnums=(1, 2, 3))
    spec = InitSpec(recurrent="sparse", radius=1.3, recurrent_gain=2.0)
    u_HGH = init(KEY, LSTM, D, H, spec).u_HGH
    for n in range(4):
        block = np.float64(u_HGH[:, n])
        assert (np.count_nonzero(block, axis=0) == NONZEROS).all()
        assert_close(np.abs(np.linalg.eigvals(block)).max(), 2 * 1.3, 1e-4)
    few = init(KEY, CELLS["elman"], 2, 7, spec).u_HGH
    assert np.count_nonzero(few) == few.size


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_spectral_radius_equals_that_of_numpy(seed, scale):
    block = np.float32(np.random.default_rng(seed).normal(size=(6, 6)) * scale)
    radius = np.abs(np.linalg.eigvals(np.float64(block))).max()
    assert_close(jitted_radius(block), radius, 1e-4)


def test_unit_rows_are_uniform_up_to_the_gain():
    p = init(CELLS["indrnn"], InitSpec(recurrent_gain=2.0), (1, 1500)).p_PH
    assert stats.kstest(p[0], stats.uniform(0, 2).cdf).pvalue > 0.01


# --- keys ---


@pytest.mark.parametrize("recurrent", ["orthogonal", "normal"])
def test_variants_share_the_draws_of_the_gates_that_they_share(recurrent):
    """By name, not by position: f is the second gate of one and the first of the other."""
    spec = InitSpec(recurrent=recurrent)
    full = init(LSTM, spec)
    for other in ("lstm_nig", "lstm_nfg", "lstm_peephole_nog", "lstm_fgr", "lstm_layernorm"):
        cell = CELLS[other]
        params = init(cell, spec)
        for name in cell.bias_gates:
            assert_close(gate(cell, params, name), gate(LSTM, full, name), 0)


def test_both_grus_share_every_draw():
    before = CELLS["gru_reset_before"]
    one, two = init(GRU), init(before)
    assert_close(gate(GRU, one, "n_h")["U"], gate(before, two, "n")["U"], 0)
    assert_close(gate(GRU, one, "n")["W"], gate(before, two, "n")["W"], 0)
    for name in "rz":
        assert_close(gate(GRU, one, name), gate(before, two, name), 0)


def test_every_block_of_a_cell_is_another_draw():
    fgr = CELLS["lstm_fgr"]
    spec = InitSpec(recurrent="normal", input="normal")
    blocks = []
    for key in (KEY, jax.random.key(4)):
        params = init(fgr, spec, (H, H), key)
        for matrices in (params.w_DGH, params.u_HGH, params.r_HQH):
            blocks += [np.ravel(matrices[:, n]) for n in range(matrices.shape[1])]
    alike = np.corrcoef(blocks) - np.eye(len(blocks))
    assert len(blocks) == 2 * (4 + 4 + 9)
    assert np.abs(alike).max() < 6 / H


def test_named_keys_are_the_same_in_every_process():
    """Unlike those of Python's ``hash``."""
    key = named_key(jax.random.key(0), "recurrent", "f")
    assert jax.random.key_data(key).tolist() == [1459667306, 268358546]


# --- biases ---


def test_biases_spread_normally_about_their_constant():
    """Each gate has its own draw, relative to its constant; a bias of 0 stays 0."""
    width = 1000
    spec = InitSpec("identity", bias={"f": 2.0, "o": -1.0}, bias_spread=0.1)
    i, f, g, o = np.float64(init(LSTM, spec, (1, width)).b_GH)
    assert not i.any() and not g.any()
    for b, mean in ((f, 2.0), (o, -1.0)):
        assert stats.kstest(b, stats.norm(mean, 0.1 * abs(mean)).cdf).pvalue > 0.01
    assert abs(np.corrcoef(f, o)[0, 1]) < 4 / width**0.5
    (b_f, *_) = init(CELLS["lstm_nig"], spec, (1, width)).b_GH
    assert_close(np.float64(b_f), f, 0)


def test_biases_without_spread_are_their_constants_to_the_bit():
    """Also if the spread is traced, and for constants that are no float32 numbers."""
    make = jax.jit(lambda spec: init_cell(KEY, LSTM, 2, 50, spec).b_GH)
    b_GH = np.asarray(make(InitSpec(bias={"f": 0.1, "o": -1 / 3})))
    stated = np.float32([[0], [0.1], [0], [-1 / 3]]) * np.ones(50, np.float32)
    assert b_GH.tobytes() == stated.tobytes()
    chrono = make(InitSpec(bias_scheme="chrono", bias={"o": 2.0}))
    assert np.all(chrono[3] == 2) and not np.any(chrono[2])


# The gates that each scheme sets, with the sign of the draw.
SIGNS = {
    "lstm": {"i": -1, "f": 1},
    "lstm_nig": {"f": 1},
    "lstm_nfg": {"i": -1},
    "lstm_cifg": {"f": 1},
    "lstm_peephole": {"i": -1, "f": 1},
    "lstm_decay": {"i": -1},
    "lstm_refine": {"f": 1, "r": -1},
    "lstm_tanh_output": {"i": -1, "f": 1},
    "janet": {"f": 1},
    "gru": {"z": 1},
    "gru_reset_before": {"z": 1},
    "mut1": {"z": -1},
    "mut2": {"z": -1},
    "mut3": {"z": -1},
}


@pytest.mark.parametrize("scheme", ["chrono", "uniform_gate"])
def test_schemes_have_their_stated_distribution(scheme):
    """Kolmogorov-Smirnov over fixed keys, at a width where the bound 1/H of uniform-gate counts."""
    width, t_max = 5, 80.0
    spec = InitSpec("identity", bias_scheme=scheme, t_max=t_max)
    keys = jax.random.split(KEY, 600)
    params = jax.jit(jax.vmap(lambda key: init_cell(key, LSTM, 1, width, spec)))(keys)
    b_f = np.float64(params.b_GH[:, 1]).ravel()
    if scheme == "chrono":
        sample, stated = np.exp(b_f), stats.uniform(1, t_max - 2)
    else:
        sample, stated = 1 / (1 + np.exp(-b_f)), stats.uniform(1 / width, 1 - 2 / width)
    assert stats.kstest(sample, stated.cdf).pvalue > 0.01
    low, high = stated.support()
    slack = 1e-6 * high
    assert low - slack <= sample.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < sample.max() <= high + slack


@pytest.mark.parametrize("name", SIGNS)
def test_schemes_set_the_gates_that_keep_or_write_the_state(name):
    cell = CELLS[name]
    for scheme in ("chrono", "uniform_gate"):
        draw = gate(LSTM, init(LSTM, InitSpec(bias_scheme=scheme), (8, 8)), "f")["b"]
        params = init(cell, InitSpec(bias_scheme=scheme), (8, 8))
        for k in cell.bias_gates:
            assert_close(gate(cell, params, k)["b"], SIGNS[name].get(k, 0) * draw, 0)


# --- traced numbers ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recurrent", "bias_scheme"), [("sparse", "constant"), ("orthogonal", "chrono")]
)
def test_numbers_may_be_traced_and_mapped_over(recurrent, bias_scheme):
    """One program for all numbers of a sweep; each lane equals its spec alone."""
    constant = "f" if bias_scheme == "constant" else "o"
    specs = [
        InitSpec(
            recurrent=recurrent,
            recurrent_gain=1.0 + k,
            input_gain=0.5 * k,
            radius=0.9 + k,
            bias={constant: k - 1.0},
            bias_spread=0.1 * k,
            bias_scheme=bias_scheme,
            t_max=20.0 + k,
        )
        for k in range(2)
    ]
    stacked = jax.tree.map(lambda *numbers: jnp.array(numbers), *specs)
    keys = jax.random.split(KEY, 2)
    make = jax.jit(jax.vmap(lambda key, spec: init_cell(key, LSTM, 3, 20, spec)))
    together = make(keys, stacked)
    for k, spec in enumerate(specs):
        alone = init_cell(keys[k], LSTM, 3, 20, spec)
        assert_close(jax.tree.map(lambda leaf, k=k: leaf[k], together), alone, 1e-5)


# --- errors ---


@pytest.mark.parametrize(
    ("name", "sizes", "fields", "message"),
    [
        ("lstm", (0, 3), {}, "input_size.*at least 1, got 0, 3"),
        ("lstm", (3, -1), {}, "hidden_size.*at least 1, got 3, -1"),
        ("mut2", (2, 3), {}, "'mut2'.*got 2, 3"),
        ("lstm_nfg", (2, 3), {"bias": {"f": 1.0}}, "gate.*'lstm_nfg' 'f'"),
        ("lstm", (2, 3), {"bias": {"i": 1}, "bias_scheme": "chrono"}, "bias: 'i'.*'chrono'"),
    ],
)
def test_invalid_arguments_are_refused(name, sizes, fields, message):
    with pytest.raises(ValueError, match=message):
        init(CELLS[name], InitSpec(**fields), sizes)


def test_arguments_of_another_type_are_refused_by_name():
    with pytest.raises(TypeError, match=r"^cell: .*CELLS\[.*'lstm'"):
        init_cell(KEY, "lstm", 2, 3, InitSpec())
    params = init_cell(KEY, LSTM, 2, 3, InitSpec())
    with pytest.raises(TypeError, match=r"^cell: .*CELLS\[.*'lstm'"):
        unroll("lstm", params, jnp.ones((1, 1, 2)))
    with pytest.raises(TypeError, match=r"^bias: .*mapping.*1\.0"):
        InitSpec(bias=1.0)
