"""Verdicts as text and files, and the reasons for exploratory ones and for none."""

import dataclasses
import json
import pathlib
import re
from math import inf, nan

import pytest
from support.claims import completed
from support.made_up import measured, record, replace

from experiments.claims import evidence
from experiments.cli import registration, verdicts
from experiments.cli import results as cli_results
from experiments.cli.results import Results
from experiments.cli.workdir import MEASURED, Workdir
from experiments.experiment import Experiment
from seqjax.records import codec
from seqjax.records.workdir import Measurements
from seqjax.reporting.verdicts import to_markdown
from seqjax.stats import rules
from seqjax.stats.decisions import Comparison, EvidenceError, Verdict
from seqjax.sweeps.measurement import Measurement
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.training.config import as_settings

HOSTILE = "a|b<script>$\\input{x}&%_#`*[y](z)\n\x1b[2J"
PLAIN = Comparison(
    "lstm − gru on adding", 0.1234, 0.05, 0.2, 10, 0.5, 0.07, ("YES", "NON-INFERIOR")
)
LEVEL = Comparison("level", nan, -inf, inf, 8, nan, nan, ())
VERDICTS = [
    Verdict("7a", "An LSTM can.", "supported", "0.123 [0.050, 0.200]", (PLAIN, LEVEL), 8),
    Verdict("7b", "Nothing explodes.", "undecided", "n = 3", (), 3, fragile=True),
    Verdict("7a", "An LSTM can (cautiously).", "undecided", "wide", (PLAIN,), 8, exploratory=True),
]


def tables(text):
    """Every table as rows of cells, escapes undone."""
    found = re.findall(r"(?:^\|.*\n?)+", text, flags=re.MULTILINE)
    rows = [[re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()] for table in found]
    return [
        [[re.sub(r"\\(.)", r"\1", cell).strip() for cell in row] for row in (table[0], *table[2:])]
        for table in rows
    ]


def test_where_all_are_exploratory_they_have_the_comparisons():
    text = to_markdown(VERDICTS[2:], "A caption.")
    verdicts_alone, comparisons = tables(text)
    assert len(verdicts_alone) == 2 and comparisons[1][0] == "lstm − gru on adding"
    assert "**Verdicts**" not in text and "A caption." in text


# --- from records ---

BASE = {"task.name": "adding", "train.steps": 6, "train.batch_size": 4}
RATE = "optim.learning_rate"
STUDY = Study(
    "claim_1", "Why?", BASE, arms=(Arm("x"), Arm("y", {"model.cell": "gru"})),
    axes=(Axis(RATE, (0.01, 0.1, 1.0)),), tune=RATE, tuning_seeds=1, scored=True,
)  # fmt: skip
MEASUREMENT = Measurement("claim_1", "What?", ({"gain": 1.0},), lambda point: {"slope": 1.0})
MADE = Measurements(
    same=MEASUREMENT.identity(),
    environment={"jaxlib": "0.10.2", "device": HOSTILE},
    seconds=1.0,
    points=[measured({"gain": 1.0}, slope=1.0)],
)


def decide(evidence):
    n = sum(one.purpose == "evaluation" for one in evidence.records)
    return [Verdict("1", "It holds.", "supported", "so it is", (PLAIN,), n, fragile=True)]


def recorded(seeds=(0, 1), study=STUDY, **changes):
    """Records of all runs, of which those at the rate .1 are best."""

    def leave(run):
        made = record(dict(run.point), arm=run.arm, seed=run.seed, settings=dict(BASE))
        validation = {"accuracy": 0.0, "mse": 0.01 if run.point[RATE] == 0.1 else 0.1}
        own = {"id": run.id, "study": study.name, "purpose": run.purpose, "compared": "score"}
        own |= {"settings": as_settings(run.config), "rules": rules.VERSION}
        return replace(made, **own | {"validation": validation} | changes)

    return completed(Experiment(study), leave, seeds)


EXPERIMENT = Experiment(STUDY, decide=decide)
MEASURING = Experiment(STUDY, MEASUREMENT, decide)
OTHER = "0" * 16


def results(experiment=EXPERIMENT, records=(), made=None, path="."):
    return Results(Workdir(pathlib.Path(path)), experiment, records, made)


DIFFERENCES = {
    "older rules": (lambda: [*recorded()[:-1], recorded(rules=OTHER)[-1]], f"rules .* {OTHER}"),
    "another setting": (
        lambda: [replace(one, settings=one.settings | {"train.steps": 7}) for one in recorded()],
        "train.steps ",
    ),
    "other rates": (
        lambda: recorded(study=dataclasses.replace(STUDY, axes=(Axis(RATE, (0.03, 0.1, 0.3)),))),
        f"run x {RATE}=0.03 seed=1000 ",
    ),
    "more tuning seeds": (
        lambda: recorded(study=dataclasses.replace(STUDY, tuning_seeds=2)),
        "seed=1001 ",
    ),
}


