"""Changes of a study by flags, in the captions, heads and figures of its tables."""

import pytest
from support.committed import STUDIES, workdir_of
from support.figures import words
from support.made_up import record, replace

from experiments import NAMES
from experiments.cli.changes import changes
from experiments.cli.execution import dropped_note
from experiments.cli.tables import tables_of
from experiments.experiment import find
from seqjax.reporting import plots
from seqjax.sweeps.axes import parse_axes
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.revise import revise
from seqjax.training.config import as_settings

RATE = "optim.learning_rate"
RATES = {RATE: ["0.1", "0.3"]}


def recorded(study, settings=(), axes=None, arms=()):
    """A record of seed 0 for every run of a study that flags have changed."""
    experiment = find(study)
    if settings or axes or arms:
        experiment = experiment.revised(
            dict(settings), None if axes is None else parse_axes(axes), arms=arms
        )
    return [
        replace(
            record(arm=run.arm),
            id=run.id,
            point=dict(run.point),
            settings=as_settings(run.config),
        )
        for run in plan_runs(experiment.study, range(1))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if find(name).study is not None])
def test_a_study_as_defined_has_no_changes(name):
    found = changes(find(name).study, recorded(name))
    assert str(found) == "" and not found.of_question


@pytest.mark.parametrize("name", STUDIES)
def test_committed_records_have_no_changes(name, tmp_path):
    records = workdir_of(name, tmp_path).records()
    assert str(changes(find(records[0].study).study, records)) == ""


GRU = {"init.bias.z": ["0", "1"], **RATES}
BY_VALUE = {"clip.threshold": ["inf", "0.01"], "init.bias.f": ["0", "1"]}
CASES = {
    "cell": (
        {"model.cell": "gru"},
        GRU,
        True,
        "clip.threshold=∞; swept fields init.bias.z, " + RATE,
    ),
    "task": ({"task.name": "adding"}, None, True, "task.name=adding"),
    "size": ({"model.hidden": 16, "train.steps": 50}, None, False, "model.hidden=16"),
    "kind of clipping": ({"clip.kind": "value"}, BY_VALUE, True, "clip.kind=value"),
    "rate": ({RATE: 0.3}, None, False, "optim.learning_rate=0.3"),
    "threshold": (
        {"clip.threshold": 1.0},
        None,
        True,
        "clip.threshold=1; swept fields",
    ),
    "observed": ({"train.observe": "gates"}, None, False, ""),
    "validated": ({"train.eval_every": 20}, None, False, ""),
    "validated and stopped": (
        {"train.eval_every": 20, "train.patience": 5},
        None,
        False,
        "train.eval_every=20; train.patience=5",
    ),
}


@pytest.mark.parametrize(("settings", "axes", "dropped", "text"), CASES.values(), ids=CASES)
def test_changes_are_named_and_drop_the_question(settings, axes, dropped, text):
    study, records = find("init_by_clip").study, recorded("init_by_clip", settings, axes)
    changed = changes(study, records)
    (main, *_) = tables_of(study, records, RATE if RATE in records[0].point else None, changed)
    assert text in str(changed)
    assert (study.question in main.caption) != dropped
    assert text in main.caption and ("Changed: " in main.caption) == bool(text)
    assert (main.title == study.name) != dropped
    for figure in (plots.heat_map(main), plots.curves(main, "training_loss")):
        shown = " ".join(words(figure))
        assert ("changed: " in shown) == bool(text)
        assert all(word in shown for word in text.split())


def test_arms_that_no_longer_differ_are_named():
    """The arms b_i, b_f and b_o of gate_bias are one LSTM unless their biases are swept."""
    study, found = find("gate_bias").study, recorded("gate_bias", axes={"model.hidden": ["4", "8"]})
    changed = changes(study, found)
    assert changed.equal_arms == [["b_i", "b_f", "b_o"]] and changed.of_question
    (table,) = tables_of(study, found, None, changed)
    assert "b_i, b_f, b_o are the same network" in table.caption
    note = dropped_note(study, revise(study, axes=parse_axes({"model.hidden": ["4", "8"]})))
    assert "b_i, b_f, b_o are the same network" in note
    biases = {"init.bias.f": ["1"], "init.bias.i": ["1"]}
    assert changes(study, recorded("gate_bias", axes=biases, arms=("b_i", "b_f"))).equal_arms == []


def test_a_title_that_speaks_of_the_kind_gives_way_to_the_path():
    study = find("init_by_clip").study
    swept = {"clip.kind": ["norm", "value"], **BY_VALUE}
    for settings, axes in (({"clip.kind": "value"}, BY_VALUE), ({}, swept)):
        found = recorded("init_by_clip", settings, axes)
        head, *_ = tables_of(study, found, None, changes(study, found))[0].text_rows()
        assert not any("clip norm" in title for title in head)
        assert any("clip.threshold" in title for title in head)
    found = recorded("init_by_clip")
    head, *_ = tables_of(study, found, RATE, changes(study, found))[0].text_rows()
    assert head == ["forget bias", "clip norm 0.1", "clip norm 1", "clip norm ∞"]


def test_the_settings_of_a_task_that_the_study_does_not_fit_are_compared_all_the_same():
    found = recorded("init_by_clip")
    changed = [replace(one, settings=one.settings | {"clip.kind": "no kind"}) for one in found]
    assert "clip.kind=no kind" in str(changes(find("init_by_clip").study, changed))
