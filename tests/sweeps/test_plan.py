"""Rates tuned on seeds of their own: what is due follows from the records so far alone."""

import dataclasses
import json
import math
import random

import pytest
from support.commands import command
from support.made_up import record, replace

from experiments.cli import trainer
from seqjax.records import jsonl
from seqjax.reporting.aggregate import aggregate
from seqjax.sweeps import executor
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.training.overrides import ConfigError

RATE = "optim.learning_rate"
STUDY = Study(
    "made_up",
    "Why?",
    {"task.name": "digits_rows", "train.steps": 6},
    arms=(Arm("a", {"model.cell": "lstm"}), Arm("b", {"model.cell": "gru"})),
    axes=(Axis("init.bias.f", (0.0, 1.0)), Axis(RATE, (0.01, 0.1, 1.0))),
    tune=RATE,
    tuning_seeds=2,
)
CELLS = [("a", 0.0), ("a", 1.0), ("b", None)]


def done(run, accuracy):
    made = record(dict(run.point), arm=run.arm, seed=run.seed, validation=accuracy)
    return replace(made, id=run.id, purpose=run.purpose)


def peak(best):
    """A validation accuracy for a run, highest at a rate."""
    return lambda run: 0.9 if run.point[RATE] == best else 0.5


def completed(study, seeds, accuracy, found=()):
    """Everything due, recorded until nothing is, in rounds; ``found`` is recorded already."""
    found, rounds = list(found), []
    while True:
        known = {one.id for one in found}
        new = [run for run in plan_runs(study, seeds, found) if run.id not in known]
        if not new:
            return plan_runs(study, seeds, found), rounds
        rounds.append(new)
        found += [done(run, accuracy(run)) for run in new]


def test_first_every_value_on_the_tuning_seeds_then_the_best_on_the_others():
    runs, rounds = completed(STUDY, range(3), peak(0.1))
    first, second = rounds
    assert {(run.arm, run.point.get("init.bias.f")) for run in first} == set(CELLS)
    assert len(first) == 3 * 3 * 2 and {run.seed for run in first} == {1000, 1001}
    assert {run.purpose for run in first} == {"tuning"}
    assert len(second) == 3 * 3 and {run.seed for run in second} == {0, 1, 2}
    assert {run.purpose for run in second} == {"evaluation"}
    for run in second:
        assert run.point[RATE] == run.config.optim.learning_rate == 0.1
    assert len({run.id for run in runs}) == len(runs) == 27


def test_each_cell_goes_on_by_itself():
    first = plan_runs(STUDY, range(3))
    found = [done(run, peak(0.1)(run)) for run in first if run.arm == "b"]
    new = plan_runs(STUDY, range(3), found)[len(first) :]
    assert [(run.arm, run.point[RATE], run.seed) for run in new] == [
        ("b", 0.1, k) for k in range(3)
    ]
    partly = found[:-1]
    assert len(plan_runs(STUDY, range(3), partly)) == len(first)


@pytest.mark.parametrize(
    ("best", "tried"),
    {
        "at the lower edge": (0.01, [0.001]),
        "at the upper edge": (1.0, [10.0]),
        "a step below": (0.001, [0.001, 0.0001]),
        "ever further down": (None, [0.001, 0.0001]),
        "inside": (0.1, []),
    }.values(),
    ids=str,
)
def test_a_grid_grows_where_the_best_stands_at_its_edge_but_twice_at_most(best, tried):
    accuracy = peak(best) if best else lambda run: 0.9 - run.point[RATE] / 100
    if best == 0.001:  # found only once the grid has grown: its neighbour comes second
        order = {0.001: 0.9, 0.01: 0.8}
        accuracy = lambda run: order.get(run.point[RATE], 0.5)  # noqa: E731
    runs, _ = completed(STUDY, range(3), accuracy)
    rates = {run.point[RATE] for run in runs if run.purpose == "tuning"}
    assert rates == {0.01, 0.1, 1.0, *tried}
    (chosen,) = {run.point[RATE] for run in runs if run.purpose == "evaluation"}
    assert chosen == (best or 0.0001)


def test_a_closed_axis_does_not_grow():
    closed = Axis(RATE, (0.01, 0.1, 1.0), arms=("a",), closed=True)
    axes = (STUDY.axes[0], closed, Axis(RATE, (0.01, 0.1, 1.0), arms=("b",)))
    runs, _ = completed(dataclasses.replace(STUDY, axes=axes), range(3), peak(1.0))
    tried = {arm: {run.point[RATE] for run in runs if run.arm == arm} for arm in "ab"}
    assert tried == {"a": {0.01, 0.1, 1.0}, "b": {0.01, 0.1, 1.0, 10.0}}


