"""Tables say how many runs are recorded, which are missing, and how many failed."""

import csv
import io
import itertools
from math import inf

import pytest
from support.figures import words
from support.made_up import record
from support.made_up_tables import BIAS, CLIP, RATE, only, table_of

from seqjax.records import plan
from seqjax.records.jsonl import RecordError
from seqjax.reporting import plots
from seqjax.reporting.completeness import completeness, infer_plan
from seqjax.reporting.tables import cell_text


def runs(seeds=2, arms=("a", "b"), biases=(0.0, 1.0)):
    """A record of each arm, bias and seed."""
    return [
        record({BIAS: bias}, arm=arm, seed=seed)
        for arm, bias, seed in itertools.product(arms, biases, range(seeds))
    ]


@pytest.mark.core
def test_a_table_counts_its_runs_and_names_the_missing_ones():
    whole = runs()
    table = table_of(whole, tune=None, planned=whole)
    assert "8 of 8 runs." in table.caption and table.incomplete == ""
    partial = table_of(whole[:5] + whole[7:], tune=None, planned=whole)
    assert partial.caption.startswith("INCOMPLETE: 6 of 8 runs; missing: ")
    assert f"b {BIAS}=0 (seed 1)" in partial.caption and f"b {BIAS}=1 (seed 0)" in partial.caption
    assert partial.incomplete == "6 of 8 runs"
    for text in (partial.to_markdown(), partial.to_latex()):
        assert "INCOMPLETE: 6 of 8 runs" in text


def test_a_partial_figure_says_so():
    whole = runs()
    for records, said in ((whole, False), (whole[:-2], True)):
        table = table_of(records, tune=None, planned=whole)
        figures = plots.heat_map(table), plots.curves(table, "validation_accuracy")
        for figure in figures:
            assert any("6 of 8 runs" in text for text in words(figure)) == said


def test_missing_runs_are_named_by_point_or_by_what_is_fewer():
    whole = runs(seeds=5, arms=("a", "b"), biases=tuple(map(float, range(20))))
    kept = [one for one in whole if (one.arm, one.point[BIAS]) == ("a", 0.0)]
    caption = table_of(kept, tune=None, planned=whole).caption
    assert "5 of 200 runs; missing: a (95 runs), b (100 runs)." in caption
    alone = runs(seeds=10, arms=("all",), biases=tuple(map(float, range(20))))
    caption = table_of(alone[:1], tune=None, planned=alone).caption
    assert f"{BIAS}=0 (9 runs), {BIAS}=1 (10 runs)" in caption and "140 more runs." in caption
    point = {BIAS: 3.0}
    others = [one for one in alone if one.point != point]
    assert completeness(others, alone).missing == tuple(o for o in alone if o.point == point)
    assert f"missing: {BIAS}=3 (10 runs)" in table_of(others, tune=None, planned=alone).caption


def test_without_a_plan_every_point_is_expected_to_have_every_seed():
    whole = runs(seeds=3)
    assert {run.id for run in infer_plan(whole)} == {one.id for one in whole}
    partial = [one for one in whole if one.id != whole[4].id]
    (missing,) = completeness(partial, None).missing
    assert missing.id == whole[4].id
    assert "INCOMPLETE: 11 of 12 runs" in table_of(partial, tune=None).caption


def tuned(rates, seeds=(1000, 1001), reported=None, arm="a"):
    """Tuning runs at some rates, of which .1 is best, and reported runs at a rate."""
    points = [({RATE: rate}, seed, "tuning") for rate in rates for seed in seeds]
    points += [({RATE: reported}, seed, "evaluation") for seed in (0, 1) if reported is not None]
    for point, seed, purpose in points:
        validation = 0.9 if point[RATE] == 0.1 else 0.5
        yield record(point, arm=arm, seed=seed, purpose=purpose, tune=RATE, validation=validation)


def test_unfinished_tuning_is_named():
    finished = [*tuned((0.01, 0.1, 1.0), reported=0.1)]
    assert "8 of 8 runs." in table_of(finished).caption
    waiting = [*tuned((0.01, 0.1, 1.0), arm="b")]
    for planned in (None, [*finished, *waiting]):  # tuned, but not reported
        caption = table_of([*finished, *waiting], planned=planned).caption
        assert caption.startswith("INCOMPLETE: 14 of 14 runs planned so far; tuning")
    caption = table_of([*finished, *waiting[1:]], planned=[*finished, *waiting]).caption
    assert f"13 of 14 runs planned so far; missing: b {RATE}=0.01 (seed 1000); tun" in caption


