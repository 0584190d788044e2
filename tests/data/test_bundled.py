"""The data sets that are part of the package."""

import hashlib

from seqjax.data import messages as reader
from seqjax.data.elnino import elnino
from seqjax.data.folder import BUNDLED


def test_every_file_has_a_source_and_a_licence():
    licences = (BUNDLED / "LICENSES.md").read_text("utf-8")
    names = {path.name for path in BUNDLED.iterdir()} - {"LICENSES.md"}
    assert names and all(f"| `{name}` |" in licences for name in names)


def test_months_come_in_order():
    series = elnino()
    assert series.shape == (732,) and not series.flags.writeable
    assert series[[0, 12, 24]].tolist() == [23.11, 24.19, 24.52] and series.min() > 18


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
