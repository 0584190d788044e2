"""Baselines beside a table: their rows, and the sentence if none is beaten."""

import pytest
from support.made_up import record

from seqjax.records import codec
from seqjax.records.record import decode
from seqjax.reporting import plots
from seqjax.reporting.baselines import baseline_rows
from seqjax.reporting.tables import make

BASELINES = {"most frequent": 0.25, "linear": 0.8}


def records(tests, baselines=BASELINES, **changes):
    return [
        record({"clip.threshold": bound}, seed=seed, test=test, baselines=baselines, **changes)
        for bound, test in zip((1.0, 2.0), tests, strict=True)
        for seed in range(2)
    ]


def test_a_record_stores_its_baselines_and_one_without_any_is_as_before():
    with_baselines, without = records((0.5, 0.5))[0], record()
    stored = codec.dumps(with_baselines).encode()
    assert decode(stored).baselines == BASELINES
    assert "baselines" not in codec.to_builtins(without)
    assert decode(codec.dumps(without).encode()).baselines == {}


@pytest.mark.parametrize(
    ("tests", "settings", "said"),
    [((0.5, 0.7), {}, True), ((0.5, 0.9), {}, False),
     ((0.1, 0.15), {"task.name": "adding"}, False), ((0.9, 0.95), {"task.name": "adding"}, True)],
)  # fmt: skip
def test_a_caption_says_if_no_cell_beats_the_best_baseline(tests, settings, said):
    better = 0.8 if not settings else 0.25
    caption = make(records(tests, settings=settings)).caption
    assert ("best baseline" in caption) == said
    if said:
        name = "linear" if not settings else "most frequent"
        assert f"{name} ({better})" in caption


def test_tables_without_baselines_and_tables_of_scores_say_nothing():
    assert "baseline" not in make(records((0.5, 0.7), baselines={})).caption
    assert "baseline" not in make(records((0.5, 0.7), compared="score")).caption


def test_baselines_are_listed_once_for_each_task():
    head, *rows = baseline_rows(records((0.5, 0.7)))
    assert head == ["baseline", "test accuracy"]
    assert rows == [["most frequent", "0.25"], ["linear", "0.8"]]
    swept = [
        record(
            {"task.length": steps}, settings={"task.name": "adding"}, baselines={"mean": 1 / steps}
        )
        for steps in (10, 20, 20)
    ]
    assert baseline_rows(swept) == [
        ["task.length", "baseline", "test mse"], ["10", "mean", "0.1"], ["20", "mean", "0.05"],
    ]  # fmt: skip
    assert len(baseline_rows([record()])) == 1


def test_learning_curves_of_validation_have_no_level_of_the_test_part():
    """In a series the parts differ, so a test level would flatter or belittle the curves."""
    panel = plots.curves(make(records((0.5, 0.7))), "validation_accuracy").axes[0]
    assert not any(0.8 in line.get_ydata() for line in panel.lines)
