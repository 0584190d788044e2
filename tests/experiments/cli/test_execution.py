"""Experiments that are measured, not trained; and names for several experiments."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from support.commands import command, contents, refused

import experiments
from experiments import experiment
from experiments.cli import flags, results
from experiments.cli.commands import report
from experiments.cli.workdir import MEASURED
from experiments.experiment import Experiment
from seqjax.records import environment
from seqjax.records.environment import describe_environment
from seqjax.stats.decisions import Comparison, Verdict
from seqjax.sweeps.measurement import Measurement
from seqjax.sweeps.study import Arm, Axis, Study

NAMES = ("claim_a", "claim_b")
SMALL = {"task.name": "adding", "task.length": 4, "model.cell": "elman", "train.steps": 2}
STUDY = Study(
    "claim_b", "Is b?", {**SMALL, "train.batch_size": 4}, arms=(Arm("x"), Arm("y")),
    axes=(Axis("optim.learning_rate", (0.01, 0.1)),), tune="optim.learning_rate", tuning_seeds=1,
    seeds=2, scored=True, columns="",
)  # fmt: skip


class Measured:
    """A measurement of two points that counts how often it is asked."""

    def __init__(self, name="claim_a", points=({"gain": 0.5}, {"gain": 1.0, "kind": "tanh"})):
        self.asked = []
        self.measurement = Measurement(name, "Is a?", points, self.measure)

    def measure(self, point):
        self.asked.append(point)
        return {"slope": np.float32([point["gain"], np.nan]), "count": jnp.int32(3)}


def decide(claim):
    """One verdict on a claim, whose comparison is the number of records and points."""

    def verdicts_of(evidence):
        n = sum(record.purpose == "evaluation" for record in evidence.records)
        n += len(evidence.points)
        comparison = Comparison("all", float(n), 0.0, 1.0, n, np.nan, 0.1, ("YES",))
        return [Verdict(claim, f"{claim} holds", "supported", "so it is", (comparison,), n)]

    return verdicts_of


@pytest.fixture
def measured(monkeypatch):
    """Two made-up claims in place of all others: a is measured, b is trained."""
    found = Measured()
    made_up = {
        "claim_a": lambda: Experiment(measurement=found.measurement, decide=decide("a")),
        "claim_b": lambda: Experiment(STUDY, decide=decide("b")),
    }
    for module in (experiment, results):
        monkeypatch.setattr(module, "NAMES", (*experiments.STUDIES, *NAMES))
        monkeypatch.setattr(module, "find", lambda name: made_up[name]())
    monkeypatch.setattr(flags, "NAMES", NAMES)
    monkeypatch.setattr(results, "CLAIMS", NAMES)
    monkeypatch.setitem(experiments.COLLECTIONS, "claims", NAMES)
    return found


ONE = "--study=claim_a"


def test_a_measurement_runs_once(measured, tmp_path):
    workdir = tmp_path / "a"
    first = command(ONE, f"--workdir={workdir}")
    assert first.code == 0 and "measuring at 2 points" in first.err
    assert measured.asked == [*measured.measurement.points]
    made = json.loads((workdir / MEASURED).read_text())
    assert made["points"] == [
        {"point": point, "measured": {"slope": [point["gain"], None], "count": 3}}
        for point in measured.measurement.points
    ]
    before = contents(workdir)[(workdir / MEASURED).relative_to(workdir)]
    again = command(ONE, f"--workdir={workdir}")
    assert again.code == 0 and again.out == first.out and "measuring" not in again.err
    assert len(measured.asked) == 2
    assert contents(workdir)[(workdir / MEASURED).relative_to(workdir)] == before
    assert command(f"--workdir={workdir}", program=report).out == first.out
    assert sorted(path.name for path in workdir.iterdir()) == [
        ".locks", "claim.png", "claim.svg", "flags.txt", MEASURED, "report.html",
        "verdicts.json", "verdicts.md",
    ]  # fmt: skip


def test_a_plan_counts_tuned_runs_once_and_the_others_too(measured, tmp_path, monkeypatch):
    """All runs of an arm with a fixed rate are in the groups; no further runs follow."""
    rate = {"optim.learning_rate": 0.1}
    arms = (*STUDY.arms, Arm("fixed", rate))
    monkeypatch.setattr(f"{__name__}.STUDY", dataclasses.replace(STUDY, arms=arms))
    workdir = tmp_path / "none"
    planned = command(ONE, "--dry_run", f"--workdir={workdir}")
    assert planned == (0, f"workdir: {workdir}\n2 points to measure at\n", "")
    assert not measured.asked
    result = command("--study=claim_b", "--dry_run", f"--workdir={workdir}")
    *_, total, _, then, _ = result.out.splitlines()
    assert total.startswith("6 runs")  # x and y at two rates on one seed; fixed on two
    assert then == "then 4 runs: 2 cells at their best optim.learning_rate"


def test_more_seeds_than_the_exact_tests_take_are_refused_before_training(measured, tmp_path):
    refused(tmp_path, "--study=claim_b", "--seeds=21", words=("--seeds: expected at most 20",))
    assert command("--study=claim_b", "--seeds=20", "--dry_run", f"--workdir={tmp_path}").code == 0


def test_only_shard_0_measures(measured, tmp_path):
    second = command(ONE, "--shard=1/2", f"--workdir={tmp_path}")
    assert (second.code, second.out) == (0, "") and "left to shard 0" in second.err
    assert not measured.asked
    first = command(ONE, "--shard=0/2", f"--workdir={tmp_path}")
    assert first.code == 0 and len(measured.asked) == 2
    assert command(ONE, "--shard=1/2", f"--workdir={tmp_path}").out == first.out


def test_another_machine_or_other_points_are_refused(measured, tmp_path, monkeypatch):
    assert command(ONE, f"--workdir={tmp_path}").code == 0
    here = describe_environment()
    with monkeypatch.context() as patched:
        patched.setattr(environment, "describe_environment", lambda: here | {"jaxlib": "0.0.0"})
        for plan in ((), ("--dry_run",)):
            refused(tmp_path, ONE, *plan, words=("jaxlib",))
        assert command(ONE, f"--workdir={tmp_path}", "--allow_mixed").code == 0
    points = ({"gain": 0.5}, {"gain": 1.5, "kind": "tanh"})
    measured.measurement = Measured(points=points).measurement
    refused(tmp_path, ONE, words=("gain of point 2",))


CORRUPTIONS = {
    "cut": lambda text: text[: len(text) // 2],
    "a field too few": lambda text: text.replace('"seconds"', '"minutes"'),
    "not UTF-8": lambda text: "\udcff",
}


@pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_corrupt_measurements_are_reported_in_one_line(measured, tmp_path, corrupt):
    made = {"same": {"study": "claim_a", "rules": "0", "points": [{"gain": 0.5}]},
            "environment": {"jaxlib": "1", "device": "a"}, "seconds": 0.5,
            "points": [{"point": {"gain": 0.5}, "measured": {"slope": [0.5]}}]}  # fmt: skip
    text = corrupt(json.dumps(made))
    (tmp_path / MEASURED).write_text(text, errors="surrogateescape")
    refused(tmp_path, ONE, words=(tmp_path / MEASURED,))
    result = command(f"--workdir={tmp_path}", program=report)
    assert result.code == 2 and result.err.startswith(f"error: {tmp_path / MEASURED}")
    assert not measured.asked


def test_a_workdir_is_of_one_experiment_alone(measured, tmp_path):
    """Neither measurements nor records are put beside those of another experiment."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    refused(tmp_path / "other", ONE, words=("--workdir",))
    assert command(ONE, f"--workdir={tmp_path / 'a'}").code == 0
    refused(tmp_path / "a", "--study=claim_b", words=("--workdir",))


