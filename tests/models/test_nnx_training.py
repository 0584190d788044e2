"""Our models in Flax's own training loop, against plain Optax on their arrays."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from support.assertions import assert_close

from seqjax.cells import CELLS
from seqjax.init import InitSpec
from seqjax.models.recurrent import RecurrentLayers
from seqjax.models.sequence import ModelSpec, SequenceModel, model_params, with_params
from seqjax.optim.clipping import ClipSpec, clip

T, B, D, H, V, STEPS = 4, 2, 2, 3, 2, 3
FLOATS = np.random.default_rng(0).normal(size=(T, B, D)).astype(np.float32)
SYMBOLS = np.random.default_rng(1).integers(0, D, (T, B)).astype(np.int32)


def sequence_model(seed=0, symbols=False, **spec):
    spec = ModelSpec(hidden=H, **spec)
    options = {"every_step": False, "symbols": symbols, "init": InitSpec()}
    return SequenceModel(spec, D, V, key=jax.random.key(seed), **options)


def layers(cell="lstm", seed=0):
    return RecurrentLayers(CELLS[cell], D, H, key=jax.random.key(seed), init=InitSpec())


def loss_of(model):
    symbols = isinstance(model, SequenceModel) and model.symbols
    outputs = model(SYMBOLS if symbols else FLOATS)
    outputs = outputs if isinstance(model, SequenceModel) else outputs.outputs_TBH
    return jnp.mean(jnp.square(outputs - 1))


def chain(kind, cell="lstm"):
    """Clipping that acts, and an optimiser with state for each parameter."""
    first = optax.identity() if kind == "none" else clip(ClipSpec(kind, 1e-2), STEPS, CELLS[cell])
    return optax.chain(first, optax.adam(0.1))


def trained_by_nnx(model, transformation):
    """The losses and the final parameters of Flax's loop."""
    optimizer = nnx.Optimizer(model, transformation, wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer):
        loss, grads = nnx.value_and_grad(loss_of)(model)
        optimizer.update(model, grads)
        return loss

    with jax.numpy_dtype_promotion("standard"):  # Optax's adam mixes integers and floats
        losses = [step(model, optimizer) for _ in range(STEPS)]
    return losses, model_params(model)


def trained_by_optax(model, transformation):
    """The same by plain Optax on the dict of arrays."""
    params, state = model_params(model), transformation.init(model_params(model))

    @jax.jit
    def step(params, state):
        loss, grads = jax.value_and_grad(lambda params: loss_of(with_params(model, params)))(params)
        updates, state = transformation.update(grads, state, params)
        return loss, optax.apply_updates(params, updates), state

    losses = []
    with jax.numpy_dtype_promotion("standard"):
        for _ in range(STEPS):
            loss, params, state = step(params, state)
            losses.append(loss)
    return losses, params


MODELS = {
    "lstm": sequence_model,
    "gru": functools.partial(sequence_model, cell="gru"),
    "lstm_peephole": functools.partial(sequence_model, cell="lstm_peephole"),
    "bidirectional": functools.partial(sequence_model, layers=2, bidirectional=True),
    "embedding": functools.partial(sequence_model, symbols=True, embed=2),
    "layers": layers,
}


@pytest.mark.core
@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("lstm", "none"), *((name, "norm") for name in MODELS)])
def test_the_loop_of_flax_trains_as_plain_optax_does(name, kind):
    losses, params = trained_by_nnx(MODELS[name](), chain(kind))
    expected_losses, expected = trained_by_optax(MODELS[name](), chain(kind))
    assert losses[0] != losses[-1]
    assert jax.tree.structure(params) == jax.tree.structure(expected)
    assert_close(losses, expected_losses, 1e-5)
    assert_close(params, expected, 1e-5)


@pytest.mark.core
@pytest.mark.slow
def test_adaptive_clipping_acts_in_the_loop_of_flax():
    """With Optax's sgd, whose updates keep the size of the gradient."""
    results, cell = [], "lstm_peephole"
    for kind in ("adaptive", "none"):
        transformation = optax.chain(clip(ClipSpec(kind, 1e-2), cell=CELLS[cell]), optax.sgd(0.5))
        model = functools.partial(sequence_model, cell=cell)
        _, params = trained_by_nnx(model(), transformation)
        results.append(params)
        if kind == "adaptive":
            assert_close(params, trained_by_optax(model(), transformation)[1], 1e-5)
    clipped, free = (params["recurrent"]["cells"]["layer0_forward"] for params in results)
    assert not np.allclose(clipped.u_HGH, free.u_HGH, rtol=1e-3)


@pytest.mark.core
@pytest.mark.slow
def test_plain_optax_accepts_the_state_of_a_model():
    """The other loop of Flax's guides: Optax on ``nnx.state``, whose leaves are Params."""
    model = sequence_model()
    params, transformation = nnx.state(model, nnx.Param), chain("adaptive")
    grads = nnx.grad(loss_of)(model)
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = transformation.update(grads, transformation.init(params), params)
        nnx.update(model, optax.apply_updates(params, updates))
    assert not np.array_equal(loss_of(model), loss_of(sequence_model()))


@pytest.mark.core
@pytest.mark.parametrize(
    ("cell", "make"),
    [
        ("lstm", lambda: nnx.Linear(D, V, rngs=nnx.Rngs(0))),  # no cell at all
        ("gru", sequence_model),  # another number of gates
        ("lstm_peephole", sequence_model),  # other arrays
    ],
)
def test_adaptive_clipping_refuses_a_tree_without_its_cell(cell, make):
    params = nnx.as_pure(nnx.state(make(), nnx.Param))
    transformation = clip(ClipSpec("adaptive", 1.0), cell=CELLS[cell])
    with pytest.raises(ValueError, match=rf"^updates: .*{cell}"):
        transformation.update(params, transformation.init(params), params)


@pytest.mark.core
def test_a_model_splits_merges_and_clones():
    model = sequence_model(layers=2)
    expected = model(FLOATS)
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    assert not jax.tree.leaves(rest)
    assert np.array_equal(nnx.merge(graph, params, rest)(FLOATS), expected)
    other = sequence_model(1, layers=2)
    nnx.update(other, nnx.state(model))
    assert np.array_equal(other(FLOATS), expected)
    clone = nnx.clone(model)
    clone.recurrent.cells["layer0_forward"].b_GH[...] += 1.0
    assert np.array_equal(model(FLOATS), expected)
    assert not np.array_equal(clone(FLOATS), expected)


@pytest.mark.core
@pytest.mark.slow
def test_models_train_side_by_side_under_nnx_vmap():
    make = nnx.vmap(lambda seed: sequence_model(seed))
    models = make(jnp.arange(2, dtype=jnp.uint32))
    grads = nnx.vmap(nnx.grad(loss_of))(models)
    for seed in range(2):
        expected = nnx.grad(loss_of)(sequence_model(seed))
        one = jax.tree.map(lambda leaf, k=seed: leaf[k], nnx.as_pure(nnx.state(grads)))
        assert_close(one, nnx.as_pure(expected), 1e-6)
