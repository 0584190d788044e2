"""The best step, early stopping and the plateau schedule, against a plain loop."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.interrupted import StopAt, bits, results
from support.made_up import replace

from seqjax.records import codec
from seqjax.sweeps import executor
from seqjax.sweeps.checkpointer import Checkpointer
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Axis, Study
from seqjax.training import evaluation, step
from seqjax.training.config import check_tasks, make_config
from seqjax.training.overrides import ConfigError
from seqjax.training.state import named_leaves
from seqjax.types import named_key

STEPS, EVERY, PATIENCE, PLATEAU, SOLVED = 15, 2, 4, 2, 0.17
ENDS = [2, 4, 6, 8, 10, 12, 14, 15]
BASE = {
    "task.name": "adding",
    "task.length": 3,
    "model.hidden": 3,
    "optim.name": "sgd",
    "optim.schedule": "plateau",
    "optim.plateau_patience": PLATEAU,
    "train.steps": STEPS,
    "train.eval_every": EVERY,
    "train.batch_size": 4,
    "train.select": "best",
    "train.patience": PATIENCE,
    "train.stop_at": SOLVED,
    "train.training_metrics": True,
    "train.observe": "gates",
}
RATES = (0.2, 0.5, 2.0, 1e30)
PLACE = {"jaxlib": "0.10.2", "device": "a processor"}


@pytest.fixture(scope="module")
def runs():
    axes = Axis("optim.learning_rate", RATES), Axis("optim.plateau_factor", (0.1, 0.9))
    return plan_runs(Study("made_up", "Why?", BASE, axes=axes), range(2))


class Models(Checkpointer):
    """Collects the parameters of the reported step."""

    def __init__(self):
        self.params = {}

    def on_trained(self, run, params):
        self.params[run.id] = params


@pytest.fixture(scope="module")
def together(runs):
    models = Models()
    return results(runs, 1, 2, models), models.params


@functools.partial(jax.jit, static_argnames="structure")
def gradient(leaves, params, seed, k, structure):
    config = jax.tree.unflatten(structure, leaves)
    key = named_key(jax.random.key(seed), "data")
    row = jax.tree.map(lambda a: a[0], config.task.rows({}, key, k, 1, 4))
    state = step.TrainState(params, (), {}, jnp.int32(-1))
    (loss, _), (grads, _) = step.loss_and_gradient(config, state, config.task.batch({}, row, 4))
    return loss, grads


@functools.partial(jax.jit, static_argnames="structure")
def metric(leaves, params, part, structure):
    config = jax.tree.unflatten(structure, leaves)
    return evaluation.evaluate_run((config, params), {}, part)["mse"]


def plain(run):
    """Losses, validation errors, best step and its parameters, parameters at the end."""
    leaves, structure = jax.tree.flatten(run.config)
    rate, factor = run.config.optim.learning_rate, run.config.optim.plateau_factor
    params = step.initial_state(run.config, jnp.uint32(run.seed)).params
    losses, errors, best, worse, flat = [], [], (math.inf, 0, None), 0, 0
    for k in range(STEPS):
        loss, grads = gradient(leaves, params, run.seed, jnp.int32(k), structure)
        losses.append(float(loss))
        params = jax.tree.map(lambda p, g, rate=rate: p - np.float32(rate) * g, params, grads)
        if k + 1 not in ENDS:
            continue
        error = float(metric(leaves, params, jnp.int32(0), structure))
        errors.append(error)
        worse, flat = worse + 1, flat + 1
        if error < best[0]:
            best, worse, flat = (error, k + 1, params), 0, 0
        if flat == PLATEAU:
            rate, flat = rate * factor, 0
        if worse == PATIENCE or error <= SOLVED:
            break
    return losses, errors, best, params


def of(run, together):
    """Record and trace of a run, and its reported parameters."""
    (record, trace), params = together[0][run.id], together[1][run.id]
    record = replace(record, environment=PLACE)
    record.check()
    return record, np.frombuffer(trace, np.float32).reshape(4, -1), params


@pytest.mark.slow
def test_best_steps_stops_and_rates_are_those_of_a_plain_loop(runs, together):
    ends = set()
    for run in runs:
        record, trace, params = of(run, together)
        if run.config.optim.learning_rate == 1e30:
            continue
        losses, errors, (best, best_step, best_params), last_params = plain(run)
        taken = len(losses)
        ends.add((best_step < taken, taken, errors[-1] <= SOLVED))
        assert (record.selected_step, record.steps_taken) == (best_step, taken)
        np.testing.assert_allclose(trace[0], np.append(losses, [np.nan] * (STEPS - taken)), 2e-4)
        missing = [np.nan] * (len(ENDS) - len(errors))
        assert record.curve["step"].tolist() == ENDS
        np.testing.assert_allclose(record.curve["validation_mse"], errors + missing, 2e-4)
        assert record.validation["mse"] == pytest.approx(best, rel=2e-4)
        jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=2e-3), params, best_params)
        leaves, structure = jax.tree.flatten(run.config)
        for field, of_params, part in (
            ("test", best_params, 1),
            ("last", last_params, 1),
            ("training", best_params, 2),
        ):
            expected = float(metric(leaves, of_params, jnp.int32(part), structure))
            assert getattr(record, field)["mse"] == pytest.approx(expected, rel=2e-4), field
    # Solved; stopped by patience with a better step before; not stopped, with one before.
    assert ends >= {(False, 6, True), (True, 10, False), (True, 15, False)}


@pytest.mark.slow
def test_summaries_are_those_of_the_steps_taken(runs, together):
    for run in runs:
        record, trace, _ = of(run, together)
        taken = record.steps_taken
        if record.failed and record.failed.reason == "nonfinite":
            assert record.failed.step == taken and record.selected_step is None
            assert not record.last and set(record.training.values()) == {None}
            continue
        assert np.isfinite(trace[:, :taken]).all() and np.isnan(trace[:, taken:]).all()
        assert record.gradient_norm.mean == pytest.approx(trace[1, :taken].mean(), rel=1e-5)
        assert record.failed is None or record.failed.step == taken
        for name, values in record.observed.items():
            after = np.array([0, *ENDS]) > taken
            assert len(values) == len(after), name
            assert np.isnan(values[after]).all() and not np.isnan(values[~after]).all(), name


@pytest.mark.slow
def test_runs_depend_neither_on_neighbours_nor_on_interruptions(runs, together):
    records, params = together
    taken = {run.id: records[run.id][0].steps_taken for run in runs}
    last = [run for run in runs if taken[run.id] == STEPS]
    assert 0 < len(last) < len(runs)
    for batch in (runs[::-1], last):
        models = Models()
        found = results(batch, 1, 2, models)
        assert encoded(found) == encoded({run.id: records[run.id] for run in batch})
        for run in batch:
            assert bits(named_leaves(models.params[run.id])) == bits(named_leaves(params[run.id]))
    first = next(run for run in runs if taken[run.id] == 6)
    second = next(run for run in runs if taken[run.id] == 10)
    for pair, stop in (([first, last[0]], 4), ([first, last[0]], 8), ([first, second], 10)):
        checkpointer = StopAt(stop)  # before, after and at the end of one or of both
        with pytest.raises(InterruptedError):
            results(pair, 1, 2, checkpointer)
        resumed = results(pair, 1, 2, StopAt(None, checkpointer.checkpoint))
        assert encoded(resumed) == encoded({run.id: records[run.id] for run in pair})


def encoded(found):
    """Records as JSON and traces, by run id."""
    return {name: (codec.dumps(record), trace) for name, (record, trace) in found.items()}


@pytest.mark.slow
def test_runs_that_share_a_device_stop_one_by_one(runs, together):
    chunks = []
    found = executor.train_group(
        runs[:4], 4, jax.devices()[:1], lambda batch, state: chunks.append(state.step)
    )
    for record, trace in found:
        beside, whole = together[0][record.id]
        assert record.steps_taken == beside.steps_taken
        assert record.selected_step == beside.selected_step
        alone = np.frombuffer(whole, np.float32).reshape(4, -1)
        np.testing.assert_allclose(np.stack(trace), alone, 1e-3)
    assert chunks == ENDS


@pytest.mark.slow
def test_a_batch_ends_once_all_its_runs_are_done(runs, together):
    done = [run for run in runs if together[0][run.id][0].steps_taken <= 10][:2]
    steps = []
    list(executor.train_group(done, 1, jax.devices(), lambda _, state: steps.append(state.step)))
    longest = max(together[0][run.id][0].steps_taken for run in done)
    assert steps[-1] == longest < STEPS


def test_a_run_that_needs_no_control_has_no_further_state():
    plain = {path: value for path, value in BASE.items() if not path.startswith("train.s")}
    plain |= {"train.steps": 4, "optim.schedule": "constant", "train.patience": 0}
    for settings, leaves in (
        (plain, 0),
        (plain | {"train.patience": 2}, 4),
        (plain | {"optim.schedule": "plateau"}, 6),
    ):
        state = jax.eval_shape(step.initial_state, make_config(settings), jnp.uint32(0))
        assert len(jax.tree.leaves(state.control)) == leaves
        assert state.control or state.control == ()


@pytest.mark.parametrize(
    ("task", "wrong", "right"),
    [("adding", (-0.1, 0.2), 0.01), ("digits_rows", (0.05, 99.0), 0.9)],
    ids=["lower", "higher"],
)
def test_a_run_stops_only_at_a_metric_between_chance_and_the_best(task, wrong, right):
    check_tasks([make_config({"task.name": task, "train.stop_at": right})])
    for value in wrong:
        with pytest.raises(ConfigError, match=rf"^train\.stop_at: .* got {value}$"):
            check_tasks([make_config({"task.name": task, "train.stop_at": value})])


@pytest.mark.parametrize(
    "change",
    [
        {"train.select": "first"},
        {"train.patience": -1},
        {"train.stop_at": -math.inf},
        {"optim.plateau_factor": 1.0},
        {"optim.plateau_patience": 0},
    ],
    ids=str,
)
def test_values_out_of_range_are_refused(change):
    (path,) = change
    with pytest.raises(ConfigError, match=f"^{path}: "):
        make_config(BASE | change)
