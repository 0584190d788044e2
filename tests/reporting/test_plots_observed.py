"""Figures of quantities observed during training."""

import numpy as np
import pytest
from support.figures import faults, words
from support.made_up import STEPS, record
from support.made_up_tables import table_of

from seqjax.reporting.plots import observed

TIMES = 1 + len(STEPS)
T = 6


def seen(bias, seed):
    """At each time (TIMES, ...): numbers that tell biases, seeds and times apart."""
    at = np.arange(1, TIMES + 1)[:, None] * (10 + bias + seed)
    return {
        "gradients.h": at * np.ones(T),
        "gates.layer0_forward.f.histogram": at * np.ones(20) / 1000,
        "gates.layer0_forward.f.low": at * np.ones(3) / 100,
        "gates.layer0_forward.f.high": at * np.ones(3) / 200,
    }


@pytest.fixture(scope="module")
def figures():
    records = [
        record({"init.bias.f": bias}, seed=seed, observed=seen(bias, seed))
        for bias in (-1.0, 2.0)
        for seed in range(3)
    ]
    return dict(observed.observed_figures(table_of(records, tune=None)))


def lines(panel):
    return {line.get_label(): np.asarray(line.get_ydata(), float) for line in panel.get_lines()}


def test_there_is_a_figure_of_each_kind_that_was_observed(figures):
    names = ["observed_gradients", "observed_gates", "observed_gates_over_training"]
    assert list(figures) == names
    nothing = table_of([record({"init.bias.f": 1.0})], tune=None)
    assert not dict(observed.observed_figures(nothing))


def test_lines_are_medians_over_seeds_before_and_after_training(figures):
    before, after = figures["observed_gradients"].axes
    assert [panel.get_title(loc="left") for panel in (before, after)] == [
        "before training",
        "after training",
    ]
    for panel, time in ((before, 1), (after, TIMES)):
        for label, y in lines(panel).items():
            assert y == pytest.approx(time * (10 + float(label) + 1) * np.ones(T)), label
    assert set(lines(before)) == {"-1", "2"}


def test_shares_are_drawn_over_the_steps(figures):
    low, high = figures["observed_gates_over_training"].axes
    (line, *_) = low.get_lines()
    assert list(line.get_xdata()) == [0, *STEPS]
    assert lines(low)["2"] == pytest.approx(13 * np.arange(1, TIMES + 1) / 100)
    assert lines(high)["2"] == pytest.approx(13 * np.arange(1, TIMES + 1) / 200)


def test_figures_with_too_many_lines_are_not_drawn():
    many = [record({"init.bias.f": float(b)}, observed=seen(b, 0)) for b in range(20)]
    drawn = dict(observed.observed_figures(table_of(many, tune=None)))
    assert drawn and all(figure is None for figure in drawn.values())


def test_gates_of_each_type_of_cell_are_a_block_with_labels():
    """The GRU has other gates than the LSTM, and no gradient of a cell state."""
    gates = {"lstm": "fgio", "gru": "nrz"}
    records = [
        record(
            {"init.bias.f": 1.0} if cell == "lstm" else {},
            arm=cell,
            settings={"model.cell": cell},
            observed={
                f"gates.layer0_forward.{gate}.{name}": np.ones((TIMES, n))
                for gate in gates
                for name, n in (("histogram", 20), ("low", 3), ("high", 3))
            }
            | {"gradients.h": np.ones((TIMES, T))}
            | ({"gradients.c": np.ones((TIMES, T))} if cell == "lstm" else {}),
        )
        for cell, gates in gates.items()
    ]
    figures = dict(observed.observed_figures(table_of(records, tune=None)))
    drawn = figures["observed_gates"]
    titles = [panel.get_title(loc="left") for panel in drawn.axes]
    assert sorted(filter(None, titles)) == sorted(
        observed.GATES[gate] for gate in "".join(gates.values())
    )
    assert len(drawn.axes) == 2 * len("".join(gates.values()))  # and no empty panel
    labels = [panel.get_ylabel().split("\n") for panel in drawn.axes if panel.get_ylabel()]
    assert [label[-2:] for label in labels] == 2 * [
        [time, "share in a bin of 0.05"] for time in ("before training", "after training")
    ]
    found = words(drawn)
    assert {"a  cell gru", "b  cell lstm", "gru", "lstm"} <= set(found)
    assert not faults(drawn) and not faults(figures["observed_gates_over_training"])
    titles = {panel.get_title(loc="left") for panel in figures["observed_gradients"].axes} - {""}
    assert titles == {"‖∂L/∂h‖ at t", "‖∂L/∂c‖ at t"}


def test_panels_of_zeros_are_left_out_and_named():
    gates = {f"gates.layer0_forward.{gate}.low": np.ones((TIMES, 3)) for gate in "fi"}
    high = {f"gates.layer0_forward.{gate}.high": np.zeros((TIMES, 3)) for gate in "fi"}
    histograms = {f"gates.layer0_forward.{gate}.histogram": np.ones((TIMES, 20)) for gate in "fi"}
    seen_of = {**gates, **high, **histograms}
    seen_of["gates.layer0_forward.i.high"] = np.ones((TIMES, 3))
    found = [record({"init.bias.f": 1.0}, seed=seed, observed=seen_of) for seed in range(2)]
    figure = dict(observed.observed_figures(table_of(found, tune=None)))[
        "observed_gates_over_training"
    ]
    assert len(figure.axes) == 3
    text = " ".join(words(figure))
    assert "Left out, because all numbers are 0: above 0.9 forget gate f." in text


def test_failed_runs_are_thin_lines_with_crosses_in_no_median():
    found = [
        record({"init.bias.f": 2.0}, seed=seed, observed=seen(2.0, seed), failed=reason)
        for seed, reason in enumerate((None, "collapsed", None))
    ]
    figure = dict(observed.observed_figures(table_of(found, tune=None)))["observed_gradients"]
    median, failed = figure.axes[0].get_lines()
    assert list(median.get_ydata()) == [13] * T  # of seeds 0 and 2: 12 and 14
    assert failed.get_marker() == "x" and list(failed.get_ydata()) == [13] * T
    assert "Crosses: failed runs" in " ".join(words(figure))
