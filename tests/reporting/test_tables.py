"""Tables: arrangement of cells, captions, defaults, and further tables of a study."""

import random
from math import inf

import pytest
from support.made_up import record
from support.made_up_tables import BIAS, CLIP, RATE, grid, table_of

from seqjax.published.figures import Source
from seqjax.reporting import side_tables, tables
from seqjax.sweeps.study import Metrics, Published


def head_and_rows(table):
    """The Markdown table cell by cell, without the padding and the count of runs."""
    lines = table.to_markdown().split("\n\n")[1].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return cells[0], [[cell.removesuffix(" (1/0)") for cell in row] for row in cells[2:]]


ONE_ARM = {
    "no axis": (grid(), {}, ["result"], [["0.01000"]]),
    "one": (
        grid(model__hidden=(8, 4)),
        {},
        ["model.hidden", "result"],
        [["4", "0.02000"], ["8", "0.01000"]],
    ),
    "one, across": (
        grid(model__hidden=(8, 4)),
        {"columns": "model.hidden"},
        ["model.hidden 4", "model.hidden 8"],
        [["0.02000", "0.01000"]],
    ),
    "two": (
        grid(init__bias__f=(1.0, -1.0), clip__threshold=(inf, 0.5)),
        {"titles": {BIAS: "bias"}},
        ["bias", f"{CLIP} 0.5", f"{CLIP} ∞"],
        [["-1", "0.04000", "0.03000"], ["1", "0.02000", "0.01000"]],
    ),
    "two, the first across": (
        grid(init__bias__f=(1.0,), clip__threshold=(inf, 0.5)),
        {"titles": {BIAS: "bias"}, "columns": "bias"},
        [CLIP, "bias 1"],
        [["0.5", "0.02000"], ["∞", "0.01000"]],
    ),
    "two, none across": (
        grid(model__cell=("gru", "elman"), clip__threshold=(inf, 10.0, 9.0)),
        {"columns": ""},
        ["model.cell", CLIP, "result"],
        [
            ["elman", "9", "0.060"],
            ["elman", "10", "0.050"],
            ["elman", "∞", "0.04000"],
            ["gru", "9", "0.03000"],
            ["gru", "10", "0.02000"],
            ["gru", "∞", "0.01000"],
        ],
    ),
}


@pytest.mark.parametrize(("records", "options", "head", "rows"), ONE_ARM.values(), ids=ONE_ARM)
def test_cells_of_one_arm(records, options, head, rows):
    assert head_and_rows(table_of(records, tune=None, **options)) == (head, rows)


def test_arms_are_in_the_order_of_the_study_and_share_columns_by_title():
    found = [
        record({"init.bias.o": 0.0}, arm="b_o", test=0.1),
        record({BIAS: 0.0}, arm="b_f", test=0.2),
        record({BIAS: 2.0}, arm="b_f", test=0.3),
        record({"init.bias.o": -1.0}, arm="b_o", test=0.4),
        record(arm="gru", test=0.5),
        *(record(arm=f"old {k}", test=0.6) for k in (3, 1, 2)),
    ]
    titles = {BIAS: "bias", "init.bias.o": "bias"}
    table = table_of(found, tune=None, titles=titles, arms=("gru", "b_f", "b_o"))
    assert head_and_rows(table) == (
        ["arm", "bias –", "bias -1", "bias 0", "bias 2"],
        [
            ["gru", "0.500", "", "", ""],
            ["b_f", "", "", "0.200", "0.300"],
            ["b_o", "", "0.400", "0.100", ""],
            *([f"old {k}", "0.600", "", "", ""] for k in (1, 2, 3)),  # no longer in the study
        ],
    )
    table = table_of(found, tune=None, titles=titles, arms=("gru", "b_f", "b_o"), columns="")
    assert [row[:2] for row in head_and_rows(table)[1]] == [
        ["gru", "–"],
        ["b_f", "0"],
        ["b_f", "2"],
        ["b_o", "-1"],
        ["b_o", "0"],
        *([f"old {k}", "–"] for k in (1, 2, 3)),
    ]


