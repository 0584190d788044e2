"""Tables of data frames and of arrays of scores."""

import itertools
from math import inf, nan

import numpy as np
import pandas as pd
import pytest
from support.figures import words
from support.made_up import record
from support.made_up_tables import BIAS, CLIP, RATE

import seqjax
from seqjax.records import to_frame
from seqjax.reporting import plots, tables
from seqjax.reporting.tables import from_frame, from_scores
from seqjax.reporting.tables.reading import NO_METRIC


def rows(**changes):
    """Two arms × two widths × three seeds: the gru is better by .1, the wider network by .2."""
    grid = itertools.product(("lstm", "gru"), (8, 16), range(3))
    frame = pd.DataFrame(
        [
            {
                "arm": arm,
                "width": width,
                "seed": seed,
                "accuracy": 0.5 + 0.1 * (arm == "gru") + 0.2 * (width == 16) + seed / 100,
            }
            for arm, width, seed in grid
        ]
    )
    return frame.assign(**changes)


def table_of(frame, **options):
    return from_frame(frame, "accuracy", **{"higher_is_better": True, "axes": ["width"], **options})


def numbers(table):
    """The numbers of each cell, which do not depend on where a table comes from."""
    return [
        (
            *(cell.arm, dict(cell.point), cell.chosen, cell.n, cell.failed, cell.marks),
            *(cell.mean, cell.half_width, cell.validation, cell.interquartile_mean),
        )
        for cell in table.cells()
    ]


@pytest.mark.core
def test_a_frame_of_records_gives_the_table_of_the_records():
    found = [
        record(
            {BIAS: bias, RATE: rate} if arm == "lstm" else {RATE: rate},
            arm=arm,
            seed=seed,
            test=(7 * bias + 3 * rate + seed / 9) % 1,
            failed="collapsed" if (bias, seed) == (1.0, 2) else None,
        )
        for arm, biases in {"lstm": (-1.0, 1.0), "gru": (0.5,)}.items()
        for bias, rate, seed in itertools.product(biases, (0.1, 0.3), range(3))
    ]
    expected = tables.make(found, tune=RATE, arms=("lstm", "gru"))
    table = from_frame(
        to_frame(found).sample(frac=1, random_state=0),
        "test",
        higher_is_better=True,
        axes=[BIAS],
        tune=RATE,
        validation="validation",
        failed="failed",
        chance="chance",
        arms=("lstm", "gru"),
    )
    assert numbers(table) == numbers(expected)
    assert (table.rows, table.columns, table.row_titles) == (
        expected.rows,
        expected.columns,
        expected.row_titles,
    )
    assert "chance 0.1)" in table.caption and "–" in table.caption
    assert {line.split(",")[1] for line in table.to_csv().splitlines()[1:]} == {"lstm", "gru"}


def test_the_committed_results_give_their_table_as_a_frame():
    workdir = "experiments/results/quickstart"
    expected = tables.make(seqjax.load_records(workdir))
    table = from_frame(
        seqjax.records.load(workdir),
        "test",
        higher_is_better=True,
        axes=[BIAS, CLIP],
        tune=RATE,
        validation="validation",
        failed="failed",
        chance="chance",
    )
    assert numbers(table) == [
        (*row[:5], tuple(mark for mark in row[5] if mark == "edge"), *row[6:])
        for row in numbers(expected)
    ]


@pytest.mark.parametrize("kind", ["pandas", "dictionary", "arrays"])
def test_a_frame_may_be_a_dictionary_of_columns(kind):
    frame = {
        "pandas": rows(),
        "dictionary": rows().to_dict("list"),
        "arrays": {name: rows()[name].to_numpy() for name in rows()},
    }[kind]
    table = table_of(frame)
    assert table.rows == (("gru",), ("lstm",)) and table.columns == (8, 16)
    assert [round(cell.mean, 9) for cell in table.cells()] == [0.61, 0.81, 0.51, 0.71]
    assert table.cells()[0].values == pytest.approx({0: 0.6, 1: 0.61, 2: 0.62})
    assert "accuracy (higher is better): mean" in table.caption and "chance" not in table.caption


def test_text_that_seeds_share_is_an_axis_and_constants_are_not():
    frame = rows(task=["a", "b"] * 6, steps=100, deep=[True, False, False] * 4).drop(
        columns="width"
    )
    frame["seed"] = np.arange(12) // 6
    frame["arm"] = ["x", "y", "z"] * 4
    frame = frame[~frame.duplicated(["arm", "task", "deep", "seed"])]
    cells = from_frame(frame, "accuracy", higher_is_better=True).cells()
    assert {tuple(cell.point) for cell in cells} == {("task", "deep")}


UNCLEAR = {
    "a number": {},
    "text of each run": {"width": [f"run {k}" for k in range(12)]},
}


@pytest.mark.parametrize("changes", UNCLEAR.values(), ids=UNCLEAR)
def test_columns_that_may_be_axes_or_results_are_not_guessed(changes):
    with pytest.raises(ValueError, match=r"^axes: .*width"):
        table_of(rows(**changes), axes=None)


