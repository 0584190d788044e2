"""Settings, arms and axes of a sweep over a Flax module: names, types and the runs they give."""

import functools
import math

import numpy as np
import pytest
from flax import nnx
from support import flax_modules
from support.flax_modules import DATA, NoisyLinen, Perceptron

import seqjax
from seqjax.records.source import digest_of_function, source_of
from seqjax.sweeps.executor import group_runs, runs_per_device
from seqjax.sweeps.flax_plan import make_sweep
from seqjax.tasks.arrays import ArrayTask
from seqjax.training.config import as_settings
from seqjax.types import ConfigError

pytestmark = pytest.mark.slow

TASK = ArrayTask("mine", DATA, "loss", False, {"loss": 1.0}, 0.0)
SMALL = {"train.batch_size": 8}


def plan(make=Perceptron, *, seeds=(0,), arms=None, axes=None, settings=None, tune=None):
    settings = {**SMALL, **(settings or {})}
    return make_sweep(TASK, make, flax_modules.loss, arms, axes, settings, tune).plan(seeds)


@pytest.mark.core
def test_arms_and_axes_give_runs():
    runs = plan(
        arms={"thin": {"hidden": 2}, "wide": {"model.hidden": 8, "gain": 3.0}},
        axes={"gain": (0, 1.5), "clip.threshold": (1, math.inf)},
        settings={"clip.kind": "norm"},
        seeds=(0, 5),
    )
    thin = [{"model.gain": g, "clip.threshold": c} for g in (0.0, 1.5) for c in (1.0, math.inf)]
    wide = [{"clip.threshold": c} for c in (1.0, math.inf)]
    expected = [("thin", p, s) for p in thin for s in (0, 5)]
    expected += [("wide", p, s) for p in wide for s in (0, 5)]
    assert [(run.arm, run.point, run.seed) for run in runs] == expected
    assert len({run.id for run in runs}) == len(runs)
    settings = as_settings(runs[0].config)
    assert settings["model.hidden"] == 2 and settings["optim.momentum"] == 0.9
    assert type(settings["model.gain"]) is type(settings["clip.threshold"]) is float
    groups = group_runs(runs)
    assert [{run.arm for run in group} for group in groups] == [{"thin"}, {"wide"}]


def test_a_field_without_effect_is_no_axis_of_a_run():
    runs = plan(axes={"clip.kind": ("none", "norm"), "clip.threshold": (0.1, 1.0)})
    assert [run.point for run in runs] == [
        {"clip.kind": "none"},
        {"clip.kind": "norm", "clip.threshold": 0.1},
        {"clip.kind": "norm", "clip.threshold": 1.0},
    ]
    assert as_settings(runs[0].config)["clip.threshold"] == math.inf


def of_cell(cell, hidden, *, rngs):
    return cell(flax_modules.D, hidden, rngs=rngs)


def test_functions_are_structure_and_have_names_in_records():
    runs = plan(of_cell, axes={"cell": (nnx.LSTMCell, nnx.GRUCell)}, settings={"hidden": 4})
    assert [run.point["model.cell"] for run in runs] == ["LSTMCell", "GRUCell"]
    assert len(group_runs(runs)) == 2


def test_one_is_not_true():
    runs = plan(of_cell, arms={"a": {"hidden": 1}, "b": {"hidden": True}}, settings={"cell": "x"})
    assert len(group_runs(runs)) == 2


def test_the_fields_of_a_linen_module_are_arguments():
    (run,) = plan(NoisyLinen)
    assert as_settings(run.config)["model.rate"] == 0.5 and "model.name" not in as_settings(
        run.config
    )
    (run,) = plan(functools.partial(NoisyLinen, rate=0.25), settings={"rate": 0.125})
    assert run.config.model.numbers == {"rate": 0.125}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": {"lr": 0.1}}, "^lr: .*optim.learning_rate"),
        ({"settings": {"gian": 0.1}}, "^gian: .*'gain'"),
        ({"settings": {"optim.learning_rat": 0.1}}, "optim.learning_rat.*optim.learning_rate"),
        ({"settings": {"init.bias.f": 0.1}}, r"^init\.bias\.f: "),
        ({"settings": {"optim.learning_rate": "fast"}}, r"^optim\.learning_rate: "),
        ({"settings": {"optim.learning_rate": -1.0}}, r"^optim\.learning_rate: "),
        ({"settings": {"gain": math.nan}}, "^gain: "),
        ({"settings": {"gain": [1.0]}}, "^gain: "),
        ({"settings": {"train.batch_size": 21}}, r"^train\.batch_size: .*20"),
        ({"settings": {"train.precision": "bf16"}}, r"^train\.precision: "),
        ({"settings": {"train.observe": "gates"}}, r"^train\.observe: "),
        ({"settings": {"clip.kind": "step"}}, r"^clip\.kind: "),
        ({"settings": {"clip.threshold": 1.0}}, r"^clip\.threshold: .*none"),
        ({"settings": {"gain": 1.0}, "axes": {"gain": (1.0,)}}, "^gain: "),
        ({"arms": {"a": {"clip.threshold": 1.0}}}, r"^arm a: clip\.threshold: "),
        ({"arms": {"a": {"gain": 1.0}}, "axes": {"gain": (1.0, 2.0)}}, "^gain: "),
        ({"arms": {}}, "^arms: "),
        ({"arms": {"a": None}}, "^a: "),
        ({"axes": {"gain": ()}}, "^axes: gain: "),
        ({"axes": {"gain": 1.0}}, "^axes: gain: "),
        ({"axes": {"gain": (0.1, 0.1 + 1e-12)}}, "^axes: gain: "),
        ({"axes": {"gain": (1.0, 2.0)}, "tune": "hidden"}, "^tune: .*gain"),
        ({"axes": {"gain": range(60_000)}}, "^axes: .*50,000"),
        ({"make": of_cell}, "^cell: "),
    ],
)
def test_a_mistake_is_one_line(options, message):
    with pytest.raises(ConfigError, match=message) as error:
        plan(**options)
    assert "\n" not in str(error.value)