MIXTURES = {
    "tuned": (
        [
            record({BIAS: b, CLIP: c, RATE: r}, seed=seed, test=((7 * b + 3 * c + r + seed) % 1))
            for b in (0.25, 1.5)
            for c in (0.1, 1.0)
            for r in (0.1, 0.33)
            for seed in (0, 1, 2)
        ],
        {},
    ),
    "arms": (
        [
            record({path: value}, arm=arm, seed=seed, test=value / 3)
            for arm, path in (("b", BIAS), ("a", "init.bias.o"), ("c", BIAS))
            for value in (0.5, 1.0)
            for seed in (0, 1)
        ],
        {"titles": {BIAS: "bias", "init.bias.o": "bias"}, "arms": ("b", "a", "c")},
    ),
    "an axis that not all have": (
        [
            record({"clip.kind": "none"}, test=0.1),
            record({CLIP: 1.0, "clip.kind": "norm"}, test=0.2),
            record({CLIP: 1.0, "clip.kind": "value"}, test=0.3),
        ],
        {},
    ),
    "other steps and another chance": (
        [
            record(
                {"train.steps": steps, "task.variant": variant},
                test=0.1,
                settings={"task.name": "adding", "task.length": 20},
            )
            for steps in (6, 12)
            for variant in ("halves", "pascanu")
        ],
        {},
    ),
    "places": ([record(seed=k, environment={"jaxlib": f"0.1{k}"}) for k in (2, 1, 0)], {}),
}
# Balanced accuracies of two rates: (validation, test, test of a part); None is a run that failed.
PART = "balanced_accuracy_2"
PARTIAL = {0.1: [(0.9, 0.8, 0.6), (0.9, 0.7, None)], 0.3: [(0.3, 0.9, 0.95), (0.3, 0.9, 0.99)]}
SIDE_BY_SIDE = Metrics("attractors", {"all": "accuracy", 2: PART}, "They say so.")


def partial_runs():
    for rate, rows in PARTIAL.items():
        for seed, (validation, test, part) in enumerate(rows):
            failed = "collapsed" if part is None else None
            one = record({RATE: rate}, seed=seed, validation=validation, test=test, failed=failed)
            one.test[PART] = 0.99 if part is None else part
            one.curve[f"validation_{PART}"] = [0.1, 0.95, 0.2]
            yield one


def test_several_metrics_of_the_same_selected_runs():
    """The failed run needs no number of either metric."""
    found = list(partial_runs())
    found[1].test[PART] = None
    assert side_tables.have_metrics(found, SIDE_BY_SIDE)
    table = table_of(side_tables.with_metrics(found, SIDE_BY_SIDE), columns="attractors")
    chance = found[0].chance.metric
    assert (table.column_title, table.columns, table.rows) == ("attractors", (2, "all"), ((),))
    for column, mean in {"all": (0.8 + chance) / 2, 2: (0.6 + chance) / 2}.items():
        cell = table.grid[(), column]
        assert (cell.chosen, cell.validation) == (0.1, pytest.approx((0.9 + chance) / 2))
        assert (cell.mean, cell.n, cell.failed) == (pytest.approx(mean), 2, 1)
    part = table.grid[(), 2].records[0]
    assert part.curve["validation_accuracy"] == [0.1, 0.95, 0.2]
    assert part.score == pytest.approx((0.6 - chance) / (1 - chance))
    assert table.grid[(), 2].records[1].score == 0
    assert found[0].test == next(partial_runs()).test  # unchanged


LACKING = {
    "a test without it": lambda record: record.test.pop(PART),
    "a test with no number": lambda record: record.test.update({PART: None}),
    "a test that is infinite": lambda record: record.test.update({PART: inf}),
    "a curve without it": lambda record: record.curve.pop(f"validation_{PART}"),
}


@pytest.mark.parametrize("spoil", LACKING.values(), ids=LACKING)
def test_records_without_a_metric_are_recognised(spoil):
    found = list(partial_runs())
    assert side_tables.have_metrics(found, SIDE_BY_SIDE)
    spoil(found[3])
    assert not side_tables.have_metrics(found, SIDE_BY_SIDE)


@pytest.mark.core
@pytest.mark.parametrize(("records", "options"), MIXTURES.values(), ids=MIXTURES)
def test_the_order_of_the_records_does_not_matter(records, options):
    def written(records):
        table = table_of(records, **options)
        sizes = side_tables.model_sizes(records, options.get("arms", ()))
        return table.to_markdown(), table.to_latex(), table.to_csv(), sizes

    expected = written(records)
    for seed in range(8):
        assert written(random.Random(seed).sample(records, len(records))) == expected


def test_the_caption_names_mixed_environments_and_chance_levels():
    found = [record(seed=0), record(seed=1, environment={"jaxlib": "0.12.0"})]
    assert "MIXED" in table_of(found).caption
    found = [record(seed=0), record(seed=1, environment={"threads": 3})]
    assert "MIXED" not in table_of(found).caption
    adding = {"task.name": "adding", "task.length": 20}
    found = [record({"task.variant": name}, settings=adding) for name in ("halves", "pascanu")]
    assert "chance 0.04167 or 0.1667" in table_of(found).caption


