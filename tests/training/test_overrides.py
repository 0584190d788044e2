"""Fields by path, texts to typed values, and every text or value of another type."""

from math import inf, nan

import numpy as np
import pytest

from seqjax.cells import CELLS
from seqjax.tasks import TASKS
from seqjax.training.config import make_config
from seqjax.training.overrides import (
    USUAL_NAMES,
    ConfigError,
    Overrides,
    all_fields,
    fields,
    unknown_field,
    value_text,
)


@pytest.mark.parametrize("cell", CELLS)
def test_every_gate_with_a_bias_has_a_field(cell):
    gates = {path for path in fields(cell) if path.startswith("init.bias.")}
    assert gates == {f"init.bias.{gate}" for gate in CELLS[cell].bias_gates}


def test_a_path_has_one_type_a_default_and_a_meaning():
    for task in TASKS:
        for path, field in fields(task=task).items():
            assert field.type is all_fields()[path].type
            assert field.path == path and type(field.default) is field.type
            assert field.meaning and "\n" not in field.meaning
    assert fields()["optim.weight_decay"].meaning == 'weight decay of "adamw"'


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("clip.threshold", "inf", inf),
        ("clip.threshold", "1e-3", 0.001),
        ("optim.learning_rate", "1", 1.0),
        ("model.hidden", "64", 64),
        ("train.steps", "1e3", 1000),
        ("train.steps", "1.5E+2", 150),
        ("model.bidirectional", "True", True),
        ("task.variant", "pascanu", "pascanu"),
    ],
)
def test_a_text_and_its_value_are_the_same(path, text, value):
    parsed = Overrides.parse({path: text})
    assert parsed == Overrides({path: value}) == Overrides.parse({path: value}) == {path: value}
    assert type(parsed[path]) is type(value)
    assert Overrides.parse({path: value_text(value)}) == parsed


def test_numbers_of_other_types_become_the_type_of_the_field():
    values = {"optim.learning_rate": 1, "clip.threshold": np.float32(0.5)}
    values |= {"model.hidden": np.int64(3)}
    typed = Overrides(values)
    assert typed == values
    assert [type(value) for value in typed.values()] == [float, float, int]


def test_later_overrides_win_and_none_changes():
    first = Overrides({"model.hidden": 3, "model.layers": 2})
    assert first | {"model.hidden": 5} == {"model.hidden": 5, "model.layers": 2}
    assert first.without({"model.layers"}) == {"model.hidden": 3} and len(first) == 2
    assert list(first | {"model.cell": "gru"}) == ["model.hidden", "model.layers", "model.cell"]
    with pytest.raises(TypeError):
        first["model.hidden"] = 4
    with pytest.raises(ConfigError, match=r"model\.hidden.*'5'"):
        first | {"model.hidden": "5"}


REFUSED = [
    # (path, text or value, accepted)
    ("modle.cell", "lstm", "'model.cell'"),
    ("task.lenght", 3, "'task.length'"),
    ("learning_rate", 1.0, "'optim.learning_rate'"),
    ("lr", 1.0, "'optim.learning_rate'"),
    ("optim.lr", 1.0, "'optim.learning_rate'"),
    ("optim.lr", 1.0, ": name, learning_rate, momentum,"),
    ("Optim.Learning_Rate", 1.0, "'optim.learning_rate'"),
    ("train.batchsize", 8, "'train.batch_size'"),
    ("hiden", 8, "'model.hidden'"),
    ("epochs", 8, "'train.steps'"),
    ("init.bias", 1.0, "'init.bias.f'"),
    ("bias", 1.0, "'init.bias.f'"),
    ("nothing_like_it", 1.0, "fields begin with one of"),
    ("init.bias.forget", 1.0, "i, f, g, o"),
    ("model.hidden", "3.5", "a whole number"),
    ("model.hidden", 3.0, "a whole number"),
    ("model.hidden", True, "a whole number"),
    ("model.hidden", "9999999999", "a whole number below 16777216"),
    ("model.hidden", "1_0", "a whole number"),
    ("model.hidden", "1.55e1", "a whole number"),
    ("model.hidden", "1e-1", "a whole number"),
    ("model.hidden", "1e999", "a whole number"),
    ("model.bidirectional", "yes", "true or false"),
    ("model.bidirectional", 1, "true or false"),
    ("model.cell", 1, "text"),
    ("optim.learning_rate", "fast", "a number"),
    ("optim.learning_rate", None, "a number"),
    ("optim.learning_rate", "nan", "a number"),
    ("clip.threshold", nan, "a number"),
    ("optim.learning_rate", "1e999", "a number"),
    ("clip.threshold", "1e39", "float32"),
    ("optim.learning_rate", "1e-60", "float32"),
    ("optim.name", "'adam'", "without quotation marks"),
]


@pytest.mark.parametrize(("path", "given", "accepted"), REFUSED)
def test_another_path_or_type_is_refused_by_name(path, given, accepted):
    with pytest.raises(ConfigError) as refusal:
        Overrides.parse({path: given})
    message = str(refusal.value)
    assert message.startswith((f"{path}: ", f"unknown field '{path}'")) and accepted in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "accepted"),
    [("init.bias.z", "lstm.*: i, f, g, o"), ("task.length", "digits_rows.*: name")],
)
def test_a_field_of_another_cell_or_task_is_refused_with_the_fields_of_this_one(path, accepted):
    with pytest.raises(ConfigError, match=f"^{path}: .*{accepted}$"):
        make_config({path: 3})


@pytest.mark.parametrize("names", [("lsmt", "adding"), ("lstm", "ading")])
def test_an_unknown_cell_or_task_has_no_fields(names):
    with pytest.raises(ConfigError, match=r"model\.cell: .*'lstm'|task\.name: .*'adding'"):
        fields(*names)


def test_every_usual_name_stands_for_one_field():
    names = [name for aliases in USUAL_NAMES.values() for name in aliases]
    assert len(names) == len(set(names))
    assert USUAL_NAMES.keys() <= all_fields().keys() and not set(names) & all_fields().keys()


def test_a_field_of_another_task_is_told_with_that_task():
    error = unknown_field("task.path", "lstm", "digits_rows")
    assert "file" in str(error).split(";")[0]
