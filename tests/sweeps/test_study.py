"""Arms × axes to runs, and what a command may change of a study."""

from math import inf

import numpy as np
import pytest
from scipy.stats import kstest

from seqjax.sweeps.overrides import revise
from seqjax.sweeps.study import Arm, Axis, Study, plan
from seqjax.training.config import ConfigError, as_settings

BASE = {"task.name": "adding", "task.length": 4, "model.cell": "lstm", "train.steps": 6}
NORM = {"clip.kind": "norm"}


def a_study(*axes, base=None, **options):
    return Study("made_up", "Why?", {**BASE, **(base or {})}, axes=axes, **options)


def points(study, arm="all"):
    return [dict(run.point) for run in plan(study, [0]) if run.arm == arm]


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
    runs = plan(study, [7, 8])
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
    first, other = (as_settings(run.config) for run in plan(a_study(arms=arms, base=base), [0]))
    assert first.items() >= base.items()
    assert other["clip.threshold"] == inf and other["optim.momentum"] == 0.9
    assert "init.bias.f" not in other and "task.length" not in other


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (a_study(Axis("init.bias.z", (0.0,))), r"init\.bias\.z: swept, but no arm of made_up"),
        (a_study(Axis("clip.threshold", (1.0,))), r"clip\.threshold: swept, but no arm"),
        (a_study(tune="clip.threshold"), r"--tune: expected an axis of the sweep, got 'clip\.th"),
        (a_study(arms=(Arm("a", {"init.bias.z": 1.0}),)), r"unknown field 'init\.bias\.z'"),
        (a_study(Axis("model.hidden", (0,))), r"model\.hidden: expected at least 1, got 0"),
        (a_study(Axis("task.name", ("adding", "copying"))), r"task\.name: .*mse.*recall"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(study, message):
    with pytest.raises(ConfigError, match=message):
        plan(study, [0])


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
    paired = {run.arm: run.paired for run in plan(study, [0])}
    assert paired == {
        "lstm": "data+weights",
        "longer": "data+weights",
        "longer, other gates": "data",
        "other gates": "data",
        "a gate in common": "data+weights",
        "wider": "data",
    }


SWEPT = a_study(
    Axis("clip.threshold", (1.0, inf), label="clip norm"),
    Axis("optim.learning_rate", (0.1, 0.3)),
    base=NORM,
    tune="optim.learning_rate",
)
ARMS = a_study(
    Axis("init.bias.i", (0.0,), arms=("lstm",), label="bias"),
    Axis("init.bias.z", (0.0,), arms=("gru",), label="bias"),
    arms=(Arm("lstm", {"model.cell": "lstm"}), Arm("gru", {"model.cell": "gru"})),
)


def test_a_command_may_set_sweep_and_choose():
    revised = revise(
        SWEPT,
        {"train.steps": "9", "optim.momentum": "0"},
        {"clip.threshold": ["inf", "0.5"], "model.hidden": ["3"]},
        tune="clip.threshold",
    )
    assert revised.base == {**SWEPT.base, "train.steps": 9, "optim.momentum": 0.0}
    assert revised.axes == (
        Axis("clip.threshold", (inf, 0.5), label="clip norm"),
        Axis("model.hidden", (3,)),
    )
    assert revised.tune == "clip.threshold"
    assert len(plan(revised, range(4))) == 8
    assert revise(SWEPT, {}) == SWEPT
    assert revise(SWEPT, {}, {"clip.threshold": ["1"]}).tune is None  # the tuned axis is gone
    assert [run.arm for run in plan(revise(ARMS, {}, arms=["gru"]), [0])] == ["gru"]


def test_a_path_that_several_axes_share_is_swept_in_all_their_arms():
    kinds = ("norm", "value")
    study = a_study(
        *(Axis("clip.threshold", (1.0, inf), arms=(kind,), label="bound") for kind in kinds),
        arms=tuple(Arm(kind, {"clip.kind": kind}) for kind in kinds),
    )
    revised = revise(study, {}, {"clip.threshold": ["0.25"]})
    for kind in kinds:
        assert points(revised, kind) == [{"clip.threshold": 0.25}]
    assert {axis.title for axis in revised.axes} == {"bound"}


RATE = "optim.learning_rate"


def test_trials_draw_log_uniformly_and_the_same_for_all_arms():
    sweep = {RATE: ["loguniform(1e-4,1e-1)"], "clip.threshold": ["loguniform(0.1, 10)"]}
    study = revise(a_study(base=NORM, arms=ARMS.arms), {}, sweep, trials=4000)
    rates, thresholds = (np.log10(axis.values) for axis in study.axes)
    assert -4 <= rates.min() < -3.99 and -1.01 < rates.max() <= -1
    for logs, low, width in ((rates, -4, 3), (thresholds, -1, 2)):
        assert kstest((logs - low) / width, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(rates, thresholds)[0, 1]) < 0.05
    few = revise(a_study(base=NORM, arms=ARMS.arms), {}, sweep, trials=3)
    pairs = [tuple(point.values()) for point in points(few, ARMS.arms[0].name)]
    assert pairs == list(zip(*(axis.values[:3] for axis in study.axes), strict=True))
    for arm in ARMS.arms:
        assert [tuple(point.values()) for point in points(few, arm.name)] == pairs


REFUSED = {
    "unknown field": (SWEPT, {"given": {"trian.steps": "9"}}, "'trian.steps'.*'train.steps'"),
    "unknown axis": (SWEPT, {"sweep": {"init.bias.z": ["1"]}}, "'init.bias.z'.*'init.bias.o'"),
    "unknown arm": (ARMS, {"arms": ["lstn"]}, "^--arms: .*'lstn'.*'lstm'"),
    "unknown cell": (SWEPT, {"given": {"model.cell": "lsmt"}}, "^model.cell: .*'lsmt'.*'lstm'"),
    "both": (SWEPT, {"given": {RATE: "1"}, "sweep": {RATE: ["1"]}}, f"^{RATE}: both set and swept"),
    "both, the study's": (SWEPT, {"given": {RATE: "1"}}, f"^{RATE}: both set and swept"),
    "set, and arms differ": (ARMS, {"given": {"model.cell": "gru"}}, "^model.cell: the arms of"),
    "swept, and arms differ": (ARMS, {"sweep": {"model.cell": ["gru"]}}, "^model.cell: the arms"),
    "of no use": (
        SWEPT,
        {"given": {"optim.final": "0.5"}},
        "^optim.final: changes nothing, be.*sch",
    ),
    "empty value": (SWEPT, {"sweep": {RATE: ["0.1", ""]}}, f"^{RATE}: swept over an empty value"),
    "no values": (SWEPT, {"sweep": {RATE: [""]}}, f"^{RATE}: swept over an empty value"),
    "twice": (SWEPT, {"sweep": {RATE: ["0.1", "1", "1e-1"]}}, f"^{RATE}: swept over 0.1 twice"),
    "twice, as a float32": (SWEPT, {"sweep": {RATE: ["0.1", "0.10000000001"]}}, "twice"),
    "inf twice": (SWEPT, {"sweep": {"clip.threshold": ["inf", "Infinity"]}}, "over inf twice"),
    "NaN": (SWEPT, {"sweep": {RATE: ["0.1", "nan"]}}, f"^{RATE}: expected a number.*'nan'"),
    "NaN set": (SWEPT, {"given": {"optim.momentum": "nan"}}, "^optim.momentum: .*'nan'"),
    "words": (SWEPT, {"sweep": {RATE: ["fast"]}}, f"^{RATE}: expected a number, got 'fast'"),
    "a fraction": (SWEPT, {"sweep": {"model.hidden": ["4.5"]}}, "^model.hidden: .*whole.*'4.5'"),
    "quotation marks": (SWEPT, {"given": {"optim.momentum": "'0.5'"}}, "no quotation marks"),
    "tuned but not swept": (SWEPT, {"tune": "optim.momentum"}, "^--tune: .*'optim.momentum'"),
    "a draw, but not how many": (
        SWEPT,
        {"sweep": {RATE: ["loguniform(1,2)"]}},
        "^--trials: not giv",
    ),
    "trials of nothing": (SWEPT, {"trials": 3}, "^--trials: nothing is drawn"),
    "a draw the wrong way": (
        SWEPT,
        {"sweep": {RATE: ["loguniform(2,1)"]}, "trials": 3},
        f"^{RATE}: expected .*0 < a < b",
    ),
    "a draw of zero": (SWEPT, {"sweep": {RATE: ["loguniform(0,1)"]}, "trials": 3}, "0 < a < b"),
    "a draw beside values": (
        SWEPT,
        {"sweep": {RATE: ["1", "loguniform(1,2)"]}, "trials": 3},
        f"^{RATE}: expected loguniform",
    ),
    "another draw": (SWEPT, {"sweep": {RATE: ["normal(0,1)"]}, "trials": 3}, "'normal.0,1.'"),
    "a whole number drawn": (
        SWEPT,
        {"sweep": {"model.hidden": ["loguniform(2,9)"]}, "trials": 3},
        "^model.hidden: expected loguniform.a,b. of a number",
    ),
    "seeds to tune nothing": (
        SWEPT,
        {"sweep": {"clip.threshold": ["1"]}, "tuning_seeds": 2},
        "^--tuning_seeds: nothing is tuned",
    ),
    "out of range": (SWEPT, {"sweep": {"clip.threshold": ["0"]}}, "^clip.threshold: .*positive.*0"),
}


@pytest.mark.core
@pytest.mark.parametrize(("study", "change", "message"), REFUSED.values(), ids=REFUSED)
def test_a_change_that_does_not_fit_is_refused_by_name(study, change, message):
    with pytest.raises(ConfigError, match=message) as refusal:
        plan(revise(study, **{"given": {}, **change}), [0])
    assert "\n" not in str(refusal.value)


def test_ids_are_as_many_as_runs():
    study = a_study(
        Axis("clip.kind", ("none", "norm")),
        Axis("clip.threshold", (0.1, 0.1 + 1e-15, 1e-7, 1.0, inf)),
        Axis("model.hidden", (2, 12)),
        Axis("init.bias.f", (-1.0, 1.0)),
        Axis("model.bidirectional", (False, True)),
        arms=(Arm("a"), Arm("a b")),
    )
    runs = plan(study, range(12))
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
    runs = plan(study, [0])
    assert [run.arm for run in runs] == ["short: lstm", "short: gru", "long: lstm", "long: gru"]
    hidden = [run.config.model.hidden for run in runs]
    assert hidden[0] == 57 and hidden[2] == 19 and hidden[1] > hidden[3] > 19
    assert study.arm("long: lstm") == study.arms[2]
    alone = revise(study, {}, arms=["long: gru"])
    assert [run.config.model.hidden for run in plan(alone, [0])] == hidden[3:]


@pytest.mark.parametrize("name", ["twice", "absent"])
def test_titles_of_arms_are_different_and_known(name):
    with pytest.raises(ConfigError, match=f"arms: .*{name}"):
        a_study(arms=(Arm("twice"), *[Arm("twice")] * (name == "twice"))).arm("absent")
