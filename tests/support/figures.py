"""Words in a figure, and texts that run into each other."""

import html
import io
import itertools
import re
import warnings
from unittest import mock

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from seqjax.reporting.plots.style import RC

TOUCHING = 1.0
"""Pixels by which the boxes of texts may overlap."""


def words(figure):
    """Return the words in the SVG of a figure."""
    svg = io.StringIO()
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(svg, format="svg")
    return [
        html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg.getvalue())
    ]


def faults(figure):
    """Texts that leave the figure or overlap, and legends that cover data."""
    canvas, drawn = FigureCanvasAgg(figure), []
    plain = Text.draw

    def draw(text, renderer):
        plain(text, renderer)
        if text.get_visible() and text.get_text().strip():
            drawn.append(text)

    with matplotlib.rc_context(RC):
        canvas.draw()
        with mock.patch.object(Text, "draw", draw):
            canvas.draw()
        boxes = [(text.get_text(), text.get_window_extent()) for text in drawn]
        page = figure.bbox.padded(TOUCHING)
        outside = [text for text, box in boxes if not _inside(box, page)]
        overlapping = [
            (a, b) for (a, one), (b, two) in itertools.combinations(boxes, 2) if _cover(one, two)
        ]
        covered = [
            axes.get_title(loc="left")
            for axes in figure.axes
            if (legend := axes.get_legend()) and _cover(legend.get_window_extent(), axes.bbox)
        ]
    return outside + overlapping + covered


def _inside(box, page):
    return page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1


def _cover(one, two):
    width = min(one.x1, two.x1) - max(one.x0, two.x0)
    height = min(one.y1, two.y1) - max(one.y0, two.y0)
    return min(width, height) > TOUCHING
