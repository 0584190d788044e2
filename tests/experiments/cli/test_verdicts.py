"""Verdicts as files: what is said, for whom, and when nothing may be said yet."""

import dataclasses
import json
import re
from math import inf, nan

import pytest
from support.made_up import record

from experiments.claims import evidence
from experiments.cli import verdicts
from experiments.cli.workdir import MEASURED, Workdir
from experiments.experiment import Subject
from seqjax.records import jsonl
from seqjax.reporting.verdicts import to_json, to_markdown
from seqjax.stats import rules
from seqjax.stats.decisions import Comparison, EvidenceError, Verdict
from seqjax.sweeps import tuning
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


def test_verdicts_then_exploratory_ones_then_comparisons():
    text = to_markdown(VERDICTS, "A caption.")
    registered, exploratory, comparisons = tables(text)
    head = ["claim", "statement", "verdict", "n"]
    assert registered == [
        head,
        ["7a", "An LSTM can.", "supported", "8"],
        ["7b", "Nothing explodes.", "undecided (fragile)", "3"],
    ]
    assert exploratory == [head, ["7a", "An LSTM can (cautiously).", "undecided", "8"]]
    assert comparisons[1:] == [
        [
            "lstm − gru on adding",
            "0.123",
            "[0.050, 0.200]",
            "10",
            "YES, NON-INFERIOR",
            "0.070",
            "0.500",
        ],
        ["level", "–", "[−∞, ∞]", "8", "–", "–", "–"],
    ]
    order = [
        "**Verdicts**", "**Exploratory**", "A caption.",
        "**Claim 7a: supported**", "An LSTM can. 0.123 \\[0.050, 0.200\\]", "lstm − gru on adding",
        "**Claim 7b: undecided (fragile)**", "Nothing explodes. n = 3",
        "**Exploratory, claim 7a: undecided**", "An LSTM can (cautiously). wide",
    ]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert text.count("lstm − gru on adding") == 1


def test_where_all_are_exploratory_they_have_the_comparisons():
    text = to_markdown(VERDICTS[2:], "A caption.")
    verdicts_alone, comparisons = tables(text)
    assert len(verdicts_alone) == 2 and comparisons[1][0] == "lstm − gru on adding"
    assert "**Verdicts**" not in text and "A caption." in text


def test_what_no_number_is_can_be_read_by_programs():
    text = jsonl.dumps(to_json(VERDICTS, {"rules": "0"}))
    found = json.loads(text)
    assert found["rules"] == "0" and [one["claim"] for one in found["verdicts"]] == [
        "7a",
        "7b",
        "7a",
    ]
    level = found["verdicts"][0]["comparisons"][1]
    assert (level["mean"], level["lower"], level["upper"]) == (None, "-inf", "inf")
    assert found["verdicts"][0]["comparisons"][0]["conclusions"] == ["YES", "NON-INFERIOR"]
    assert [one["fragile"] for one in found["verdicts"]] == [False, True, False]
    assert [one["exploratory"] for one in found["verdicts"]] == [False, False, True]


def test_nothing_in_a_text_is_markup():
    comparison = Comparison(HOSTILE, 0.0, 0.0, 0.0, 8, 0.0, 0.0, (HOSTILE,))
    text = to_markdown([Verdict("1", HOSTILE, "supported", HOSTILE, (comparison,), 8)], HOSTILE)
    assert text.replace("\n", "").isprintable()
    without = re.sub(r"\\.", "", text).replace("**", "")
    assert not re.search(r"[`*<\[\]$~]", without), without
    for table in tables(text):
        assert len({len(row) for row in table}) == 1


# --- from records ---

BASE = {"task.name": "adding", "train.steps": 6, "train.batch_size": 4}
RATE = "optim.learning_rate"
STUDY = Study(
    "claim_1", "Why?", BASE, arms=(Arm("x"), Arm("y", {"model.cell": "gru"})),
    axes=(Axis(RATE, (0.01, 0.1, 1.0)),), tune=RATE, tuning_seeds=1, scored=True,
)  # fmt: skip
MEASUREMENT = Measurement("claim_1", "What?", ({"gain": 1.0},), lambda point: {"slope": 1.0})
MADE = {
    "same": {**MEASUREMENT.identity(), "points": [dict(point) for point in MEASUREMENT.points]},
    "environment": {"jaxlib": "0.10.2", "device": HOSTILE},
    "seconds": 1.0,
    "points": [{"point": {"gain": 1.0}, "measured": {"slope": 1.0}}],
}


