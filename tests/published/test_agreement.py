"""Agreement with made-up tables whose answer is known, and every word of the verdict."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from support.made_up import record, replace
from support.published_tables import ARMS, PAPER, RATE, SOMEONE, TABLE, runs

from experiments import PUBLISHED
from experiments.experiment import find
from seqjax.published import agreement
from seqjax.published.agreement import OTHER_SIZE, REPRODUCED, SIGNS_DIFFER, UNDECIDED, agree
from seqjax.published.figures import figures
from seqjax.published.join import ArmKey, OpenAxisError, join
from seqjax.published.levels import best_of_percentile, rank_correlation
from seqjax.published.table import Effect, Measure
from seqjax.records.record import Failure

SPREAD = np.array([-0.002, -0.001, 0.0, 0.001, 0.002])


def around(**means):
    """Five records a row; the deviations of rows from their means differ by row."""
    return runs({row: mean + np.roll(SPREAD, k) for k, (row, mean) in enumerate(means.items())})


def agreed(records, table=TABLE, arms=ARMS, tune=RATE):
    (found,) = agree(table, join(table, records, arms, tune))
    return found


def level_of(found, row, metric="mse"):
    (level,) = (one for one in found.levels if (one.row, one.measure.name) == (row, metric))
    return level


def test_a_level_agrees_within_the_prediction_interval_of_one_more_run():
    level = level_of(agreed(around(tanh=0.155)), "tanh")
    reach = stats.t.ppf(0.975, 4) * np.std(SPREAD, ddof=1) * math.sqrt(1 + 1 / 5) + 0.0005
    assert level.difference == pytest.approx(-0.005)
    assert (level.lower, level.upper) == pytest.approx((0.155 - reach, 0.155 + reach))
    assert level.inside  # 1.645 half widths of the mean away, where its interval would refuse
    assert abs(level.difference) > level.half_width
    assert not level_of(agreed(around(tanh=0.155 - 0.002)), "tanh").inside


def test_a_single_run_has_a_difference_and_no_interval():
    level = level_of(agreed(runs({"tanh": [0.155]})), "tanh")
    assert level.difference == pytest.approx(-0.005) and level.inside is None


def test_rows_without_runs_and_runs_without_figures_are_listed():
    table = dataclasses.replace(TABLE, figures=TABLE.figures[:1], effects=())
    found = agreed(around(LSTM=0.1), table)
    tanh, lstm, solved = found.levels
    assert (solved.row, solved.measure.name, solved.mean) == ("LSTM", "solved", 0)
    assert (tanh.row, tanh.cell) == ("tanh", None) and math.isnan(tanh.mean)
    assert lstm.figure is None and lstm.mean == pytest.approx(0.1)


def test_figures_from_memory_enter_no_statistic():
    arms = {**ARMS, "short: GRU": ArmKey("as published", "GRU, no reset", "short")}
    level = level_of(agreed(around(GRU=0.031, tanh=0.1, LSTM=0.05), arms=arms), "GRU, no reset")
    assert level.mean == pytest.approx(0.031) and level.inside is None
    reach = stats.t.ppf(0.975, 4) * np.std(SPREAD, ddof=1) * math.sqrt(1 + 1 / 5)
    assert math.isnan(level.difference) and level.lower == pytest.approx(0.031 - reach)
    with_memory = agreed(around(GRU=0.031, tanh=0.1, LSTM=0.05), arms=arms)
    assert not with_memory.orders  # two rows are left


def test_the_best_of_n_trials_is_compared_with_the_distribution_of_its_bootstrap():
    rng = np.random.default_rng(0)
    results = rng.normal(size=12)  # in the order of validation
    drawn = rng.integers(12, size=(200_000, 3)).min(axis=1)  # the best trial on validation data
    share = np.mean(results[drawn] < 0.2)
    assert best_of_percentile(results, 3, 0.2) == pytest.approx(100 * share, abs=0.5)
    assert best_of_percentile(results, 1, results[0]) == pytest.approx(
        100 * (np.sum(results < results[0]) + 0.5) / 12
    )


def test_a_failed_run_and_too_few_trials_leave_the_level_open():
    records = around(tanh=0.16, LSTM=0.05)
    failed = replace(records[0], failed=Failure("collapsed", 6), score=0.0)
    table = dataclasses.replace(TABLE, selection="best of 6")
    level = level_of(agreed([failed, *records[1:]], table), "tanh")
    assert level.inside is None and not math.isnan(level.difference)
    assert level_of(agreed(records, table), "tanh").inside
    assert math.isnan(level_of(agreed(records, table), "tanh").percentile)  # five trials
    table = dataclasses.replace(TABLE, selection="best of 5")
    assert not math.isnan(level_of(agreed(records, table), "tanh").percentile)


def test_trials_of_a_search_are_ranked_on_validation_data():
    table = dataclasses.replace(TABLE, selection="best of 2")
    tried = [
        replace(run, point={RATE: rate}, settings={**run.settings, RATE: rate},
                validation={"mse": validation}, seed=0)
        for rate, validation, error in ((0.1, 0.02, 0.2), (0.2, 0.01, 0.1), (0.3, 0.03, 0.3))
        for run in runs({"tanh": [error]})
    ]  # fmt: skip
    level = level_of(agreed(tried, table), "tanh")
    assert level.cell.chosen == 0.2 and level.mean == pytest.approx(0.1)
    assert level.percentile == pytest.approx(100 * (1 - (2 / 3) ** 2))  # P(the trial with .1)
    top = dataclasses.replace(TABLE, selection="top 20 of 200", top=2)
    level = level_of(agreed(tried, top), "tanh")
    assert level.mean == pytest.approx(0.15) and level.half_width > 0
    assert level.inside is None and math.isnan(level.lower)  # the best trials are no sample


def test_effects_are_paired_by_seed():
    noise = 0.05 * np.arange(5)  # shared by the rows
    found = agreed(runs({"tanh": 0.2 + noise, "LSTM": 0.1 + noise + SPREAD}))
    lstm, gru = found.effects
    assert lstm.paired and lstm.n == 5 and lstm.difference == pytest.approx(0.1)
    half_width = stats.t.ppf(0.975, 4) * np.std(SPREAD, ddof=1) / math.sqrt(5)
    assert (lstm.lower, lstm.upper) == pytest.approx((0.1 - half_width, 0.1 + half_width))
    assert lstm.ratio == pytest.approx(0.1 / 0.11)
    assert not gru.known and found.agreeing == (1, 1)


def test_effects_on_other_seeds_have_welchs_interval():
    found = agreed(runs({"tanh": 0.2 + SPREAD, "LSTM": 0.1 + SPREAD[:3]}))
    lstm = found.effects[0]
    expected = stats.ttest_ind(0.2 + SPREAD, 0.1 + SPREAD[:3], equal_var=False)
    assert not lstm.paired and lstm.n == 3
    assert (lstm.lower, lstm.upper) == pytest.approx(tuple(expected.confidence_interval(0.95)))


@pytest.mark.parametrize(
    ("means", "verdict"),
    [
        ({"tanh": 0.16, "LSTM": 0.05, "GRU": 0.03}, REPRODUCED),
        ({"tanh": 0.16, "LSTM": 0.14, "GRU": 0.03}, OTHER_SIZE),
        ({"tanh": 0.16, "LSTM": 0.17, "GRU": 0.03}, SIGNS_DIFFER),
        ({"tanh": 0.16, "LSTM": 0.1595, "GRU": 0.1598}, UNDECIDED),
        ({"tanh": 0.16, "LSTM": 0.1605, "GRU": 0.03}, UNDECIDED),  # one sign is open
    ],
)
def test_the_verdict(means, verdict):
    found = agreed(around(**means))
    assert found.verdict == verdict


def test_the_size_of_an_effect_may_miss_the_interval_by_its_rounding():
    exact = {"tanh": 0.16, "LSTM": 0.05, "GRU": 0.03}
    half_width = agreed(around(**exact)).effects[0].upper - 0.11
    for beyond, verdict in ((0.0009, REPRODUCED), (0.0011, OTHER_SIZE)):
        means = {**exact, "LSTM": 0.05 + half_width + beyond}
        assert agreed(around(**means)).verdict == verdict


def test_the_order_of_four_rows_has_kendalls_exact_p():
    assert rank_correlation([(1, 1), (2, 2), (3, 4), (4, 3)]) == pytest.approx((2 / 3, 1 / 3))
    assert rank_correlation([(k, k) for k in range(5)]) == pytest.approx((1, 2 / 120))
    tau, p = rank_correlation([(1, 3), (2, 2), (3, 1)])
    assert tau == -1 and math.isnan(p)
    assert math.isnan(rank_correlation([(1, 1), (1, 2), (1, 3)])[0])
    (order,) = agreed(around(tanh=0.16, LSTM=0.05, GRU=0.04)).orders
    assert (order.rows, order.tau) == (3, 1) and math.isnan(order.p)


def test_success_rates_have_exact_intervals_and_newcombes_difference():
    share = figures(PAPER, {"tanh": ("18",), "GRU": ("100",)}, ({"task": "short"},),
                    percent=True, metric="solved", n=100)  # fmt: skip
    effect = Effect("GRU", "tanh", None, "gates", task="short", metric="solved")
    table = dataclasses.replace(TABLE, figures=share, effects=(effect,))
    records = runs({"tanh": [0.005] * 4 + [0.1] * 16, "GRU": [0.005] * 20})
    records[0] = replace(records[0], failed=record(failed="collapsed").failed)  # is not solved
    found = agreed(records, table)
    level = level_of(found, "tanh", "solved")
    exact = stats.binomtest(3, 20).proportion_ci(0.95)
    assert level.mean == pytest.approx(0.15) and level.inside
    assert (level.lower, level.upper) == pytest.approx((exact.low, exact.high))
    assert level.difference_lower < level.difference < level.difference_upper
    (solved,) = found.effects
    assert solved.difference == pytest.approx(0.85) and not solved.paired
    assert found.verdict == REPRODUCED


def test_failed_runs_count_as_chance():
    records = around(tanh=0.16)
    records[0] = replace(records[0], failed=record(failed="nonfinite").failed, test={"mse": None})
    level = level_of(agreed(records), "tanh")
    assert level.cell.failed == 1
    assert level.mean == pytest.approx(np.mean([1 / 6, *(0.16 + SPREAD[1:])]))


def test_a_metric_that_records_lack_gives_no_number():
    table = dataclasses.replace(
        TABLE, measures=(Measure("mse", "error", False, metric="other"),), effects=TABLE.effects
    )
    found = agreed(around(tanh=0.16, LSTM=0.05), table)
    assert math.isnan(level_of(found, "tanh").mean) and found.verdict == UNDECIDED


def test_an_open_axis_is_an_error():
    records = [
        replace(run, point={**run.point, "model.hidden": hidden},
                settings={**run.settings, "model.hidden": hidden})
        for run in around(tanh=0.16)
        for hidden in (3, 4)
    ]  # fmt: skip
    with pytest.raises(OpenAxisError, match=r"^point: "):
        agreed(records)
    at = dataclasses.replace(TABLE.figures[0], point={"model.hidden": 4})
    table = dataclasses.replace(TABLE, figures=(at,), effects=())
    level, other, *_ = agreed(records, table).levels
    assert level.cell.point == {"model.hidden": 4}
    assert other.figure is None and other.point == {"model.hidden": 3}


def test_every_version_of_the_rule_has_a_line():
    assert sorted(agreement.CHANGES) == list(range(1, agreement.VERSION + 1))


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_statistic_of_a_published_table_uses_a_figure_from_memory(name):
    table = find(name).table
    assert not any(e.source is not None and e.source.confidence == "M" for e in table.effects)
    for effect in table.effects:
        used = [figure for figure in table.figures_of(effect) if figure is not None]
        assert table.size_of(effect) is None or not any(f.from_memory for f in used)
    assert SOMEONE.confidence == "M"