def test_a_slice_counts_the_runs_at_its_value():
    grid = itertools.product((0.5, 1.0), (0.1, 1.0), (0, 1))
    found = [record({CLIP: clip, RATE: rate}, seed=seed) for clip, rate, seed in grid]
    for planned in (None, found):
        assert "4 of 4 runs." in table_of(found, fixed=0.1, planned=planned).caption


# --- failed runs ---


def test_a_cell_in_which_all_runs_failed_has_the_reasons_and_no_number():
    reasons = ("nonfinite", "above_chance", "nonfinite")
    failed = [record({CLIP: 0.5}, seed=k, failed=name) for k, name in enumerate(reasons)]
    other = [record({CLIP: 1.0}, seed=k, test=0.9 + k / 100) for k in range(3)]
    table = table_of([*failed, *other], tune=None)
    first, second = table.cells()
    assert cell_text(first) == "failed (nonfinite, above chance) (3/3)"
    assert cell_text(second).startswith("0.910 ± ")
    row, _ = csv.DictReader(io.StringIO(table.to_csv()))
    assert (row["mean"], row["low"], row["high"], row["runs"], row["failed"]) == (
        "",
        "",
        "",
        "3",
        "3",
    )
    assert row["failures"] == "2 nonfinite, 1 above_chance"
    figure = plots.heat_map(table)
    assert {"failed", "(nonfinite,", "above chance)"} <= set(words(figure))
    assert figure.axes[0].images[0].get_array().mask.ravel().tolist() == [True, False]
    assert [patch.get_hatch() for patch in figure.axes[0].patches] == ["///"]
    assert first.mean == pytest.approx(0.1)  # selection and order are as before


def test_a_table_in_which_everything_failed_is_drawn():
    table = table_of([record({CLIP: clip}, failed="collapsed") for clip in (0.5, 1.0)], tune=None)
    assert words(plots.heat_map(table)).count("(collapsed)") == 2
    assert "0.1" not in table.to_markdown().partition("Test accuracy")[0]


def test_no_value_is_the_best_one_if_all_failed():
    found = [record({RATE: rate}, failed="nonfinite") for rate in (0.1, 0.3, 1.0)]
    assert only(table_of(found)).marks == ()
    assert only(table_of([*found, record({RATE: 3.0})])).marks == ("edge",)


def test_failed_runs_are_counted_by_reason_under_the_table():
    assert "Failed runs:" not in table_of([record()]).caption
    found = [record(seed=k) for k in range(4)] + [
        record(seed=9 + k, failed=reason)
        for k, reason in enumerate(["above_chance", "nonfinite", "nonfinite"])
    ]
    caption = table_of(found).caption
    assert "Failed runs: 2 nonfinite (" in caption and "), 1 above chance (" in caption
    rates = [record({RATE: 0.1}), record({RATE: 0.3}, failed="nonfinite")]
    assert "at values that were not selected: 1 nonfinite" in table_of(rates).caption


def test_tables_of_failures_and_of_chance_open_with_a_warning():
    good, bad = record(), record(seed=1, failed="nonfinite")
    assert table_of([good, bad]).caption.startswith("Test ")
    caption = table_of([good, bad, record(seed=2, failed="nonfinite")]).caption
    assert caption.startswith("FAILED: 2 of 3 runs failed: 2 nonfinite (")
    assert table_of([record(test=0.05), bad]).caption.startswith("CHANCE: ")


# --- the stored plan ---


def test_a_plan_is_stored_and_read(tmp_path):
    clipped = [record({CLIP: inf}, seed=seed) for seed in (0, 1)]
    whole = [*runs(seeds=3), *tuned((0.1, 1e-5), reported=0.1), *clipped]
    assert plan.read(tmp_path) is None
    plan.write(tmp_path, whole)
    read = plan.read(tmp_path)
    fields = ("id", "arm", "point", "seed", "purpose")
    assert [tuple(run) for run in read] == [
        tuple(getattr(one, name) for name in fields) for one in whole
    ]
    text = (tmp_path / plan.NAME).read_text()
    (tmp_path / plan.NAME).write_text(text.replace('"seeds": [0, 1]', '"seeds": [0]'))
    with pytest.raises(RecordError, match=rf"{plan.NAME}: checksum"):
        plan.read(tmp_path)
    (tmp_path / plan.NAME).write_text('{"runs": []}')
    with pytest.raises(RecordError, match=rf"{plan.NAME}: checksum"):
        plan.read(tmp_path)
