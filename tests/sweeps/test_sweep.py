"""Sweeps over Flax modules of one's own against plain loops of Optax, and their workdirs."""

import math

import jax
import msgspec
import numpy as np
import optax
import pytest
from flax import nnx
from support import flax_modules
from support.assertions import assert_close
from support.flax_modules import DATA, Noisy, NoisyLinen, Perceptron, order_of_data, recurrent

import seqjax
from seqjax.optim.clipping import ClipSpec, clip
from seqjax.records import codec
from seqjax.sweeps import flax_runs
from seqjax.sweeps import sweep as sweep_module
from seqjax.sweeps.checkpointer import FolderCheckpointer
from seqjax.types import ConfigError, named_key

pytestmark = pytest.mark.slow

STEPS, SIZE, EVERY = 7, 8, 3
SETTINGS = {
    "train.steps": STEPS,
    "train.batch_size": SIZE,
    "train.eval_every": EVERY,
    "optim.name": "adam",
    "optim.learning_rate": 0.1,
}


def sweep(make=Perceptron, loss=flax_modules.loss, data=DATA, axes=None, **options):
    settings = {**SETTINGS, **options.pop("settings", {})}
    settings = {path: value for path, value in settings.items() if path not in (axes or {})}
    given = {"name": "mine", "chance": 1.0, "best_loss": 0.0, "seeds": 1, "settings": settings}
    return seqjax.sweep(make, loss, data, axes=axes, **{**given, **options})


def by_id(records):
    """Each record as JSON, without its time and machine."""
    neutral = {"seconds": 0.0, "environment": {}}
    return {r.id: codec.dumps(msgspec.structs.replace(r, **neutral)) for r in records}


def plain_loop(model, transformation, loss):
    """Losses of all steps, and loss and metrics at every validation and of the test, by Flax."""
    optimizer = nnx.Optimizer(model, transformation, wrt=nnx.Param)
    x, y = DATA["train"]

    @nnx.jit
    def step(model, optimizer, batch):
        (value, _), grads = nnx.value_and_grad(loss, has_aux=True)(model, batch)
        optimizer.update(model, grads)
        return value

    def evaluate(part):
        model.eval()
        value, metrics = loss(model, DATA[part])
        model.train()
        return {"loss": value, **metrics}

    losses, validations = [], []
    with jax.numpy_dtype_promotion("standard"):  # Optax's adam mixes integers and floats
        for k, rows in enumerate(order_of_data(0, STEPS, SIZE), start=1):
            losses.append(step(model, optimizer, (x[rows], y[rows])))
            if k % EVERY == 0 or k == STEPS:
                validations.append(evaluate("validation"))
        return losses, validations, evaluate("test")


def assert_same_training(record, losses, validations, test):
    means = [np.mean(losses[k : k + EVERY]) for k in range(0, STEPS, EVERY)]
    assert_close(record.curve["training_loss"], np.array(means), 1e-5)
    for name in ("loss", "mae"):
        expected = np.array([metrics[name] for metrics in validations])
        assert_close(record.curve[f"validation_{name}"], expected, 1e-5)
        assert_close(np.array(record.test[name]), np.array(test[name]), 1e-5)


@pytest.mark.core
@pytest.mark.parametrize(
    ("make", "loss", "arguments"),
    [
        (Perceptron, flax_modules.loss, {"gain": 1.5}),
        (Noisy, flax_modules.loss, {}),
        (recurrent, flax_modules.recurrent_loss, {"gain": 0.5}),
    ],
)
def test_a_run_is_a_plain_loop_of_flax_and_optax(make, loss, arguments):
    """Evaluation included: the last batch of 7 or 9 examples by 8 counts as its examples do."""
    clipping = {"clip.kind": "norm", "clip.threshold": 0.5}
    (record,) = sweep(make, loss, settings=arguments | clipping)
    model = make(**arguments, rngs=nnx.Rngs(named_key(jax.random.key(0), "weights")))
    chain = optax.chain(clip(ClipSpec("norm", 0.5)), optax.adam(0.1))
    assert_same_training(record, *plain_loop(model, chain, loss))
    assert 0 < record.clipped_fraction <= 1 and record.failed is None
    assert {f"model.{name}": value for name, value in arguments.items()}.items() <= (
        record.settings.items()
    )


def test_the_best_step_of_a_module_is_reported_with_its_batch_statistics():
    """A rate that overshoots: validation is best early, and training stops after it."""

    def train(**settings):
        rate = {"optim.learning_rate": 1.0, "train.eval_every": 1, "train.training_metrics": True}
        (record,) = sweep(Noisy, settings=rate | settings, chance=1e6)
        return record

    record = train(**{"train.select": "best", "train.patience": 2})
    curve = record.curve["validation_loss"]
    best = int(np.nanargmin(curve)) + 1
    assert best < STEPS - 2 and record.failed is None
    assert (record.selected_step, record.steps_taken) == (best, best + 2)
    assert np.isnan(curve[best + 2 :]).all()
    short, longer = (train(**{"train.steps": steps}) for steps in (best, best + 2))
    for found, expected in (
        (record.test, short.test),
        (record.training, short.training),
        (record.last, longer.test),
    ):
        assert found == pytest.approx(expected, rel=1e-5)
    assert record.last != record.test


