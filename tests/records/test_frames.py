"""Data frames of records: infinities are numbers, whatever the JSON text says."""

import json
from math import inf, nan

import pandas as pd
import pytest
from support import made_up
from support.made_up_tables import BIAS, CLIP

from seqjax import records
from seqjax.records import jsonl

NORMS = made_up.record().gradient_norm
RUNS = [
    made_up.record({CLIP: 1.0}, test=0.9),
    made_up.record({CLIP: inf}, test=0.8, gradient_norm=made_up.replace(NORMS, mean=inf)),
    made_up.record({BIAS: 1}, arm="b", failed="nonfinite"),
]


@pytest.fixture
def workdir(tmp_path):
    for run in RUNS:
        jsonl.append(tmp_path / "records.jsonl", run)
    return tmp_path


def test_columns_of_numbers_are_numeric_with_real_infinities(workdir):
    frame = records.load(workdir)
    expected = {
        CLIP: [1, inf, nan],
        BIAS: [nan, nan, 1],
        "test": [0.9, 0.8, nan],
        "test.accuracy": [0.9, 0.8, nan],
        "gradient_norm": [1, inf, 1],
    }
    for name, values in expected.items():
        assert pd.api.types.is_float_dtype(frame[name]), name
        pd.testing.assert_series_equal(frame[name], pd.Series(values, name=name), check_dtype=False)
    text = ["id", "study", "arm", "task", "cell", "purpose", "metric", "failed", "rules"]
    text += ["commit", "seqjax", "jaxlib", "device"]
    for name in frame.columns.drop(text):
        assert pd.api.types.is_numeric_dtype(frame[name]), name


def test_the_guide_says_how_raw_lines_are_read(workdir):
    lines = (workdir / "records.jsonl").read_text(encoding="utf-8").splitlines()
    raw = pd.json_normalize([json.loads(line) for line in lines])
    column = raw[f"point.{CLIP}"]
    assert column.tolist()[1] == "inf"
    assert column.astype(float).tolist()[:2] == [1, inf]
