"""Arms × axes to points and runs."""

from math import inf

import pytest

from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.training.config import as_settings
from seqjax.training.overrides import ConfigError

BASE = {"task.name": "adding", "task.length": 4, "model.cell": "lstm", "train.steps": 6}
NORM = {"clip.kind": "norm"}


def a_study(*axes, base=None, **options):
    return Study("made_up", "Why?", {**BASE, **(base or {})}, axes=axes, **options)


def points(study, arm="all"):
    return [dict(run.point) for run in plan_runs(study, [0]) if run.arm == arm]


@pytest.mark.core
def test_runs_stand_arm_by_arm_point_by_point_seed_by_seed():
    study = a_study(
        Axis("clip.threshold", (1.0, inf)),
        Axis("optim.learning_rate", (0.3, 0.1)),
        arms=(Arm("b"), Arm("a", {"model.cell": "gru"})),
        base=NORM,
    )
    expected = [
        f"{arm} clip.threshold={threshold} optim.learning_rate={rate} seed={seed}"
        for arm in ("b", "a")
        for threshold in ("1.0", "inf")
        for rate in ("0.3", "0.1")
        for seed in (7, 8)
    ]
    runs = plan_runs(study, [7, 8])
    assert [run.id for run in runs] == expected
    for run in runs:
        settings = as_settings(run.config)
        assert settings.items() >= dict(run.point).items()
        assert settings["model.cell"] == {"b": "lstm", "a": "gru"}[run.arm]
        assert settings["task.length"] == 4 and settings["train.steps"] == 6


# What each point of a study is, in its order. The comment says what adds nothing.
ADD_NOTHING = {
    "a threshold without clipping": (
        [Axis("clip.kind", ("none", "norm")), Axis("clip.threshold", (1.0, inf))],
        [
            {"clip.kind": "none"},
            {"clip.kind": "norm", "clip.threshold": 1.0},
            {"clip.kind": "norm", "clip.threshold": inf},
        ],
    ),
    "the same with the axes the other way round": (
        [Axis("clip.threshold", (1.0, inf)), Axis("clip.kind", ("none", "norm"))],
        [
            {"clip.kind": "none"},
            {"clip.threshold": 1.0, "clip.kind": "norm"},
            {"clip.threshold": inf, "clip.kind": "norm"},
        ],
    ),
    "a gate that the cell has not": (
        [Axis("model.cell", ("elman", "lstm")), Axis("init.bias.f", (0.0, 1.0))],
        [
            {"model.cell": "elman"},
            {"model.cell": "lstm", "init.bias.f": 0.0},
            {"model.cell": "lstm", "init.bias.f": 1.0},
        ],
    ),
    "a momentum that the optimiser has not": (
        [Axis("optim.momentum", (0.5,)), Axis("optim.name", ("sgd", "nesterov"))],
        [{"optim.name": "sgd"}, {"optim.momentum": 0.5, "optim.name": "nesterov"}],
    ),
    "a constant where a scheme sets the bias": (
        [Axis("init.bias_scheme", ("chrono", "constant")), Axis("init.bias.f", (1.0,))],
        [{"init.bias_scheme": "chrono"}, {"init.bias_scheme": "constant", "init.bias.f": 1.0}],
    ),
    "a spread of biases that are 0": (
        [Axis("init.bias_spread", (0.0, 0.1)), Axis("init.bias.f", (0.0, 1.0))],
        [
            {"init.bias.f": 0.0},
            {"init.bias_spread": 0.0, "init.bias.f": 1.0},
            {"init.bias_spread": 0.1, "init.bias.f": 1.0},
        ],
    ),
    "a spread drawn together with the bias": (
        [
            Axis("init.bias_spread", (0.1, 0.2), drawn=True),
            Axis("init.bias.f", (1.0, 2.0), drawn=True),
        ],
        [
            {"init.bias_spread": 0.1, "init.bias.f": 1.0},
            {"init.bias_spread": 0.2, "init.bias.f": 2.0},
        ],
    ),
}


@pytest.mark.parametrize(("axes", "expected"), ADD_NOTHING.values(), ids=ADD_NOTHING)
def test_an_axis_adds_nothing_to_a_point_that_has_no_use_for_it(axes, expected):
    found = points(a_study(*axes))
    assert sorted(map(str, found)) == sorted(map(str, expected))
    if axes[0].path == "clip.kind":
        assert found == expected  # in this order


def test_axes_of_some_arms_may_share_a_label():
    study = a_study(
        Axis("init.bias.i", (-1.0, 1.0), arms=("i",), label="bias"),
        Axis("init.bias.f", (-2.0, 2.0), arms=("f",), label="bias"),
        Axis("optim.learning_rate", (0.1,)),
        arms=(Arm("i"), Arm("f"), Arm("gru", {"model.cell": "gru"})),
    )
    assert points(study, "i") == [
        {"init.bias.i": bias, "optim.learning_rate": 0.1} for bias in (-1.0, 1.0)
    ]
    assert points(study, "f") == [
        {"init.bias.f": bias, "optim.learning_rate": 0.1} for bias in (-2.0, 2.0)
    ]
    assert points(study, "gru") == [{"optim.learning_rate": 0.1}]
    assert [axis.title for axis in study.axes] == ["bias", "bias", "optim.learning_rate"]


