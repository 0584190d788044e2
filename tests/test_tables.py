"""Tables from records made by hand: what is chosen, averaged, marked, arranged and written."""

import csv
import io
import math
import random
import re
from math import inf

import numpy as np
import pytest
from made_up import record
from scipy import stats

from seqjax import entries, formats, tables
from seqjax.study import Metrics, Published

RATE = "optim.learning_rate"
CLIP = "clip.threshold"
BIAS = "init.bias.f"


def table_of(records, tune=RATE, **options):
    options = {"title": "made_up", "titles": {}, "arms": (), **options}
    return tables.make_table(records, tune=tune, **options)


def only(table):
    (cell,) = table.entries()
    return cell


@pytest.mark.parametrize(
    "values", [[1.0, 2.0], [0.9, 0.91, 0.95], list(np.linspace(0, 1, 11) ** 2)]
)
def test_the_interval_is_that_of_student(values):
    mean, half = entries.interval(values)
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high), rel=1e-12)


def test_one_run_has_no_interval():
    mean, half = entries.interval([0.25])
    assert mean == 0.25 and math.isnan(half)
    assert formats.text(only(table_of([record(test=0.25)]))) == "0.250 (1/0)"


# (rate, validation, test) of each run; the seeds follow.
ACCURACIES = [(0.1, 0.5, 0.99), (0.1, 0.6, 0.99), (0.3, 0.9, 0.7), (0.3, 0.7, 0.8), (1.0, 1.0, 0.3)]
FAILED = [(0.1, 0.3, 0.4), (0.1, 0.3, 0.6), (0.3, 0.8, 0.9), (0.3, None, None)]


def runs(rows, **options):
    seeds = {}
    for rate, validation, test in rows:
        seed = seeds[rate] = seeds.get(rate, -1) + 1
        failed = "nonfinite" if test is None else None
        yield record(
            {RATE: rate},
            seed=seed,
            validation=validation,
            test=test or 0.0,
            failed=failed,
            **options,
        )


@pytest.mark.core
@pytest.mark.parametrize(
    ("task", "rows", "chosen", "mean", "validation"),
    [
        # 1.0 has the best mean of validation, 0.1 the best test metric
        ("digits_rows", ACCURACIES, 1.0, 0.3, 1.0),
        ("digits_rows", ACCURACIES[:-1], 0.3, 0.75, 0.8),
        # of an error the smallest is the best
        ("adding", ACCURACIES, 0.1, 0.99, 0.55),
        ("adding", [(0.1, 0.2, 0.2), (0.3, 0.1, 0.3)], 0.3, 0.3, 0.1),
        # of equals the smallest rate
        ("digits_rows", [(0.3, 0.5, 0.1), (0.1, 0.5, 0.2), (1.0, 0.5, 0.3)], 0.1, 0.2, 0.5),
        # the failed run has chance, 0.1, on validation and on test
        ("digits_rows", FAILED, 0.3, 0.5, 0.45),
        ("digits_rows", [*FAILED, (0.3, None, None)], 0.3, 1.1 / 3, 1 / 3),
        ("digits_rows", [*FAILED, *[(0.3, None, None)] * 2], 0.1, 0.5, 0.3),
        # and what is worse than chance is no worse than failed
        ("adding", [(0.1, None, None), (0.3, 0.2, 0.2)], 0.3, 0.2, 0.2),
    ],
)
def test_the_best_mean_on_validation_chooses_and_test_is_shown(
    task, rows, chosen, mean, validation
):
    cell = only(table_of(list(runs(rows, settings={"task.name": task}))))
    n = sum(rate == chosen for rate, *_ in rows)
    failed = sum(rate == chosen and test is None for rate, _, test in rows)
    assert (cell.chosen, cell.n, cell.failed) == (chosen, n, failed)
    assert (cell.mean, cell.validation) == pytest.approx((mean, validation))
    assert f"({n}/{failed}) @{chosen:g}" in formats.text(cell)


@pytest.mark.parametrize("reason", ["nonfinite", "above_chance", "collapsed"])
def test_a_failed_run_enters_at_chance_whatever_it_scored(reason):
    found = [record(seed=0, test=0.9), record(seed=1, test=0.8, failed=reason)]
    cell = only(table_of(found))
    assert (cell.mean, cell.n, cell.failed) == (pytest.approx(0.5), 2, 1)
    assert "Failed runs enter at chance" in table_of(found).caption


@pytest.mark.parametrize(
    ("best", "rates", "marks"),
    [
        (0.1, (0.1, 0.3, 1.0), ("edge",)),
        (0.3, (0.1, 0.3, 1.0), ()),
        (1.0, (0.1, 0.3, 1.0), ("edge",)),
        (0.3, (0.3,), ()),  # there is no grid
    ],
)
def test_the_edge_of_a_grid_is_marked(best, rates, marks):
    found = [record({RATE: rate}, test=0.9 if rate == best else 0.5) for rate in rates]
    table = table_of(found)
    assert only(table).marks == marks
    assert (table.caption.count("†"), formats.to_markdown(table).count("†")) == (
        (1, 2) if marks else (0, 0)
    )