# A cell that has grown: former and new rates, the rate that is best, and the rates then tried.
GROWN = {
    "a value beyond": ((0.01, 0.1, 1.0), (0.01, 0.1, 1.0, 3.0), 3.0, (0.01, 0.1, 1.0, 3.0, 10.0)),
    "the best value stays": ((0.01, 0.1, 1.0), (0.01, 0.1, 0.3, 1.0), 0.1, (0.01, 0.1, 0.3, 1.0)),
    "a value between": ((0.01, 0.1, 1.0), (0.01, 0.1, 0.3, 1.0), 0.3, (0.01, 0.1, 0.3, 1.0)),
    "an extension that the new values enclose is not counted": (
        (0.1, 1.0),
        (0.1, 1.0, 1000.0),
        1000.0,
        (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0),
    ),
    "extensions outside the new values are counted": (
        (0.1, 1.0),
        (0.1, 1.0, 20.0),
        1000.0,  # never tried: at most one more step beyond 100 follows
        (0.1, 1.0, 10.0, 20.0, 100.0, 500.0),
    ),
}


@pytest.mark.parametrize(("former", "new", "best", "tried"), GROWN.values(), ids=GROWN)
def test_a_grown_cell_is_tuned_over_all_its_values_and_tables_agree(former, new, best, tried):
    def study(rates):
        return dataclasses.replace(STUDY, axes=(Axis(RATE, rates),), arms=STUDY.arms[:1])

    def accuracy(run):  # the nearer to the best rate, the better
        return 0.9 - abs(math.log10(run.point[RATE] / best)) / 10

    before, _ = completed(study(former), range(2), accuracy)
    found = [done(run, accuracy(run)) for run in before]
    after, rounds = completed(study(new), range(2), accuracy, found)
    tuned = {run.point[RATE] for run in after if run.purpose == "tuning"}
    (chosen,) = {run.point[RATE] for run in after if run.purpose == "evaluation"}
    assert tuned == set(tried)
    assert chosen == min(tried, key=lambda rate: abs(math.log10(rate / best)))

    # Interrupted after any record, the same runs follow, and no table shows another value.
    known = {one.id for one in found}
    further = [done(run, accuracy(run)) for new in rounds for run in new]
    for k in range(len(further) + 1):
        some = found + further[:k]
        again, _ = completed(study(new), range(2), accuracy, some)
        assert {run.id for run in again} == {run.id for run in after}
        planned = plan_runs(study(new), range(2), some)
        reported = {run.point[RATE] for run in planned if run.purpose == "evaluation"}
        shown = {cell.chosen for cell in aggregate(some, RATE)}
        assert not reported or shown <= reported
    assert shown == {chosen} and known <= {one.id for one in some}  # and former runs stay


def test_the_registered_plan_has_no_other_recorded_values():
    wider = dataclasses.replace(STUDY, axes=(*STUDY.axes[:1], Axis(RATE, (0.01, 0.1, 0.3, 1.0))))
    runs, _ = completed(wider, range(2), peak(0.1))
    found = [done(run, peak(0.1)(run)) for run in runs]
    planned = plan_runs(STUDY, range(2), found, recorded_values=False)
    assert 0.3 not in {run.point[RATE] for run in planned}
    assert 0.3 in {run.point[RATE] for run in plan_runs(STUDY, range(2), found)}


def test_the_order_in_which_records_come_changes_nothing():
    whole, _ = completed(STUDY, range(3), peak(0.1))
    found = [done(run, peak(0.1)(run)) for run in whole]
    random.Random(0).shuffle(found)
    assert plan_runs(STUDY, range(3), found) == whole


def test_an_arm_without_the_tuned_axis_is_run_at_once():
    study = Study(
        "made_up", "Why?", {}, axes=(Axis(RATE, (0.1, 1.0), arms=("a",)),),
        arms=(Arm("a"), Arm("b", {RATE: 0.3})), tune=RATE, tuning_seeds=1,
    )  # fmt: skip
    due = [(run.arm, run.seed, run.purpose) for run in plan_runs(study, range(2))]
    assert due[2:] == [("b", 0, "evaluation"), ("b", 1, "evaluation")]


