"""Values, arms and seeds extend a workdir; what is recorded stays, and nothing can be left out."""

import json
import re

import pytest
from support.commands import RATE, STUDY, command, recorded, refused
from support.made_up import record

from experiments.cli.identity import (
    WorkdirError,
    check_additions,
    check_records,
    identity,
    in_order_of,
    included,
)
from seqjax.sweeps.axes import parse_axes
from seqjax.sweeps.executor import group_runs, structure_key
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.training.config import as_settings

pytestmark = pytest.mark.slow

BIAS = "init.bias.f"
SMALL = "train.steps=4; train.eval_every=2; train.batch_size=4; model.hidden=2; task.length=4"
GATES = ("--study=gate_bias", f"--set={SMALL}", "--seeds=1")


def swept(biases, rates):
    return f"--sweep={BIAS}={biases}; {RATE}={rates}"


@pytest.mark.core
def test_values_and_seeds_extend_a_workdir_and_what_is_recorded_stays(finished, tmp_path):
    before = (finished / "records.jsonl").read_bytes()
    larger = (*STUDY[:2], swept("2,0,1", "0.3,0.1,1"), "--seeds=3")
    planned = command(*larger, f"--workdir={finished}", "--dry_run")
    assert planned.code == 0 and "8 of 27 runs recorded" in planned.out
    grown = command(*larger, f"--workdir={finished}")
    assert grown.code == 0 and "8 of 27 runs recorded" in grown.err, grown.err
    assert (finished / "records.jsonl").read_bytes().startswith(before)
    whole = tmp_path / "whole"
    again = command(*STUDY[:2], swept("0,1,2", "0.1,1,0.3"), "--seeds=3", f"--workdir={whole}")
    assert again.out == grown.out  # and the order of values does not matter
    assert recorded(finished) == recorded(whole)
    assert "27 of 27 runs." in grown.out
    again = command(*larger, f"--workdir={finished}")
    assert again.out == grown.out and "compiling" not in again.err


def test_what_is_recorded_cannot_be_left_out_and_the_error_gives_the_flag(finished):
    larger = (*STUDY[:2], swept("0,1,2", "0.1,1"))
    grown = command(*larger, "--seeds=3", f"--workdir={finished}")
    words = f"--sweep: {finished} already has {BIAS} = 2; values"
    refused(finished, *STUDY, "--seeds=3", words=(words,))
    message = command(*STUDY[:2], swept("0,4", "0.3"), f"--workdir={finished}").err
    assert f"{BIAS} = 1, 2; {RATE} = 0.1, 1; values" in message
    assert f'use --sweep="{BIAS}=0,1,2,4; {RATE}=0.1,1,0.3"' in message
    refused(finished, *larger, "--seeds=2", words=("--seeds: ", "use --seeds=3"))
    refused(finished, *larger, "--seed_start=1", words=("--seeds: ", "use --seeds=4"))
    message = command(*STUDY, "--seeds=3", f"--workdir={finished}").err
    (fix,) = re.findall(r'--sweep="(.*)"', message)
    again = command(*STUDY[:2], f"--sweep={fix}", "--seeds=3", f"--workdir={finished}")
    assert again.out == grown.out and "compiling" not in again.err


@pytest.mark.slow
def test_arms_extend_a_workdir_and_runs_stay_paired_with_the_first(tmp_path):
    sweep = f"--sweep={BIAS}=1; init.bias.i=1; {RATE}=0.01"
    workdir = tmp_path / "grown"
    for arms in ("b_f", "b_i,b_f,gru"):
        grown = command(*GATES, sweep, f"--arms={arms}", f"--workdir={workdir}")
        assert grown.code == 0, grown.err
    found = recorded(workdir)
    paired = {record["arm"]: record["paired"] for record in found.values()}
    assert paired == {"b_f": "data+weights", "b_i": "data+weights", "gru": "data"}
    for arm in ("b_i", "gru"):  # as beside b_f alone, which is the first as it was before
        alone = tmp_path / arm
        assert command(*GATES, sweep, f"--arms=b_f,{arm}", f"--workdir={alone}").code == 0
        assert recorded(alone).items() <= found.items()
    words = ("--arms: ", "gru", 'use --arms="b_f,b_i,gru"')
    refused(workdir, *GATES, sweep, "--arms=b_i,b_f", words=words)


@pytest.mark.slow
def test_points_that_read_other_data_extend_a_workdir(tmp_path):
    """The digest of the data is over all points, so that of the recorded points is compared."""
    small = (
        "task.name=forecast; train.steps=2; train.eval_every=2; train.batch_size=2; model.hidden=2"
    )
    study = ("--study=init_by_clip", f"--set={small}", "--seeds=1", f"--workdir={tmp_path}")
    for horizons in ("1", "1,12", "1,12"):
        result = command(*study, f"--sweep=task.horizon={horizons}")
        assert result.code == 0, result.err
    assert "2 of 2 runs recorded" in result.err
    config = json.loads((tmp_path / "config.json").read_text())
    digests = [record["environment"]["data"] for record in recorded(tmp_path).values()]
    assert digests[1] == config["environment"]["data"] != digests[0]