@pytest.mark.core
def test_a_linen_module_trains_as_its_nnx_twin():
    """Both start from weights that do not depend on a key, without dropout."""
    (ours,) = sweep(NoisyLinen, flax_modules.linen_loss, settings={"rate": 0.0})
    twin = Noisy(0.0, rngs=nnx.Rngs(0))
    assert_same_training(ours, *plain_loop(twin, optax.adam(0.1), flax_modules.loss))


@pytest.mark.core
@pytest.mark.filterwarnings("ignore::seqjax.data.folder.DataWarning")  # equal parts
def test_streams_and_variables_of_linen_advance_in_training_alone():
    """At a rate of 1e-20 the weights stay 1, and all examples are equal."""
    settings = {"optim.learning_rate": 1e-20, "train.eval_every": 1}
    alike = [np.repeat(array[:1], 20, axis=0) for array in DATA["train"]]
    data = dict.fromkeys(DATA, tuple(alike))
    make, loss = flax_modules.Counting, flax_modules.linen_loss
    first, second = sweep(make, loss, data, settings=settings, seeds=2)
    losses = [*first.curve["training_loss"], *second.curve["training_loss"]]
    assert len(set(losses)) == 2 * STEPS
    x, y = alike
    expected = [np.mean(np.square(x.sum(axis=1) + k - y)) for k in range(1, STEPS + 1)]
    assert_close(first.curve["validation_loss"], np.array(expected), 1e-5)
    assert first.test == first.validation and first.paired == "data+weights"


def test_clipping_acts_and_an_infinite_threshold_is_none():
    kinds = ("value", "norm", "block")
    arms = {kind: {"clip.kind": kind, "clip.threshold": 0.01} for kind in kinds}
    arms["off"], arms["none"] = {"clip.kind": "norm", "clip.threshold": math.inf}, {}
    records = {record.arm: record for record in sweep(arms=arms, settings={"optim.name": "sgd"})}
    assert len({record.test["loss"] for record in records.values()}) == len(arms) - 1
    assert records["off"].test == records["none"].test
    assert records["off"].clipped_fraction == 0
    assert all(records[kind].clipped_fraction > 0 for kind in kinds)


def test_adaptive_clipping_needs_the_layers_of_seqjax():
    adaptive = {"clip.kind": "adaptive", "clip.threshold": 1e-3}
    (record,) = sweep(recurrent, flax_modules.recurrent_loss, settings=adaptive | {"gain": 1.0})
    assert record.clipped_fraction == 1
    with pytest.raises(ConfigError, match=r"^clip.kind: "):
        sweep(settings=adaptive)


AXES = {"gain": (0.5, 1.0, 2.0), "optim.learning_rate": (0.01, 1e30)}


def test_a_run_does_not_depend_on_its_neighbours(monkeypatch):
    """Two runs side by side on each device, as on an accelerator; half of them explode."""
    monkeypatch.setattr(flax_runs, "runs_per_device", lambda config, platform: 2)
    together = by_id(sweep(axes=AXES, seeds=2))
    assert len(set(together.values())) == 12
    few = by_id(sweep(axes={**AXES, "gain": (2.0, 1.0)}, seeds=[1]))
    assert few and few == {name: together[name] for name in few}


@pytest.mark.core
@pytest.mark.parametrize(("make", "number"), [(Noisy, "rate"), (flax_modules.Inner, "gain")])
def test_numbers_that_cannot_be_traced_are_compiled_in(make, number):
    with pytest.warns(UserWarning, match="2 combinations.* cannot be traced") as warned:
        records = sweep(make, axes={number: (0.0, 0.5)})
    model = make(**{number: 0.5}, rngs=nnx.Rngs(named_key(jax.random.key(0), "weights")))
    assert_same_training(records[1], *plain_loop(model, optax.adam(0.1), flax_modules.loss))
    assert [warning.filename for warning in warned] == [__file__]
    assert [record.point for record in records] == [{f"model.{number}": v} for v in (0.0, 0.5)]
    assert type(records[0].settings[f"model.{number}"]) is float


def test_runs_that_cannot_be_stacked_train_one_by_one(monkeypatch):
    monkeypatch.setattr(flax_runs, "runs_per_device", lambda config, platform: 2)
    with pytest.warns(UserWarning, match="one by one.*NotImplementedError"):
        records = sweep(flax_modules.Alone, axes={"gain": (0.5, 1.0)})
    model = Perceptron(rngs=nnx.Rngs(named_key(jax.random.key(0), "weights")))
    assert_same_training(records[1], *plain_loop(model, optax.adam(0.1), flax_modules.loss))