def test_arms_with_equal_sizes_share_a_row():
    found = [
        record(arm="wide", settings={"model.hidden": 64}, parameters=99999),
        record(arm="b", seed=1),
        record(arm="b", seed=0),
        record(arm="a", paired="data+weights"),
        record(arm="gru", settings={"model.cell": "gru"}, paired="data"),
    ]
    head, *rows = side_tables.model_sizes(found, ("b", "gru", "wide", "a"))
    assert head[:5] == ["arm", "cell", "units", "parameters", "parameters with readout"]
    assert rows == [
        ["b, a", "lstm", "32", "1,234", "1,500", "1,200", "data+weights"],
        ["gru", "gru", "32", "1,234", "1,500", "1,200", "data"],
        ["wide", "lstm", "64", "1,234", "99,999", "1,200", "data+weights"],
    ]


def test_records_alone_are_enough_for_a_table():
    found = [record({CLIP: c, RATE: r}, test=r, tune=RATE) for c in (0.5, 1.0) for r in (0.1, 0.3)]
    table = tables.make(found)
    assert table.title == "made_up" and table.tuned == RATE
    assert [cell.chosen for cell in table.cells()] == [0.3, 0.3]
    assert table._repr_markdown_() == table.to_markdown()


def test_tables_need_records_that_are_evaluated():
    for nothing in ([], [record(purpose="tuning")]):
        with pytest.raises(ValueError, match=r"^records"):
            tables.make(nothing)


def test_a_single_arm_without_a_name_is_left_out():
    head, row = side_tables.model_sizes([record(seed=seed) for seed in (0, 1)])
    assert head[0] == "cell" and row[0] == "lstm" and len(head) == len(row) == 6


def test_only_tasks_with_fixed_data_have_a_split():
    for name, fixed in {"digits_rows": True, "adding": False, "temporal_order": False}.items():
        caption = table_of([record(settings={"task.name": name})]).caption
        assert ("split of the data" in caption) == fixed, name


def test_an_axis_that_an_arm_lacks_is_explained():
    lstm, gru = record({BIAS: 0.0}, arm="lstm"), record(arm="gru")
    for columns in (BIAS, ""):
        assert "– means" in table_of([lstm, gru], tune=None, columns=columns).caption
        assert "–" not in table_of([lstm], tune=None, columns=columns).caption


def test_published_figures_are_those_of_the_task():
    source = Source("A", "A 2015", confidence="M")
    published = [
        Published("LSTM", ".9", source, ("xml", "arithmetic")),
        Published("GRU", ".8", source, ("adding",)),
    ]
    head, *rows = side_tables.published_figures(published, [record(settings={"task.name": "xml"})])
    assert rows == [["LSTM", ".9", "A 2015", source.taken_from]] and len(head) == 4
    assert len(side_tables.published_figures(published, [record()])) == 1


APART = {
    "a run twice": ({}, "again"),
    "other settings": ({"settings": {"train.steps": 7}, "seed": 1}, "settings"),
    "another study": ({"study": "other", "seed": 1}, "study"),
    "another task": ({"settings": {"task.name": "adding"}, "arm": "b"}, "metric"),
}


@pytest.mark.parametrize(("changes", "words"), APART.values(), ids=APART)
def test_records_that_do_not_belong_together_are_refused(changes, words):
    with pytest.raises(ValueError, match=rf"^records: .*{words}"):
        tables.make([record(), record(**changes)])


def test_an_axis_or_arms_that_change_no_run_are_named():
    def caption(tests):
        return table_of(
            [record({BIAS: b}, arm=a, test=t) for (a, b), t in tests.items()], tune=None
        ).caption

    a, b = ("a", 0.0), ("a", 1.0)
    c, d = ("b", 0.0), ("b", 1.0)
    assert f"Without effect, as all runs are the same: {BIAS}." in caption(
        {a: 0.1, b: 0.1, c: 0.2, d: 0.2}
    )
    assert "the same: arm." in caption({a: 0.1, b: 0.2, c: 0.1, d: 0.2})
    assert "Without effect" not in caption({a: 0.1, b: 0.1, c: 0.1, d: 0.2})


BEST = {"train.select": "best"}
STEPS_IN_WORDS = {
    "the last": ((record(),), "after 6 steps"),
    "the best": ((record(settings=BEST),), "at the best validation of 6 steps"),
    "a run that could stop": ((record(steps_taken=4),), "after at most 6 steps"),
    "both": (
        (record(), record(arm="b", settings=BEST)),
        "at the last step or the best validation of 6 steps",
    ),
}


@pytest.mark.parametrize(("records", "words"), STEPS_IN_WORDS.values(), ids=STEPS_IN_WORDS)
def test_captions_say_which_step_is_reported(records, words):
    assert f" {words}: mean" in tables.make(records).caption