# --- identities ---

LSTM, GRU = Arm("a", {"model.cell": "lstm"}), Arm("b", {"model.cell": "gru"})


def study(*axes, arms=(LSTM,), tuning_seeds=0, **base):
    base = {"task.name": "adding", "task.length": 8, **base}
    return Study(
        "made_up", "Why?", base, arms=arms, axes=axes, tune=RATE, tuning_seeds=tuning_seeds
    )


def rates(*values):
    return Axis(RATE, values)


def widths(*values):
    return Axis("model.hidden", values)


def of(made):
    return identity(made, plan_runs(made, range(2)))


def check(there, here):
    there = of(there)
    check_additions("DIR", there, of(in_order_of(there, here)))


ADDITIONS = {
    "values": (study(rates(0.1, 1.0)), study(rates(0.3, 1.0, 0.1))),
    "arms": (study(rates(0.1)), study(rates(0.1), arms=(GRU, LSTM))),
    "values and arms": (study(rates(0.1)), study(rates(1.0, 0.1), arms=(LSTM, GRU))),
    "cells, which have other fields": (
        study(rates(0.1), Axis("model.cell", ("lstm",)), arms=(Arm("all"),)),
        study(rates(0.1), Axis("model.cell", ("lstm", "gru")), arms=(Arm("all"),)),
    ),
    "widths that another arm matches": (
        study(rates(0.1), Axis("task.length", (8,)), arms=(LSTM, Arm("b", GRU.settings, "a"))),
        study(rates(0.1), Axis("task.length", (8, 9)), arms=(LSTM, Arm("b", GRU.settings, "a"))),
    ),
    "trials": tuple(
        study(*parse_axes({RATE: ["loguniform(0.01,1)"]}, trials=trials)) for trials in (2, 5)
    ),
}


@pytest.mark.parametrize(("there", "here"), ADDITIONS.values(), ids=ADDITIONS)
def test_additions_are_accepted_and_not_left_out(there, here):
    check(there, here)
    check(there, there)
    with pytest.raises(WorkdirError, match=r"^--(sweep|arms|trials): DIR already has .*; use "):
        check(here, there)


@pytest.mark.parametrize(("there", "here"), ADDITIONS.values(), ids=ADDITIONS)
def test_the_runs_of_the_former_study_are_those_that_it_includes(there, here):
    before = of(there)
    runs = plan_runs(in_order_of(before, here), range(2))
    shared = list(included(before, runs))
    assert shared == plan_runs(there, range(2))  # with the same pairing, in the same order
    assert len(shared) < len(runs)


CHANGES = {
    "an axis that is added": (study(rates(0.1)), study(rates(0.1), widths(4))),
    "an axis that is dropped": (study(rates(0.1), widths(4)), study(rates(0.1))),
    "the order of axes": (study(rates(0.1), widths(4)), study(widths(4), rates(0.1))),
    "a setting beside more values": (
        study(rates(0.1)),
        study(rates(0.1, 1.0), **{"model.hidden": 5}),
    ),
    "a setting of a recorded arm beside a new arm": (
        study(rates(0.1)),
        study(rates(0.1), arms=(GRU, Arm("a", {"model.cell": "lstm_peephole"}))),
    ),
    "tuning seeds": (study(rates(0.1)), study(rates(0.1, 1.0), tuning_seeds=1)),
    "the range of draws": tuple(
        study(*parse_axes({RATE: [f"loguniform(0.01,{most})"]}, trials=2)) for most in (1, 2)
    ),
}


@pytest.mark.parametrize(("there", "here"), CHANGES.values(), ids=CHANGES)
def test_changes_are_refused(there, here):
    with pytest.raises(WorkdirError, match="DIR"):
        check(there, here)


def test_additions_that_change_a_recorded_run_are_refused():
    before, after = (study(rates(0.1), widths(*pair)) for pair in ((4, 5), (5, 4)))
    runs = plan_runs(before, range(1))
    records = [
        record(dict(run.point), arm=run.arm, settings=as_settings(run.config), paired=run.paired)
        for run in runs
    ]
    check_records("DIR", runs, records)
    check_records("DIR", plan_runs(in_order_of(of(before), after), range(1)), records)
    with pytest.raises(WorkdirError, match="paired"):
        check_records("DIR", plan_runs(after, range(1)), records)
    with pytest.raises(WorkdirError, match=r"model\.layers = 1"):
        other = study(rates(0.1), widths(4, 5, 6), **{"model.layers": 2})
        check_records("DIR", plan_runs(other, range(1)), records)


def test_the_key_of_a_structure_is_that_of_a_group():
    made = study(
        rates(0.1, 1.0), widths(4, 5), Axis("clip.kind", ("none", "norm")), arms=(LSTM, GRU)
    )
    groups = group_runs(plan_runs(made, range(2)))
    keys = [{structure_key(run.config) for run in group} for group in groups]
    assert len(groups) == 8 == len(set.union(*keys)) and {len(of) for of in keys} == {1}
