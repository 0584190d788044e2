"""Every kind of clipping against its definition in NumPy, and properties of all kinds."""

import functools

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from support.assertions import OPTIMISED, assert_close

from seqjax.cells import CELLS
from seqjax.init import InitSpec, init_cell
from seqjax.optim.clipping import KINDS, ClipSpec, clip

STATELESS = ("value", "norm", "block", "adaptive")
CELL = CELLS["lstm_peephole"]
D, H, V = 2, 3, 2


def parameters():
    """Parameters of a cell whose first unit has no weights at its input gate, and of a readout."""
    cell = init_cell(jax.random.key(0), CELL, D, H, InitSpec(bias={"f": 1.0}))
    cell = jax.tree.map(lambda leaf: leaf.at[..., 0, 0].set(0), cell)
    kernel = jax.random.normal(jax.random.key(1), (H, V))
    return {"cells": {"layer0": cell}, "readout": {"kernel": kernel, "bias": jnp.zeros((V,))}}


PARAMS = parameters()
LEAVES, TREEDEF = jax.tree.flatten(PARAMS)
SIZE = sum(leaf.size for leaf in LEAVES)
SPLITS = np.cumsum([leaf.size for leaf in LEAVES])[:-1]


def tree_of(flat):
    """A gradient of the parameters from ``SIZE`` numbers."""
    parts = zip(np.split(np.asarray(flat), SPLITS), LEAVES, strict=True)
    return jax.tree.unflatten(TREEDEF, [part.reshape(leaf.shape) for part, leaf in parts])


