"""The floor of the whole gradient, and floors in training."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close, assert_same_bytes
from support.training import SMALL, train

from seqjax.optim.clipping import ClipSpec
from seqjax.optim.gradient_floor import KINDS, FloorSpec
from seqjax.optim.optimizer import OptimSpec, apply_gradients, make_optimizer
from seqjax.training.config import make_config
from seqjax.training.step import _step_bound


@pytest.mark.parametrize("level", [0.0, 0.5, 3.0])
def test_the_whole_gradient_is_raised_after_the_clip(level):
    gradients = np.float32([[3.0, -4.0], [0.3, 0.4], [6e-22, 8e-22], [0.0, 0.0]])
    floor_spec, clip_spec = FloorSpec("norm", level), ClipSpec("norm", 2.0)
    optimizer = make_optimizer(OptimSpec("sgd", 1.0), clip_spec, 4, floor_spec=floor_spec)
    params = {"w": jnp.zeros((2,))}
    state = optimizer.init(params)
    for g in gradients:
        moved, _ = apply_gradients(optimizer, {"w": jnp.array(g)}, state, params)
        clipped = np.float64(g) * min(1.0, 2.0 / max(np.linalg.norm(g), 1e-30))
        norm = np.linalg.norm(clipped)
        expected = clipped * (level / norm if 1e-20 <= norm < level else 1.0)
        assert_close(moved, {"w": -expected}, 1e-6)


LEVELS_IN_TRAINING = (0.0, 4.0, 16.0)


@functools.cache
def one_run(kind, level):
    config = make_config(SMALL | {"model.cell": "elman", "floor.kind": kind, "floor.level": level})
    (state,), trace = train([config], [0])  # levels of a kind share a program
    return state, trace


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["contribution", "norm"])
def test_a_level_of_zero_trains_as_no_floor_bit_for_bit_and_others_do_not(kind):
    free, free_trace = one_run("none", 0.0)
    state, trace = one_run(kind, 0.0)
    assert_same_bytes(state.params, free.params)
    assert_same_bytes(trace, free_trace)
    norms = [one_run(kind, level)[1].norm[0, 0] for level in LEVELS_IN_TRAINING]
    # The norm is measured before a finished gradient is raised, but after all else.
    assert norms[0] == norms[1] == norms[2] if kind == "norm" else norms[0] < norms[1] < norms[2]
    assert len({one_run(kind, level)[1].loss[0, -1].item() for level in LEVELS_IN_TRAINING}) == 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clip", ["none", "step"])
def test_the_step_bound_of_a_configuration(kind, clip):
    settings = {"floor.kind": kind, "floor.level": 0.5, "clip.kind": clip, "clip.threshold": 2.0}
    bound = _step_bound(make_config(settings), jnp.float32(0))
    inside = {"signal": {"floor": 0.5}, "contribution": {"contribution": 0.5}}.get(kind, {})
    inside |= {"threshold": 2.0} if clip == "step" else {}
    assert (bound is None) == (not inside)
    if inside:
        given = {name: number for name, number in bound._asdict().items() if number is not None}
        assert given == {"count": 0.0, **inside}
