"""Figure of a claim: strips of comparisons with margins, and curves."""

import dataclasses
from math import inf, nan

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from support.figures import faults, words

from seqjax.reporting.plots.claims import ClaimPanel, Margin, Place, Quantity, claim_figure
from seqjax.stats.decisions import Comparison, Verdict

ONE = Comparison("lstm − gru on adding", 0.1, -0.1, 0.4, 10, nan, 0.2, ())
LINES = {"lstm": np.array([[1.0, 5.0], [2.0, 6.0], [9.0, 7.0]])}


def named(name, **changes):
    return dataclasses.replace(ONE, name=name, **changes)


def verdict(claim, *comparisons, word="supported"):
    return Verdict(claim, "So.", word, "it is", comparisons or (ONE,), 10)


def panel_of(**changes):
    panel = ClaimPanel(LINES, "t", "rate", "norm", "error saved", categories=("slow", "fast"))
    return panel._replace(**changes)


def rows_of(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


def test_each_verdict_has_a_strip_with_its_claim_and_n():
    found = [verdict(f"9{k}", named(f"c {k}"), named(f"d {k}")) for k in range(4)]
    figure = claim_figure(found, None)
    shown = " ".join(words(figure))
    assert [rows_of(axes) for axes in figure.axes] == [[f"c {k}", f"d {k}"] for k in range(4)]
    assert all(f"claim 9{k}: supported  (n = 10 seeds)" in shown for k in range(4))
    assert not faults(figure)


def test_verdicts_that_share_comparisons_share_a_strip():
    first = verdict("6a", ONE, named("b"))
    second = verdict("6b", named("b"), ONE, named("c"), word="contradicted")
    (axes,) = claim_figure([first, second], None).axes
    assert rows_of(axes) == [ONE.name, "b", "c"]
    assert "claims 6a: supported; 6b: contradicted" in " ".join(words(axes.figure.figure))
    other = verdict("6b", named("b", lower=-0.2))  # at another level
    assert len(claim_figure([first, other], None).axes) == 2


def test_exploratory_verdicts_are_shown_where_there_are_no_others():
    first = verdict("9")
    beside = first.as_exploratory("otherwise")
    assert len(claim_figure([first, beside], None).axes) == 1
    assert len(claim_figure([beside], None).axes) == 1


def test_each_quantity_has_an_axis_with_its_margins_and_each_facet_a_panel():
    quantities = {
        "slope": Quantity("slope, decades", (Margin(-0.02, 0.02, "too small"),), "draws"),
        "score": Quantity("score", (Margin(0.5, 0.5, "limit"),)),
    }
    found = verdict("2", named("slope of a on x"), named("slope of b on y"), named("score of a"))

    def place(name):
        quantity, _, rest = name.partition(" of ")
        row, _, facet = rest.partition(" on ")
        return Place({"a": "arm a"}.get(row, row), facet, quantity)

    figure = claim_figure([found], panel_of(compared=quantities, place=place))
    curves, x, y, score = figure.axes
    assert [axes.get_title() for axes in (x, y)] == ["x", "y"]
    assert rows_of(x) == ["arm a", "b"] and rows_of(score) == ["arm a"]
    (band,) = x.patches
    assert (band.get_x(), band.get_width()) == pytest.approx((-0.02, 0.04)) and not score.patches
    dotted = [line for line in score.lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in dotted] == [0.5]
    shown = " ".join(words(figure))
    assert "slope, decades" in shown and "shaded: too small" in shown and "(n = 10 draws)" in shown
    assert "dotted: limit" in shown and curves.get_xlabel().startswith("rate")
    assert not faults(figure)


def test_an_infinite_limit_is_an_arrow():
    (axes,) = claim_figure([verdict("9", named("wide", upper=inf))], None).axes
    assert [line.get_marker() for line in axes.lines].count(">") == 1


def test_categories_have_every_run_and_failed_runs_apart():
    failed = {"lstm": np.array([[False, False], [True, False], [False, False]])}
    figure = claim_figure([verdict("9")], panel_of(log=True, failed=failed, legend="network"))
    panel = figure.axes[0]
    by_marker = {line.get_marker(): line for line in panel.get_lines()}
    assert list(by_marker["x"].get_ydata()) == [2]
    (median,) = (line for line in panel.get_lines() if line.get_label().startswith("lstm"))
    assert list(median.get_ydata()) == [5, 6]  # without the failed run
    legend = panel.get_legend()
    assert legend.get_title().get_text() == "network"
    assert [text.get_text() for text in legend.get_texts()] == ["lstm (1 of 6 failed)"]
    found = words(figure)
    assert {"slow", "fast", "error saved"} <= set(found) and "$" not in "".join(found)
    assert "crosses: failed runs" in " ".join(found)
    assert not faults(figure)


def test_the_key_and_the_spread_are_explained():
    names = ("logistic regression of the pixels", "nearest neighbour")
    for several in (True, False):
        rows = LINES["lstm"][: 3 if several else 1]
        changes = {"categories": names, "key": "nfg: without forget gate.", "x_label": ""}
        figure = claim_figure([verdict("9")], panel_of(lines={"": rows}, **changes))
        shown = " ".join(words(figure))
        assert "nfg: without forget gate." in shown and "error saved" in shown
        assert "Bars: intervals" in shown and "Failed runs count" in shown
        assert ("circles: runs" in shown) == several
        assert not any(axes.get_legend() for axes in figure.axes)
        assert all(name in shown for name in names)


def test_lines_without_an_order_have_distinct_colours_and_words():
    lines = {f"line {k}": np.arange(3.0) for k in range(8)}
    changes = {"lines": lines, "categories": (), "words": str.upper}
    panel = claim_figure([verdict("9")], panel_of(**changes)).axes[0]
    colours = np.array([to_rgb(line.get_color()) for line in panel.get_lines()])
    gaps = np.abs(colours[:, None] - colours).sum(-1) + 9 * np.eye(len(colours))
    assert len(colours) == 8 and gaps.min() > 0.3
    assert panel.get_legend().get_texts()[0].get_text() == "LINE 0"