@pytest.mark.parametrize("missing", [None, nan, pd.NA, inf], ids=str)
def test_a_run_without_a_number_failed_and_counts_as_chance(missing):
    frame = rows().astype({"accuracy": object})
    frame.loc[0, "accuracy"] = missing
    with pytest.raises(ValueError, match=r"^chance: .*1 of 12 .*row 0"):
        table_of(frame)
    cell = table_of(frame, chance=0.1).grid[("lstm",), 8]
    assert cell.failures == {NO_METRIC: 1}
    assert (cell.n, cell.failed) == (3, 1) and cell.mean == pytest.approx((0.1 + 0.51 + 0.52) / 3)


@pytest.mark.parametrize(
    "marks",
    [[True] + [False] * 11, ["diverged"] + [""] * 11, ["diverged"] + [None] * 11],
    ids=["truth values", "reasons", "reasons and missing values"],
)
def test_a_run_that_is_marked_failed_counts_as_chance(marks):
    cell = table_of(rows(diverged=marks), failed="diverged", chance=0.25).grid[("lstm",), 8]
    assert cell.failed == 1 and cell.mean == pytest.approx((0.25 + 0.51 + 0.52) / 3)
    assert cell.records[0].failed.reason == "diverged"


def test_a_cell_in_which_all_runs_failed_has_no_number():
    frame = rows(bad=lambda frame: np.where(frame.arm == "gru", "diverged", ""))
    table = table_of(frame, failed="bad", chance=0.1)
    (text,) = {text for row, *texts in table.text_rows() if row == "gru" for text in texts}
    assert text.startswith("failed (diverged)") and "6 diverged" in table.caption


def test_a_reason_that_is_a_truth_value_as_text_is_refused():
    with pytest.raises(ValueError, match=r"^failed: .*'False'.*row 0"):
        table_of(rows(bad="False"), failed="bad", chance=0.1)


def test_the_value_is_selected_on_validation():
    frame = rows(val=lambda frame: 1 - frame.accuracy)
    cells = table_of(frame, axes=[], tune="width", validation="val").cells()
    assert [cell.chosen for cell in cells] == [8, 8]
    frame = frame.assign(val=frame.accuracy)
    table = table_of(frame, axes=[], tune="width", validation="val")
    assert [cell.chosen for cell in table.cells()] == [16, 16]
    assert [round(cell.validation, 9) for cell in table.cells()] == [0.81, 0.71]
    assert "best mean val," in table.caption
    worst = table_of(frame, axes=[], tune="width", validation="val", higher_is_better=False)
    assert [cell.chosen for cell in worst.cells()] == [8, 8]


def test_missing_seeds_are_named():
    table = table_of(rows().drop(index=[1, 11]))
    assert table.caption.startswith("INCOMPLETE: 10 of 12 runs")
    assert "lstm width=8 (seed 1)" in table.caption
    assert "gru width=16 (seed 2)" in table.caption
    assert "12 of 12 runs" in table_of(rows()).caption


def test_an_axis_that_an_arm_lacks_is_no_part_of_its_point():
    frame = rows()
    frame.loc[frame.arm == "gru", "width"] = nan
    frame = frame[~frame.duplicated(["arm", "width", "seed"])]
    table = table_of(frame)
    assert table.grid[("gru",), ""].point == {} and table.columns == ("", 8, 16)


def test_axes_are_in_the_order_given():
    frame = rows(depth=[1, 2] * 6)
    frame.loc[frame.index < 6, "width"] = nan  # the first arm lacks the first axis
    frame["seed"] = range(12)
    for axes in (["width", "depth"], ["depth", "width"]):
        table = table_of(frame, axes=axes)
        assert (table.row_titles, table.column_title) == (("arm", axes[0]), axes[1])


MISTAKES = {
    "no such metric": (rows(), {"axes": ["width"], "metric": "acc"}, "metric"),
    "no such arm": (rows(), {"arm": "method"}, "arm"),
    "no such axis": (rows(), {"axes": ["depth"]}, "axes"),
    "no such column for columns": (rows(), {"columns": "depth"}, "columns"),
    "two rows for a run": (rows(), {"axes": []}, "frame"),
    "two columns of a name": (pd.concat([rows(), rows()], axis=1), {}, "frame"),
    "no rows": (rows()[:0], {}, "frame"),
    "lengths": ({"arm": ["a"], "seed": [1, 2], "accuracy": [0.1], "width": [1]}, {}, "frame"),
    "a metric in words": (rows(accuracy="high"), {}, "metric"),
    "a missing arm": (rows(arm=[None] + ["a"] * 11), {}, "arm"),
    "a missing seed": (rows(seed=[nan, *range(11)]), {}, "seed"),
    "a broken seed": (rows(seed=[0.5, *range(11)]), {}, "seed"),
    "a mixed seed": (rows(seed=["a", *range(11)]), {}, "seed"),
    "tuning on the test data": (rows(), {"tune": "width"}, "tune"),
    "a run without validation": (rows(val=[nan] * 12), {"validation": "val"}, "validation"),
    "chance that is unknown": (rows(), {"chance": nan}, "chance"),
    "a count of failures": (rows(bad=2), {"failed": "bad"}, "failed"),
}


