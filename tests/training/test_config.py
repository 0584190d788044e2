"""Settings to configurations and back; what is data, what is structure, and every refusal."""

from math import inf

import jax
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqjax.cells import CELLS
from seqjax.tasks import TASKS
from seqjax.training.config import as_settings, complete, make_config, unused_reasons
from seqjax.training.overrides import ConfigError, Overrides

CONFIGURATIONS = [
    {},
    {"model.cell": "gru", "init.bias.n_h": 0.25, "clip.kind": "norm", "clip.threshold": inf},
    {
        "model.cell": "lstm_peephole_nog",
        "model.bidirectional": True,
        "init.bias_scheme": "chrono",
        "init.t_max": 30.0,
        "task.name": "adding",
        "task.variant": "hochreiter",
        "task.length": 12,
        "optim.learning_rate": 0.001,
        "train.precision": "bf16",
    },
    {"task.name": "copying", "model.embed": 7, "clip.kind": "percentile", "clip.threshold": 30.0},
    {"model.hidden": 5, "optim.learning_rate": 1, "model.bidirectional": True},
]


@pytest.mark.core
@pytest.mark.parametrize("settings", CONFIGURATIONS)
def test_a_configuration_and_its_settings_are_two_forms_of_one_thing(settings):
    config = make_config(settings)
    recorded, all_settings = as_settings(config), complete(as_settings(config))
    assert make_config(recorded) == config
    assert recorded.items() <= all_settings.items()
    texts = {path: str(value) for path, value in all_settings.items()}
    assert make_config(all_settings) == make_config(Overrides.parse(texts)) == config
    assert all_settings.items() >= settings.items()
    assert all_settings.keys() == Overrides(settings).fields().keys() - unset(settings)


def unset(settings):
    """Biases that have no value, because a scheme draws them."""
    return {path for path in unused_reasons(settings) if path.startswith("init.bias.")}


CONSTANTS = {"decay": 0.8, "root_floor": 0.1, "b1": 0.8, "b2": 0.99, "epsilon": 1e-4}
CONSTANTS = {f"optim.{name}": value for name, value in CONSTANTS.items()}
CONSTANTS["init.readout_gain"] = 0.7


def test_the_floats_are_the_leaves_without_constants_at_their_default():
    config = make_config({"model.cell": "gru"})
    settings = complete(as_settings(config))
    static = settings.pop("train.stop_at")
    assert static == inf and make_config(settings | {"train.stop_at": 0.5}) != config
    values = {path: value for path, value in settings.items() if type(value) is float}
    floats = [value for path, value in values.items() if path not in CONSTANTS]
    assert sorted(jax.tree.leaves(config)) == sorted(floats)
    assert len(floats) == 5 + 4 + 2 + 6 + 5  # init, biases, threshold and level, reg, optim
    config = make_config({"model.cell": "gru"} | CONSTANTS)
    assert sorted(jax.tree.leaves(config)) == sorted([*floats, *CONSTANTS.values()])


BASE = {"task.name": "adding", "clip.kind": "norm", "train.batch_size": 8}


@pytest.mark.parametrize(
    "change",
    [
        {"clip.threshold": 0.5},
        {"floor.level": 0.5},
        {"reg.weight_noise": 0.5},
        {"init.bias.f": -1.0},
        {"init.recurrent_gain": 1.5},
        {"optim.learning_rate": 0.3},
        {"optim.momentum": 0.0},
        {"optim.weight_decay": 0.0},
    ],
    ids=str,
)
def test_other_numbers_have_equal_structure(change):
    base, other = make_config(BASE), make_config(BASE | change)
    assert jax.tree.structure(base) == jax.tree.structure(other)
    assert sum(a != b for a, b in zip(*map(jax.tree.leaves, (base, other)), strict=True)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"model.cell": "lstm_noaf"},  # of the same gates
        {"model.hidden": 33},
        {"model.layers": 2},
        {"model.bidirectional": True},
        {"model.readout": "logistic"},
        {"init.recurrent": "uniform"},
        {"init.bias_scheme": "chrono"},
        {"init.readout": "uniform_fixed"},
        {"clip.kind": "value"},
        {"floor.kind": "signal"},
        {"reg.kinds": "input_noise"},
        {"optim.name": "adam"},
        {"optim.schedule": "cosine"},
        {"task.name": "copying"},
        {"task.length": 51},
        {"task.variant": "pascanu"},
        {"train.steps": 301},
        {"train.batch_size": 9},
        {"train.precision": "tf32"},
        {"train.reduction": "sum"},
    ],
    ids=str,
)
def test_other_structure_is_seen_in_the_tree(change):
    base, other = make_config(BASE), make_config(BASE | change)
    assert jax.tree.structure(base) != jax.tree.structure(other)