def test_what_fails_in_both_ways_raises_the_error_of_the_user():
    def broken(model, batch):
        raise KeyError("no such layer")

    with pytest.raises(KeyError, match="no such layer"):
        sweep(loss=broken, axes={"gain": (0.5, 1.0)})


def test_a_workdir_is_continued_and_grows(tmp_path, monkeypatch):
    options = {"axes": {"gain": (0.5, 1.0)}, "workdir": tmp_path / "mine", "tune": "gain"}
    records = sweep(**options)
    train_group, trained = sweep_module.train_group, set()

    def noted_train_group(runs, *args, **kwargs):
        trained.update(run.id for run in runs)
        return train_group(runs, *args, **kwargs)

    monkeypatch.setattr(sweep_module, "train_group", noted_train_group)
    assert by_id(sweep(**options)) == by_id(records) and not trained
    more = by_id(sweep(**options | {"axes": {"gain": (0.5, 1.0, 2.0)}, "seeds": 2}))
    assert len(more) == 6 and trained == more.keys() - by_id(records).keys()
    assert by_id(seqjax.load_records(tmp_path / "mine")) == more
    assert seqjax.tables.make(tmp_path / "mine").tuned == "model.gain"
    for change in (
        {"settings": {"optim.learning_rate": 0.2}},
        {"chance": 2.0},
        {"tune": None},
        {"data": {**DATA, "test": tuple(array + 1 for array in DATA["test"])}},
        {"loss": flax_modules.linen_loss},
        {"name": "yours"},
        {"axes": {"gain": (0.5,), "optim.learning_rate": (0.1,)}, "tune": "gain"},
    ):
        with pytest.raises(ConfigError, match=r"^workdir: "):
            sweep(**options | change)


def test_a_sweep_that_is_killed_resumes_to_the_same_numbers(tmp_path, monkeypatch, capsys):
    """The second run of two is killed after its first chunk."""
    options = {"make": Noisy, "seeds": 2, "checkpoint_every": 0.0}
    expected = by_id(sweep(**options))
    saved = []

    def save_and_stop(self, batch, batch_state):
        FolderCheckpointer.save(self, batch, batch_state)
        saved.append(batch_state.step)
        if len(saved) == 4:
            self.checkpoints.wait()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FolderCheckpointer, "save_if_due", save_and_stop)
        patched.setattr(jax, "local_devices", lambda: jax.devices()[:1])
        with pytest.raises(KeyboardInterrupt):
            sweep(**options, workdir=tmp_path)
        assert len(seqjax.load_records(tmp_path)) == 1 and saved == [3, 6, 7, 3]
    assert by_id(sweep(**options, workdir=tmp_path)) == expected
    assert "resume from step 3" in capsys.readouterr().err


def test_a_checkpoint_of_other_settings_is_not_resumed(tmp_path, monkeypatch, capsys):
    """The only run is killed after its first chunk, and its settings have not been recorded."""
    expected = by_id(sweep(settings={"optim.learning_rate": 0.2}))

    def save_and_stop(self, batch, batch_state):
        FolderCheckpointer.save(self, batch, batch_state)
        self.checkpoints.wait()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FolderCheckpointer, "save_if_due", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            sweep(workdir=tmp_path)
    assert by_id(sweep(settings={"optim.learning_rate": 0.2}, workdir=tmp_path)) == expected
    assert "resume" not in capsys.readouterr().err


@pytest.mark.parametrize("what", ["metric", "best_loss"])
def test_a_metric_out_of_range_stops_the_first_run_after_its_first_chunk(what):
    def percent(model, batch):
        loss, _ = flax_modules.loss(model, batch)
        return (loss, {"accuracy": 100 + loss}) if what == "metric" else loss - 9

    options = {"loss": percent}
    if what == "metric":
        options |= {"metric": "accuracy", "higher_is_better": True}
        options["chance"] = {"loss": 1.0, "accuracy": 0.5}
    with pytest.raises(ConfigError, match=rf"^{what}: "):
        sweep(**options, settings={"train.steps": 10**6, "train.eval_every": 100})


def test_a_failed_run_counts_as_chance():
    (record,) = sweep(settings={"optim.name": "sgd", "optim.learning_rate": 1e30})
    assert record.failed.reason == "nonfinite" and record.test == {"loss": None, "mae": None}
    assert seqjax.tables.make([record]).cells()[0].mean == 1.0


def test_tables_curves_and_frames_read_the_records(tmp_path):
    rate = "optim.learning_rate"
    records = sweep(axes={"gain": (0.5, 1.0), rate: (0.01, 0.1)}, tune=rate, workdir=tmp_path)
    table = seqjax.tables.make(records)
    assert seqjax.tables.make(tmp_path).text_rows() == table.text_rows()
    assert table.tuned == rate and [row[0] for row in table.rows] == [0.5, 1.0]
    assert "mine" in table.caption and "one fixed split" in table.caption
    assert seqjax.plots.heat_map(seqjax.tables.make(records, tune=None)) is not None