def flat_of(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def gradient(scale=1.0, seed=0):
    return tree_of((np.random.default_rng(seed).normal(size=SIZE) * scale).astype(np.float32))


@functools.cache
def clipper(kind):
    """``(gradient, threshold) -> (clipped gradient, flag)``, compiled once with both traced."""

    def run(grads, threshold):
        transformation = clip(ClipSpec(kind, threshold), 1, CELL)
        clipped, state = transformation.update(grads, transformation.init(PARAMS), PARAMS)
        return clipped, state.clipped

    return jax.jit(run, compiler_options=OPTIMISED)


def clipped_to(g, bound):
    norm = np.linalg.norm(np.ravel(g))
    return g * (bound / norm) if norm > bound else g


def unit(params, gate, h):
    """A view of each piece of one gate of one hidden unit."""
    k = "ifgo".index(gate)
    yield from (params.w_DGH[:, k, h], params.u_HGH[:, k, h], params.b_GH[k, h : h + 1])
    if gate != "g":
        yield params.p_PH["ifo".index(gate), h : h + 1]


def adaptive(g, w, threshold):
    new, g, w = (tree["cells"]["layer0"] for tree in (jax.tree.map(np.copy, g), g, w))
    for gate in "ifgo":
        for h in range(H):
            length = np.linalg.norm(np.concatenate([*unit(w, gate, h)]))
            pieces = [*unit(g, gate, h)]
            short = clipped_to(np.concatenate(pieces), threshold * max(length, 1e-3))
            parts = np.split(short, np.cumsum([piece.size for piece in pieces])[:-1])
            for place, part in zip(unit(new, gate, h), parts, strict=True):
                place[:] = part
    return new


def definition(kind, grads, threshold):
    """The clipped gradient in float64, one array and one unit after the other."""
    g, w = (jax.tree.map(lambda x: np.asarray(x, np.float64), t) for t in (grads, PARAMS))
    if kind == "value":
        return jax.tree.map(lambda g: np.clip(g, -threshold, threshold), g)
    if kind == "norm":
        return tree_of(clipped_to(flat_of(g), threshold))
    if kind == "block":
        return jax.tree.map(lambda g: clipped_to(g, threshold), g)
    return g | {"cells": {"layer0": adaptive(g, w, threshold)}}


@pytest.mark.core
@pytest.mark.parametrize("threshold", [0.01, 0.5, 2.0, 50.0])
@pytest.mark.parametrize("kind", STATELESS)
def test_a_kind_is_its_definition(kind, threshold):
    grads = gradient()
    clipped, flag = clipper(kind)(grads, np.float32(threshold))
    expected = definition(kind, grads, threshold)
    assert_close(clipped, expected, 1e-6)
    assert flag != np.array_equal(flat_of(expected), flat_of(grads))


def test_the_unit_of_adaptive_clipping_is_one_gate_of_one_hidden_unit():
    grads = jax.tree.map(lambda g: 1e-6 * g, gradient())
    grads["cells"]["layer0"].u_HGH[:, 1, 2] = 5.0
    grads["readout"]["kernel"][:] = 5.0
    clipped, flag = clipper("adaptive")(grads, np.float32(0.1))
    changed = jax.tree.map(lambda a, b: np.asarray(a) != b, clipped, grads)
    own = np.concatenate([*unit(changed["cells"]["layer0"], "f", 2)])
    assert flag and flat_of(changed).sum() == own.sum() == own.size == D + H + 2
    new, weights = (
        np.concatenate([*unit(tree["cells"]["layer0"], "f", 2)]) for tree in (clipped, PARAMS)
    )
    assert_close(np.linalg.norm(new), 0.1 * np.linalg.norm(weights), 1e-6)


def test_adaptive_clipping_needs_the_cell_and_the_parameters():
    with pytest.raises(ValueError, match=r"^cell: .*adaptive"):
        clip(ClipSpec("adaptive", 1.0))
    transformation = clip(ClipSpec("adaptive", 1.0), 1, CELL)
    with pytest.raises(ValueError, match=r"^params: .*adaptive"):
        transformation.update(PARAMS, transformation.init(PARAMS))


@pytest.mark.parametrize("percent", [1.0, 50.0, 90.0, 99.9])
def test_percentile_takes_the_percentile_of_all_norms_so_far(percent, steps=13):
    scales = np.exp(np.random.default_rng(1).normal(size=steps))
    scales[[4, 7]] = scales[2]  # equal norms
    transformation = clip(ClipSpec("percentile", percent), steps)
    update, state, past = jax.jit(transformation.update), transformation.init(None), []
    for scale in scales:
        grads = gradient(scale, seed=2)
        past.append(np.linalg.norm(flat_of(grads).astype(np.float64)))
        bound = np.percentile(past, percent)
        clipped, state = update(grads, state)
        assert_close(clipped, tree_of(clipped_to(flat_of(grads), bound)), 2e-6)
        assert state.clipped == (past[-1] > bound * (1 + 1e-6))


@pytest.mark.parametrize("kind", KINDS)
def test_an_infinite_threshold_is_no_clipping_bit_for_bit(kind):
    """Kind "step" is applied in the backward pass, and so changes no finished gradient either."""
    threshold = 1e-6 if kind in ("none", "step") else np.inf
    for scale in (1e-38, 1.0, 3e37):
        grads = gradient(scale)
        clipped, flag = clipper(kind)(grads, np.float32(threshold))
        assert not flag and np.array_equal(flat_of(clipped), flat_of(grads))


near_one = st.floats(0.9375, 1.0625, width=32)
gradients = st.one_of(
    hnp.arrays(np.float32, SIZE, elements=st.floats(-64, 64, width=32)),
    hnp.arrays(np.float32, SIZE, elements=st.sampled_from(np.float32([-3, 0, 0.5, 1, 1e-12]))),
    near_one.map(lambda x: np.eye(1, SIZE, dtype=np.float32)[0] * np.float32(x)),
)
thresholds = st.one_of(near_one, st.floats(2**-10, 2**10, width=32))


@pytest.mark.parametrize("kind", STATELESS)
@given(flat=gradients, threshold=thresholds)
def test_clipping_is_idempotent_and_never_raises_a_magnitude(kind, flat, threshold):
    grads, threshold = tree_of(flat), np.float32(threshold)
    once, flag = clipper(kind)(grads, threshold)
    twice, _ = clipper(kind)(once, threshold)
    once_N, twice_N = flat_of(once), flat_of(twice)
    assert np.all(np.abs(twice_N - once_N) <= 4 * np.spacing(np.abs(once_N)))
    assert np.all(np.abs(once_N) <= np.abs(flat))
    assert flag == np.any(once_N != flat)
