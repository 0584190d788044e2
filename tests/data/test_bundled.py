"""The data sets that are part of the package."""

import hashlib

import numpy as np

from seqjax.data import messages as reader
from seqjax.data.elnino import elnino
from seqjax.data.folder import BUNDLED
from seqjax.data.japanese_vowels import japanese_vowels


def test_every_file_has_a_source_and_a_licence():
    licences = (BUNDLED / "LICENSES.md").read_text("utf-8")
    names = {path.name for path in BUNDLED.iterdir()} - {"LICENSES.md"}
    assert names and all(f"| `{name}` |" in licences for name in names)


def test_months_come_in_order():
    series = elnino()
    assert series.shape == (732,) and not series.flags.writeable
    assert series[[0, 12, 24]].tolist() == [23.11, 24.19, 24.52] and series.min() > 18


def test_utterances():
    found = japanese_vowels()
    assert [len(part.x) for part in found.values()] == [270, 370]
    assert np.bincount(found["train"].speakers).tolist() == [30] * 9
    assert np.bincount(found["test"].speakers).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    lengths = {len(x) for part in found.values() for x in part.x}
    assert (min(lengths), max(lengths)) == (7, 29)
    assert found["train"].x[0][0, 0] == np.float32(1.860936)  # as in the published file


def test_messages():
    found = reader.messages()
    assert {part: len(pairs) for part, pairs in found.items()} == reader.PARTS
    for part, (english, _) in ((part, pair) for part, own in found.items() for pair in own):
        digest = hashlib.sha256(english.casefold().encode()).digest()
        tenth = int.from_bytes(digest[:8], "big") % 10
        assert {0: "test", 1: "validation"}.get(tenth, "train") == part
    pairs = [pair for own in found.values() for pair in own]
    assert len({english.casefold() for english, _ in pairs}) == len(pairs)
    for text in (text for pair in pairs for text in pair):
        assert 1 <= len(text) <= reader.LONGEST and not set(text) - set(reader.ALPHABET)
    assert ("Enter a valid UUID.", "Saisissez un UUID valide.") in found["test"]