@pytest.mark.parametrize(
    ("clipped", "clip", "mark"),
    [
        ((0.0, 0.0), {"clip.kind": "norm"}, "rare"),
        ((0.0, 0.018), {"clip.kind": "norm"}, "rare"),
        ((0.0, 0.022), {"clip.kind": "norm"}, None),
        ((0.9, 0.9), {"clip.kind": "value"}, None),
        ((0.84, 0.98), {"clip.kind": "value"}, "always"),
        ((0.0, 0.0), {"clip.kind": "norm", CLIP: inf}, None),
        ((0.0, 0.0), {"clip.kind": "none"}, None),
        ((0.0, 0.0), {"clip.kind": "step"}, None),  # a fraction of pairs, not of steps
    ],
)
def test_clipping_that_says_little_is_marked(clipped, clip, mark):
    found = [
        record(seed=seed, clipped_fraction=fraction, settings=clip)
        for seed, fraction in enumerate(clipped)
    ]
    assert only(table_of(found, tune=None)).marks == ()  # clipping is not what is compared
    table = table_of([*found, record(arm="other", settings={CLIP: 7.0})], tune=None)
    entry = next(entry for entry in table.entries() if entry.arm == "all")
    assert entry.marks == ((mark,) if mark else ())
    assert entry.clipped == pytest.approx(sum(clipped) / 2)
    for name, (sign, meaning) in entries.MARKS.items():
        assert (f"{sign} {meaning}" in table.caption) == (name == mark)


@pytest.mark.core
def test_a_slice_keeps_one_value_and_selects_nothing():
    found = [
        record({CLIP: clip, RATE: rate}, seed=seed, test=rate / 2 + seed / 10)
        for clip in (1.0, inf)
        for rate in (0.1, 1.0)
        for seed in (0, 1)
    ]
    table = table_of(found, fixed=0.1)
    assert [(cell.chosen, cell.mean, cell.n) for cell in table.entries()] == [
        (None, pytest.approx(0.1), 2)
    ] * 2
    assert table.tuned is None and "@" not in formats.to_markdown(table)
    assert f"A slice at {RATE} = 0.1: nothing is tuned here." in table.caption
    assert f"@ is the {RATE} with the best mean validation accuracy" in table_of(found).caption
    with pytest.raises(ValueError, match="at least one record"):
        table_of(found, fixed=0.2)


def grid(**axes):
    """A record at every point of the axes, with a test metric that says where it stands."""
    found = [{}]
    for path, values in axes.items():
        found = [{**point, path.replace("__", "."): value} for point in found for value in values]
    return [record(point, test=(k + 1) / 100) for k, point in enumerate(found)]


def head_and_rows(table):
    """The Markdown table cell by cell, without the padding and the count of runs."""
    lines = formats.to_markdown(table).split("\n\n")[1].splitlines()
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
def test_where_the_cells_of_one_arm_stand(records, options, head, rows):
    assert head_and_rows(table_of(records, tune=None, **options)) == (head, rows)


def test_several_arms_stand_in_the_order_of_the_study_and_share_columns_by_title():
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
            one["test"][PART] = 0.99 if part is None else part
            one["curve"][f"validation_{PART}"] = [0.1, 0.95, 0.2]
            yield one


def test_metrics_stand_side_by_side_for_the_runs_that_the_own_metric_chose():
    found = list(partial_runs())
    table = table_of(tables.by_metric(found, SIDE_BY_SIDE), columns="attractors")
    chance = found[0]["chance"]["metric"]
    assert (table.column_title, table.columns, table.rows) == ("attractors", (2, "all"), ((),))
    for column, mean in {"all": (0.8 + chance) / 2, 2: (0.6 + chance) / 2}.items():
        cell = table.grid[(), column]
        assert (cell.chosen, cell.validation) == (0.1, pytest.approx((0.9 + chance) / 2))
        assert (cell.mean, cell.n, cell.failed) == (pytest.approx(mean), 2, 1)
    part = table.grid[(), 2].records[0]
    assert part["curve"]["validation_accuracy"] == [0.1, 0.95, 0.2]
    assert part["score"] == pytest.approx((0.6 - chance) / (1 - chance))
    assert table.grid[(), 2].records[1]["score"] == 0
    assert found == list(partial_runs())  # which keep their own


LACKING = {
    "a test without it": lambda record: record["test"].pop(PART),
    "a test with no number": lambda record: record["test"].update({PART: None}),
    "a test that is infinite": lambda record: record["test"].update({PART: inf}),
    "a curve without it": lambda record: record["curve"].pop(f"validation_{PART}"),
}


