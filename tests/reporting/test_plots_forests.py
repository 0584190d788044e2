"""Forest plots: every number of a table, and differences paired by seed."""

from math import inf, nan

import numpy as np
import pytest
from scipy import stats
from support.figures import faults, words
from support.made_up import record
from support.made_up_tables import BIAS, CLIP, table_of

from seqjax.reporting import plots
from seqjax.reporting.tables import from_frame

VALUES = {
    ("lstm", 0.5): [0.70, 0.80, 0.90],
    ("lstm", inf): [0.50, 0.60, 0.75],
    ("gru", 0.5): [0.73, 0.84, 0.92],
    ("gru", inf): [0.49, 0.65, 0.70],
}


def table(values=VALUES, **options):
    cells = [
        (arm, clip, seed, value)
        for (arm, clip), runs in values.items()
        for seed, value in enumerate(runs)
    ]
    frame = dict(zip(("arm", "clip", "seed", "accuracy"), zip(*cells, strict=True), strict=True))
    options = {"arms": ("lstm", "gru"), "chance": 0.1, **options}
    return from_frame(frame, "accuracy", higher_is_better=True, axes=["clip"], **options)


def marked(panel, marker):
    """(n, 2) positions (x, y) of a marker, from the top."""
    drawn = [line for line in panel.lines if line.get_marker() == marker]
    pairs = [pair for line in drawn for pair in zip(*line.get_data(), strict=True)]
    return np.array(sorted(pairs, key=lambda pair: pair[::-1])).reshape(-1, 2)


def near(pairs):
    return pytest.approx(np.array(pairs, float))


def intervals(panel):
    """Lower and upper limit of the intervals by row."""
    lines = [line for line in panel.lines if line.get_marker() == "None"]
    horizontal = [line for line in lines if len(set(line.get_ydata())) == 1]
    return {
        int(line.get_ydata()[0]): tuple(map(float, line.get_xdata()))
        for line in horizontal
        if float(line.get_ydata()[0]).is_integer()
    }


@pytest.mark.core
def test_a_row_has_the_mean_its_interval_and_every_seed():
    figure = plots.forest(table())
    (panel,) = figure.axes
    names = [text.get_text() for text in panel.get_yticklabels()]
    assert names == ["lstm, 0.5", "lstm, ∞", "gru, 0.5", "gru, ∞"]
    bottom, top = panel.get_ylim()
    assert bottom > top  # the first row of the table is at the top
    seeds = [(value, y) for y, runs in enumerate(VALUES.values()) for value in sorted(runs)]
    assert marked(panel, "o") == near(seeds)
    means = [(np.mean(runs), y) for y, runs in enumerate(VALUES.values())]
    assert marked(panel, "D") == near(means)
    for y, runs in enumerate(VALUES.values()):
        limits = stats.t.interval(0.95, 2, np.mean(runs), stats.sem(runs))
        assert intervals(panel)[y] == pytest.approx(limits)
    found = words(figure)
    assert {"0.800 ± 0.248 (3/0)", "arm, clip", "accuracy (higher is better)"} <= set(found)
    assert "mean ± 95 % interval (runs/failed)" in found and not faults(figure)


@pytest.mark.core
@pytest.mark.parametrize(
    ("reference", "pairs"),
    [
        ("lstm", {2: ("gru", "lstm", 0.5, 0.5), 3: ("gru", "lstm", inf, inf)}),
        ({"clip": inf}, {0: ("lstm", "lstm", 0.5, inf), 2: ("gru", "gru", 0.5, inf)}),
        ({"arm": "lstm", "clip": inf}, {
            0: ("lstm", "lstm", 0.5, inf), 2: ("gru", "lstm", 0.5, inf),
            3: ("gru", "lstm", inf, inf),
        }),
    ],
    ids=str,
)  # fmt: skip
def test_differences_to_the_reference_are_paired_by_seed(reference, pairs):
    figure = plots.forest(table(), reference)
    values, differences = figure.axes
    expected = {
        y: np.subtract(VALUES[arm, clip], VALUES[other, clip_of_other])
        for y, (arm, other, clip, clip_of_other) in pairs.items()
    }
    assert marked(differences, "o") == near(
        [(x, y) for y, d in expected.items() for x in sorted(d)]
    )
    for y, d in expected.items():
        limits = stats.t.interval(0.95, 2, np.mean(d), stats.sem(d))
        assert intervals(differences)[y] == pytest.approx(limits)
    dashed = [line for line in values.lines if line.get_linestyle() == "--"]
    assert {round(float(line.get_xdata()[0]), 9) for line in dashed} == {
        round(float(np.mean(VALUES[other, clip])), 9) for _, other, _, clip in pairs.values()
    }
    assert words(figure).count("reference") == 4 - len(pairs)


