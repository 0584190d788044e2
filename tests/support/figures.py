"""Words in a saved figure."""

import html
import re

from seqjax.reporting import plots


def words(figure, tmp_path, name="figure"):
    """Save a figure and return the words in its SVG."""
    plots.save(figure, tmp_path, name)
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
    assert svg.startswith("<?xml") and svg.rstrip().endswith("</svg>")
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]