def decide(recorded, points):
    counting = [one for one in recorded if one["purpose"] == "evaluation"]
    del points
    return [
        Verdict("1", "It holds.", "supported", "so it is", (PLAIN,), len(counting), fragile=True)
    ]


def recorded(seeds=(0, 1), study=STUDY, **changes):
    """The records of everything that is due, the rate .1 being best."""
    found = []
    while True:
        known = {one["id"] for one in found}
        new = [run for run in tuning.due(study, seeds, found) if run.id not in known]
        if not new:
            return found
        for run in new:
            made = record(dict(run.point), arm=run.arm, seed=run.seed, settings=dict(BASE))
            validation = {"accuracy": 0.0, "mse": 0.01 if run.point[RATE] == 0.1 else 0.1}
            own = {"id": run.id, "study": study.name, "purpose": run.purpose, "compared": "score"}
            own |= {"settings": as_settings(run.config), "rules": rules.VERSION}
            found.append({**made, **own, "validation": validation, **changes})


FOUND = Subject(STUDY, decide=decide)


def test_the_runs_of_the_study_as_it_is_defined_give_registered_verdicts():
    (verdict,) = verdicts.decided(FOUND, recorded(), None)
    assert not verdict.exploratory and verdict.n == 4


@pytest.mark.parametrize(
    ("changed", "why"),
    {
        "older rules": (lambda: recorded(rules="0" * 16), f"made under rules {'0' * 16}"),
        "one record under older rules": (
            lambda: [*recorded()[:-1], recorded(rules="0")[-1]],
            "made under rules 0",
        ),
        "another setting": (
            lambda: [
                {**one, "settings": one["settings"] | {"train.steps": 7}} for one in recorded()
            ],
            "train.steps was not as registered",
        ),
        "another rate": (
            lambda: recorded(
                study=dataclasses.replace(STUDY, axes=(Axis(RATE, (0.03, 0.1, 0.3)),))
            ),
            "run x optim.learning_rate=0.03 seed=1000 is not of the registered design",
        ),
        "more seeds to tune on": (
            lambda: recorded(study=dataclasses.replace(STUDY, tuning_seeds=2)),
            "seed=1001 is not of the registered design",
        ),
    }.values(),
    ids=["older rules", "one older record", "another setting", "other rates", "more tuning seeds"],
)
def test_other_rules_or_another_design_make_verdicts_exploratory(changed, why):
    (verdict,) = verdicts.decided(FOUND, changed(), None)
    assert verdict.exploratory and verdict.verdict == "supported"
    assert "; exploratory, as " in verdict.because and why in verdict.because


def test_other_data_make_verdicts_exploratory():
    found = dataclasses.replace(FOUND, data="d1")

    def read(data):
        here = {"jaxlib": "1", "device": "a"} | ({"data": data} if data else {})
        return recorded(environment=here)

    (verdict,) = verdicts.decided(found, read("d1"), {**MADE, "environment": {"data": "d1"}})
    assert not verdict.exploratory
    others = {
        "d2": (read("d2"), None),
        "None, d2": ([*read("d2")[:2], *read(None)[2:]], None),
        "d3": (read("d1"), {**MADE, "environment": {"data": "d3"}}),
    }
    for said, (runs, made) in others.items():
        (verdict,) = verdicts.decided(found, runs, made)
        assert verdict.exploratory and f"data {said} were not the registered d1" in verdict.because


