"""The checks that are run by hand on an accelerator: they can fail, and pass on a CPU."""

import json
import pathlib

import numpy as np
import pytest

from experiments.bench import accelerator, repeats

RESULTS = pathlib.Path(__file__).parents[2] / "experiments/results/bench"


def test_rounding_leaves_the_given_number_of_bits():
    values = np.array([1.0, 1 + 2**-10, 1 + 2**-12, -3.0, 0.0])
    assert accelerator.rounded(values, 10).tolist() == [1.0, 1 + 2**-10, 1.0, -3.0, 0.0]


def test_the_worst_array_counts_and_nan_never_passes():
    exact = {"a": np.full(4, 2.0), "b": np.full(2, 3.0), "c": np.zeros(2)}
    off = exact | {"b": np.array([3.0, 3.3])}
    assert accelerator.worst_error(exact, exact) == 0
    assert accelerator.worst_error(off, exact) == pytest.approx(0.3 / np.sqrt(18))
    assert accelerator.worst_error(exact | {"a": np.full(4, np.nan)}, exact) == np.inf
    assert accelerator.worst_error(exact | {"c": np.ones(2)}, exact) == np.inf


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "engines"), [("gru", ["reference", "fused"]), ("mut1", ["reference"])]
)
def test_every_engine_is_accepted_in_float32(monkeypatch, name, engines):
    for size, value in {"STEPS": 6, "BATCH": 3, "INPUTS": 2, "HIDDEN": 4, "RUNS": 2}.items():
        monkeypatch.setattr(accelerator, size, value)
    rows = accelerator.measure(name, 1, ("float32",))
    assert [row["engine"] for row in rows] == engines
    for row in rows:
        assert row["accepted"] and 0 < max(row["errors"].values()) < 1e-5
    head, _, line = accelerator.table(rows)
    assert line.startswith(f"| {name} | {len(rows)} | ") and head.count("|") == line.count("|")


def test_sweeps_are_compared_run_by_run(first, finished):
    same = repeats.compare(first[0], finished)
    assert (same["runs"], same["equal_records"], same["equal_curves"]) == (8, 8, 8)
    curve = next((finished / "curves").iterdir())
    values = np.load(curve)
    values[0, 4] += 1
    np.save(curve, values)
    other = repeats.compare(first[0], finished)
    assert (other["equal_records"], other["equal_curves"]) == (8, 7)
    assert other["first_step_that_differs"] == 4


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*_errors.json")), ids=lambda path: path.stem)
def test_the_committed_errors_follow_from_their_json(path):
    table = "\n".join(accelerator.table(json.loads(path.read_text())))
    assert path.with_suffix(".md").read_text(encoding="utf-8").endswith(f"\n\n{table}\n")


def test_the_committed_comparisons_of_sweeps_follow_from_their_json():
    data = json.loads((RESULTS / "h100_repeats.json").read_text())
    text = (RESULTS / "h100_repeats.md").read_text(encoding="utf-8")
    for width in ("H=32", "H=128"):
        assert "\n".join(repeats.table(data[width]["pairs"])) in text
