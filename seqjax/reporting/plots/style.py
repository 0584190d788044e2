"""Style of all figures, and saving them."""

import contextlib
import io
import os
import pathlib
import textwrap
import warnings
from collections.abc import Iterable, Iterator

import matplotlib.figure

from seqjax.types import printable

INK, PALE = "#1a1a1a", "#f2f2f2"
RC = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "svg.hashsalt": "seqjax",  # equal figures are equal files
    "svg.fonttype": "none",
    "text.parse_math": False,  # names may contain a $
    "text.usetex": False,
}
DPI = 110
"""Dots per inch in notebooks."""
LONGEST_NAME = 40
"""Most characters of a name in a figure."""


class Figure(matplotlib.figure.Figure):
    """A figure that notebooks display, also without ``pyplot``."""

    def _repr_png_(self) -> bytes:
        image = io.BytesIO()
        with _drawing():
            self.savefig(image, format="png", dpi=DPI)
        return image.getvalue()


@contextlib.contextmanager
def _drawing() -> Iterator[None]:
    """The settings of figures while they are drawn."""
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def save(fig: Figure, folder: pathlib.Path, name: str) -> None:
    """Save a figure as ``name``.png and ``name``.svg, replacing each file at once."""
    with _drawing():
        for kind, options in (("png", {"dpi": 160}), ("svg", {"metadata": {"Date": None}})):
            partial = folder / f".{name}.{os.getpid()}.{kind}"
            fig.savefig(partial, **options)
            partial.replace(folder / f"{name}.{kind}")


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
    width, height = fig.get_size_inches()
    text = textwrap.shorten(f"changed: {printable(changed)}", 400, placeholder=" …")
    lines = [title] * bool(title) + textwrap.wrap(text if changed else "", int(12 * width))
    if lines:
        fig.set_size_inches(width, height + 0.15 * len(lines))
        fig.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10 if title else 8)


def legend_name(name: str) -> str:
    """A name that legends show: Matplotlib omits names that begin with an underscore."""
    return f" {name}" if name.startswith("_") else name


def extra_width(names: Iterable[str], usual: int) -> float:
    """Inches to add for long names, which would otherwise shrink the axes to nothing."""
    return 0.15 * max(0, *(len(name) - usual for name in names), 0)
