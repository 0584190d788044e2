"""The reader of piano rolls on the published files; ``test_music`` reads made-up ones."""

import numpy as np
import pytest
from support.published import needs, use_published

from seqjax.data.piano_rolls import piano_rolls

COUNTS = {
    "jsb": ((229, 13807), (76, 4602), (77, 4725), 25, 160),
    "nottingham": ((694, 176561), (173, 45513), (170, 44463), 40, 1793),
}


@needs("polyphonic_music")
@pytest.mark.parametrize("name", COUNTS)
def test_the_published_pieces(name, monkeypatch):
    use_published(monkeypatch)
    *counts, shortest, longest = COUNTS[name]
    found = piano_rolls(name)
    assert [(len(p), sum(map(len, p))) for p in found.values()] == counts
    lengths = [len(piece) for pieces in found.values() for piece in pieces]
    assert (min(lengths), max(lengths)) == (shortest, longest)
    assert {tuple(np.unique(piece)) for pieces in found.values() for piece in pieces} == {(0, 1)}
