"""English messages of free software and their French translations.

Source: Django 5.2.19, (c) Django Software Foundation and individual contributors, and
jupyterlab-language-pack-fr-FR 4.5.post3, (c) Project Jupyter Contributors; both BSD 3-Clause
(bundled/LICENSES.md).
"""

import functools
import string

from seqjax.data.folder import BUNDLED

LONGEST = 60
ALPHABET = (
    " "
    + string.ascii_letters
    + string.digits
    + string.punctuation
    + "ÀÂÇÈÉÊËÎÏÔÙÛŒàâçèéêëîïôùûüœ«»’“”…"
)
PARTS = {"train": 2603, "validation": 331, "test": 353}
"""Number of pairs of each part."""

Pair = tuple[str, str]


@functools.cache
def messages() -> dict[str, list[Pair]]:
    """Return (English, French) pairs of each of ``PARTS``: about 80, 10 and 10 %.

    Both texts have 1 to 60 characters of ``ALPHABET``. Placeholders such as %(name)s are part of
    the text. A hash of the English text decides the part, so no English text is in two parts.
    """
    parts: dict[str, list[Pair]] = {part: [] for part in PARTS}
    for line in (BUNDLED / "messages.tsv").read_text("utf-8").splitlines():
        part, english, french = line.split("\t")
        parts[part].append((english, french))
    return parts
