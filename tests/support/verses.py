"""Random poems in the files that the reader of poems expects."""

import itertools
import json
import pathlib

import numpy as np
import pytest
from support.published import make_known, put

from seqjax.data.releases import RELEASES

SIGNS = "人山不月夜一日風春無雲天江上花來歸何有水空長君城時落寒白處秋"
SIZES = ((4, 5), (4, 7), (8, 5), (8, 7))


def verse(rng: np.random.Generator, lines: int, size: int) -> list[str]:
    """Return the couplets of a poem of uniformly drawn characters."""
    drawn = ["".join(rng.choice(list(SIGNS), size)) for _ in range(lines)]
    return [f"{drawn[k]}，{drawn[k + 1]}。" for k in range(0, lines, 2)]


def verses(count: int, seed: int = 0, sizes: tuple = SIZES) -> list[list[str]]:
    """Return ``count`` poems that cycle through (lines, characters per line) of ``sizes``."""
    rng = np.random.default_rng(seed)
    return [verse(rng, *sizes[k % len(sizes)]) for k in range(count)]


def place(patch: pytest.MonkeyPatch, folder: pathlib.Path, *files: list[list[str]]) -> None:
    """Set the data sets to those of ``folder``, with lists of poems as the first released files."""
    names = [file.name for file in RELEASES["tang_poems"].files]
    contents = {}
    for name, couplets in itertools.zip_longest(names, files, fillvalue=()):
        poems = [{"author": "佚名", "title": "無題", "paragraphs": own} for own in couplets]
        contents[name] = json.dumps(poems, ensure_ascii=False).encode()
        put(folder / "tang_poems" / name, contents[name])
    make_known(patch, "tang_poems", contents)
    patch.setenv("SEQJAX_DATA_DIR", str(folder))
