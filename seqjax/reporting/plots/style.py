"""Style of all figures: sizes, colours and fonts, and saving them as PNG and SVG.

A figure is as wide as one or two columns of a paper (``ONE`` and ``TWO``, in millimetres), and its
fonts have the size at which they are printed. Colours are those of Okabe and Ito, which
colour-blind readers can tell apart; wherever a colour has a meaning, a marker, a dash or a text has
it too.

PNG and SVG have an opaque white background: a figure on a dark page is a white card, and its dark
ink stays readable. An SVG can be inlined in an HTML page: its text is text, so that it can be
searched and read aloud; it has no date; its ids begin with a hash of the figure, so that different
figures of a page have different ids. Equal figures are equal files.
"""

import contextlib
import hashlib
import io
import os
import pathlib
import re
import textwrap
import unicodedata
import warnings
from collections.abc import Iterator

import matplotlib.figure
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.rcsetup import cycler

from seqjax.types import printable

ONE, TWO = 89.0, 183.0
"""Millimetres: width of one column and of two columns of a paper."""
NORMAL, SMALL = 7.5, 6.5
"""Points: size of titles and labels; size of ticks, legends and numbers in cells."""

INK, GREY, PALE = "#1a1a1a", "#767676", "#f2f2f2"
"""Text and data; secondary text and reference lines; a cell without a finding."""
MARGIN = "#e3e3e3"
"""Range of effects that are too small to count."""
BETTER, WORSE = "#0072b2", "#d55e00"
FAILED = "#b3242b"
"""Failed runs: hollow markers, crosses or hatches in this colour."""
DISTINCT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
"""Colours of things without an order."""
MARKERS = "osD^vPX*"
DASHES = ("-", "--", "-.", ":")
DIVERGING = LinearSegmentedColormap.from_list("worse_better", (WORSE, PALE, BETTER))
"""Diverging colour map from worse to better, pale in the middle."""
SEQUENTIAL = "viridis"
"""Ordered values, from dark to bright."""

RC = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": NORMAL,
    "axes.linewidth": 0.6,
    "axes.prop_cycle": cycler(color=DISTINCT),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": NORMAL,
    "figure.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],  # the first is bundled
    "font.size": NORMAL,
    "hatch.linewidth": 0.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.title_fontsize": SMALL,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.0,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "seqjax",  # equal figures are equal files
    "text.color": INK,
    "text.parse_math": False,  # names may contain a $
    "text.usetex": False,
    **{f"{axis}tick.color": INK for axis in "xy"},
    **{f"{axis}tick.labelsize": SMALL for axis in "xy"},
    **{f"{axis}tick.major.size": 2.5 for axis in "xy"},
    **{f"{axis}tick.major.width": 0.6 for axis in "xy"},
    **{f"{axis}tick.minor.size": 1.5 for axis in "xy"},
    **{f"{axis}tick.minor.width": 0.4 for axis in "xy"},
}
DPI, SCREEN_DPI = 200, 140
"""Dots per inch of saved figures, and of figures in notebooks."""
LONGEST_NAME = 40
"""Most characters of a name in a figure."""
LINE, CHARACTER = 3.4, 1.35
"""Millimetres: height of a line of text, width of a character of small text."""


class Figure(matplotlib.figure.Figure):
    """A figure that notebooks display, also without ``pyplot``."""

    def _repr_png_(self) -> bytes:
        image = io.BytesIO()
        with drawing():
            self.savefig(image, format="png", dpi=SCREEN_DPI)
        return image.getvalue()


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """The settings of figures; functions that draw or save a figure work within them."""
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure whose panels and texts make room for each other.

    Args:
      width: millimetres, usually ``ONE`` or ``TWO``.
      height: millimetres.
    """
    return Figure(figsize=(width / 25.4, height / 25.4), layout="constrained")


def save(fig: Figure, folder: pathlib.Path, name: str) -> None:
    """Save a figure as ``name``.png and ``name``.svg, replacing each file at once.

    Both have the layout of the PNG, which is computed once.
    """
    image, engine = io.BytesIO(), fig.get_layout_engine()
    with drawing():
        fig.savefig(image, format="png", dpi=DPI)
        fig.set_layout_engine("none")
        files = {"png": image.getvalue(), "svg": to_svg(fig).encode()}
        fig.set_layout_engine(engine)
    for kind, content in files.items():
        partial = folder / f".{name}.{os.getpid()}.{kind}"
        partial.write_bytes(content)
        partial.replace(folder / f"{name}.{kind}")


NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
ID = re.compile(r'\b(id="|url\(#|href="#)')
"""Places in a tag where an id follows."""


def to_svg(fig: Figure) -> str:
    """A figure as SVG, with ids that begin with a hash of the figure."""
    image = io.StringIO()
    with drawing():
        fig.savefig(image, format="svg", metadata=NO_METADATA)
    text = image.getvalue()
    prefix = f"f{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return re.sub("<[^>]*>", lambda tag: ID.sub(rf"\g<1>{prefix}-", tag[0]), text)


def short_name(name: str, longest: int = LONGEST_NAME) -> str:
    """A printable name of at most ``longest`` characters and an ellipsis."""
    name = printable(name)
    return name if len(name) <= longest else name[:longest] + "…"


def write_title(fig: Figure, changed: str, title: str = "") -> None:
    """Write a title and the changes to a study at the top of a figure, and make room for both.

    Args:
      fig: a figure without a title.
      changed: changes to the study as defined; "" for none.
      title: the title; "" for none.
    """
    text = textwrap.shorten(f"changed: {printable(changed)}", 400, placeholder=" …")
    lines = [title] * bool(title) + wrapped(fig, text if changed else "")
    if lines:
        add_height(fig, len(lines))
        fig.suptitle("\n".join(lines), x=0.005, ha="left", fontsize=NORMAL)


def write_note(fig: Figure, note: str) -> None:
    """Write an explanation at the bottom of a figure, and make room for it.

    Args:
      fig: a figure without an explanation.
      note: sentences; "" for none.
    """
    if lines := wrapped(fig, note):
        add_height(fig, len(lines))
        fig.supxlabel("\n".join(lines), x=0.005, ha="left", fontsize=SMALL, color=INK)


def wrapped(fig: Figure, text: str, share: float = 1.0) -> list[str]:
    """Lines of text that are not wider than a share of the width of a figure."""
    most = max(20, int(19.5 * share * fig.get_size_inches()[0]))
    return textwrap.wrap(text, most, break_long_words=False)


def add_height(fig: Figure, lines: int) -> None:
    """Make a figure higher by some lines of text."""
    width, height = fig.get_size_inches()
    fig.set_size_inches(width, height + lines * LINE / 25.4)


def label_panel(panel: Axes, letter: str, title: str = "") -> None:
    """Write the letter of a panel, and its title, at its top left.

    Args:
      panel: the panel.
      letter: "a", "b", …; "" for a figure with one panel.
      title: the title.
    """
    panel.set_title("  ".join(filter(None, (letter, title))), loc="left")


def legend_beside(panel: Axes, title: str, **options) -> None:
    """Draw the legend of a panel on its right, outside the data.

    Args:
      panel: the panel.
      title: name of the field whose values the legend names.
      options: of ``Axes.legend``.
    """
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    legend = panel.legend(title=title or None, alignment="left", **{**place, **options})
    legend.set_in_layout(True)


def legend_name(name: str) -> str:
    """A name that legends show: Matplotlib omits names that begin with an underscore."""
    return f" {name}" if name.startswith("_") else name


def text_width(text: str) -> float:
    """Millimetres that a line of small text takes; East Asian signs are twice as wide."""
    return CHARACTER * sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