ADDING = {"task.name": "adding"}
REFUSED = [
    # (settings, the field named, what was given, what is accepted)
    ({"model.cell": "ltsm"}, "model.cell", "'ltsm'", "'lstm'"),
    ({"task.name": "ading"}, "task.name", "'ading'", "'adding'"),
    ({"task.length": 3}, "task.length", "task.length", "digits_rows: name"),
    ({"model.cell": "gru", "init.bias.f": 1.0}, "init.bias.f", "gate f", "r, z, n, n_h"),
    ({"optim.name": "adm"}, "optim.name", "'adm'", "'adam'"),
    ({"optim.schedule": "cosin"}, "optim.schedule", "'cosin'", "'cosine'"),
    ({"init.recurrent": "orthogonl"}, "init.recurrent", "'orthogonl'", "'orthogonal'"),
    ({"init.input": "lecunn"}, "init.input", "'lecunn'", "'lecun'"),
    ({"init.readout": "lecunn"}, "init.readout", "'lecunn'", "'lecun'"),
    ({"init.bias_scheme": "chron"}, "init.bias_scheme", "'chron'", "'chrono'"),
    ({"clip.kind": "nrom"}, "clip.kind", "'nrom'", "'norm'"),
    ({"floor.kind": "nrom"}, "floor.kind", "'nrom'", "'norm'"),
    ({"reg.kinds": "omega+drop"}, "reg.kinds", "'drop'", "input_dropout, input_noise, omega"),
    ({"reg.kinds": "input_noise+input_noise"}, "reg.kinds", "input_noise", "once"),
    ({"reg.kinds": "omega"}, "reg.kinds", "omega", "cell lstm (cells with omega: elman, "),
    ({"model.readout": "sofmax"}, "model.readout", "'sofmax'", "'softmax'"),
    ({"model.readout": "softmax", **ADDING}, "model.readout", "softmax", "linear or logistic"),
    ({"train.precision": "fp8"}, "train.precision", "fp8", "bf16, float32, tf32"),
    # out of range
    ({"clip.kind": "norm", "clip.threshold": 0.0}, "clip.threshold", "0.0", "a positive number"),
    ({"clip.kind": "percentile", "clip.threshold": 100.0}, "clip.threshold", "100.0", "(0, 100)"),
    ({"floor.kind": "norm", "floor.level": -1.0}, "floor.level", "-1.0", "0 or more"),
    ({"floor.kind": "norm", "floor.level": inf}, "floor.level", "inf", "a finite number"),
    ({"reg.kinds": "omega", "reg.omega": -1.0}, "reg.omega", "-1.0", "0 or more"),
    ({"reg.output_dropout": 1.0}, "reg.output_dropout", "1.0", "[0, 1)"),
    ({"model.hidden": 0}, "model.hidden", "0", "from 1 to"),
    ({"model.layers": 0}, "model.layers", "0", "from 1 to"),
    ({"model.embed": -1}, "model.embed", "-1", "from 0 to"),
    ({"train.steps": 0}, "train.steps", "0", "from 1 to"),
    ({"train.eval_every": 0}, "train.eval_every", "0", "at least 1"),
    ({"train.batch_size": 1001}, "train.batch_size", "1001", "at most 1000"),
    ({"optim.learning_rate": 0.0}, "optim.learning_rate", "0.0", "a positive number"),
    ({"optim.momentum": 1.0}, "optim.momentum", "1.0", "[0, 1)"),
    ({"optim.weight_decay": -0.1}, "optim.weight_decay", "-0.1", "0 or more"),
    ({"optim.final": 2.0}, "optim.final", "2.0", "(0, 1]"),
    ({"init.bias.f": inf}, "init.bias.f", "inf", "a finite number"),
    ({"init.radius": 0.0}, "init.radius", "0.0", "a positive number"),
    ({"init.bias_spread": -0.1}, "init.bias_spread", "-0.1", "0 or more"),
    ({"init.t_max": 2.0}, "init.t_max", "2.0", "a number over 2"),
    # settings that do not go together
    (
        {"model.cell": "elman", "init.bias_scheme": "chrono"},
        "init.bias_scheme",
        "chrono",
        "constant",
    ),
    (
        {"model.cell": "elman", "model.layers": 2, "reg.kinds": "omega"},
        "reg.kinds",
        "omega",
        "more than one layer",
    ),
    ({"init.bias_scheme": "chrono", "init.bias.f": 1.0}, "init.bias.f", "1.0", "no value"),
]