def sweep(data=DATA, **options):
    given = {"name": "mine", "chance": 1.0, "best_loss": 0.0}
    settings = {"train.steps": 1, "train.batch_size": 4}
    return seqjax.sweep(
        options.pop("make", Perceptron),
        options.pop("loss", flax_modules.loss),
        data,
        settings=settings,
        **given | options,
    )


X, Y = DATA["train"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "adding"}, "^name: "),
        ({"metric": "mae"}, "^higher_is_better: "),
        ({"metric": "mae", "higher_is_better": False}, "^chance: .*mae"),
        ({"higher_is_better": True}, "^higher_is_better: "),
        ({"chance": 0.0}, "chance_"),
        ({"chance": -1.0, "best_loss": -2.0}, "chance_loss"),
        ({"chance": math.nan}, "chance_"),
        ({"seeds": 0}, "^seeds: "),
        ({"seeds": [-1]}, "^seeds: "),
        ({"data": {"train": DATA["train"]}}, "^data: .*validation"),
        ({"data": {**DATA, "test": (X[:0], Y[:0])}}, r"test\[0\]"),
        ({"data": {**DATA, "test": (X, Y[:-1])}}, r"test\[1\]"),
        ({"data": {**DATA, "test": (X[:, 1:], Y)}}, r"test\[0\]"),
        ({"data": {**DATA, "test": (X, Y.astype(int))}}, r"test\[1\]"),
        ({"data": {**DATA, "test": X}}, "test: "),
        ({"data": {**DATA, "train": (np.where(X > 1, np.nan, X), Y)}}, r"train\[0\].*finite"),
        ({"data": {**DATA, "train": (X, np.array(["a"] * len(Y)))}}, r"train\[1\]"),
        ({"data": dict.fromkeys(DATA, np.full(9, 2**40))}, "int32"),
    ],
)
def test_data_and_levels_are_checked_before_anything_is_built(options, message):
    def make(*, rngs):
        raise AssertionError

    with pytest.raises(ConfigError, match=message) as error:
        sweep(make=make, **options)
    assert "\n" not in str(error.value)


def vector_loss(model, batch):
    return model(batch[0])


def integer_loss(model, batch):
    return 1


def unnamed_metrics(model, batch):
    return flax_modules.loss(model, batch)[0], (1.0,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": vector_loss}, "^loss: .*shape"),
        ({"loss": integer_loss}, "^loss: "),
        ({"loss": unnamed_metrics}, "^loss: "),
        (
            {"metric": "mea", "higher_is_better": False, "chance": {"loss": 1.0, "mea": 1.0}},
            "^metric: .*mae",
        ),
        ({"make": lambda rngs: nnx.Dropout(0.5, rngs=rngs)}, "^make_model: .*parameters"),
        ({"make": lambda: nnx.Linear(1, 1, rngs=nnx.Rngs(0))}, "^make_model: .*linen"),
        ({"make": lambda rngs: NoisyLinen()}, "^make_model: .*nnx"),
    ],
)
def test_modules_and_losses_of_another_form_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        sweep(**options)


@pytest.mark.core
def test_an_accelerator_trains_as_many_runs_as_fit():
    widths = (4, 2**20, 2**22)
    runs = [plan(settings={"hidden": hidden})[0] for hidden in widths]
    numbers = [runs_per_device(run.config, "gpu") for run in runs]
    assert numbers == sorted(numbers, reverse=True) and numbers[0] == 256 > numbers[-1] >= 1
    assert [runs_per_device(run.config, "cpu") for run in runs] == [1, 1, 1]


def test_records_have_digests_of_the_module_and_of_the_loss():
    (run,) = plan()
    source = source_of(run.config)
    assert source.cell == digest_of_function(Perceptron) != source.task
    assert source.task == digest_of_function(flax_modules.loss)
    halves = [functools.partial(Perceptron, hidden=hidden) for hidden in (2, 4)]
    assert len({*map(digest_of_function, halves), source.cell}) == 3


def test_chance_levels_are_those_of_constant_predictions():
    y = np.array([0, 2, 2, 2])
    assert seqjax.chance_of_classes(y) == {
        "accuracy": 0.75,
        "loss": pytest.approx(-0.25 * math.log(0.25) - 0.75 * math.log(0.75)),
    }
    values = np.random.default_rng(0).normal(size=(50, 2))
    expected = np.mean(np.square(values - values.mean(axis=0)))
    assert seqjax.chance_of_values(values)["loss"] == pytest.approx(expected)
    with pytest.raises(ConfigError, match=r"^y: "):
        seqjax.chance_of_classes([0.5])
