"""Widths of equal parameters against brute force, and arms that take theirs from another arm."""

import dataclasses
import itertools

import pytest

from experiments.claims.protocol import on_tasks
from seqjax.cells import CELLS
from seqjax.models.sequence import ModelSpec, model_size
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.revise import revise
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.sweeps.widths import TOLERANCE, fitting_widths, matched_width, recurrent_parameters
from seqjax.tasks import TASKS
from seqjax.training.config import as_settings, make_config
from seqjax.training.overrides import ConfigError
from seqjax.training.step import abstract_model

NAMES = ("lstm", "gru", "elman", "elman_relu", "janet", "lstm_ungated")
WIDTHS = range(1, 151)


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The attributes of a task that parameter counts depend on."""

    inputs: int
    symbols: bool = False
    sources: int = 0


def counts(name, inputs):
    """The recurrent parameters at each width, by the closed form for one layer."""
    cell = CELLS[name]
    gates = len(cell.input_gates), len(cell.state_gates), len(cell.bias_gates)
    return [H * (gates[0] * inputs + gates[1] * H + gates[2]) for H in WIDTHS]


@pytest.mark.core
@pytest.mark.parametrize(
    "options",
    [
        {"task.name": "adding"},
        {"task.name": "adding", "model.layers": 2, "model.bidirectional": True},
        {"task.name": "temporal_order", "model.layers": 2},
        {"task.name": "temporal_order", "model.embed": 5, "model.bidirectional": True},
        {"task.name": "adding", "model.embed": 5, "model.hidden": 2},  # no use for an embedding
        {"task.name": "adding", "model.window": 3},
        {"task.name": "temporal_order", "model.embed": 5, "model.window": 4},
    ],
    ids=str,
)
def test_the_count_is_that_of_the_arrays_of_every_cell(options):
    for name in CELLS if options == {"task.name": "adding"} else ("gru", "lstm_fgr", "mut1"):
        config = make_config({"model.hidden": 3, "model.cell": name, **options})
        expected = model_size(abstract_model(config))["parameters_recurrent"]
        assert recurrent_parameters(config.model, config.task) == expected, name


@pytest.mark.parametrize("inputs", [2, 6, 32])
@pytest.mark.parametrize(("name", "other"), [*itertools.permutations(NAMES, 2)])
def test_the_width_found_is_the_nearest_of_all(name, other, inputs):
    task, own = Inputs(inputs), counts(name, inputs)
    for hidden in (1, 2, 5, 13, 20, 32, 45):
        wanted = counts(other, inputs)[hidden - 1]
        errors = [abs(count - wanted) / wanted for count in own]
        best = errors.index(min(errors))
        assert best < len(WIDTHS) - 1
        found = matched_width(ModelSpec(name), task, wanted)
        assert found == (WIDTHS[best], own[best], errors[best])
        assert recurrent_parameters(ModelSpec(other, hidden), task) == wanted


def test_a_cell_whose_input_must_be_as_wide_as_it_is_has_a_width_without_a_map():
    """mut1 with D inputs has fewer parameters at width D than at D - 1."""
    task, model = Inputs(40), ModelSpec("mut1")
    own = [recurrent_parameters(dataclasses.replace(model, hidden=H), task) for H in WIDTHS]
    assert own != sorted(own)
    for wanted in range(1, own[60], 131):
        errors = [abs(count - wanted) for count in own]
        assert matched_width(model, task, wanted).hidden == WIDTHS[errors.index(min(errors))]


def test_widths_that_fit_are_those_where_all_match_and_no_nearer_one_does():
    task, model = Inputs(6), ModelSpec("lstm", 32)
    others = ("gru", "elman", "janet")
    fitting = fitting_widths(model, tuple(map(ModelSpec, others)), task)

    def fits(hidden):
        wanted = counts("lstm", 6)[hidden - 1]
        return all(
            min(abs(n - wanted) for n in counts(name, 6)) <= TOLERANCE * wanted for name in others
        )

    expected = sorted(filter(fits, range(1, 45)), key=lambda hidden: abs(hidden - 32))[:3]
    assert fitting == expected and len(expected) == 3


# --- arms of a study ---

BASE = {"task.name": "adding", "task.length": 4, "model.hidden": 57, "train.steps": 6}
GRU, ELMAN = (Arm(name, {"model.cell": name}, matched="lstm") for name in ("gru", "elman"))
LSTM = Arm("lstm", {"model.cell": "lstm"})


def a_study(*arms, axes=(), scored=False, **base):
    return Study("made_up", "Why?", {**BASE, **base}, arms=arms, axes=tuple(axes), scored=scored)


def widths(study):
    return {
        (run.arm, *run.point.values()): as_settings(run.config)["model.hidden"]
        for run in plan_runs(study, [0])
    }


def expected(name, hidden, inputs=2):
    """The width nearest to the parameters of an LSTM, of all."""
    wanted, own = counts("lstm", inputs)[hidden - 1], counts(name, inputs)
    return min(WIDTHS, key=lambda H: abs(own[H - 1] - wanted))


@pytest.mark.core
def test_a_matched_arm_has_the_parameters_of_the_arm_it_names():
    found = widths(a_study(GRU, ELMAN, LSTM))
    both = {(name,): expected(name, 57) for name in ("gru", "elman")}
    assert found == {("lstm",): 57, **both}
    sizes = [
        model_size(abstract_model(run.config)) for run in plan_runs(a_study(GRU, ELMAN, LSTM), [0])
    ]
    *others, lstm = (size["parameters_recurrent"] for size in sizes)
    assert all(abs(size / lstm - 1) <= TOLERANCE for size in others)


def test_a_matched_arm_follows_the_settings_of_a_command_and_of_the_arm_it_names():
    study = a_study(LSTM, GRU)
    assert widths(revise(study, {"model.hidden": 70}))["gru",] == expected("gru", 70)
    own = dataclasses.replace(LSTM, settings={"model.cell": "lstm", "model.hidden": 70})
    assert widths(a_study(own, GRU))["gru",] == expected("gru", 70)


def test_the_arm_that_is_named_may_be_left_out_by_a_command():
    own = dataclasses.replace(LSTM, settings={"model.cell": "lstm", "model.hidden": 70})
    for arm, hidden in ((LSTM, 57), (own, 70)):
        alone = revise(a_study(arm, GRU, ELMAN), {}, arms=["gru"])
        assert widths(alone) == {("gru",): expected("gru", hidden)}
    set_for_all = revise(a_study(own, GRU, ELMAN), {"model.hidden": 64}, arms=["gru"])
    assert widths(set_for_all) == {("gru",): expected("gru", 64)}


def test_the_match_is_made_at_each_point():
    """With each width of the embedding; the bias of a gate is nothing to the GRU."""
    axes = [
        Axis("model.embed", (3, 40)),
        Axis("init.bias.f", (0.0, 1.0)),
        Axis("init.bias.z", (0.0, 1.0)),
    ]
    base = {"task.name": "temporal_order", "task.length": 30}
    found = widths(a_study(LSTM, GRU, axes=axes, **base))
    of_gru = {embed: expected("gru", 57, inputs=embed) for embed in (3, 40)}
    assert of_gru[3] != of_gru[40]
    for (arm, embed, _), hidden in found.items():
        assert hidden == (57 if arm == "lstm" else of_gru[embed])


def test_an_axis_of_one_arm_alone_does_not_reach_the_other():
    axes = [Axis("model.layers", (1, 2), arms=("gru",))]
    found = widths(a_study(LSTM, GRU, axes=axes, **{"model.hidden": 58}))
    wanted = counts("lstm", 2)[57]
    match = matched_width(ModelSpec("gru", layers=2), TASKS["adding"](), wanted)
    assert found == {("lstm",): 58, ("gru", 1): expected("gru", 58), ("gru", 2): match.hidden}


def test_on_several_tasks_the_match_is_made_on_each():
    tasks = {"sum": {"task.name": "adding"}, "order": {"task.name": "temporal_order"}}
    study = a_study(*on_tasks(tasks, (LSTM, GRU)), scored=True, **{"task.length": 30})
    assert widths(study) == {
        ("sum: lstm",): 57,
        ("sum: gru",): expected("gru", 57),
        ("order: lstm",): 57,
        ("order: gru",): expected("gru", 57, inputs=6),
    }


def test_a_match_that_is_worse_than_1_percent_names_widths_with_a_better_one():
    with pytest.raises(ConfigError) as refusal:
        plan_runs(a_study(LSTM, GRU, ELMAN, **{"model.hidden": 32}), [0])
    message = str(refusal.value)
    assert message.startswith(
        "model.hidden: lstm has 4480 recurrent parameters at 32, elman at best"
    )
    assert "4420, at 65;" in message and len(message.splitlines()) == 1
    named = [int(word) for word in message.partition("exists: ")[2].split(", ")]
    assert len(named) == 3
    for hidden in named:
        assert widths(a_study(LSTM, GRU, ELMAN, **{"model.hidden": hidden}))["lstm",] == hidden


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (
            a_study(LSTM, dataclasses.replace(GRU, matched="ltsm")),
            r"gru: unknown arm to be matched with 'ltsm'.*did you mean 'lstm'",
        ),
        (
            a_study(LSTM, GRU, dataclasses.replace(ELMAN, matched="gru")),
            r"elman: unknown arm to be matched with 'gru'; known: lstm",
        ),
        (
            a_study(dataclasses.replace(LSTM, matched="lstm")),
            r"lstm: unknown arm to be matched with 'lstm'",
        ),
        (
            a_study(LSTM, Arm("gru", {"model.cell": "gru", "model.hidden": 3}, matched="lstm")),
            r"model\.hidden: set, but gru takes its width from lstm",
        ),
        (
            a_study(LSTM, GRU, axes=[Axis("model.hidden", (57, 69))]),
            r"model\.hidden: swept, but gru takes its width from lstm",
        ),
        (
            a_study(LSTM, GRU, axes=[Axis("model.hidden", (57, 69), arms=("lstm",))]),
            r"model\.hidden: swept, but gru takes its width from lstm",
        ),
    ],
)
def test_a_match_that_cannot_be_made_is_refused(study, message):
    with pytest.raises(ConfigError, match=message):
        plan_runs(study, [0])
