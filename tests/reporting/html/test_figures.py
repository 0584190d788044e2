"""Inline SVG has shapes and text alone, and ids that no other figure of the page has."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from support.made_up_tables import CLIP, RATE, grid, table_of

from seqjax.reporting import plots
from seqjax.reporting.html import figures

HOSTILE = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
  width="90pt" height="30pt" viewBox="0 0 90 30" onload="a()"><metadata><date>2026</date></metadata>
  <style>*{color:red}</style><script>a()</script><foreignObject><b>x</b></foreignObject>
  <a xlink:href="http://x"><path d="M 0 0"/></a><defs><path id="m1" d="M 1.23456 2 
  L 3.999999 4"/></defs><g id="axes_1"><use xlink:href="#m1" clip-path="url(#p1)" onclick="a()"/>
  <image xlink:href="http://x/y.png"/><image xlink:href="data:image/png;base64,
  iVBO"/><text>a&lt;/script&gt;&lt;img onerror=a()&gt;</text></g></svg>"""


def test_only_shapes_and_text_are_left():
    drawing = figures.inline(HOSTILE, "one-", 'It\'s "here" <b>')
    for gone in ("onload", "onclick", "2026", "<style", "<script", "<b>", "http://x", "axes_1"):
        assert gone not in drawing, gone
    root = ElementTree.fromstring(drawing)
    assert root.get("role") == "img" and root.get("aria-label") == 'It\'s "here" <b>'
    assert 'href="#one-m1"' in drawing and 'id="one-m1"' in drawing and "url(#one-p1)" in drawing
    assert "data:image/png;base64,iVBO" in drawing and 'd="M 1.23 2 L 4.00 4"' in drawing
    assert "a&lt;/script&gt;&lt;img onerror=a()&gt;" in drawing
    with pytest.raises(ValueError, match=r"^svg: "):
        figures.inline("<svg", "a-", "")


@pytest.mark.slow
def test_a_figure_of_matplotlib_is_complete_and_equal_figures_are_equal(tmp_path):
    table = table_of(grid(clip__threshold=(0.5, 1.0), optim__learning_rate=(0.1, 0.3)))
    drawn = []
    for _ in range(2):
        plots.save(plots.heat_map(table), tmp_path, "heat_map")
        svg = (tmp_path / "heat_map.svg").read_text("utf-8")
        drawn.append(figures.figure("heat_map", svg, "below", figures.alt_text("heat_map", table)))
    assert drawn[0] == drawn[1] and drawn[0].open and not drawn[0].file
    drawing = drawn[0].drawing
    ids = set(re.findall(r'\bid="([^"]+)"', drawing))
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', drawing))
    assert used <= ids and all(one.startswith("figure-heat-map-") for one in ids)
    assert "0.020" in drawing and "<image" in drawing and "2026" not in drawing
    assert f"{CLIP}" in drawing and RATE not in drawing.partition("aria-label")[0]


def test_high_figures_are_folded_and_large_ones_linked(monkeypatch):
    high = HOSTILE.replace("0 0 90 30", "0 0 90 3000")
    assert not figures.figure("a b", high, "", "").open
    monkeypatch.setattr(figures, "MOST_BYTES", 10)
    linked = figures.figure("a b", HOSTILE, "", "")
    assert linked.file == "a b.svg" and not linked.drawing and linked.id == "figure-a-b"