TASKS_TAKEN = {
    ("mnist", "lag_recall"): "mnist_rows, mnist_pixels, mnist_pixels_permuted, fashion_rows",
    ("poems", "translation"): "poems",
    ("text", "characters"): "text, unicode_names",
    ("claim_6", "agreement_natural"): "agreement",
}


@pytest.mark.parametrize(("study", "task"), TASKS_TAKEN, ids=[name for name, _ in TASKS_TAKEN])
def test_an_experiment_with_a_verdict_names_the_tasks_it_accepts(tmp_path, study, task):
    for given in (f"--set=task.name={task}", f"--sweep=task.name={task}"):
        words = f"error: task.name: {study} accepts {TASKS_TAKEN[study, task]}"
        refused(tmp_path, f"--study={study}", given, words=(words,))


def test_every_task_that_a_study_names_can_be_set():
    for name in experiments.USES:
        found = experiment.find(name)
        assert found.accepted_tasks[0] == found.study.base["task.name"]
        for task in found.accepted_tasks:
            asked = found.revised({"task.name": task}, None)
            points = {at["task.name"] for at in asked.measurement.points if "task.name" in at}
            assert points == {task} or (not points and len(found.accepted_tasks) == 1)


@pytest.mark.slow
def test_a_collection_runs_each_in_a_folder_and_collects_the_verdicts(measured, tmp_path):
    workdir = tmp_path / "claims"
    planned = command("--study=claims", "--dry_run", f"--workdir={workdir}").out
    assert planned.startswith(f"claim_a:\nworkdir: {workdir / 'claim_a'}\n2 points")
    assert "\nclaim_b:\naxes: optim.learning_rate=" in planned and "\ngroup 1: 4 runs" in planned
    result = command("--study=claims", f"--workdir={workdir}")
    assert result.code == 0, result.err
    together = {"index.html", "verdicts.md", "verdicts.json"}
    assert {path.name for path in workdir.iterdir()} == {*NAMES, *together}
    both = json.loads((workdir / "verdicts.json").read_text())
    alone = [json.loads((workdir / name / "verdicts.json").read_text()) for name in NAMES]
    assert both["verdicts"] == [one for each in alone for one in each["verdicts"]]
    assert [one["n"] for one in both["verdicts"]] == [2, 4]
    assert result.out.endswith(f"{(workdir / 'verdicts.md').read_text()}\n")
    again = command("--study=claims", f"--workdir={workdir}")
    assert again.out == result.out and len(measured.asked) == 2 and "compiling" not in again.err
    reported = command(f"--workdir={workdir}", program=report)
    assert reported.out == f"{(workdir / 'verdicts.md').read_text()}\n"


FLAGS = ("set=model.hidden=4", "sweep=model.hidden=4", "arms=x", "tuning_seeds=0")


@pytest.mark.parametrize("flag", FLAGS)
def test_flags_of_one_study_are_refused_for_a_collection(measured, tmp_path, flag):
    for study in ("claims", "claim_a"):  # several studies; and one that trains nothing
        words = (f"--{flag.partition('=')[0]}: ",)
        refused(tmp_path, f"--study={study}", f"--{flag}", words=words)
