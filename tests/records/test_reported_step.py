"""Records whose reported step is not the last, and records of runs that stopped early."""

import json
from math import inf

import numpy as np
import pytest
from support.made_up import record, replace

from seqjax import records
from seqjax.records import codec
from seqjax.records.record import decode

SETTINGS = {"train.select": "best", "train.patience": 1}
CURVE = record().curve
BEST = record(
    validation=0.9,
    settings=SETTINGS,
    curve=CURVE | {"validation_accuracy": np.array([0.5, 0.9, np.nan])},
    selected_step=4,
    steps_taken=4,
    last={"accuracy": 0.2},
    training={"accuracy": 0.95},
)


def test_fields_that_no_run_of_before_needs_are_left_out():
    names = {"selected_step", "steps_taken", "last", "training"}
    plain = record()
    assert not names & json.loads(codec.dumps(plain)).keys()
    assert names <= json.loads(codec.dumps(BEST)).keys()
    assert (plain.selected_step, plain.updates, plain.last, plain.training) == (None, 6, {}, {})


def test_a_reported_step_is_stored_and_read():
    found = decode(codec.dumps(BEST).encode())
    assert codec.dumps(found) == codec.dumps(BEST)
    assert (found.selected_step, found.updates) == (4, 4)
    assert decode(codec.dumps(replace(BEST, last={"accuracy": inf * 0})).encode()).last == {
        "accuracy": None
    }


def test_the_columns_of_a_data_frame():
    frame = records.to_frame([record(), BEST])
    assert frame.steps_taken.tolist() == [6, 4] and frame.steps.tolist() == [6, 6]
    assert np.isnan(frame.selected_step[0]) and frame.selected_step[1] == 4
    assert frame["last.accuracy"].tolist()[1] == 0.2 and frame["training.accuracy"][1] == 0.95


WRONG = {
    "another step is best": ({"selected_step": 2}, "selected_step"),
    "no step of the curve": ({"selected_step": 3}, "selected_step"),
    "after the stop": ({"steps_taken": 2}, "selected_step"),
    "the last step is reported": ({"settings": record().settings}, "selected_step"),
    "the last step is missing": ({"last": {}}, "last"),
    "another metric": ({"last": {"loss": 0.5}}, "last"),
    "last metrics alone": ({"selected_step": None}, "last"),
    "an accuracy above 1": ({"training": {"accuracy": 1.5}}, "training"),
    "training is not finite": ({"training": {"accuracy": None}}, "training"),
    "a stop between validations": ({"steps_taken": 5}, "steps_taken"),
    "more steps than planned": ({"steps_taken": 7}, "steps_taken"),
    "validation of another step": ({"validation": {"accuracy": 0.5}}, "validation"),
}


@pytest.mark.parametrize(("changes", "field"), WRONG.values(), ids=WRONG)
def test_a_record_that_contradicts_itself_is_refused(changes, field):
    BEST.check()
    with pytest.raises(ValueError, match=f"^{field}: "):
        replace(BEST, **changes).check()