@pytest.mark.parametrize(("frame", "options", "named"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_named(frame, options, named):
    options = {"metric": "accuracy", "axes": ["width"], **options}
    with pytest.raises(ValueError, match=rf"^{named}: expected"):
        from_frame(frame, higher_is_better=True, **options)


def test_seeds_may_be_text_or_floats_that_are_whole():
    assert table_of(rows(seed=["a", "b", "c"] * 4)).cells()[0].values.keys() == {"a", "b", "c"}
    assert table_of(rows(seed=[0.0, 1.0, 2.0] * 4)).cells()[0].values.keys() == {0, 1, 2}


@pytest.mark.core
def test_arrays_of_scores():
    scores = {"dqn": np.array([[0.1, 0.7], [0.3, 0.9]]), "ppo": np.array([[0.2, 0.5]])}
    table = from_scores(scores, ["pong", "seaquest"])
    assert table.rows == (("dqn",), ("ppo",)) and table.columns == ("pong", "seaquest")
    assert table.grid[("dqn",), "seaquest"].values == {0: 0.7, 1: 0.9}
    assert table.grid[("ppo",), "pong"].n == 1 and "4 of 6" not in table.caption
    assert "6 of 8 runs" in table.caption
    assert from_scores(scores).columns == (0, 1)
    scores["ppo"][0, 0] = nan
    with pytest.raises(ValueError, match=r"^chance"):
        from_scores(scores)
    assert from_scores(scores, chance=0.0).grid[("ppo",), 0].failed == 1


@pytest.mark.parametrize(
    ("scores", "tasks"),
    [
        ({}, None),
        ({"a": [1.0, 2.0]}, None),
        ({"a": [[1.0]], "b": [[1.0, 2.0]]}, None),
        ({"a": [[1.0, 2.0]]}, ["pong"]),
    ],
)
def test_arrays_of_other_shapes_are_refused(scores, tasks):
    with pytest.raises(ValueError, match=r"^scores: expected"):
        from_scores(scores, tasks)


def test_figures_of_a_frame():
    table = table_of(rows())
    found = words(plots.heat_map(table))
    assert {"0.610", "0.810", "results: accuracy"} <= set(found)
    lower = table_of(rows(), higher_is_better=False)
    maps = [plots.heat_map(one).axes[0].images[0] for one in (table, lower)]
    best, worst = (image.cmap(image.norm([1.0, -1.0]))[:, :3].tolist() for image in maps)
    assert best == worst[::-1]  # blue is better, whatever the direction
    for draw in (plots.curves, lambda table: plots.heat_map(table, "clipped")):
        with pytest.raises(ValueError, match=r"^quantity"):
            draw(table)
    assert not list(plots.observed_figures(table))


def test_a_frame_is_not_taken_for_records():
    with pytest.raises(ValueError, match=r"^records: .*from_frame"):
        tables.make(rows())


SAME_TEXT = [
    {"width": [0.3, 0.1 + 0.2] * 2, "arm": ["a"] * 4},
    {"width": ["8", 8, "8", 8], "arm": ["a"] * 4},
    {"width": [8, 16] * 2, "arm": ["a", "a", "a ", "a "]},
]


@pytest.mark.parametrize("columns", SAME_TEXT)
def test_labels_that_print_alike_are_refused(columns):
    frame = {"seed": [0, 0, 1, 1], "accuracy": [0.1, 0.2, 0.3, 0.4], **columns}
    with pytest.raises(ValueError, match=r"^(width|arm): "):
        table_of(frame)


def test_two_axes_of_one_title_do_not_hide_cells():
    frame = rows().query("arm == 'gru'").assign(depth=lambda f: f.seed % 2).drop(columns="seed")
    frame = frame.assign(seed=0).drop_duplicates(["width", "depth"])
    with pytest.raises(ValueError, match=r"^titles: "):
        table_of(frame, axes=["width", "depth"], titles={"width": "size", "depth": "size"})
    of_arms = {"arm": ["a", "b"], "u": [1, None], "v": [None, 2], "seed": 0, "accuracy": 0.5}
    table = table_of(pd.DataFrame(of_arms), axes=["u", "v"], titles={"u": "size", "v": "size"})
    assert len(table.cells()) == 2


def test_test_results_select_nothing():
    with pytest.raises(ValueError, match=r"^validation: "):
        table_of(rows(), axes=[], tune="width", validation="accuracy")


def test_a_table_says_that_no_run_is_better_than_chance():
    assert "CHANCE: " in table_of(rows(), chance=0.9).caption
    assert "CHANCE: " not in table_of(rows(), chance=0.5).caption
    assert "CHANCE: " not in table_of(rows()).caption
    lower = table_of(rows(), chance=0.4, higher_is_better=False)
    assert "CHANCE: " in lower.caption
