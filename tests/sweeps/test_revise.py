"""Changes to a study by a command: every change, and every one that does not fit."""

import dataclasses
from math import inf

import numpy as np
import pytest
from scipy.stats import kstest

from seqjax.sweeps.axes import parse_axes
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.revise import dropped_axes, revise
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.training.overrides import ConfigError, Overrides

BASE = {"task.name": "adding", "task.length": 4, "model.cell": "lstm", "train.steps": 6}
NORM = {"clip.kind": "norm"}
RATE = "optim.learning_rate"


def a_study(*axes, base=None, **options):
    return Study("made_up", "Why?", {**BASE, **(base or {})}, axes=axes, **options)


def points(study, arm="all"):
    return [dict(run.point) for run in plan_runs(study, [0]) if run.arm == arm]


def changed(study, given=None, sweep=None, trials=None, **changes):
    """The study as a command with these texts changes it."""
    axes = None if sweep is None and trials is None else parse_axes(sweep or {}, trials)
    return revise(study, Overrides.parse(given or {}), axes, **changes)


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
    revised = changed(
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
    assert len(plan_runs(revised, range(4))) == 8
    assert changed(SWEPT) == SWEPT
    assert changed(SWEPT, {}, {"clip.threshold": ["1"]}).tune is None  # the tuned axis is gone
    assert [run.arm for run in plan_runs(changed(ARMS, {}, arms=["gru"]), [0])] == ["gru"]


def test_tuning_can_be_turned_off():
    untuned = changed(dataclasses.replace(SWEPT, tuning_seeds=2), tune="none")
    assert untuned == dataclasses.replace(SWEPT, tune=None)
    assert len(plan_runs(untuned, range(3))) == 4 * 3


def test_a_path_that_several_axes_share_is_swept_in_all_their_arms():
    kinds = ("norm", "value")
    study = a_study(
        *(Axis("clip.threshold", (1.0, inf), arms=(kind,), label="bound") for kind in kinds),
        arms=tuple(Arm(kind, {"clip.kind": kind}) for kind in kinds),
    )
    revised = changed(study, {}, {"clip.threshold": ["0.25"]})
    for kind in kinds:
        assert points(revised, kind) == [{"clip.threshold": 0.25}]
    assert {axis.title for axis in revised.axes} == {"bound"}


def test_trials_draw_log_uniformly_and_the_same_for_all_arms():
    sweep = {RATE: ["loguniform(1e-4,1e-1)"], "clip.threshold": ["loguniform(0.1, 10)"]}
    study = changed(a_study(base=NORM, arms=ARMS.arms), {}, sweep, trials=4000)
    rates, thresholds = (np.log10(axis.values) for axis in study.axes)
    assert -4 <= rates.min() < -3.99 and -1.01 < rates.max() <= -1
    for logs, low, width in ((rates, -4, 3), (thresholds, -1, 2)):
        assert kstest((logs - low) / width, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(rates, thresholds)[0, 1]) < 0.05
    few = changed(a_study(base=NORM, arms=ARMS.arms), {}, sweep, trials=3)
    pairs = [tuple(point.values()) for point in points(few, ARMS.arms[0].name)]
    assert pairs == list(zip(*(axis.values[:3] for axis in study.axes), strict=True))
    for arm in ARMS.arms:
        assert [tuple(point.values()) for point in points(few, arm.name)] == pairs


def test_a_sweep_drops_the_axes_that_it_leaves_out():
    cells = {"model.cell": ["lstm", "gru"]}
    assert dropped_axes(SWEPT, changed(SWEPT)) == {}
    assert dropped_axes(SWEPT, changed(SWEPT, sweep=cells)) == {"clip.threshold": inf, RATE: 0.1}
    given = {RATE: "0.3", "clip.kind": "none"}  # without a clip the threshold has no effect
    assert dropped_axes(SWEPT, changed(SWEPT, given, cells)) == {RATE: 0.3}
    fixed = a_study(*SWEPT.axes, base={**NORM, RATE: 0.7})
    assert dropped_axes(fixed, changed(fixed, sweep={"clip.threshold": ["1"]})) == {RATE: 0.7}


def test_a_swept_field_may_be_set_and_is_no_axis():
    study = dataclasses.replace(SWEPT, tuning_seeds=2)
    fixed = changed(study, {RATE: "0.3"})
    assert [axis.path for axis in fixed.axes] == ["clip.threshold"]
    assert (fixed.tune, fixed.tuning_seeds) == (None, 0)
    assert {run.config.optim.learning_rate for run in plan_runs(fixed, [0])} == {0.3}
    assert dropped_axes(study, fixed) == {RATE: 0.3}
    other = changed(study, {"clip.threshold": "2"}, {RATE: ["0.1", "1"]})
    assert other.tune == RATE and points(dataclasses.replace(other, tuning_seeds=0)) == [
        {RATE: 0.1},
        {RATE: 1.0},
    ]
    of_arms = changed(ARMS, {"init.bias.z": "2"})
    assert [axis.path for axis in of_arms.axes] == ["init.bias.i"]
    assert points(of_arms, "gru") == [{}]


def test_a_field_that_arms_set_may_be_set_for_all_of_them():
    arms = [
        Arm(cell, {"model.cell": cell, "train.steps": steps})
        for cell, steps in (("lstm", 7), ("gru", 9))
    ]
    revised = changed(
        a_study(arms=(*arms, Arm("elman", {"model.cell": "elman"}))), {"train.steps": "2"}
    )
    runs = plan_runs(revised, [0])
    assert [run.config.model.cell for run in runs] == ["lstm", "gru", "elman"]
    assert {run.config.train.steps for run in runs} == {2}


DRAW = {RATE: ["loguniform(1,2)"]}
REFUSED = {  # the study, its change, and the field or flag with the value or what is accepted
    "unknown field": (SWEPT, {"given": {"trian.steps": "9"}}, "'trian.steps'.*'train.steps'"),
    "field of no arm": (SWEPT, {"given": {"init.bias.z": "1"}}, "^init.bias.z: .*lstm.* f, g, o$"),
    "unknown axis": (SWEPT, {"sweep": {"init.bais.f": ["1"]}}, "'init.bais.f'.*'init.bias.f'"),
    "axis of no arm": (SWEPT, {"sweep": {"init.bias.z": ["1"]}}, "^init.bias.z: .*lstm.* f, g, o "),
    "axis of another cell": (
        a_study(Axis("init.bias.f", (0.0, 1.0))),
        {"given": {"model.cell": "gru"}},
        "^init.bias.f: .*gru.* r, z, n, n_h .*made_up",
    ),
    "unknown arm": (ARMS, {"arms": ["lstn"]}, "^--arms: .*'lstn'.*'lstm'"),
    "both": (SWEPT, {"given": {RATE: "1"}, "sweep": {RATE: ["1", "2"]}}, f"^{RATE}: both"),
    "set, but tuned": (SWEPT, {"given": {RATE: "1"}, "tune": RATE}, "^--tune: .*clip.threshold"),
    "set, and seeds to tune it": (
        SWEPT,
        {"given": {RATE: "1"}, "tuning_seeds": 2},
        "^--tuning_seeds: .*--tune",
    ),
    "set, and arms differ": (ARMS, {"given": {"model.cell": "gru"}}, "^model.cell: .*--arms"),
    "swept, and arms differ": (ARMS, {"sweep": {"model.cell": ["gru"]}}, "^model.cell: .*--arms"),
    "no effect": (SWEPT, {"given": {"optim.final": "0.5"}}, "^optim.final: .*optim.schedule"),
    "empty value": (SWEPT, {"sweep": {RATE: ["0.1", ""]}}, f"^{RATE}: .*empty"),
    "twice": (SWEPT, {"sweep": {RATE: ["0.1", "1", "1e-1"]}}, f"^{RATE}: .*0.1 twice"),
    "twice, as a float32": (SWEPT, {"sweep": {RATE: ["0.1", "0.10000000001"]}}, "twice"),
    "words": (SWEPT, {"sweep": {RATE: ["fast"]}}, f"^{RATE}: .*a number.*'fast'"),
    "out of range": (SWEPT, {"sweep": {"clip.threshold": ["0"]}}, "^clip.threshold: .*positive.*0"),
    "tuned but not swept": (
        SWEPT,
        {"tune": "optim.momentum"},
        f"^--tune: .*clip.threshold, {RATE} or none.*'optim.momentum'",
    ),
    "no tuning": (SWEPT, {"tune": "none", "tuning_seeds": 2}, "^--tuning_seeds: .*--tune"),
    "seeds to tune nothing": (
        SWEPT,
        {"sweep": {"clip.threshold": ["1"]}, "tuning_seeds": 2},
        "^--tuning_seeds: .*--tune",
    ),
    "no number of draws": (SWEPT, {"sweep": DRAW}, f"^--trials: .*{RATE}=loguniform"),
    "draws of nothing": (SWEPT, {"trials": 3}, "^--trials: .*loguniform"),
    **{
        f"draws of {path}={texts}": (
            SWEPT,
            {"sweep": {path: texts}, "trials": 3},
            f"^{path}: .*log",
        )
        for path, texts in (
            (RATE, ["loguniform(2,1)"]),
            (RATE, ["loguniform(0,1)"]),
            (RATE, ["1", "loguniform(1,2)"]),
            (RATE, ["normal(0,1)"]),
            ("model.hidden", ["loguniform(2,9)"]),
        )
    },
}


@pytest.mark.core
@pytest.mark.parametrize(("study", "change", "message"), REFUSED.values(), ids=REFUSED)
def test_a_change_that_does_not_fit_is_refused_by_name(study, change, message):
    with pytest.raises(ConfigError, match=message) as refusal:
        plan_runs(changed(study, **change), [0])
    assert "\n" not in str(refusal.value)


def test_an_arm_may_be_chosen_on_one_task_without_the_arm_that_it_is_matched_with():
    lstm = [Arm("lstm", {"task.length": n}, task=str(n)) for n in (4, 9)]
    gru = [Arm("gru", {"model.cell": "gru", "task.length": n}, "lstm", str(n)) for n in (4, 9)]
    study = a_study(arms=(*lstm, *gru), base={"model.hidden": 57})
    (alone,) = plan_runs(changed(study, arms=["9: gru"]), [0])
    (same,) = (run for run in plan_runs(study, [0]) if run.arm == "9: gru")
    assert alone.config == same.config
