"""Studies that are trained in this process, with and without a workdir."""

import dataclasses
import types

import pytest
from support.made_up import record, replace, without_time

from seqjax.records import jsonl, locks, plan
from seqjax.records.record import Source
from seqjax.reporting import tables
from seqjax.sweeps import run as runner
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.training.config import as_settings
from seqjax.training.overrides import ConfigError

CLIP = "clip.threshold"
STUDY = Study(
    "made_up",
    "Why?",
    {
        "task.name": "adding",
        "task.length": 6,
        "clip.kind": "norm",
        "model.hidden": 2,
        "train.steps": 2,
    },
    axes=(Axis(CLIP, (0.1, 1.0)),),
)


@pytest.fixture
def trained(monkeypatch):
    """``ids`` of the runs that were trained; training stops after ``limit`` of them."""
    trained = types.SimpleNamespace(ids=[], limit=None)

    def train_group(group, per_device, devices):
        for one in group:
            if len(trained.ids) == trained.limit:
                raise KeyboardInterrupt
            trained.ids.append(one.id)
            settings = as_settings(one.config)
            made = record(dict(one.point), arm=one.arm, seed=one.seed, settings=settings)
            fields = {"id": one.id, "purpose": one.purpose, "paired": one.paired}
            yield replace(made, **fields, environment={}), None

    monkeypatch.setattr(runner, "train_group", train_group)
    return trained


def test_recorded_runs_are_not_trained_again(trained, tmp_path):
    workdir = tmp_path / "new" / "workdir"
    trained.limit = 3
    with pytest.raises(KeyboardInterrupt):
        STUDY.run(2, workdir)
    assert [one.id for one in jsonl.read_all(workdir)] == trained.ids and len(trained.ids) == 3
    trained.limit = None
    records = STUDY.run(2, workdir)
    assert len(trained.ids) == len(set(trained.ids)) == 4
    assert [(one.point[CLIP], one.seed) for one in records] == [
        (0.1, 0),
        (0.1, 1),
        (1.0, 0),
        (1.0, 1),
    ]
    assert {one.id for one in jsonl.read_all(workdir)} == set(trained.ids)
    assert all({"jaxlib", "device"} <= one.environment.keys() for one in records)


def test_seeds_points_and_arms_extend_a_workdir(trained, tmp_path):
    STUDY.run([0], tmp_path)
    more = dataclasses.replace(
        STUDY,
        arms=(*STUDY.arms, Arm("gru", {"model.cell": "gru"})),
        axes=(Axis(CLIP, (0.1, 1.0, 10.0)),),
    )
    assert len(more.run([0, 7], tmp_path)) == 2 * 3 * 2
    assert len(trained.ids) == len(set(trained.ids)) == 12
    assert len(STUDY.run([0], tmp_path)) == 2  # of those recorded, the runs that are asked for


def test_records_are_returned_with_the_axis_that_is_tuned_now(trained, tmp_path):
    for tune in (None, CLIP):
        records = dataclasses.replace(STUDY, tune=tune).run([0], tmp_path)
        assert {one.tune for one in records} == {tune} and len(trained.ids) == 2


def test_arms_are_added_after_those_that_are_recorded(trained, tmp_path):
    STUDY.run([0], tmp_path)
    arms = (Arm("gru", {"model.cell": "gru"}), *STUDY.arms)  # the first run, of the pairs
    with pytest.raises(ConfigError, match=r"^arms: "):
        dataclasses.replace(STUDY, arms=arms).run([0], tmp_path)
    assert len(trained.ids) == 2


def test_a_torn_line_is_trained_again(trained, tmp_path):
    STUDY.run([0], tmp_path)
    file = tmp_path / "records.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    assert len(STUDY.run([0], tmp_path)) == 2
    assert len(trained.ids) == 3 and len(jsonl.read_all(tmp_path)) == 2


