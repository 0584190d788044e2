"""Observers during training: equal to the diagnostics, and without effect on the run."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close
from support.commands import command
from support.interrupted import StopAt, results
from support.made_up import replace
from support.observed import ALL, BASE, T, at_the_start, held_out, seen_of, two_runs

from seqjax.cells import CELLS
from seqjax.diagnostics.gates import gate_statistics
from seqjax.diagnostics.gradients import gradient_profile
from seqjax.diagnostics.jacobians import input_jacobian
from seqjax.diagnostics.observers import EXAMPLES
from seqjax.metrics.losses import class_loss
from seqjax.recurrence.unroll import unroll
from seqjax.sweeps.checkpointer import Checkpointer
from seqjax.tasks import MNIST, MUSIC, TASKS
from seqjax.tasks.base import first_of
from seqjax.training.config import make_config
from seqjax.training.overrides import ConfigError

GATES = CELLS["lstm"].gates


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
    return whole(ALL)[0][two_runs()[0].id][0]


@jax.jit
def by_hand(params, batch):
    """The same measurements by the diagnostics, from weights alone."""
    cell, recurrent = CELLS["lstm"], params["recurrent"]["cells"]["layer0_forward"]
    readout = params["readout"]
    x_TBD = jnp.eye(8, dtype=jnp.float32)[batch.x]

    def logits(outputs):
        return jnp.matmul(outputs, readout["kernel"], precision="highest") + jnp.broadcast_to(
            readout["bias"], (*outputs.shape[:-1], 8)
        )

    def run(x_TBD, **options):
        return unroll(cell, recurrent, x_TBD, **options)

    found, names = {}, tuple(gate.name for gate in GATES)
    probes = run(x_TBD, probe=names).probes
    for gate in GATES:
        seen = gate_statistics(gate, probes[gate.name], jnp.ones(batch.x.shape))
        for field in ("histogram", "low", "high"):
            found[f"gates.layer0_forward.{gate.name}.{field}"] = getattr(seen, field)

    def loss(outputs_TBH):
        values_TB = class_loss("softmax", logits(outputs_TBH), batch.y[:, :EXAMPLES])
        return jnp.sum(values_TB[1:], axis=0)  # at the first step nothing is asked

    profile = gradient_profile(cell, recurrent, x_TBD[:, :EXAMPLES], loss)
    found |= {f"gradients.{name}": norms_TB.mean(axis=1) for name, norms_TB in profile.items()}
    norms_TT = input_jacobian(
        lambda x_TD: logits(run(x_TD[:, None]).outputs_TBH)[:, 0], x_TBD[:, 0]
    )
    found["inputs.distance"] = jnp.array([jnp.diagonal(norms_TT, -k).max() for k in range(T)])
    found["inputs.later"] = jnp.triu(norms_TT, 1).max()
    return found


@pytest.mark.parametrize("when", [0, 1, 3], ids=["before training", "first", "last"])
def test_measurements_during_training_equal_the_diagnostics(when):
    params = whole(ALL)[1][when - 1] if when else at_the_start()
    expected = jax.device_get(by_hand(params, held_out(make_config(BASE))))
    observed = {name: array[when] for name, array in first_record().observed.items()}
    assert_close(observed, expected, 1e-4)


def test_one_entry_before_training_and_one_for_each_validation():
    observed = first_record().observed
    times = 1 + len(first_record().curve["step"])
    expected = {f"gradients.{name}": (times, T) for name in ("h", "c", "x")}
    expected |= {"inputs.distance": (times, T), "inputs.later": (times,)}
    for gate in GATES:
        place = f"gates.layer0_forward.{gate.name}"
        expected[f"{place}.histogram"] = (times, 20)
        expected |= {f"{place}.low": (times, 3), f"{place}.high": (times, 3)}
    assert {name: array.shape for name, array in observed.items()} == expected
    assert not np.array_equal(observed["gradients.h"][0], observed["gradients.h"][-1])


def without(record):
    """A record without the measurements and the setting that asks for them."""
    settings = record.settings | {"train.observe": ""}
    return repr(replace(record, observed={}, settings=settings))


def test_observers_do_not_change_a_run():
    """One of the two runs fails, so that its frozen parameters are measured as well."""
    (plain, _), (seen, _) = whole(""), whole(ALL)
    assert plain.keys() == seen.keys() and any(record.failed for record, _ in plain.values())
    for name, (record, trace) in plain.items():
        assert repr(record) == without(record) == without(seen[name][0])
        assert trace == seen[name][1]


@pytest.mark.parametrize("at", [2, 5], ids=["first chunk", "end"])
def test_measurements_are_saved_in_a_checkpoint(at):
    checkpointer = StopAt(at)
    with pytest.raises(InterruptedError):
        results(two_runs(), 1, 2, checkpointer)
    again = results(two_runs(), 1, 2, StopAt(checkpoint=checkpointer.checkpoint))
    assert repr(again) == repr(whole(ALL)[0])


def test_a_window_reaches_as_far_as_it_is_wide():
    found = seen_of({"model.cell": "feedforward", "model.window": 3}, "inputs")
    assert np.all(found["inputs.distance"][:3] > 0)
    assert not np.any(found["inputs.distance"][3:]) and found["inputs.later"] == 0


def test_a_backward_direction_reads_later_inputs():
    settings = {"task.name": "adding", "model.bidirectional": True, "model.cell": "elman"}
    assert seen_of(settings, "inputs")["inputs.later"] > 0


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


def test_an_unknown_name_is_a_mistake_in_the_command(tmp_path):
    result = command(
        "--study=init_by_clip", "--set=train.observe=gate", f"--workdir={tmp_path / 'none'}"
    )
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: train.observe: ") and "'gate'" in result.err
    assert result.err.count("\n") == 1 and not (tmp_path / "none").exists()


ABSENT = {"agreement_natural", "characters", "fashion_rows", "poems", "text"}
ABSENT |= {task.name for task in (*MNIST, *MUSIC)}
"""Tasks whose data are not on every machine."""


@pytest.mark.parametrize("name", sorted(TASKS.keys() - ABSENT))
def test_a_task_says_whether_its_sequences_differ_in_length(name):
    task = TASKS[name]()

    def first_batch(data):
        return task.evaluation_batch(data, first_of(task.evaluation_rows(data, jnp.int32(0))))

    batch = jax.eval_shape(first_batch, task.data())
    assert (batch.lengths_B is not None) == task.ragged