@pytest.mark.parametrize("spoil", LACKING.values(), ids=LACKING)
def test_records_that_lack_a_metric_are_told_apart(spoil):
    found = list(partial_runs())
    assert tables.measured(found, SIDE_BY_SIDE)
    spoil(found[3])
    assert not tables.measured(found, SIDE_BY_SIDE)


def test_a_failed_run_needs_no_number_of_any_metric():
    found = list(partial_runs())
    found[1]["test"][PART] = None
    assert tables.measured(found, SIDE_BY_SIDE)
    table = table_of(tables.by_metric(found, SIDE_BY_SIDE), columns="attractors")
    chance = found[0]["chance"]["metric"]
    assert table.grid[(), 2].mean == pytest.approx((0.6 + chance) / 2)


@pytest.mark.core
@pytest.mark.parametrize(("records", "options"), MIXTURES.values(), ids=MIXTURES)
def test_the_order_of_the_records_does_not_matter(records, options):
    def written(records):
        table = table_of(records, **options)
        sizes = tables.sizes(records, options.get("arms", ()))
        return formats.to_markdown(table), formats.to_latex(table), formats.to_csv([table]), sizes

    expected = written(records)
    for seed in range(8):
        assert written(random.Random(seed).sample(records, len(records))) == expected


def test_the_caption_says_what_the_numbers_are():
    caption = table_of([record(settings={"train.steps": 300})], question="Why?").caption
    assert caption.startswith("Why? Test accuracy (higher is better; chance 0.1) of digits_rows")
    assert "after 300 steps" in caption and "95 % Student-t interval over seeds" in caption
    assert caption.endswith("jaxlib 0.10.2 on a processor.")
    assert (
        "lower is better; chance 0.1667"
        in table_of([record(settings={"task.name": "adding"})]).caption
    )


def test_the_caption_lists_what_the_cells_differ_in():
    found = [
        record(
            {"train.steps": steps, "task.variant": variant},
            settings={"task.name": "adding", "task.length": 20},
        )
        for steps, variant in ((12, "halves"), (6, "pascanu"))
    ]
    caption = table_of(found).caption
    head, _, _ = caption.partition(" steps: ")
    for number in ("6", "12", "0.1667", "0.04167"):
        assert number in re.findall(r"[\d.]+", head), caption


def test_mixed_environments_are_marked():
    found = [record(seed=0), record(seed=1, environment={"jaxlib": "0.12.0"})]
    caption = table_of(found).caption
    assert "MIXED: records of different environments" in caption
    assert "jaxlib 0.10.2 on a processor; jaxlib 0.12.0 on a processor" in caption
    found = [record(seed=0), record(seed=1, environment={"threads": 3})]
    assert "MIXED" not in table_of(found).caption


def test_markdown_is_escaped_and_aligned():
    rows = [["a|b", "x"], ["", "<b>"], ["ü", "long | long"]]
    lines = formats.markdown(rows).splitlines()
    assert lines == [
        r"| a\|b | x            |",
        r"| ---- | ------------ |",
        r"|      | &lt;b>       |",
        r"| ü    | long \| long |",
    ]


def test_latex_is_escaped():
    table = table_of(
        [record({RATE: rate}, arm=r"50%_{a}&b\c^~#$<>", test=0.9 + rate) for rate in (0.01, 0.02)]
        + [record({RATE: 0.01}, arm="b", seed=seed, test=0.5 + seed / 10) for seed in (0, 1)],
        title="a_b",
        question="Why_not?",
    )
    latex = formats.to_latex(table)
    arm = (
        r"50\%\_\{a\}\&b\textbackslash{}c\textasciicircum{}\textasciitilde{}"
        r"\#\$\textless{}\textgreater{}"
    )
    assert rf"{arm} & 0.920 (1/0) @0.02$^\dagger$ \\" in latex
    assert r"b & 0.550 $\pm$ 0.635 (2/0) @0.01 \\" in latex
    assert r"\caption{a\_b. Why\_not? Test accuracy" in latex
    assert r"95 \% Student-t" in latex and r"\begin{tabular}{ll}" in latex
    assert latex.isascii() and latex.count("{") - latex.count(r"\{") == latex.count("}") - (
        latex.count(r"\}")
    )
    assert r"$\infty$" in formats.to_latex(table_of(grid(clip__threshold=(inf,))))


HOSTILE = "a|b<script>$\\input{x}&%_# `c` *d* [e](f) ~\x1b[2J\n\u202e"


