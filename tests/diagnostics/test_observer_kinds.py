"""Every observer, in a sweep of two runs, against NumPy on the numbers of one small LSTM."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from support.interrupted import results
from support.jaxprs import jaxprs
from support.observed import BASE, T, at_the_start, held_out, seen_of, two_runs

from seqjax.cells import CELLS
from seqjax.diagnostics.jacobians import step_jacobians
from seqjax.diagnostics.observers import TRAJECTORIES
from seqjax.models.sequence import with_params
from seqjax.recurrence.unroll import unroll
from seqjax.training.config import make_config
from seqjax.training.step import abstract_model, observe_model

OBSERVERS = "units+scales+contributions+jacobians+lyapunov+probe"
CELL = CELLS["lstm"]
CLOSE = {"rtol": 2e-4, "atol": 1e-6}
H = BASE["model.hidden"]
DECOMPOSITIONS = {"svd", "cholesky", "lu", "qr", "geqrf", "eig", "eigh", "triangular_solve"}


@functools.cache
def batch():
    return jax.device_get(held_out(make_config(BASE)))


@functools.cache
def params():
    return at_the_start()


def cell_params():
    return params()["recurrent"]["cells"]["layer0_forward"]


@functools.cache
def observed():
    """At the start of the first of two runs of a sweep."""
    found = results(two_runs(OBSERVERS), 1, 2)[two_runs(OBSERVERS)[0].id][0].observed
    return {name: np.asarray(array)[0] for name, array in found.items()}


@functools.cache
def unrolled():
    """Gates and outputs of the held-out batch."""
    x_TBD = jnp.eye(8, dtype=jnp.float32)[batch().x]
    return jax.device_get(unroll(CELL, cell_params(), x_TBD, probe=("i", "f", "g", "o")))


@functools.cache
def jacobians():
    """(sequences, T, 2 H, 2 H)"""
    x_BTD = jnp.eye(8, dtype=jnp.float32)[batch().x[:, :TRAJECTORIES].T]
    each = jax.jit(jax.vmap(lambda x_TD: step_jacobians(CELL, cell_params(), x_TD)))
    return np.asarray(each(x_BTD), np.float64)


def test_units():
    for gate in "ifo":
        values_TBH = unrolled().probes[gate]
        for field, past in (("low", values_TBH < 0.1), ("high", values_TBH > 0.9)):
            found = observed()[f"units.layer0_forward.{gate}.{field}"]
            np.testing.assert_allclose(found, past.mean(axis=(0, 1)), **CLOSE)
    kept_H = np.log(unrolled().probes["f"].astype(np.float64)).mean(axis=(0, 1))
    found = observed()["units.layer0_forward.retention"]
    np.testing.assert_allclose(found, -1 / kept_H, **CLOSE)


def test_scales():
    for k, gate in enumerate(CELL.bias_gates):
        u_HH = np.asarray(cell_params().u_HGH[:, k], np.float64)
        radius, norm = (observed()[f"scales.layer0_forward.{gate}.{f}"] for f in ("radius", "norm"))
        np.testing.assert_allclose(norm, np.linalg.norm(u_HH, 2), **CLOSE)
        np.testing.assert_allclose(radius, np.abs(np.linalg.eigvals(u_HH)).max(), rtol=0.02)


def test_contributions_are_those_of_copies_of_the_weights():
    """Each step has its own U; the loss is differentiated by one of them at a time."""
    config = make_config(BASE)
    x_TBD = jnp.eye(8, dtype=jnp.float32)[batch().x[:, :64]]
    readout = params()["readout"]

    def loss(u_THGH):
        carry = CELL.initial_carry(x_TBD.shape[1], H, jnp.float32)
        outputs = []
        for t in range(T):
            at = cell_params()._replace(u_HGH=u_THGH[t])
            result = unroll(CELL, at, x_TBD[t : t + 1], carry=carry, engine="reference")
            carry = result.carry
            outputs.append(result.outputs_TBH[0])
        logits = jnp.matmul(jnp.stack(outputs), readout["kernel"], precision="highest")
        few = batch()._replace(y=batch().y[:, :64], weight=batch().weight[:, :64])
        values_TB = config.task.loss(config.link, logits + readout["bias"][None, None], few)
        return jnp.mean(jnp.sum(values_TB * few.weight, axis=0))

    gradient = jax.jit(jax.grad(loss))(jnp.stack([cell_params().u_HGH] * T))
    norms_T = np.sqrt(np.sum(np.asarray(gradient, np.float64) ** 2, axis=(1, 2, 3)))
    np.testing.assert_allclose(observed()["contributions.u"], norms_T, **CLOSE)


def test_jacobians():
    j_NTSS = jacobians()
    sizes_NTS = np.linalg.svd(j_NTSS, compute_uv=False)
    np.testing.assert_allclose(
        observed()["jacobians.largest"], sizes_NTS[..., 0].mean(axis=0), **CLOSE
    )
    np.testing.assert_allclose(
        observed()["jacobians.smallest"], sizes_NTS[..., -1].mean(axis=0), rtol=1e-3, atol=1e-6
    )
    product, norms = np.broadcast_to(np.eye(2 * H), j_NTSS[:, 0].shape), []
    for t in range(T):
        product = j_NTSS[:, t] @ product
        norms.append(np.linalg.norm(product, 2, axis=(1, 2)).mean())
    np.testing.assert_allclose(observed()["jacobians.product"], norms, **CLOSE)


def test_the_direct_path_of_an_lstm_is_the_product_of_its_forget_gates():
    f_TNH = unrolled().probes["f"][:, :TRAJECTORIES].astype(np.float64)
    along_TNH = np.cumprod(np.concatenate([np.ones_like(f_TNH[:1]), f_TNH[1:]]), axis=0)
    norms_T = np.sqrt(np.sum(along_TNH**2, axis=2)).mean(axis=1)
    found = observed()["jacobians.direct"]
    np.testing.assert_allclose(found, norms_T, **CLOSE)

    # All paths: the change of c_1 by the identity, and with it that of h_1 = o tanh(c_1), goes on
    # through the Jacobians of the later steps.
    i_NH, o_NH, g_NH = (
        np.float64(unrolled().probes[gate][0, :TRAJECTORIES]) for gate in ("i", "o", "g")
    )
    slope_NH = o_NH * (1 - np.tanh(i_NH * g_NH) ** 2)
    reached = np.stack(
        [np.concatenate([np.diag(slope_H), np.eye(H)]) for slope_H in slope_NH]
    )  # (N, 2 H, H)
    shares = []
    for t in range(T):
        reached = jacobians()[:, t] @ reached if t else reached
        total_N = np.linalg.norm(reached[:, H:], axis=(1, 2))
        shares.append(np.mean(np.linalg.norm(along_TNH[t], axis=1) / total_N))
    np.testing.assert_allclose(observed()["jacobians.share"], shares, **CLOSE)


def test_exponents_are_those_of_a_loop_of_qr_decompositions():
    logs = []
    for j_TSS in jacobians():
        q, steps = np.eye(2 * H), []
        for j_SS in j_TSS:
            q, r = np.linalg.qr(j_SS @ q)
            steps.append(np.log(np.abs(np.diag(r))))
        logs.append(np.sort(np.mean(steps, axis=0))[::-1])
    np.testing.assert_allclose(observed()["lyapunov.largest"], np.mean(logs, axis=0), atol=2e-3)


def test_a_probe_decodes_the_first_symbol_at_the_first_step():
    """By ridge regression in NumPy, on the first half of the sequences and the second."""
    h_TBH, first_B = np.float64(unrolled().outputs_TBH), batch().x[0]
    half, y_BV = len(first_B) // 2, np.eye(8)[first_B]
    expected = []
    for h_BH in h_TBH:
        h_mean, y_mean = h_BH[:half].mean(axis=0), y_BV[:half].mean(axis=0)
        rows = np.concatenate([h_BH[:half] - h_mean, np.sqrt(half * 1e-4) * np.eye(H)])
        target = np.concatenate([y_BV[:half] - y_mean, np.zeros((H, 8))])
        guess_BV = y_mean + (h_BH[half:] - h_mean) @ np.linalg.lstsq(rows, target)[0]
        expected.append(np.mean(np.argmax(guess_BV, axis=1) == first_B[half:]))
    found = observed()["probe.accuracy"]
    np.testing.assert_allclose(found, expected, atol=2.5 / half)  # float32 may decide a few others
    assert found[0] > 0.5 > 2 / 8 > found[-1]
    assert seen_of({"model.cell": "feedforward"}, "probe")["probe.accuracy"][-1] < 0.25


def test_decompositions_come_one_by_one():
    """A batch of them would hang a program of several CPU devices; see ``map_sequentially``."""
    config = make_config(BASE | {"train.observe": OBSERVERS})
    model = abstract_model(config)
    traced = jax.make_jaxpr(lambda p, b: observe_model(config, with_params(model, p), b))
    inside = jaxprs(traced(params(), batch()).jaxpr)
    found = [e for j in inside for e in j.eqns if e.primitive.name in DECOMPOSITIONS]
    assert {e.primitive.name for e in found} >= {"svd", "cholesky"}
    for equation in found:
        assert equation.invars[0].aval.ndim == 2, equation.primitive.name
