"""What is committed of speech, forecasting, texts and translations follows from the records."""

import gzip
import json
import pathlib
import re
import shutil

import pytest
from published import HERE, put, use_published

from experiments import verdicts
from experiments.report import report
from experiments.subject import subject
from experiments.workdir import MEASURED, Workdir
from seqjax import survey

RESULTS = pathlib.Path(__file__).parents[1] / "experiments" / "results"
STUDIES = ("speech", "forecast", "text", "translation")
ELSEWHERE = {"text": "tinyshakespeare"}
"""Sets that no package brings."""
SLOW = ("warped apart", "memory")


@pytest.fixture(params=STUDIES)
def committed(request, tmp_path):
    """The folder of results, and a workdir with their records."""
    kept = RESULTS / request.param
    (tmp_path / "curves").mkdir()
    for name in ("config.json", MEASURED):
        shutil.copy(kept / name, tmp_path)
    put(tmp_path / "records.jsonl", gzip.decompress((kept / "records.jsonl.gz").read_bytes()))
    return kept, tmp_path


def test_tables_and_verdicts_follow_from_the_records(committed):
    kept, made = committed
    report(Workdir(made))
    for name in ("table.md", "table.csv", "table.tex"):
        assert (made / name).read_bytes() == (kept / name).read_bytes(), name
    ours, theirs = (json.loads((f / "verdicts.json").read_text())["verdicts"] for f in committed)
    assert ours == theirs and not ours[0]["exploratory"] and ours[1]["exploratory"]
    # The last line but the comparisons' names the evidence of all studies, which others change.
    ours, theirs = (re.sub(r"evidence \w+", "", (f / "verdicts.md").read_text()) for f in committed)
    assert ours == theirs
    assert (kept / "claim.png").read_bytes().startswith(b"\x89PNG")


def test_measurements_are_those_of_the_survey(committed, monkeypatch):
    kept, made = committed
    found = subject(kept.name)
    workdir = Workdir(made)
    assert len({r["seed"] for r in workdir.records() if r["purpose"] == "evaluation"}) == 10
    measured = workdir.measurements()
    few = [p for p in measured["points"] if not set(p["point"].values()) & set(SLOW)]
    few = few[:3] + few[-1:]
    if set_ := ELSEWHERE.get(kept.name):
        use_published(monkeypatch)
        few = few if (HERE / set_).is_dir() else []
    for point in few:
        again = found.survey.measure(point["point"])
        for name, value in point["measured"].items():
            assert float(again[name]) == pytest.approx(value, rel=1e-6)
    assert measured["same"]["points"] == [dict(p) for p in survey.identity(found.survey)["points"]]
    verdicts.decided(found, workdir.records(), measured)
