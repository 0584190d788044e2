"""Inline SVG figures: Matplotlib's files without anything but shapes, with ids of their own."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from markupsafe import Markup

from seqjax.reporting.formats import mean_and_interval
from seqjax.reporting.html.view import Figure, short
from seqjax.reporting.tables import Table

MOST_BYTES = 600_000
"""Larger drawings are linked."""
PIXELS = 1.8
"""Width of a point on the page: figures have the small fonts of papers, at 4/3 pixels a point."""
HIGHEST = 750
"""Points; higher drawings are folded."""
SHAPES = """
    svg g path rect line polyline polygon circle ellipse text tspan use defs clipPath image
    linearGradient radialGradient stop marker pattern symbol title desc
"""
ATTRIBUTES = """
    id d x y x1 x2 y1 y2 cx cy r rx ry dx dy points width height viewBox transform style fill stroke
    stroke-width stroke-linecap stroke-linejoin opacity clip-path clip-rule href text-anchor
    font-size offset gradientUnits gradientTransform preserveAspectRatio patternUnits
    patternTransform clipPathUnits stop-color stop-opacity
"""
PNG = "data:image/png;base64,"
XLINK = "{http://www.w3.org/1999/xlink}href"

TITLES = {
    "heat_map": "Test metric of each cell",
    "heat_map_untuned": "Test metric without tuning",
    "clipped": "Clipped steps of each cell",
    "learning_curves": "Learning curves",
    "claim": "Comparisons of the claim",
    "reproduction": "Published and ours",
}


def figure(name: str, svg: str, caption: str, alt: str, title: str = "") -> Figure:
    """A figure of the page from the text of its SVG file.

    Args:
      name: name of the file without its ending; it begins the ids.
      svg: content of the file.
      caption: the words below the figure.
      alt: the words for readers who do not see it.
      title: heading; by default one that follows from the name.
    """
    title = title or TITLES.get(name, name.replace("_", " ").capitalize())
    identity = f"figure-{re.sub(r'[^a-z0-9]+', '-', name.lower())}"
    drawing = inline(svg, f"{identity}-", alt)
    if len(drawing) > MOST_BYTES:
        return Figure(identity, title, caption, Markup(), f"{name}.svg")
    height = re.search(r'viewBox="\S+ \S+ \S+ ([\d.]+)"', drawing)
    tall = height is not None and float(height[1]) > HIGHEST
    return Figure(identity, title, caption, drawing, open=not tall)


def inline(svg: str, prefix: str, alt: str) -> Markup:
    """SVG for the body of a page: ids begin with ``prefix``, and only shapes and text are left.

    Raises:
      ValueError: the text is not XML.
    """
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise ValueError(f"svg: expected XML: {error}") from None
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", svg))
    _clean(root, prefix, used)
    width = root.attrib.pop("width", "").removesuffix("pt")
    root.attrib.pop("height", None)
    if width:  # narrower pages shrink it a little, then scroll
        pixels = float(width) * PIXELS
        root.set("style", f"width: {pixels:.0f}px; min-width: {min(pixels, 560):.0f}px")
    root.set("role", "img")
    root.set("aria-label", alt)
    root.set("xmlns", "http://www.w3.org/2000/svg")
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _clean(element: ElementTree.Element, prefix: str, used: set[str]) -> None:
    """Remove namespaces, and elements and attributes that draw nothing, in place.

    Args:
      element: the element.
      prefix: beginning of the ids.
      used: ids that something refers to; others are removed.
    """
    element.tag = _local(element.tag)
    if element.get("id") not in used:
        element.attrib.pop("id", None)
    element.attrib = dict(_attributes(element, prefix))
    if not (element.text or "").strip():
        element.text = None
    element.tail = None if not (element.tail or "").strip() else element.tail
    for child in list(element):
        if not isinstance(child.tag, str) or _local(child.tag) not in SHAPES.split():
            element.remove(child)
        else:
            _clean(child, prefix, used)
    for child in [c for c in element if c.tag == "defs" and not len(c)]:
        element.remove(child)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _attributes(element: ElementTree.Element, prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in element.attrib.items():
        name = "href" if name == XLINK else name
        if name not in ATTRIBUTES.split():
            continue
        if name == "id":
            value = prefix + value
        elif name == "href":
            value = re.sub(r"\s", "", value)
            if value.startswith("#"):
                value = f"#{prefix}{value[1:]}"
            elif not value.startswith(PNG):
                continue
        elif name in ("d", "points"):
            value = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}", value)
            value = " ".join(value.split())
        else:
            value = re.sub(r"url\(#", f"url(#{prefix}", value)
        yield name, value


def alt_text(name: str, table: Table) -> str:
    """Words for a figure of a table."""
    cells = table.cells()
    metric = f"{table.part} {table.metric}".strip()
    axes = [title for title in (*table.row_titles, table.column_title) if title]
    over = f" over {' and '.join(axes)}" if axes else ""
    if name in ("heat_map", "heat_map_untuned"):
        means = [cell.mean for cell in cells if not cell.failure]
        return short(f"Heat map of {metric}{over}: {_range(means)}.", 400)
    if name == "clipped":
        shares = [cell.clipped_fraction for cell in cells]
        return short(f"Heat map of the share of clipped steps{over}: {_range(shares)}.", 400)
    if name == "learning_curves":
        return short(f"Curves of {metric} over training steps, {len(cells)} cells{over}.", 400)
    return short(f"{name.replace('_', ' ').capitalize()}{over}.", 400)


def _range(numbers: list[float]) -> str:
    if not numbers:
        return "no numbers, because all runs failed"
    low, high = min(numbers), max(numbers)
    return f"from {mean_and_interval(low)} to {mean_and_interval(high)}"