def test_an_axis_by_default_leaves_out_the_arms_that_set_its_field():
    study = a_study(
        Axis("clip.kind", ("norm", "value")), arms=(Arm("all"), Arm("off", {"clip.kind": "none"}))
    )
    assert points(study) == [{"clip.kind": "norm"}, {"clip.kind": "value"}]
    assert points(study, "off") == [{}]


@pytest.mark.core
def test_base_settings_that_an_arm_has_no_use_for_are_left_out():
    base = {"task.name": "temporal_order", "task.length": 25, "init.bias.f": 1.0}
    base |= {"optim.momentum": 0.5, "clip.threshold": 2.0}
    arms = (
        Arm("as it stands", NORM),
        Arm("other", {"model.cell": "gru", "optim.name": "adam", "task.name": "digits_rows"}),
    )
    first, other = (
        as_settings(run.config) for run in plan_runs(a_study(arms=arms, base=base), [0])
    )
    assert first.items() >= base.items()
    assert other["clip.threshold"] == inf and other["optim.momentum"] == 0.9
    assert "init.bias.f" not in other and "task.length" not in other


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (a_study(Axis("init.bias.z", (0.0,))), r"^init\.bias\.z: .*i, f, g, o"),
        (a_study(Axis("clip.threshold", (1.0,))), r"^clip\.threshold: .*made_up"),
        (a_study(tune="clip.threshold"), r"^--tune: .*'clip\.threshold'"),
        (a_study(arms=(Arm("a", {"init.bias.z": 1.0}),)), r"^init\.bias\.z: .*i, f, g, o"),
        (a_study(Axis("model.hidden", (0,))), r"^model\.hidden: .*1 to .*got 0"),
        (a_study(Axis("task.name", ("adding", "copying"))), r"task\.name: .*mse.*recall"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(study, message):
    with pytest.raises(ConfigError, match=message):
        plan_runs(study, [0])


def test_runs_are_paired_by_the_draws_that_they_share_with_the_first_of_their_data():
    arms = {
        "lstm": {},
        "longer": {"task.length": 5},
        "longer, other gates": {"task.length": 5, "model.cell": "gru"},
        "other gates": {"model.cell": "gru"},
        "a gate in common": {"model.cell": "janet"},
        "wider": {"model.hidden": 5},
    }
    study = a_study(arms=tuple(Arm(name, settings) for name, settings in arms.items()))
    paired = {run.arm: run.paired for run in plan_runs(study, [0])}
    assert paired == {
        "lstm": "data+weights",
        "longer": "data+weights",
        "longer, other gates": "data",
        "other gates": "data",
        "a gate in common": "data+weights",
        "wider": "data",
    }


def test_ids_are_as_many_as_runs():
    study = a_study(
        Axis("clip.kind", ("none", "norm")),
        Axis("clip.threshold", (0.1, 0.1 + 1e-15, 1e-7, 1.0, inf)),
        Axis("model.hidden", (2, 12)),
        Axis("init.bias.f", (-1.0, 1.0)),
        Axis("model.bidirectional", (False, True)),
        arms=(Arm("a"), Arm("a b")),
    )
    runs = plan_runs(study, range(12))
    assert len(runs) == 2 * (1 + 5) * 2 * 2 * 2 * 12
    assert len({run.id for run in runs}) == len(runs)


def test_an_arm_of_a_task_is_called_by_both_and_matched_on_its_task():
    tasks = {"short": {"task.length": 4}, "long": {"task.length": 9, "model.hidden": 19}}
    study = a_study(
        arms=tuple(
            arm
            for task, settings in tasks.items()
            for arm in (
                Arm("lstm", settings, task=task, tags={"cell": "lstm"}),
                Arm("gru", {"model.cell": "gru"}, matched="lstm", task=task),
            )
        ),
        base={"model.hidden": 57},
    )
    runs = plan_runs(study, [0])
    assert [run.arm for run in runs] == ["short: lstm", "short: gru", "long: lstm", "long: gru"]
    hidden = [run.config.model.hidden for run in runs]
    assert hidden[0] == 57 and hidden[2] == 19 and hidden[1] > hidden[3] > 19
    assert study.arm("long: lstm") == study.arms[2]


@pytest.mark.parametrize("name", ["twice", "absent"])
def test_titles_of_arms_are_different_and_known(name):
    with pytest.raises(ConfigError, match=f"arms: .*{name}"):
        a_study(arms=(Arm("twice"), *[Arm("twice")] * (name == "twice"))).arm("absent")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Arm("a", {"modle.cell": "lstm"}),
        lambda: Axis("model.hidden", (3, "4")),
        lambda: a_study(base={"model.hidden": "3"}),
    ],
)
def test_literals_of_a_study_have_the_types_of_their_fields(make):
    with pytest.raises(ConfigError, match=r"'modle\.cell'|model\.hidden: .*a whole number, got '"):
        make()
