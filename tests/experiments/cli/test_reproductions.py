"""A published table on the command line: its plan, its files, and the index of a collection."""

import dataclasses
import json

import pytest
from support.commands import command
from support.made_up import replace
from support.published_tables import TABLE, study

from experiments import COLLECTIONS, PUBLISHED, REGISTERED, experiment
from experiments.cli import reproductions, results
from experiments.cli.commands import report
from experiments.cli.workdir import Workdir
from experiments.experiment import Experiment, register
from seqjax.sweeps.plan import plan_runs

FILES = {f"{reproductions.NAME}.{kind}" for kind in ("md", "csv", "tex", "json", "png", "svg")}


@pytest.fixture
def registered(monkeypatch):
    """The made-up table as a study of the collection "published"."""
    monkeypatch.setattr("experiments.experiment.REGISTERED", dict(REGISTERED))
    for module in ("experiments.cli.flags", "experiments.cli.results"):
        monkeypatch.setattr(f"{module}.REGISTERED", experiment.REGISTERED)
    monkeypatch.setitem(COLLECTIONS, "published", ("made_up",))
    monkeypatch.setattr(results, "PUBLISHED", ("made_up",))
    two = dataclasses.replace(study(), arms=study().arms[:2])  # each cell compiles for seconds
    register(Experiment(two, table=TABLE, remarks=lambda records: [f"{len(records)} records."]))


def test_a_plan_begins_with_the_deviations(registered, tmp_path):
    planned = command("--study=made_up", f"--workdir={tmp_path / 'w'}", "--dry_run")
    assert planned.code == 0, planned.err
    first, second, *_ = planned.out.splitlines()
    assert first == "deviations from A and B 2015, table 1, as published:"
    assert second == "  same: batch size: published 8, ours 8"
    assert "seeds: published 1, ours 3" in planned.out and not (tmp_path / "w").exists()
    tuned = ("--tuning_seeds=2", "--seeds=4", "--dry_run", f"--workdir={tmp_path / 'w'}")
    assert "seeds: published 1, ours 4" in command("--study=made_up", *tuned).out


@pytest.mark.slow
def test_a_collection_of_tables_ends_with_an_index(registered, tmp_path):
    made = command("--study=published", f"--workdir={tmp_path}", "--seeds=2")
    assert made.code == 0, made.err
    folder = tmp_path / "made_up"
    assert {path.name for path in folder.iterdir()} >= FILES
    page = (folder / "reproduction.md").read_text(encoding="utf-8")
    assert page in made.out and "4 records." in page and "--study=made_up" in page
    index = (tmp_path / reproductions.INDEX).read_text(encoding="utf-8")
    assert made.out.endswith(f"{index}\n") and "| A and B 2015, table 1 | CPU " in index
    content = json.loads((folder / "reproduction.json").read_text(encoding="utf-8"))
    assert content["protocols"][0]["rows"][0]["runs"] == 2

    before = {name: (folder / name).read_bytes() for name in FILES}
    for workdir in (folder, tmp_path):
        assert command(f"--workdir={workdir}", program=report).code == 0
    assert {name: (folder / name).read_bytes() for name in FILES} == before

    read = results.read(Workdir(folder))
    base = {**read.experiment.study.base, "model.hidden": 4}
    other = dataclasses.replace(read.experiment.study, base=base)
    changed = dataclasses.replace(read.experiment, study=other)
    made = reproductions.made_of(dataclasses.replace(read, experiment=changed))
    assert made.notes == ("Changed: model.hidden=3.",)
    swept = [
        replace(run, point={**run.point, "model.hidden": width},
                settings={**run.settings, "model.hidden": width})
        for run in read.records for width in (3, 4)
    ]  # fmt: skip
    open_axis = dataclasses.replace(read, records=swept)
    assert reproductions.report(open_axis) == "" and reproductions.compared(open_axis) is None
    assert len(reproductions.index_rows([open_axis, read])) == 2
    closed = tuple(dataclasses.replace(a, values=(0.3,), closed=True) for a in other.axes[:1])
    narrow = dataclasses.replace(read.experiment.study, axes=closed)
    narrowed = dataclasses.replace(read.experiment, study=narrow)
    made = reproductions.made_of(dataclasses.replace(read, experiment=narrowed))
    assert made.notes == ("Not values of the table's protocol: optim.learning_rate=0.1.",)


@pytest.mark.parametrize("flag", ["--sweep=model.hidden=3,4", "--tune=none"])
def test_a_plan_says_if_the_runs_cannot_be_compared(registered, tmp_path, flag):
    path = "model.hidden" if "sweep" in flag else "optim.learning_rate"
    sweep = () if "sweep" in flag else ("--sweep=optim.learning_rate=0.1,0.3",)
    planned = command("--study=made_up", f"--workdir={tmp_path / 'w'}", "--dry_run", flag, *sweep)
    assert planned.code == 0, planned.err
    assert f"no comparison with {TABLE.title}: the runs sweep {path}\n" in planned.out


def test_planned_seeds_are_those_of_arms_with_and_without_tuning(registered):
    whole = study()
    arms, axes = (whole.arms[0], whole.arms[3]), whole.axes[1:]
    other = dataclasses.replace(whole, arms=arms, axes=axes, tuning_seeds=1)
    runs = plan_runs(other, range(3))
    assert {run.purpose for run in runs} == {"tuning", "evaluation"}
    lines = list(reproductions.deviations(Experiment(other, table=TABLE), runs, range(3)))
    assert sum("seeds: published 1, ours 3" in line for line in lines) == 2


def test_the_lists_have_every_table():
    listed = command("--list").out
    assert all(f"\n{name}: " in listed for name in PUBLISHED)
    assert f"published: {', '.join(PUBLISHED)}" in listed