@pytest.mark.parametrize(
    ("settings", "path", "given", "accepted"), REFUSED, ids=[str(row[0]) for row in REFUSED]
)
def test_bad_input_is_refused_by_name_with_what_is_accepted(settings, path, given, accepted):
    with pytest.raises(ConfigError) as refusal:
        make_config(settings)
    message = str(refusal.value)
    assert message.startswith((f"{path}: ", f"unknown field '{path}'"))
    assert given in message and accepted in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "settings", "reason"),
    [
        ("clip.threshold", {}, "clip.kind is none"),
        ("floor.level", {}, "floor.kind is none"),
        ("reg.omega", {"reg.kinds": "input_noise"}, "reg.kinds has no omega"),
        ("optim.momentum", {"optim.name": "adam"}, "optim.name is adam"),
        ("optim.weight_decay", {}, "optim.name is momentum"),
        (
            "optim.final",
            {"optim.schedule": "cosine"},
            "optim.schedule is not exponential or linear",
        ),
        ("init.radius", {}, "init.recurrent is not sparse"),
        ("init.t_max", {"init.bias_scheme": "uniform_gate"}, "init.bias_scheme is not chrono"),
        ("init.bias.f", {"init.bias_scheme": "chrono"}, "init.bias_scheme chrono sets it"),
        ("init.bias_spread", {"init.bias.f": 0.0}, "every constant bias is 0"),
        (
            "init.bias_spread",
            {"init.bias_scheme": "chrono", "init.bias.f": 1.0},
            "every constant bias is 0",
        ),
        ("model.embed", {}, "the task's input is not symbols"),
        (
            "init.recurrent",
            {"model.cell": "feedforward"},
            "cell feedforward has no recurrent matrix",
        ),
        ("clip.threshold", {"clip.kind": "norm"}, None),
        ("floor.level", {"floor.kind": "signal"}, None),
        ("reg.input_noise", {"reg.kinds": "omega+input_noise"}, None),
        ("optim.momentum", {"optim.name": "nesterov"}, None),
        ("optim.weight_decay", {"optim.name": "adamw"}, None),
        ("optim.final", {"optim.schedule": "exponential"}, None),
        ("optim.final", {"optim.schedule": "linear"}, None),
        ("optim.decay", {}, "optim.name is momentum"),
        ("optim.decay", {"optim.name": "rmsprop"}, None),
        ("optim.root_floor", {"optim.name": "adam"}, "optim.name is adam"),
        ("optim.b2", {"optim.name": "rmsprop"}, "optim.name is rmsprop"),
        ("optim.epsilon", {"optim.name": "adamw"}, None),
        ("optim.momentum", {"optim.name": "rmsprop_momentum"}, None),
        ("optim.scale_rate", {"optim.name": "sgd"}, "optim.name is sgd"),
        ("init.radius", {"init.recurrent": "sparse"}, None),
        ("init.t_max", {"init.bias_scheme": "chrono"}, None),
        ("init.bias.g", {"init.bias_scheme": "chrono"}, None),
        ("init.bias.f", {}, None),
        ("init.bias_spread", {"init.bias.o": -1.0}, None),
        ("model.embed", {"task.name": "temporal_order"}, None),
        ("model.hidden", {}, None),
    ],
)
def test_a_field_without_effect_says_why(path, settings, reason):
    assert unused_reasons(settings).get(path) == reason


PATHS = sorted(
    {
        path
        for settings in ({}, {"model.cell": "gru"}, {"task.name": "adding"})
        for path in Overrides(settings).fields()
    }
)
values = st.one_of(
    st.text(max_size=8),
    st.from_regex(
        r"['\"]?[-+]?[0-9_]{0,12}[.]?[0-9]{0,3}(e[-+]?[0-9]{1,4})?['\"]?", fullmatch=True
    ),
    st.sampled_from(["inf", "nan", "true", "1", "none", "step", "adding", "gru", *TASKS, *CELLS]),
    st.floats(),
    st.integers(),
    st.booleans(),
)


@given(st.dictionaries(st.one_of(st.sampled_from(PATHS), st.text(max_size=12)), values, max_size=4))
@example({"optim.name": "'\n'"})
@example({"model.hidden": "9" * 5000})
def test_whatever_is_typed_is_a_configuration_or_one_line_of_refusal(settings):
    try:
        config = make_config(Overrides.parse(settings))
    except ConfigError as refusal:
        assert len(str(refusal).splitlines()) == 1
    else:
        assert make_config(as_settings(config)) == config
        assert np.all(
            np.isfinite([x for x in jax.tree.leaves(config) if x != config.clip.threshold])
        )
