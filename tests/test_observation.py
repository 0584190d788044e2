"""What is observed of a run: equal to the diagnostics by hand, and without any effect on the run."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import assert_close
from test_checkpoint import Stopping, left
from test_command_line import command

from seqjax import sweep
from seqjax.cells import CELLS
from seqjax.config import OBSERVABLE, ConfigError, make_config
from seqjax.diagnostics.gates import gate_statistics
from seqjax.diagnostics.gradients import gradient_profile
from seqjax.diagnostics.jacobians import input_jacobian
from seqjax.losses import class_loss
from seqjax.observation import EXAMPLES, KINDS, observe
from seqjax.progress import Keeper
from seqjax.recurrence import unroll
from seqjax.study import Axis, Study, plan
from seqjax.tasks import TASKS
from seqjax.tasks.base import first_of
from seqjax.training import build_model

T, STEPS, EVERY = 5, 5, 2  # validations after 2, 4 and 5 steps
BASE = {
    "task.name": "lag_recall",
    "task.length": T,
    "model.hidden": 4,
    "clip.kind": "norm",
    "train.steps": STEPS,
    "train.eval_every": EVERY,
    "train.batch_size": 8,
}
ALL = "gates+gradients+inputs"
GATES = CELLS["lstm"].gates


def two_runs(observe=ALL, rates=(0.1, 1e38)):
    axes = (Axis("optim.learning_rate", rates),)
    return plan(Study("made_up", "Why?", BASE | {"train.observe": observe}, axes=axes), range(1))


class Watching(Keeper):
    """Keeps the parameters at each validation."""

    def __init__(self):
        self.params = []

    def offer(self, batch, progress):
        state = progress.state.params
        self.params.append(jax.tree.map(lambda leaf: np.asarray(leaf)[0], state))


@functools.cache
def watched():
    """The record of a run with everything observed, and its parameters at each validation."""
    keeper, runs = Watching(), two_runs(rates=(0.1,))
    ((record, _),) = sweep.execute(runs, 1, jax.devices()[:1], keeper=keeper)
    return record, keeper.params


@functools.cache
def whole(observe):
    return left(two_runs(observe), 1, 2)


def by_hand(params, batch):
    """The same numbers from the diagnostics, on weights alone: no module and no observation."""
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
    found["inputs.distance"] = np.array([np.diagonal(norms_TT, -k).max() for k in range(T)])
    found["inputs.later"] = np.triu(norms_TT, 1).max()
    return found


def held_out(config):
    """The first validation batch."""
    row = config.task.evaluation_rows({}, jnp.int32(0))[0]
    return config.task.evaluation_batch({}, row)


@pytest.mark.parametrize("when", [0, 1, 3], ids=["before training", "first", "last"])
def test_what_is_observed_is_what_the_diagnostics_say_of_the_parameters(when):
    record, params = watched()
    config = make_config(BASE)
    if when == 0:
        state = sweep.initialise(
            jax.tree.map(lambda x: np.float32([x]), config),
            np.uint32([0]),
            mesh=jax.make_mesh((1,), ("runs",), devices=jax.devices()[:1]),
        )
        now = jax.tree.map(lambda leaf: np.asarray(leaf)[0], state.params)
    else:
        now = params[when - 1]
    expected = by_hand(now, held_out(config))
    observed = {name: array[when] for name, array in record["observed"].items()}
    assert observed.keys() == expected.keys()
    for name in expected:
        assert_close(observed[name], np.asarray(expected[name]), 1e-4)


def test_one_entry_before_training_and_one_for_each_validation():
    record, _ = watched()
    times = 1 + len(record["curve"]["step"])
    shapes = {name: array.shape for name, array in record["observed"].items()}
    expected = {f"gradients.{name}": (times, T) for name in ("h", "c", "x")}
    expected |= {"inputs.distance": (times, T), "inputs.later": (times,)}
    for gate in GATES:
        place = f"gates.layer0_forward.{gate.name}"
        expected |= {f"{place}.histogram": (times, 20)}
        expected |= {f"{place}.low": (times, 3), f"{place}.high": (times, 3)}
    assert shapes == expected
    first, last = (record["observed"]["gradients.h"][k] for k in (0, -1))
    assert not np.array_equal(first, last)


def test_a_run_that_is_observed_is_the_same_run():
    """One of the two fails, so that its frozen parameters are observed as well."""
    plain, seen = whole(""), whole(ALL)
    assert plain.keys() == seen.keys() and any(one["failed"] for one, _ in plain.values())
    for name, (record, trace) in plain.items():
        other, other_trace = seen[name]
        assert record["observed"] == {} and trace == other_trace
        for one in (record, other):
            one = one | {"observed": 0, "settings": one["settings"] | {"train.observe": 0}}
            assert repr(one) == repr(
                record | {"observed": 0, "settings": record["settings"] | {"train.observe": 0}}
            )


@pytest.mark.parametrize("at", [2, 5], ids=["first chunk", "end"])
def test_what_was_observed_is_kept_in_a_checkpoint(at):
    keeper = Stopping(at)
    with pytest.raises(InterruptedError):
        left(two_runs(), 1, 2, keeper)
    again = left(two_runs(), 1, 2, Stopping(kept=keeper.kept))
    assert repr(again) == repr(whole(ALL))


def seen_of(settings, names):
    config = make_config(BASE | settings | {"train.observe": names})
    model = build_model(config, jax.random.key(0))
    return observe(config, model, held_out(config))


def test_a_window_reaches_as_far_as_it_is_wide():
    found = seen_of({"model.cell": "feedforward", "model.window": 3}, "inputs")
    assert np.all(found["inputs.distance"][:3] > 0)
    assert not np.any(found["inputs.distance"][3:]) and found["inputs.later"] == 0


def test_a_backward_direction_reads_what_is_later():
    settings = {"task.name": "adding", "model.bidirectional": True, "model.layers": 2}
    assert seen_of(settings, "inputs")["inputs.later"] > 0


@pytest.mark.parametrize("cell", ["mut2", "elman", "feedforward"])
def test_gradients_of_a_loss_at_the_end(cell):
    """With a linear map before the cell too (mut2), and 0 where no state goes back."""
    found = seen_of(
        {"task.name": "temporal_order", "task.length": 10, "model.cell": cell}, "gradients"
    )
    assert found["gradients.h"].shape == found["gradients.x"].shape == (10,)
    reached = np.asarray(found["gradients.h"]) > 0
    assert reached[-1] and reached[0] == (cell != "feedforward")


REFUSED = {
    "an unknown name": ({"train.observe": "gates+gate"}, "unknown observation 'gate'"),
    "two layers": ({"train.observe": "gradients", "model.layers": 2}, "more than one layer"),
    "two directions": (
        {"train.observe": ALL, "task.name": "adding", "model.bidirectional": True},
        "more than one layer or direction",
    ),
    "gradients of a ragged task": (
        {"train.observe": "gradients", "task.name": "agreement_natural"},
        "gates alone where sequences differ in length",
    ),
    "inputs of a ragged task": (
        {"train.observe": "gates+inputs", "task.name": "agreement_natural"},
        "gates alone where sequences differ in length",
    ),
}


@pytest.mark.parametrize(("settings", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_observed_is_refused(settings, said):
    with pytest.raises(ConfigError, match=rf"^train\.observe: .*{said}"):
        make_config(settings)


def test_an_unknown_name_is_a_mistake_in_the_command(tmp_path):
    result = command(
        "--study=init_by_clip", "--set=train.observe=gate", f"--workdir={tmp_path / 'none'}"
    )
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: train.observe: unknown observation 'gate'")
    assert result.err.count("\n") == 1 and not (tmp_path / "none").exists()


def test_every_name_has_its_function():
    assert tuple(KINDS) == OBSERVABLE


@pytest.mark.parametrize("name", sorted(TASKS.keys() - {"agreement_natural", "characters"}))
def test_a_task_says_whether_its_sequences_differ_in_length(name):
    """All but two, whose data are not on every machine."""
    task = TASKS[name]()
    data = task.data()
    batch = task.evaluation_batch(data, first_of(task.evaluation_rows(data, jnp.int32(0))))
    assert (batch.lengths_B is not None) == task.ragged
