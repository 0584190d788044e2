"""Figure of a claim."""

from math import nan

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from support.figures import words

from seqjax.reporting.plots.claims import ClaimPanel, claim_figure
from seqjax.stats.decisions import Comparison, Verdict

ONE = Comparison("lstm − gru on adding", 0.1, -0.1, 9.0, 10, nan, 0.2, ())


def verdicts(count):
    return [Verdict(f"9{k}", "So.", "supported", "it is", (ONE, ONE), 10) for k in range(count)]


@pytest.mark.parametrize("count", [1, 5])
def test_each_verdict_has_a_panel_and_no_other_is_seen(count):
    figure = claim_figure(verdicts(count), None)
    shown = [panel for panel in figure.axes if panel.axison]
    titles = [panel.get_title(loc="left") for panel in shown]
    assert titles == [f"claim 9{k}: supported" for k in range(count)]
    assert all(len(panel.get_yticks()) == 2 for panel in shown)


def test_exploratory_verdicts_are_shown_where_there_are_no_others():
    (first,) = verdicts(1)
    beside = first.as_exploratory("otherwise")
    assert len(claim_figure([first, beside], None).axes) == 1
    assert len(claim_figure([beside, beside], None).axes) == 2


def test_categories_have_marks_at_the_median_in_bars():
    rows = np.array([[1.0, 5.0], [2.0, np.inf], [9.0, 7.0]])
    curves = ClaimPanel(
        {"lstm": rows},
        "t",
        "rate",
        "norm",
        log=True,
        categories=("slow", "fast"),
        compared="error saved",
    )
    figure = claim_figure(verdicts(1), curves)
    (panel,) = (panel for panel in figure.axes if panel.get_title(loc="left") == "t")
    *bars, marks = panel.get_lines()
    assert list(marks.get_ydata()) == [2, 6]
    assert [list(bar.get_ydata()) for bar in bars] == [[1, 9], [5, 7]]
    found = words(figure)
    assert "error saved" in found
    assert {"slow", "fast", "lstm"} <= set(found) and not any("$" in word for word in found)


def test_the_key_and_the_spread_are_explained():
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    names = ("logistic regression of the pixels", "nearest neighbour")
    for several in (True, False):
        panel = ClaimPanel(
            {"": rows if several else rows[0]},
            "t",
            "",
            "norm",
            categories=names,
            compared="difference in score",
            key="nfg: without forget gate.",
        )
        figure = claim_figure(verdicts(1), panel)
        found = words(figure)
        assert {"difference in score", "mean and interval", "nfg: without forget gate."} <= set(
            found
        )
        assert any("smallest to the largest" in text for text in found) == several
        assert not any(axes.get_legend() for axes in figure.axes)
        shown = " ".join(found)
        assert all(name in shown for name in names)


def test_lines_without_an_order_have_distinct_colours():
    lines = {f"line {k}": np.arange(3.0) for k in range(8)}
    panel = claim_figure(verdicts(1), ClaimPanel(lines, "t", "step", "norm", "score")).axes[-1]
    colours = np.array([to_rgb(line.get_color()) for line in panel.get_lines()])
    gaps = np.abs(colours[:, None] - colours).sum(-1) + 9 * np.eye(len(colours))
    assert len(colours) == 8 and gaps.min() > 0.3
    assert panel.get_legend() is not None