@pytest.mark.parametrize(("records", "named"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_other_rules_or_another_design_make_verdicts_exploratory(records, named):
    (verdict,) = results(records=recorded()).verdicts
    assert not verdict.exploratory and verdict.n == 4
    (reason,) = registration.differences(EXPERIMENT, records(), None)
    assert re.search(named, reason)
    (verdict,) = results(records=records()).verdicts
    assert verdict.exploratory and verdict.verdict == "supported"
    assert verdict.because.endswith(reason)


def test_other_data_make_verdicts_exploratory():
    experiment = dataclasses.replace(EXPERIMENT, data="d1")

    for of_records, of_points in (("d1", "d1"), ("d2", "d1"), ("d1", "d3")):
        records = recorded(environment={"jaxlib": "1", "device": "a", "data": of_records})
        made = replace(MADE, environment={"data": of_points})
        found = registration.differences(experiment, records, made)
        assert len(found) == (of_records != "d1" or of_points != "d1")
        assert all("d1" in reason and re.search("d[23]", reason) for reason in found)


SIZES = dataclasses.replace(STUDY, axes=(Axis("train.batch_size", (4, 8)), *STUDY.axes))
INCOMPLETE = {
    "tuning alone": (lambda: [r for r in recorded() if r.purpose == "tuning"], "x has 0 of 0"),
    "a cell of an arm": (
        lambda: [r for r in recorded(study=SIZES)
                 if (r.arm, r.purpose, r.point["train.batch_size"]) != ("y", "evaluation", 8)],
        "^2 runs ",
    ),
    "as many seeds, but others": (
        lambda: [r for r in recorded((0, 1, 2)) if r.purpose == "tuning"
                 or (r.arm, r.seed) not in (("x", 2), ("y", 1))],
        "x has 2 of 3 seeds",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("records", "named"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_before_all_arms_have_the_same_seeds_there_is_no_verdict(records, named):
    study = SIZES if named.startswith("^") else STUDY
    with pytest.raises(EvidenceError, match=named):
        registration.differences(Experiment(study, decide=decide), records(), None)


def test_a_measurement_is_registered_as_it_is_defined_and_needed():
    experiment = Experiment(measurement=MEASUREMENT, decide=decide)
    assert registration.differences(experiment, [], MADE) == []
    for changed in ({"rules": OTHER}, {"points": [{"gain": 2.0}]}):
        made = replace(MADE, same=replace(MADE.same, **changed))
        assert len(registration.differences(experiment, [], made)) == 1
    for incomplete in ((experiment, []), (MEASURING, recorded())):
        with pytest.raises(EvidenceError, match="measured"):
            registration.differences(*incomplete, None)


@pytest.mark.parametrize(
    ("tasks", "points", "named"),
    [
        (("text",), [], r"^task\.name: claim_1 .*text.*'adding'$"),
        ((), [measured({"task.length": 9})], r"^task\.length: .* 50, .* 9$"),
    ],
)
def test_runs_on_another_task_or_text_decide_nothing(tasks, points, named):
    experiment = dataclasses.replace(MEASURING, tasks=tasks)
    with pytest.raises(EvidenceError, match=named):
        registration.differences(experiment, recorded(), replace(MADE, points=points))


def test_the_caption_names_size_rules_and_machine_without_markup(tmp_path, capsys):
    assert verdicts.report(results(path=tmp_path)) == "" and not list(tmp_path.iterdir())
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("claim_1: ") and err.count("\n") == 1
    text = verdicts.report(results(MEASURING, recorded(), MADE, tmp_path))
    assert text == (tmp_path / "verdicts.md").read_text(encoding="utf-8")
    caption = re.sub(r"\\(.)", r"\1", text)
    assert "CPU size: 10 runs and 1 points measured without training." in caption
    assert f"Rules version {rules.VERSION}, evidence version {evidence.VERSION}; jaxlib" in caption
    assert "Fragile: " in caption and "Exploratory: " not in caption
    assert "<script>" not in text and "&lt;script>" in text and "\x1b" not in text
    found = json.loads((tmp_path / "verdicts.json").read_text(encoding="utf-8"))
    assert found["rules"] == rules.VERSION and len(found["environments"]) == 2
    assert (tmp_path / "claim.png").stat().st_size and (tmp_path / "claim.svg").stat().st_size


def test_a_collection_takes_the_workdirs_of_claims_that_can_be_decided(tmp_path, monkeypatch):
    experiment = Experiment(measurement=MEASUREMENT, decide=decide)
    monkeypatch.setattr(cli_results, "find", lambda name: experiment)
    assert cli_results.read_collection(tmp_path) == []
    for name, study in {"claim_1": "claim_1", "claim_2": "another", "claim_1_full": None}.items():
        (tmp_path / name).mkdir()
        if study:
            made = replace(MADE, same=replace(MADE.same, study=study))
            (tmp_path / name / MEASURED).write_text(codec.dumps(made))
    collection = cli_results.read_collection(tmp_path)
    assert [found.workdir.path.name for found in collection] == ["claim_1"]
    assert "It holds." in verdicts.collect(tmp_path, collection)
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert files == {"verdicts.json", "verdicts.md"}
