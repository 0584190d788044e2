"""The Flax modules against the same computation spelt out, their sizes, and shared draws."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from support.assertions import assert_close

from seqjax.cells import CELLS
from seqjax.init import InitSpec
from seqjax.models.sequence import (
    ModelSpec,
    SequenceModel,
    model_params,
    model_size,
    with_params,
)
from seqjax.recurrence.unroll import unroll

T, B, D, H, V = 5, 3, 2, 4, 3
LENGTHS_B = np.array([5, 0, 3])


def make(key, cell="lstm", *, inputs=D, every_step=False, symbols=False, init=None, **spec):
    return SequenceModel(
        ModelSpec(cell, H, **spec),
        inputs,
        V,
        every_step=every_step,
        symbols=symbols,
        init=init or InitSpec(recurrent="uniform"),
        key=key,
    )


@functools.cache
def drawn(seed=0, cell="lstm", **options):
    """The abstract model and its parameters."""
    model = make(jax.random.key(seed), cell, **options)
    return nnx.eval_shape(lambda: make(jax.random.key(0), cell, **options)), model_params(model)


def composed(arrays, x, cell="lstm", lengths_B=None, every_step=False):
    """Logits of the model by matrix products and one ``unroll`` for each layer and direction."""
    if "embedding" in arrays:
        x = jnp.stack([arrays["embedding"]["embedding"][row] for row in x])
    recurrent = arrays["recurrent"]
    names = sorted(recurrent["cells"])
    for layer in sorted({name.split("_")[0] for name in names}):
        results = []
        for direction in ("forward", "backward"):
            name = f"{layer}_{direction}"
            if name in names:
                maps = recurrent.get("maps", {})
                results.append(
                    unroll(
                        CELLS[cell],
                        recurrent["cells"][name],
                        x @ maps[name]["kernel"] if name in maps else x,
                        lengths_B=lengths_B,
                        reverse=direction == "backward",
                    )
                )
        x = jnp.concatenate([result.outputs_TBH for result in results], axis=2)
    if not every_step:
        x = jnp.concatenate([result.carry.h for result in results], axis=1)
    return x @ arrays["readout"]["kernel"] + jnp.expand_dims(
        arrays["readout"]["bias"], tuple(range(x.ndim - 1))
    )


FLOATS = np.random.default_rng(0).normal(size=(T, B, D)).astype(np.float32)
SYMBOLS = np.random.default_rng(1).integers(0, 6, (T, B)).astype(np.int32)


@pytest.mark.core
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layers": 3, "every_step": True},
        {"layers": 2, "bidirectional": True},
        {"cell": "gru", "bidirectional": True, "every_step": True},
        {"cell": "mut1", "layers": 2, "bidirectional": True},
    ],
    ids=str,
)
def test_a_model_is_its_layers_and_a_product(options):
    model, arrays = drawn(**options)
    cell, every_step = options.get("cell", "lstm"), options.get("every_step", False)

    @jax.jit
    def both(arrays, x, lengths_B):
        logits = with_params(model, arrays)(x, lengths_B=lengths_B)
        return logits, composed(arrays, x, cell, lengths_B, every_step)

    for lengths_B in (np.full(B, T), LENGTHS_B):
        logits, expected = both(arrays, FLOATS, lengths_B)
        assert logits.shape == ((T, B, V) if every_step else (B, V))
        assert_close(logits, expected, 1e-6)
    assert_close(np.asarray(logits)[..., 1, :], np.zeros_like(logits)[..., 1, :], 0)


@pytest.mark.parametrize("embed", [0, 3])
def test_symbols_are_embedded_or_one_hot(embed):
    model, arrays = drawn(inputs=6, symbols=True, embed=embed)
    assert ("embedding" in arrays) == bool(embed)
    x = SYMBOLS if embed else np.eye(6, dtype=np.float32)[SYMBOLS]
    assert_close(with_params(model, arrays)(SYMBOLS), composed(arrays, x), 1e-6)


@pytest.mark.parametrize("symbols", [False, True])
def test_a_window_is_the_inputs_side_by_side(symbols):
    """The inputs of the step and the two before it, earliest first, zeros before the first step."""
    model, arrays = drawn(inputs=6 if symbols else D, symbols=symbols, window=3)
    x = SYMBOLS if symbols else FLOATS
    x_TBD = np.eye(6, dtype=np.float32)[SYMBOLS] if symbols else FLOATS
    nothing = np.zeros_like(x_TBD[0])
    rows = [[x_TBD[t - k] if t >= k else nothing for k in (2, 1, 0)] for t in range(T)]
    side_by_side = np.stack([np.concatenate(row, axis=-1) for row in rows])
    assert_close(with_params(model, arrays)(x), composed(arrays, side_by_side), 1e-6)


def test_carries_and_probes_are_named_by_layer_and_direction():
    model, arrays = drawn(layers=2, bidirectional=True)
    recurrent = with_params(model, arrays).recurrent
    whole = recurrent(FLOATS, probe=("f",))
    assert set(whole.carry) == {f"layer{n}_{d}" for n in "01" for d in ("forward", "backward")}
    assert whole.probes["layer1_backward"]["f"].shape == (T, B, H)
    model, arrays = drawn(layers=2)
    recurrent = with_params(model, arrays).recurrent
    halves = recurrent(FLOATS[2:], carry=recurrent(FLOATS[:2]).carry)
    assert_close(halves.carry, recurrent(FLOATS).carry, 1e-6)


def test_mut1_reads_its_input_through_a_counted_map():
    model, arrays = drawn(cell="mut1")
    kernel = arrays["recurrent"]["maps"]["layer0_forward"]["kernel"]
    assert kernel.shape == (D, H) and np.all(kernel != 0)
    cell = 2 * H * H + 2 * H * H + 3 * H  # W for r, z; U for r, n; a bias for each
    assert model_size(model)["parameters_recurrent"] == cell + D * H
    assert model_size(model)["multiply_adds"] == 4 * H * H + D * H
    _, square = drawn(cell="mut1", inputs=H)
    assert "maps" not in square["recurrent"]


def test_fixed_scales_apply_to_every_matrix_that_reads_inputs_and_to_the_readout():
    """Sizes at which scales that depend on widths would differ from the gains."""
    init = InitSpec(
        input="uniform_fixed",
        input_gain=0.5,
        recurrent="normal_fixed",
        recurrent_gain=0.25,
        readout="normal_fixed",
        readout_gain=2.0,
    )
    spec = ModelSpec("mut1", 90, embed=50)
    options = {"every_step": False, "symbols": True, "init": init, "key": jax.random.key(0)}
    arrays = model_params(jax.jit(lambda: SequenceModel(spec, 200, 40, **options))())
    recurrent = arrays["recurrent"]
    cell = recurrent["cells"]["layer0_forward"]
    kernel = recurrent["maps"]["layer0_forward"]["kernel"]
    for array in (arrays["embedding"]["embedding"], kernel, cell.w_DGH):
        assert 0.49 < np.max(np.abs(array)) <= 0.5 and abs(np.std(array) * 12**0.5 - 1) < 0.05
    assert abs(np.std(cell.u_HGH) / 0.25 - 1) < 0.05
    assert abs(np.std(arrays["readout"]["kernel"]) / 2 - 1) < 0.05


def test_the_gain_of_the_readout_scales_its_matrix_alone():
    made = make(jax.random.key(0), init=InitSpec("uniform", readout_gain=3.0))
    one, two = drawn()[1], model_params(made)
    assert_close(two["readout"]["kernel"], 3 * one["readout"]["kernel"], 1e-6)
    cells = (arrays["recurrent"]["cells"]["layer0_forward"].u_HGH for arrays in (one, two))
    assert np.array_equal(*cells)


READOUT = H * V + V


@pytest.mark.parametrize(
    ("options", "recurrent", "readout"),
    [
        ({}, 4 * H * (D + H + 1), READOUT),
        ({"cell": "gru"}, 3 * H * (D + H) + 4 * H, READOUT),
        ({"cell": "lstm_nig"}, 3 * H * (D + H + 1), READOUT),
        ({"cell": "lstm_peephole"}, 4 * H * (D + H + 1) + 3 * H, READOUT),
        ({"cell": "feedforward"}, H * (D + 1), READOUT),
        ({"layers": 2}, 4 * H * (D + H + 1) + 4 * H * (H + H + 1), READOUT),
        (
            {"layers": 2, "bidirectional": True},
            2 * 4 * H * (D + H + 1) + 2 * 4 * H * (2 * H + H + 1),
            READOUT + H * V,
        ),
        ({"inputs": 6, "symbols": True}, 4 * H * (6 + H + 1), READOUT),
        ({"inputs": 6, "symbols": True, "embed": 3}, 6 * 3 + 4 * H * (3 + H + 1), READOUT),
    ],
    ids=str,
)
def test_sizes_by_hand(options, recurrent, readout):
    model = nnx.eval_shape(lambda: make(jax.random.key(0), **options))
    sizes = model_size(model)
    assert sizes["parameters_recurrent"] == recurrent
    assert sizes["parameters"] == recurrent + readout


@pytest.mark.slow
def test_keys_and_initial_numbers_may_be_traced_and_mapped():
    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, 0, None))
    def logits(seed, bias, x):
        init = InitSpec("uniform", recurrent_gain=1 + bias, bias={"f": bias})
        model = make(jax.random.key(seed), init=init)
        return model(x), model_params(model)["recurrent"]["cells"]["layer0_forward"].b_GH

    seeds, biases = np.uint32([0, 1, 0]), np.float32([0.0, 0.0, 2.0])
    values, b_RGH = logits(seeds, biases, FLOATS)
    _, arrays = drawn(seed=1)
    assert_close(values[1], composed(arrays, FLOATS), 1e-6)
    assert np.array_equal(b_RGH[:, 1], np.repeat(biases[:, None], H, 1))
    assert np.min(np.abs(values[0] - values[2])) > 0


def test_variants_of_one_seed_share_the_draws_of_their_gates():
    (_, full), (_, part) = (drawn(cell=cell, layers=2) for cell in ("lstm", "lstm_nig"))
    for layer in ("layer0_forward", "layer1_forward"):
        ours, theirs = (arrays["recurrent"]["cells"][layer] for arrays in (full, part))
        assert np.array_equal(ours.w_DGH[:, 1:], theirs.w_DGH)
        assert np.array_equal(ours.u_HGH[:, 1:], theirs.u_HGH)
    assert np.array_equal(full["readout"]["kernel"], part["readout"]["kernel"])


def test_gates_layers_and_seeds_have_different_draws():
    cells = [drawn(seed, layers=2)[1]["recurrent"]["cells"] for seed in (0, 1)]
    draws = np.concatenate([np.ravel(p.u_HGH) for layers in cells for p in layers.values()])
    assert len(np.unique(draws)) == 2 * 2 * 4 * H * H
