"""Cells of a table: selection of the tuned value, mean and interval, marks."""

import math
from math import inf

import pytest
from support.made_up import record
from support.made_up_tables import CLIP, RATE, only, table_of

from seqjax.reporting.aggregate import MARKS
from seqjax.reporting.tables import cell_text


def test_one_run_has_no_interval():
    cell = only(table_of([record(test=0.25)]))
    assert cell.mean == 0.25 and math.isnan(cell.half_width)
    assert cell_text(cell) == "0.250 (1/0)"


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
        # of an error the smallest is the best
        ("adding", ACCURACIES, 0.1, 0.99, 0.55),
        # of equals the smallest rate
        ("digits_rows", [(0.3, 0.5, 0.1), (0.1, 0.5, 0.2), (1.0, 0.5, 0.3)], 0.1, 0.2, 0.5),
        # the failed run has chance, 0.1, on validation and on test
        ("digits_rows", FAILED, 0.3, 0.5, 0.45),
    ],
)
def test_the_best_validation_mean_is_selected_and_its_test_mean_reported(
    task, rows, chosen, mean, validation
):
    cell = only(table_of(list(runs(rows, settings={"task.name": task}))))
    n = sum(rate == chosen for rate, *_ in rows)
    failed = sum(rate == chosen and test is None for rate, _, test in rows)
    assert (cell.chosen, cell.n, cell.failed) == (chosen, n, failed)
    assert (cell.mean, cell.validation) == pytest.approx((mean, validation))
    assert f"({n}/{failed}) @{chosen:g}" in cell_text(cell)


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
    assert (table.caption.count("†"), table.to_markdown().count("†")) == (
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
def test_rare_and_permanent_clipping_is_marked(clipped, clip, mark):
    found = [
        record(seed=seed, clipped_fraction=fraction, settings=clip)
        for seed, fraction in enumerate(clipped)
    ]
    assert only(table_of(found, tune=None)).marks == ()  # clipping is not what is compared
    table = table_of([*found, record(arm="other", settings={CLIP: 7.0})], tune=None)
    cell = next(cell for cell in table.cells() if cell.arm == "all")
    assert cell.marks == ((mark,) if mark else ())
    assert cell.clipped_fraction == pytest.approx(sum(clipped) / 2)
    for name, (sign, meaning) in MARKS.items():
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
    assert [(cell.chosen, cell.mean, cell.n) for cell in table.cells()] == [
        (None, pytest.approx(0.1), 2)
    ] * 2
    assert table.tuned is None and "@" not in table.to_markdown()
    assert f"{RATE} = 0.1" in table.caption
    assert f"@ is the {RATE}" in table_of(found).caption
    with pytest.raises(ValueError, match="records"):
        table_of(found, fixed=0.2)


@pytest.mark.parametrize(
    ("curves", "expected"),
    [
        ([[0.5, 0.92, 0.95], [0.95, 0.3, 0.95], [0.5, 0.5, 0.95]], 4),
        ([[0.5, 0.9, 0.95], [None, None, None]], inf),  # one of two is censored
        ([[0.5, 0.5, 0.909], [0.1, 0.2, 0.91]], inf),  # .91 is a score of .9
    ],
)
def test_steps_to_the_criterion_end_at_the_first_validation_that_reaches_it(curves, expected):
    found = [record({RATE: 0.1}, seed=seed) for seed in range(len(curves))]
    for one, curve in zip(found, curves, strict=True):
        one.curve["validation_accuracy"] = curve
    assert only(table_of(found)).steps_to_criterion == expected
