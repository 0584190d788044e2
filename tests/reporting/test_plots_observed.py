"""Figures of quantities observed during training."""

import numpy as np
import pytest
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
    panels = [panel for panel in figures["observed_gates"].axes if panel.get_visible()]
    titles = [panel.get_title(loc="left") for panel in panels]
    assert sorted(filter(None, titles)) == sorted("".join(gates.values()))
    assert len(panels) == 2 * len("".join(gates.values()))
    labels = [panel.get_ylabel().split("\n") for panel in panels if panel.get_ylabel()]
    assert sorted((cell, time) for cell, *_, time in labels) == [
        (cell, time) for cell in ("gru", "lstm") for time in ("after training", "before training")
    ]
    panels = [panel for panel in figures["observed_gradients"].axes if panel.get_visible()]
    titles = {panel.get_title(loc="left") for panel in panels} - {""}
    assert titles == {"‖∂L/∂h‖ at t", "‖∂L/∂c‖ at t"}
