"""Lines of figures: medians, bands and gaps."""

import numpy as np
from matplotlib.figure import Figure

from seqjax.reporting.plots.lines import colours_of, distinct, draw_lines


def test_numbers_have_shades_in_order_and_names_distinct_colours():
    bright = [sum(colour[:3]) for colour in colours_of(["-1", "0.5 (1 of 2 failed)", "∞"])]
    assert bright == sorted(bright)
    assert list(colours_of(["lstm", "1"])) == list(distinct(2))


def test_lines_are_medians_in_bands_and_nans_are_gaps():
    rows = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, np.nan], [8.0, 16.0, np.nan]])
    panel = Figure().subplots()
    draw_lines(panel, {"a": rows, "_b": np.array([np.nan, np.inf, 0.1])})
    first, second = panel.lines
    assert first.get_ydata()[:2].tolist() == [3, 4] and np.isnan(first.get_ydata()[2])
    assert np.isnan(second.get_ydata()[:2]).all() and second.get_ydata()[2] == 0.1
    heights = panel.collections[0].get_paths()[0].vertices[:, 1]
    assert (np.nanmin(heights), np.nanmax(heights)) == (1, 16)
    assert first.get_linestyle() != second.get_linestyle()  # not by colour alone
    assert first.get_marker() != second.get_marker()
    assert [text.get_text() for text in panel.legend().get_texts()] == ["a", " _b"]
