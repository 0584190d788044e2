"""Figure of a claim."""

from math import nan

import numpy as np
import pytest
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
    assert any(text.startswith("error saved: ") for text in found)
    assert {"slow", "fast", "lstm"} <= set(found) and not any("$" in word for word in found)
