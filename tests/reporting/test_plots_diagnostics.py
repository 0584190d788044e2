"""Figures of diagnostics from made-up arrays: what they say, and what they leave out."""

import numpy as np
import pytest
from support.figures import words

from seqjax.reporting.plots import diagnostics as plots

STEPS = np.arange(30)
DRAWS = np.random.default_rng(0)


def saturation():
    low, high = (np.random.default_rng(seed).beta(0.6, 1.5, (6, 32)) / 2 for seed in (1, 2))
    return {
        gate: {f"layer{k}": (low[2 * g + k], high[2 * g + k]) for k in range(2)}
        for g, gate in enumerate("ifo")
    }


def histogram(seed):
    values = np.random.default_rng(seed).beta(0.4, 0.6, 5000)
    return np.histogram(values, 20, (0, 1))[0] / 5000


FIGURES = {
    "gradient_profile": lambda: plots.gradient_profile(
        {
            "elman": 10.0 ** (STEPS / 3 - 10) * np.exp(DRAWS.normal(size=(9, 30))),
            "lstm": 10.0 ** (STEPS / 30 - 1),
            "feed-forward": np.where(STEPS == 29, 1.0, 0.0),
        }
    ),
    "gate_histograms": lambda: plots.gate_histograms(
        {
            f"layer{k}_forward.{gate}": histogram(seed)
            for seed, (k, gate) in enumerate((k, gate) for k in range(2) for gate in "ifgo")
        }
    ),
    "saturation": lambda: plots.saturation(saturation()),
    "singular_values": lambda: plots.singular_values(
        np.sort(np.exp(DRAWS.normal(size=(30, 16)) - 1))[:, ::-1]
    ),
    "monotone_pieces": lambda: plots.monotone_pieces(
        {
            "one matrix": np.round(1.3 ** np.arange(20) + DRAWS.integers(0, 3, (9, 20))),
            "independent matrices": np.round(1.25 ** np.arange(20)),
        }
    ),
}
SAYS = {
    "gradient_profile": {"elman", "lstm", "feed-forward", "step", "‖∂L/∂h‖"},
    "gate_histograms": {
        "layer0_forward.f",
        "layer1_forward.o",
        "gate value v; (v + 1) / 2 for tanh",
    },
    "saturation": {"i", "f", "o", "layer0", "layer1", "share of time above 0.9"},
    "singular_values": {"largest", "median", "smallest", "step", "singular value"},
    "monotone_pieces": {"one matrix", "independent matrices", "depth", "monotone pieces"},
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_names_what_it_shows(tmp_path, name):
    assert SAYS[name] <= set(words(FIGURES[name](), tmp_path))


def test_lines_are_medians_in_bands_and_zeros_are_gaps():
    rows = np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 0.0], [8.0, 16.0, 0.0]])
    panel = plots.gradient_profile({"a": rows, "_b": np.array([0.0, np.inf, 0.1])}).axes[0]
    first, second = panel.lines
    assert first.get_ydata()[:2].tolist() == [3, 4] and np.isnan(first.get_ydata()[2])
    assert np.isnan(second.get_ydata()[:2]).all() and second.get_ydata()[2] == 0.1
    heights = panel.collections[0].get_paths()[0].vertices[:, 1]
    assert (np.nanmin(heights), np.nanmax(heights)) == (1, 16)
    assert first.get_linestyle() != second.get_linestyle()  # not by colour alone
    assert first.get_marker() != second.get_marker()


def test_histograms_write_the_saturated_shares():
    shares = np.zeros(20)
    shares[[0, 1, 2, 17, 18, 19]] = [0.2, 0.1, 0.3, 0.15, 0.05, 0.2]
    panel = plots.gate_histograms({"layer0_forward.f": shares}).axes[0]
    assert [text.get_text() for text in panel.texts] == ["0.30", "0.25"]
    assert [bar.get_height() for bar in panel.patches] == shares.tolist()


def test_the_scatter_has_a_point_a_unit():
    gates = saturation()
    for panel, by_layer in zip(plots.saturation(gates).axes, gates.values(), strict=True):
        for points, pair in zip(panel.collections, by_layer.values(), strict=True):
            assert np.array_equal(points.get_offsets(), np.stack(pair, axis=1))


def test_singular_values_need_not_be_sorted():
    values = np.array([[1.0, 9.0, 3.0], [0.0, 2.0, 4.0]])
    panel = plots.singular_values(values).axes[0]
    largest, median, smallest = (line.get_ydata() for line in panel.lines[:3])
    assert largest.tolist() == [9, 4] and median.tolist() == [3, 2]
    assert smallest[0] == 1 and np.isnan(smallest[1])