def test_trials_are_selected_whole():
    drawn = {RATE: (0.1, 0.2, 0.3), "clip.threshold": (1.0, 2.0, 3.0)}
    axes = tuple(Axis(path, values, drawn=True) for path, values in drawn.items())
    study = Study("made_up", "Why?", {"clip.kind": "norm"}, axes=axes, tune=RATE, tuning_seeds=1)
    assert study.tuned == tuple(drawn)
    by_arm = [dataclasses.replace(axis, arms=(arm.title,)) for axis in axes for arm in study.arms]
    assert dataclasses.replace(study, axes=tuple(by_arm)).tuned == tuple(drawn)
    _, rounds = completed(study, range(2), peak(0.3))
    assert [len(new) for new in rounds] == [3, 2]
    assert {(run.point[RATE], run.point["clip.threshold"]) for run in rounds[1]} == {(0.3, 3.0)}


@pytest.mark.parametrize("digits", [12, 400])
def test_more_seeds_than_can_be_run_are_refused_at_once(digits):
    many = 10**digits
    for study, seeds in (
        (dataclasses.replace(STUDY, tuning_seeds=many), range(3)),
        (STUDY, range(2000, many)),
    ):
        with pytest.raises(ConfigError, match="over 50,000 runs"):
            plan_runs(study, seeds)


def test_a_seed_cannot_be_both():
    with pytest.raises(ConfigError, match=rf"^--seeds: .*{RATE}.*1000"):
        plan_runs(STUDY, range(990, 1010))


def by_shard(index, found):
    """Ids that shard index/2 runs until nothing is pending, starting from the records ``found``."""
    found, own = list(found), []
    while True:
        groups = executor.group_runs(plan_runs(STUDY, range(3), found))
        todo = trainer.runs_of_shard(STUDY, groups, (index, 2), {one.id for one in found})
        new = [run for group in todo for run in group]
        if not new:
            return sorted(own)
        own += [run.id for run in new]
        found += [done(run, peak(0.1)(run)) for run in new]


def test_shards_need_no_contact():
    """Each shard runs its cells to the end, whatever the other has recorded."""
    whole, _ = completed(STUDY, range(3), peak(0.1))
    first, second = by_shard(0, []), by_shard(1, [])
    assert sorted(first + second) == sorted(run.id for run in whole)
    for index, own, other in ((0, first, second), (1, second, first)):
        beside = [done(run, peak(0.1)(run)) for run in whole if run.id in other]
        assert by_shard(index, beside) == by_shard(index, beside[: len(beside) // 2]) == own


SMALL = (
    "--study=gate_bias",
    "--arms=b_f,gru",
    "--set=train.steps=4; train.eval_every=2; train.batch_size=4; model.hidden=2; task.length=4",
    f"--sweep=init.bias.f=0; {RATE}=0.01,0.1",
    "--tuning_seeds=1",
    "--seeds=2",
)


@pytest.mark.slow
def test_a_command_tunes_and_reports_in_one_piece_or_two(tmp_path):
    """The records of two shards are those of one command, and the table says how it was tuned."""

    def lines(workdir):
        found = [json.loads(line) for path in sorted(workdir.glob("records*"))
                 for line in path.read_text().splitlines()]  # fmt: skip
        differ = {"seconds": 0, "checksum": ""}
        return sorted(json.dumps({**one, **differ}, sort_keys=True) for one in found)

    whole = command(*SMALL, f"--workdir={tmp_path / 'whole'}")
    assert whole.code == 0, whole.err
    assert "on 1 separate seeds" in whole.out
    for k in range(2):
        assert command(*SMALL, f"--shard={k}/2", f"--workdir={tmp_path / 'parts'}").code == 0
    assert lines(tmp_path / "parts") == lines(tmp_path / "whole")
    found = jsonl.read_all(tmp_path / "whole")
    assert {one.purpose for one in found} == {"tuning", "evaluation"}
    again = command(*SMALL, f"--workdir={tmp_path / 'whole'}")
    assert again.code == 0 and again.out == whole.out and "compiling" not in again.err


AXES = [
    (Axis("optim.learning_rate", (0.1,)), Axis("optim.learning_rate", (0.2, 0.3))),
    (Axis("optim.learning_rate", (0.1, 0.2), label="x"), Axis("model.hidden", (2, 3), label="x")),
    (Axis("optim.learning_rate", (0.1, 0.2), label="model.hidden"), Axis("model.hidden", (2, 3))),
]


@pytest.mark.parametrize("axes", AXES)
def test_axes_of_one_field_or_one_column_are_refused(axes):
    with pytest.raises(ConfigError, match=r"^axes: "):
        plan_runs(Study("s", "", {"task.name": "adding"}, axes=axes), [0])
    apart = [dataclasses.replace(axis, arms=(arm,)) for axis, arm in zip(axes, "ab", strict=True)]
    plan_runs(Study("s", "", {"task.name": "adding"}, (Arm("a"), Arm("b")), tuple(apart)), [0])
