"""Observers during training: equal to the diagnostics, and without effect on the run."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close
from support.interrupted import StopAt, results
from support.jaxprs import jaxprs
from support.made_up import replace
from support.observed import BASE, T, at_the_start, held_out, seen_of, two_runs

from seqjax.cells import CELLS
from seqjax.diagnostics import gates, gradients, jacobians
from seqjax.diagnostics.observers import OBSERVERS
from seqjax.diagnostics.observers.base import EXAMPLES, TRAJECTORIES
from seqjax.diagnostics.probe import linear_probe
from seqjax.metrics.losses import class_loss
from seqjax.models.sequence import with_params
from seqjax.recurrence.unroll import unroll
from seqjax.sweeps.checkpointer import Checkpointer
from seqjax.tasks import MNIST, MUSIC, TASKS
from seqjax.tasks.base import first_of
from seqjax.training.config import make_config
from seqjax.training.evaluation import observe_model
from seqjax.training.overrides import ConfigError
from seqjax.training.step import abstract_model

ALL = "+".join(OBSERVERS)
GATES = CELLS["lstm"].gates
DECOMPOSITIONS = {"svd", "cholesky", "lu", "qr", "geqrf", "eig", "eigh", "triangular_solve"}


class Watching(Checkpointer):
    """Collects the parameters of the first run at each validation."""

    def __init__(self):
        self.params = []

    def save_if_due(self, batch, batch_state):
        self.params.append(first_of(jax.device_get(batch_state.state.params)))


@functools.cache
def whole(observe):
    """Results of both runs by name, and the parameters of the first at each validation."""
    checkpointer = Watching()
    return results(two_runs(observe), 1, 2, checkpointer), checkpointer.params


def first_record():
    return whole(ALL)[0][two_runs(ALL)[0].id][0]


@jax.jit
def by_hand(params, batch):
    """The same measurements by the diagnostics, from weights alone; Jacobians (N, T, S, S)."""
    cell, recurrent = CELLS["lstm"], params["recurrent"]["cells"]["layer0_forward"]
    x_TBD, readout = jnp.eye(8, dtype=jnp.float32)[batch.x], params["readout"]
    trajectories = jnp.moveaxis(x_TBD[:, :TRAJECTORIES], 1, 0)

    def logits(outputs):
        bias = jnp.broadcast_to(readout["bias"], (*outputs.shape[:-1], 8))
        return jnp.matmul(outputs, readout["kernel"], precision="highest") + bias

    def loss(outputs_TBH):
        values_TB = class_loss("softmax", logits(outputs_TBH), batch.y[:, :EXAMPLES])
        return jnp.sum(values_TB[1:], axis=0)  # at the first step nothing is asked

    found, names = {}, tuple(gate.name for gate in GATES)
    result, weight_TB = unroll(cell, recurrent, x_TBD, probe=names), jnp.ones(batch.x.shape)
    for gate in GATES:
        place = f"layer0_forward.{gate.name}"
        seen = gates.gate_statistics(gate, result.probes[gate.name], weight_TB)
        found |= {f"gates.{place}.{k}": getattr(seen, k) for k in ("histogram", "low", "high")}
        found |= {f"units.{place}.{k}": getattr(seen, f"unit_{k}_H") for k in ("low", "high")}
        found |= {
            f"scales.{place}.{k}": value
            for k, value in jacobians.recurrent_scales(cell, recurrent)[gate.name]._asdict().items()
        }
    tau_H = gates.retention_time(result.probes["f"], weight_TB)
    found["units.layer0_forward.retention"] = tau_H

    of_loss = cell, recurrent, x_TBD[:, :EXAMPLES]
    profile = gradients.gradient_profile(*of_loss, loss)
    found |= {f"gradients.{name}": norms_TB.mean(axis=1) for name, norms_TB in profile.items()}
    each = gradients.weight_contributions(*of_loss, lambda outputs: jnp.mean(loss(outputs)))
    norms_T = jnp.sqrt(jnp.sum(each.u_HGH**2, axis=(1, 2, 3)))
    found |= {"contributions.u": norms_T}
    found |= {"contributions.early_to_late": gradients.early_to_late(norms_T[1:])}

    norms_TT = jacobians.input_jacobian(
        lambda x_TD: logits(unroll(cell, recurrent, x_TD[:, None]).outputs_TBH)[:, 0], x_TBD[:, 0]
    )
    found["inputs.distance"] = jnp.array([jnp.diagonal(norms_TT, -k).max() for k in range(T)])
    found["inputs.later"] = jnp.triu(norms_TT, 1).max()

    j_NTSS = jax.vmap(functools.partial(jacobians.step_jacobians, cell, recurrent))(trajectories)
    path = jax.vmap(lambda x: jacobians.memory_path(cell, recurrent, x, 0))(trajectories)
    direct_NT = jnp.sqrt(jnp.sum(path.direct_TH**2, axis=2))
    found |= {"jacobians.direct": direct_NT.mean(axis=0)}
    found |= {"jacobians.share": path.share_T.mean(axis=0)}
    half, first_B, outputs_TBH = len(batch.x[0]) // 2, batch.x[0], result.outputs_TBH
    fitted, held = (outputs_TBH[:, :half], first_B[:half]), (outputs_TBH[:, half:], first_B[half:])
    return found | {"probe.accuracy": linear_probe(*fitted, *held, 8)}, j_NTSS


def decomposed(j_NTSS):
    """Singular values and Lyapunov exponents of Jacobians in float64, one after another."""
    sizes, logs = [], []
    for j_TSS in np.float64(j_NTSS):
        product = q = np.eye(j_TSS.shape[1])
        for j_SS in j_TSS:
            product, (q, r) = j_SS @ product, np.linalg.qr(j_SS @ q)
            of_step = np.linalg.svd(j_SS, compute_uv=False)
            sizes.append((of_step[0], of_step[-1], np.linalg.norm(product, 2)))
            logs.append(np.log(np.abs(np.diag(r))))
    means = np.reshape(sizes, (*j_NTSS.shape[:2], 3)).mean(axis=0).T
    logs = np.sort(np.reshape(logs, j_NTSS.shape[:3]).mean(axis=1))[:, ::-1]
    names = ("jacobians.largest", "jacobians.smallest", "jacobians.product")
    return dict(zip(names, means, strict=True)) | {"lyapunov.largest": logs.mean(axis=0)}


@pytest.mark.slow
@pytest.mark.parametrize("when", [0, 1, 3], ids=["before training", "first", "last"])
def test_measurements_during_training_equal_the_diagnostics(when):
    params = whole(ALL)[1][when - 1] if when else at_the_start()
    expected, j_NTSS = jax.device_get(by_hand(params, held_out(make_config(BASE))))
    expected |= decomposed(j_NTSS)
    observed = {name: array[when] for name, array in first_record().observed.items()}
    accuracy_T, exponents = observed.pop("probe.accuracy"), observed.pop("lyapunov.largest")
    # Rounding may decide a few other guesses, and moves the smallest exponents most.
    assert np.max(np.abs(accuracy_T - expected.pop("probe.accuracy"))) < 0.05
    assert np.max(np.abs(exponents - expected.pop("lyapunov.largest"))) < 2e-3
    assert_close(observed, expected, 2e-3)


@pytest.mark.slow
def test_one_entry_before_training_and_one_for_each_validation():
    record = first_record()
    assert {len(array) for array in record.observed.values()} == {1 + len(record.curve["step"])}
    norms = record.observed["gradients.h"]
    assert not np.array_equal(norms[0], norms[-1])


@pytest.mark.slow
def test_observers_do_not_change_a_run():
    """One of the two runs fails, so that its frozen parameters are measured as well."""
    (plain, _), (seen, _) = whole(""), whole(ALL)
    assert plain.keys() == seen.keys() and any(record.failed for record, _ in plain.values())
    for name, (record, trace) in plain.items():
        settings = seen[name][0].settings | {"train.observe": ""}
        without = replace(seen[name][0], observed={}, settings=settings)
        assert (repr(record), trace) == (repr(without), seen[name][1])


@pytest.mark.slow
def test_measurements_are_saved_in_a_checkpoint():
    checkpointer = StopAt(2)
    with pytest.raises(InterruptedError):
        results(two_runs(ALL), 1, 2, checkpointer)
    again = results(two_runs(ALL), 1, 2, StopAt(checkpoint=checkpointer.checkpoint))
    assert repr(again) == repr(whole(ALL)[0])


@pytest.mark.slow
def test_decompositions_come_one_by_one():
    """A batch of them would hang a program of several CPU devices; see ``map_sequentially``."""
    config = make_config(BASE | {"train.observe": ALL})
    model = abstract_model(config)
    traced = jax.make_jaxpr(lambda p, b: observe_model(config, with_params(model, p), b))
    inside = jaxprs(traced(at_the_start(), held_out(config)).jaxpr)
    found = [e for j in inside for e in j.eqns if e.primitive.name in DECOMPOSITIONS]
    assert {e.primitive.name for e in found} >= {"svd", "cholesky"}
    for equation in found:
        assert equation.invars[0].aval.ndim == 2, equation.primitive.name


@pytest.mark.slow
def test_a_window_reaches_as_far_as_it_is_wide():
    found = seen_of({"model.cell": "feedforward", "model.window": 3}, "inputs")
    assert np.all(found["inputs.distance"][:3] > 0)
    assert not np.any(found["inputs.distance"][3:]) and found["inputs.later"] == 0


@pytest.mark.slow
def test_a_backward_direction_reads_later_inputs():
    settings = {"task.name": "adding", "model.bidirectional": True, "model.cell": "elman"}
    assert seen_of(settings, "inputs")["inputs.later"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["mut2", "feedforward"])
def test_gradients_of_a_loss_at_the_end(cell):
    """With a linear map before the cell too (mut2), and 0 where no state goes back."""
    settings = {"task.name": "temporal_order", "task.length": 20, "model.cell": cell}
    found = seen_of(settings, "gradients")
    assert found["gradients.h"].shape == found["gradients.x"].shape == (20,)
    reached = np.asarray(found["gradients.h"]) > 0
    assert reached[-1] and reached[0] == (cell != "feedforward")


REFUSED = {
    "an unknown name": {"train.observe": "gates+gate"},
    "two layers": {"train.observe": "gradients", "model.layers": 2},
    "two directions": {"train.observe": ALL, "task.name": "adding", "model.bidirectional": True},
    "gradients of a ragged task": {"train.observe": "gradients", "task.name": "agreement"},
    "inputs of a ragged task": {"train.observe": "gates+inputs", "task.name": "agreement_natural"},
    "a probe of floats": {"train.observe": "probe", "task.name": "adding"},
    "exponents of two layers": {"train.observe": "units+lyapunov", "model.layers": 2},
}


@pytest.mark.parametrize("settings", REFUSED.values(), ids=REFUSED)
def test_observers_that_do_not_fit_are_refused(settings):
    with pytest.raises(ConfigError, match=r"^train\.observe: "):
        make_config(settings)


ABSENT = {"agreement_natural", "characters", "fashion_rows", "file", "poems", "text", "wikitext2"}
ABSENT |= {task.name for task in (*MNIST, *MUSIC)}
"""Tasks whose data are not on every machine."""


@pytest.mark.parametrize("name", sorted(TASKS.keys() - ABSENT))
def test_a_task_says_whether_its_sequences_differ_in_length(name):
    task = TASKS[name]()

    def first_batch(data):
        return task.evaluation_batch(data, first_of(task.evaluation_rows(data, jnp.int32(0))))

    batch = jax.eval_shape(first_batch, task.data())
    assert (batch.lengths_B is not None) == task.ragged
