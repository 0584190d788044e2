"""Pascanu's Ω against a plain NumPy loop: value, gradient, and its place before the clip."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close
from support.training import CELL

from seqjax.cells import CELLS
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence.unroll import unroll
from seqjax.tasks.base import Batch
from seqjax.training import omega
from seqjax.training.config import make_config
from seqjax.training.step import initial_state, loss_and_gradient, train_step

T, B, D, H = 5, 3, 2, 4
SLOPES = {
    "elman": lambda h: 1 - h**2,
    "elman_sigmoid": lambda h: h * (1 - h),
    "elman_relu": lambda h: 1.0 * (h > 0),
}


def oracle(cell, u, states, direct, final, lengths, resets=()):
    """(Ω(U), ∂Ω/∂U) by loops, one sequence and step at a time, in float64.

    Args:
      states: h of every step, (T, B, H).
      direct: gradient of the loss with respect to each output alone, (T, B, H).
      final: that with respect to the final state, (B, H).
      lengths: valid steps of each sequence.
      resets: steps (t, b) before which the state is set to zero.
    """
    terms, gradient = [], np.zeros((H, H))
    for b, length in enumerate(lengths):
        delta = np.zeros(H) + final[b]
        for t in reversed(range(length)):
            delta = delta + direct[t, b]
            size = np.sum(delta**2)
            scaled = delta * SLOPES[cell](states[t, b])
            back = np.array([sum(scaled[k] * u[j, k] for k in range(H)) for j in range(H)])
            if size >= 1e-20:
                terms.append((np.sum(back**2) / size - 1) ** 2)
                slope = 2 * (np.sum(back**2) / size - 1) * 2 / size
                gradient += slope * np.outer(back, scaled)
            delta = np.zeros(H) if (t, b) in resets else back
    return np.sum(terms) / max(len(terms), 1), gradient / max(len(terms), 1)


@pytest.mark.parametrize("cell", SLOPES)
@pytest.mark.parametrize("every_step", [False, True])
def test_the_value_and_the_gradient_are_those_of_a_loop(cell, every_step):
    rng = np.random.default_rng(0)
    params = init_cell(jax.random.key(3), CELLS[cell], D, H, InitSpec(recurrent_gain=1.5))
    x = rng.normal(size=(T, B, D)).astype(np.float32)
    lengths = np.array([5, 2, 3])
    sent = rng.normal(size=(T, B, H)).astype(np.float32)
    if every_step:
        sent[2:, 0] = 0  # δ of these steps is 0, so they do not count
        sent *= (np.arange(T)[:, None] < lengths)[:, :, None]

    def loss(result):
        read = result.outputs_TBH if every_step else result.carry[CELL].h
        return jnp.sum(read * (sent if every_step else sent[0]))

    resets = np.arange(T * B).reshape(T, B) == 2 * B + 2  # step 2 of sequence 2
    result = unroll(CELLS[cell], params, x, lengths_B=lengths, reset_TB=resets)
    result = result._replace(carry={CELL: result.carry})
    batch = Batch(x, None, None, lengths_B=jnp.asarray(lengths), reset_TB=jnp.asarray(resets))
    of = omega.signal(CELLS[cell], params.u_HGH, result, batch, loss)
    value, gradient = jax.value_and_grad(omega.omega)(params.u_HGH, of)
    states, u = np.float64(result.outputs_TBH), np.float64(params.u_HGH[:, 0])
    direct, final = (sent, 0 * sent[0]) if every_step else (0 * sent, sent[0])
    expected = oracle(cell, u, states, np.float64(direct), np.float64(final), lengths, {(2, 2)})
    assert_close((value, gradient[:, 0]), expected, 1e-4)
    assert value > 0


def test_a_gradient_of_zero_has_no_omega():
    nothing = omega.Signal(jnp.zeros((T, B, H)), jnp.zeros((T, B)))
    value, gradient = jax.value_and_grad(omega.omega)(jnp.ones((H, 1, H)), nothing)
    assert value == 0 and not np.any(gradient)


SETTINGS = {
    "model.cell": "elman",
    "model.hidden": H,
    "task.name": "adding",
    "task.length": T,
    "train.batch_size": B,
    "optim.name": "sgd",
    "optim.learning_rate": 1.0,
    "clip.kind": "norm",
    "reg.kinds": "omega",
}


def test_the_clip_compares_the_gradient_with_omega():
    @jax.jit
    def step(config):
        state = initial_state(config, jnp.uint32(0))
        row = config.task.rows({}, jax.random.key(1), jnp.int32(0), 1, B)[0]
        batch = config.task.batch({}, row, B)
        _, (grads, _) = loss_and_gradient(config, state, batch)
        return state, grads, batch, train_step(config, {}, state, jnp.int32(6), row)

    settings = SETTINGS | {"clip.threshold": 0.01, "reg.omega_half": 3.0}
    without, with_omega = (
        jax.device_get(step(make_config(settings | {"reg.omega": alpha}))) for alpha in (0.0, 3.0)
    )
    state, grads, batch, _ = without
    own, readout = state.params["recurrent"]["cells"][CELL], state.params["readout"]
    h = np.zeros((T + 1, B, H))
    for t in range(T):
        h[t + 1] = np.tanh(batch.x[t] @ own.w_DGH[:, 0] + h[t] @ own.u_HGH[:, 0] + own.b_GH[0])
    error = (h[T] @ readout["kernel"] + readout["bias"])[:, 0] - batch.y
    final = 2 * error[:, None] * readout["kernel"][:, 0] / B
    _, expected = oracle("elman", own.u_HGH[:, 0], h[1:], np.zeros((T, B, H)), final, [T] * B)
    added = jax.tree.map(np.subtract, with_omega[1], grads)
    assert_close(added["recurrent"]["cells"][CELL].u_HGH[:, 0], 3 * expected, 1e-3)
    assert sum(np.any(leaf != 0) for leaf in jax.tree.leaves(added)) == 1  # U alone
    after, trace = with_omega[3]
    later = jax.tree.map(
        lambda g, a: g + a / 3, grads, added
    )  # at step 6 the factor is 3 / (1 + 2)
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in jax.tree.leaves(later)))
    assert_close(trace.norm, norm, 1e-5)
    moved = jax.tree.map(np.subtract, state.params, after.params)
    assert_close(moved, jax.tree.map(lambda g: g * 0.01 / norm, later), 1e-4)