def test_nothing_is_written_without_a_workdir(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(STUDY.run(1)) == len(runner.run(STUDY, 1)) == 2
    assert len(trained.ids) == 4 and not list(tmp_path.iterdir())


def test_a_table_of_an_interrupted_workdir_says_what_is_missing(trained, tmp_path):
    trained.limit = 2
    with pytest.raises(KeyboardInterrupt):
        STUDY.run(2, tmp_path)
    table = tables.make(tmp_path)
    assert table.incomplete == "2 of 4 runs" and f"{CLIP}=1 (seeds 0, 1)" in table.caption
    trained.limit = None
    STUDY.run(2, str(tmp_path))
    assert not tables.make(str(tmp_path)).incomplete
    assert len(plan.read(tmp_path)) == 4


def test_runs_that_an_earlier_call_planned_are_still_missing(trained, tmp_path):
    trained.limit = 3
    with pytest.raises(KeyboardInterrupt):
        STUDY.run(2, tmp_path)
    trained.limit = None
    dataclasses.replace(STUDY, axes=(Axis(CLIP, (0.1,)),)).run(3, tmp_path)
    table = tables.make(tmp_path)
    assert table.incomplete == "4 of 5 runs" and f"{CLIP}=1 (seed 1)" in table.caption


OTHERS = {
    "settings": (dataclasses.replace(STUDY, base={**STUDY.base, "model.hidden": 3}), "hidden"),
    "study": (dataclasses.replace(STUDY, name="other"), "study"),
    "scores": (dataclasses.replace(STUDY, scored=True), "compared"),
    "metric": (
        dataclasses.replace(
            STUDY,
            base={"task.name": "temporal_order", "clip.kind": "norm", "train.steps": 2},
            arms=(Arm("another"),),
        ),
        "metric",
    ),
}


@pytest.mark.parametrize("seeds", [2, [7]], ids=["more seeds", "other seeds"])
@pytest.mark.parametrize(("other", "named"), OTHERS.values(), ids=OTHERS)
def test_a_workdir_of_another_study_is_refused_before_training(
    other, named, seeds, trained, tmp_path
):
    STUDY.run(1, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.json*")}
    with pytest.raises(ConfigError, match=f"workdir: .*{named}"):
        other.run(seeds, tmp_path)
    assert len(trained.ids) == 2
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.json*")} == before


@pytest.mark.parametrize("kind", ["task", "cell"])
def test_a_workdir_of_other_code_is_refused(kind, trained, tmp_path, monkeypatch):
    STUDY.run(1, tmp_path)
    recorded = jsonl.read_all(tmp_path)
    (tmp_path / "records.jsonl").unlink()
    for one in recorded:
        jsonl.append(tmp_path / "records.jsonl", replace(one, source=Source(**{kind: "0" * 16})))
    other = dataclasses.replace(STUDY, arms=(Arm("new"),))  # of the same task and cell
    for study in (STUDY, other):
        with pytest.raises(ConfigError, match=f"workdir: .*{kind}"):
            study.run(2, tmp_path)
    assert len(trained.ids) == 2


def test_other_data_are_refused(trained, tmp_path, monkeypatch):
    study = Study("made_up", "Why?", {"task.name": "digits_rows", "train.steps": 2})
    (one,) = study.run(1, tmp_path)
    assert one.environment["data"]
    monkeypatch.setattr(runner, "digest_of_data", lambda tasks: "0" * 16)
    with pytest.raises(ConfigError, match=r"workdir: .*data"):
        study.run(2, tmp_path)


def test_one_process_runs_in_a_workdir(trained, tmp_path):
    with locks.hold(tmp_path, (0, 1)), pytest.raises(locks.LockedError, match=str(tmp_path)):
        STUDY.run(1, tmp_path)
    with locks.hold(tmp_path, (1, 2)), pytest.raises(locks.LockedError, match="1/2"):
        STUDY.run(1, tmp_path)
    assert not trained.ids


@pytest.mark.parametrize("seeds", [0, -1, [], [1, 1]])
def test_seeds_are_different_and_at_least_one(seeds, trained):
    with pytest.raises(ConfigError, match=r"^seeds"):
        STUDY.run(seeds)
    assert not trained.ids


def test_metrics_out_of_range_are_refused_without_a_workdir(trained, monkeypatch):
    train_group = runner.train_group

    def wrong(group, per_device, devices):
        for made, trace in train_group(group, per_device, devices):
            yield replace(made, test=made.test | {made.metric: -0.5}), trace

    monkeypatch.setattr(runner, "train_group", wrong)
    with pytest.raises(ConfigError, match=r"test: .*-0\.5"):
        runner.run(STUDY, 1)


@pytest.mark.slow
def test_records_of_a_workdir_are_those_without_one(tmp_path):
    STUDY.run([1], tmp_path)
    expected = list(map(without_time, STUDY.run([0, 1])))
    assert list(map(without_time, STUDY.run([0, 1], tmp_path))) == expected
    assert len(jsonl.read_all(tmp_path)) == 4