def test_nothing_in_a_name_is_markup():
    point = {BIAS: HOSTILE, "x": HOSTILE}
    found = [record(arm=HOSTILE), record(arm="[b]"), record(arm="*c")]
    found[0] = {**found[0], "point": point, "environment": {"jaxlib": HOSTILE, "device": HOSTILE}}
    table = table_of(found, tune=None, title=HOSTILE, question=HOSTILE, titles={"x": HOSTILE})
    markdown, latex, text = (
        formats.to_markdown(table),
        formats.to_latex(table),
        formats.to_csv([table]),
    )
    for written in (markdown, latex, text):
        assert written.replace("\n", "").isprintable()
    escaped = r"a\|b&lt;script>\$\\input{x}&amp;%\_\# \`c\` \*d\* \[e\](f) \~\\x1b\[2J\\n\\u202e"
    assert markdown.startswith(f"**{escaped}**\n\n| arm ") and markdown.count(escaped) >= 6
    assert r"\textbackslash{}input\{x\}" in latex and r"\input" not in latex
    assert "\n{[}b{]} & " in latex and "\n{*}c & " in latex  # or \\\\ before them would take them
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 4 and {len(row) for row in rows} == {len(rows[0])}


def test_csv_says_everything_of_a_cell():
    arm = 'a, "b"'
    found = [
        record({CLIP: inf, RATE: 0.1}, arm=arm, test=0.8, validation=0.5, seed=0),
        record({CLIP: inf, RATE: 0.1}, arm=arm, test=0.9, validation=0.5, seed=1, score=0.91),
        record({CLIP: inf, RATE: 0.3}, arm=arm, test=0.9, validation=0.4),
        record({CLIP: 0.5, RATE: 0.3}, arm="c", failed="nonfinite", clipped_fraction=0.95),
    ]
    table = table_of(found, title="t|t", arms=(arm, "c"))
    first, second = csv.DictReader(io.StringIO(formats.to_csv([table])))
    assert first.keys() == second.keys() and None not in first
    half = stats.t.ppf(0.975, 1) * 0.05
    expected = {CLIP: inf, "chosen": 0.1, "mean": 0.85, "low": 0.85 - half, "high": 0.85 + half}
    expected |= {"runs": 2, "failed": 0, "validation": 0.5, "clipped_fraction": 0.5}
    assert {name: float(first[name]) for name in expected} == pytest.approx(expected)
    assert (first["table"], first["arm"], first["tuned"]) == ("t|t", arm, RATE)
    assert (first["metric"], first["marks"]) == ("accuracy", "edge")
    solved = [float(first[name]) for name in ("solved", "solved_low", "solved_high")]
    exact = stats.binomtest(1, 2).proportion_ci(method="exact")
    assert solved == pytest.approx([0.5, exact.low, exact.high])
    assert float(first["interquartile_mean"]) == pytest.approx(0.85)
    assert first["steps_to_criterion"] == "inf"  # neither validation came to a score of .9
    assert float(second["mean"]) == 0.1 and math.isnan(float(second["low"]))
    assert (second["arm"], second["failed"], second["marks"]) == ("c", "1", "always")


@pytest.mark.parametrize(
    ("curves", "expected"),
    [
        ([[0.5, 0.92, 0.95], [0.95, 0.3, 0.95], [0.5, 0.5, 0.95]], 4),
        ([[0.5, 0.9, 0.95], [None, None, None]], inf),  # one of two is censored
        ([[0.5, 0.5, 0.909], [0.1, 0.2, 0.91]], inf),  # .91 is a score of .9
    ],
)
def test_steps_to_the_criterion_are_those_of_the_first_validation_with_it(curves, expected):
    found = [record({RATE: 0.1}, seed=seed) for seed in range(len(curves))]
    for one, curve in zip(found, curves, strict=True):
        one["curve"]["validation_accuracy"] = curve
    assert only(table_of(found)).steps_to_criterion == expected


def test_sizes_stand_once_for_arms_that_share_them():
    found = [
        record(arm="wide", settings={"model.hidden": 64}, parameters=99999),
        record(arm="b", seed=1),
        record(arm="b", seed=0),
        record(arm="a", paired="data+weights"),
        record(arm="gru", settings={"model.cell": "gru"}, paired="data"),
    ]
    head, *rows = tables.sizes(found, ("b", "gru", "wide", "a"))
    assert head[:5] == ["arm", "cell", "units", "parameters", "with readout"]
    assert rows == [
        ["b, a", "lstm", "32", "1,234", "1,500", "1,200", "data+weights"],
        ["gru", "gru", "32", "1,234", "1,500", "1,200", "data"],
        ["wide", "lstm", "64", "1,234", "99,999", "1,200", "data+weights"],
    ]


def test_published_figures_stand_with_their_source():
    rows = tables.published_rows([Published("LSTM, b_f = 1", ".902", "Someone 2015, table 1", "S")])
    assert rows == [
        ["published", "figure", "source", "confidence"],
        ["LSTM, b_f = 1", ".902", "Someone 2015, table 1", "[S]"],
    ]