def test_only_common_seeds_are_paired():
    values = {("lstm", 0.5): [0.5, 0.6, 0.7], ("gru", 0.5): [0.6, 0.9]}
    figure = plots.forest(table(values), "lstm")
    assert marked(figure.axes[1], "o") == near([(0.1, 1), (0.3, 1)])
    assert marked(plots.forest(table(values), "gru").axes[1], "D") == near([(-0.2, 0)])
    assert "(5 of 6 runs)" in figure.axes[0].get_title(loc="left")
    assert any(text.startswith("+0.200") and text.endswith("(2)") for text in words(figure))


def test_the_margin_is_shaded_among_the_differences():
    figure = plots.forest(table(), "lstm", margin=0.05)
    values, differences = figure.axes
    (band,) = differences.patches
    assert (band.get_x(), band.get_width()) == pytest.approx((-0.05, 0.1)) and not values.patches
    assert differences.get_xlabel() == "difference to lstm in accuracy"
    assert "smaller than 0.05" in " ".join(words(figure)) and not faults(figure)
    assert not plots.forest(table(), "lstm").axes[1].patches


def test_failed_runs_are_crosses_and_failed_cells_have_no_mean():
    values = {("lstm", 0.5): [0.5, nan, 0.7], ("gru", 0.5): [nan, nan, nan]}
    figure = plots.forest(table(values), "lstm")
    panel, differences = figure.axes
    assert marked(panel, "x") == near([(0.1, 0), (0.1, 1), (0.1, 1), (0.1, 1)])
    assert [y for _, y in marked(panel, "D")] == [0] and list(intervals(panel)) == [0]
    assert not marked(differences, "D").size and not marked(differences, "o").size
    assert any(text.startswith("failed (") for text in words(figure))
    failed = plots.forest(table(values), "gru")
    assert not [line for line in failed.axes[0].lines if line.get_linestyle() == "--"]
    assert not marked(failed.axes[1], "D").size and "the reference failed" in words(failed)


def test_a_reference_without_the_axis_is_compared_with_at_every_point():
    found = [
        record({BIAS: bias} if arm == "lstm" else {}, arm=arm, seed=seed, test=bias + seed / 10)
        for arm, biases in {"lstm": (0.1, 0.3), "gru": (0.2,)}.items()
        for bias in biases
        for seed in (0, 1)
    ]
    figure = plots.forest(table_of(found, tune=None), "gru")
    assert marked(figure.axes[1], "D") == near([(-0.1, 1), (0.1, 2)])  # the gru is the first row
    valued = plots.forest(table_of(found, tune=None), {BIAS: 0.1})
    assert marked(valued.axes[1], "D") == near([(0.2, 2)])
    assert words(valued).count("reference") == 1  # the gru has no bias that could be the reference
    several = plots.forest(table_of(found, tune=None), "lstm")
    assert not marked(several.axes[1], "D").size  # no single cell of the lstm is the reference


@pytest.mark.parametrize("reference", ["elman", {"bias": 1.0}, {"clip": 7.0}], ids=str)
def test_unknown_references_are_refused(reference):
    with pytest.raises(ValueError, match=r"^reference: "):
        plots.forest(table(), reference)


@pytest.mark.slow
def test_tables_of_every_shape_are_drawn(tmp_path):
    one = table_of([record(seed=seed) for seed in (0, 1)])
    assert [text.get_text() for text in plots.forest(one).axes[0].get_yticklabels()] == ["all"]
    alone = plots.forest(table_of([record({CLIP: clip}) for clip in (0.5, inf)]))
    assert "test accuracy (higher is better)" in words(alone)
    for name in ("$x$", "_b", "漢" * 99):
        frame = {"arm": [name, "b"], "seed": [0, 0], "m": [1.0, 1.0]}
        drawn = from_frame(frame, "m", higher_is_better=False, axes=[])
        plots.save(plots.forest(drawn, name), tmp_path, "forest")
    assert (tmp_path / "forest.png").read_bytes().startswith(b"\x89PNG")