INCOMPLETE = {
    "nothing": (lambda: [], "x has 0 of 0 seeds"),
    "tuning alone": (lambda: [r for r in recorded() if r["purpose"] == "tuning"], "x has 0 of 0"),
    "an arm without": (
        lambda: [r for r in recorded() if (r["arm"], r["purpose"]) != ("y", "evaluation")],
        "y has 0 of 2 seeds",
    ),
    "as many seeds, but others": (
        lambda: [r for r in recorded((0, 1, 2)) if r["purpose"] == "tuning"
                 or (r["arm"], r["seed"]) not in (("x", 2), ("y", 1))],
        "x has 2 of 3 seeds",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("found", "said"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_before_all_arms_have_the_same_seeds_there_is_no_verdict(found, said):
    with pytest.raises(EvidenceError, match=said):
        verdicts.decided(FOUND, found(), None)


def test_before_every_cell_is_there_there_is_no_verdict():
    """Where an arm has several cells, one of which is not trained yet."""
    sizes = (Axis("train.batch_size", (4, 8)), *STUDY.axes)
    study = dataclasses.replace(STUDY, axes=sizes)
    found = recorded(study=study)
    place = ("y", "evaluation", 8)
    some = [r for r in found if (r["arm"], r["purpose"], r["point"]["train.batch_size"]) != place]
    assert verdicts.decided(Subject(study, decide=decide), found, None)
    with pytest.raises(EvidenceError, match=r"^2 runs are still to come"):
        verdicts.decided(Subject(study, decide=decide), some, None)


def test_a_measurement_is_registered_as_it_is_defined_and_needed():
    found = Subject(measurement=MEASUREMENT, decide=decide)
    (verdict,) = verdicts.decided(found, [], MADE)
    assert not verdict.exploratory
    for changed in ({"rules": "0" * 16}, {"points": [{"gain": 2.0}]}):
        made = {**MADE, "same": {**MADE["same"], **changed}}
        (verdict,) = verdicts.decided(found, [], made)
        assert verdict.exploratory
    with pytest.raises(EvidenceError, match="nothing is measured"):
        verdicts.decided(found, [], None)
    with pytest.raises(EvidenceError, match="nothing is measured"):
        verdicts.decided(Subject(STUDY, MEASUREMENT, decide), recorded(), None)


@pytest.mark.parametrize(
    ("tasks", "points", "said"),
    [
        (("text",), [], r"task\.name: claim_1 takes text; got 'adding'$"),
        ((), [{"point": {"task.length": 9}}], r"task\.length: runs have 50, measurements 9$"),
        ((), [{"point": {"task.file": "a"}}], r"task\.file: runs have None, measurements 'a'$"),
    ],
)
def test_what_was_run_and_measured_on_something_else_decides_nothing(tasks, points, said):
    found = Subject(STUDY, MEASUREMENT, decide, tasks=tasks)
    with pytest.raises(EvidenceError, match=said):
        verdicts.decided(found, recorded(), {**MADE, "points": points})


def test_what_is_written_says_size_rules_and_machine_without_markup(tmp_path):
    text = verdicts.written(
        Workdir(tmp_path), Subject(STUDY, MEASUREMENT, decide), recorded(), MADE
    )
    assert text == (tmp_path / "verdicts.md").read_text(encoding="utf-8")
    said = re.sub(r"\\(.)", r"\1", text)
    assert "CPU size: 10 runs and 1 points measured without training. Intervals" in said
    assert (
        f"Rules version {rules.VERSION}, evidence version {evidence.VERSION}; jaxlib 0.10.2" in said
    )
    assert "Fragile:" in said and "Exploratory:" not in said
    assert "<script>" not in text and "&lt;script>" in text and "\x1b" not in text
    found = json.loads((tmp_path / "verdicts.json").read_text(encoding="utf-8"))
    assert found["rules"] == rules.VERSION and len(found["environments"]) == 2
    assert (tmp_path / "claim.png").stat().st_size and (tmp_path / "claim.svg").stat().st_size


def test_without_evidence_nothing_is_written_and_it_is_said(tmp_path, capsys):
    assert verdicts.written(Workdir(tmp_path), FOUND, [], None) == ""
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr() == ("", "claim_1: no verdict yet: x has 0 of 0 seeds\n")


def test_a_collection_takes_the_workdirs_of_claims_that_can_be_decided(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "CLAIMS", ("claim_1", "claim_2"))
    monkeypatch.setattr(
        verdicts, "subject", lambda name: Subject(measurement=MEASUREMENT, decide=decide)
    )
    assert verdicts.workdirs(tmp_path) == []
    for name, study in {"claim_1": "claim_1", "claim_2": "another", "claim_1_full": None}.items():
        (tmp_path / name).mkdir()
        if study:
            made = {**MADE, "same": {**MADE["same"], "study": study}}
            (tmp_path / name / MEASURED).write_text(jsonl.dumps(made))
    several = verdicts.workdirs(tmp_path)
    assert [workdir.path.name for workdir in several] == ["claim_1"]
    assert "It holds." in verdicts.collected(tmp_path, several)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [
        "verdicts.json",
        "verdicts.md",
    ]


def test_a_collection_of_none_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "subject", lambda name: FOUND)
    (tmp_path / "claim_1").mkdir()
    (tmp_path / "claim_1" / "records.jsonl").write_text(f"{jsonl.dumps(recorded()[0])}\n")
    several = verdicts.workdirs(tmp_path)
    assert len(several) == 1 and verdicts.collected(tmp_path, several) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["claim_1"]
