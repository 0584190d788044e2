"""Words in a figure."""

import html
import io
import re
import warnings

import matplotlib

from seqjax.reporting.plots.style import RC


def words(figure):
    """Return the words in the SVG of a figure."""
    svg = io.StringIO()
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(svg, format="svg")
    return [
        html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg.getvalue())
    ]
