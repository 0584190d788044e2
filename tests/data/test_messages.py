"""Catalogues of messages, built byte by byte; which pairs are kept; the two packages' own."""

import importlib.util
import struct
import sys

import pytest
from support.commands import command

from seqjax.data import messages as reader
from seqjax.data.folder import DataError

HEADER = ("", "Content-Type: text/plain; charset=UTF-8\n")


def compiled(pairs, order="<"):
    """A .mo file as msgfmt lays it out: head, two tables of (length, place), texts with NULs."""
    columns = [[text.encode() for text in column] for column in zip(*pairs, strict=True)]
    first = 28 + 16 * len(pairs)
    tables, texts = b"", b""
    for text in [*columns[0], *columns[1]]:
        tables += struct.pack(f"{order}II", len(text), first + len(texts))
        texts += text + b"\0"
    second = 28 + 8 * len(pairs)
    head = struct.pack(f"{order}7I", 0x950412DE, 0, len(pairs), 28, second, 0, first)
    return head + tables + texts


PAIRS = [
    HEADER,
    ("Open", "Ouvrir"),
    ("menu\4Save “%(name)s”", "Enregistrer « %(name)s »"),
    ("%d file\0%d files", "%d fichier\0%d fichiers"),
    ("one\0many", "un\0de millions\0plusieurs"),
]
READ = [
    ("Open", "Ouvrir"),
    ("Save “%(name)s”", "Enregistrer « %(name)s »"),
    ("%d file", "%d fichier"),
    ("%d files", "%d fichiers"),
    ("one", "un"),
    ("many", "plusieurs"),
]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_catalogue_is_read_in_either_order_of_bytes(tmp_path, order):
    path = tmp_path / "django.mo"
    path.write_bytes(compiled(PAIRS, order))
    assert list(reader.catalogue(path)) == READ


WHOLE = compiled(PAIRS)
DAMAGED = {
    "empty": (b"", "it ends in its head"),
    "cut in its head": (WHOLE[:19], "it ends in its head"),
    "cut in its tables": (WHOLE[:60], "it ends before its 5 messages"),
    "cut in its texts": (WHOLE[:-2], "a message lies beyond its end"),
    "not one at all": (b"msgid Open msgstr Ouvrir", "another format"),
    "of a later kind": (WHOLE[:6] + b"\1\0" + WHOLE[8:], "another format"),
    "not UTF-8": (WHOLE.replace(b"Ouvrir", b"Ouvr\xffr"), "can't decode byte 0xff"),
}


@pytest.mark.parametrize(("content", "said"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_catalogue_is_told(tmp_path, content, said):
    path = tmp_path / "django.mo"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"django\.mo: not a catalogue of GNU gettext.*{said}"):
        list(reader.catalogue(path))


def test_every_cut_is_told(tmp_path):
    path = tmp_path / "django.mo"
    for size in range(len(WHOLE) - 1):  # the last byte is the NUL behind the last text
        path.write_bytes(WHOLE[:size])
        with pytest.raises(DataError):
            list(reader.catalogue(path))


def test_a_catalogue_that_is_missing_is_told(tmp_path):
    with pytest.raises(DataError, match=r"django\.mo: No such file"):
        list(reader.catalogue(tmp_path / "django.mo"))


def test_pairs_that_are_kept():
    given = [
        ("Save", "Enregistrer"),
        (" save ", "sauver"),  # the same but for case
        ("a\xa0b", "« c\u202f»"),
        ("two\nlines", "deux lignes"),
        ("Größe", "taille"),
        ("", "vide"),
        ("untranslated", " "),
        ("x" * 60, "y" * 60),
        ("x" * 61, "y"),
        ("z", "y" * 61),
    ]
    expected = [("Save", "Enregistrer"), ("a b", "« c »"), ("x" * 60, "y" * 60)]
    assert reader.usable(given) == expected


def test_parts_depend_on_the_english_text_alone():
    parts = [reader.part_of(f"message {k}") for k in range(2000)]
    assert parts == [reader.part_of(f"MESSAGE {k}") for k in range(2000)]
    assert [round(parts.count(part) / 200) for part in reader.PARTS] == [8, 1, 1]


def test_a_package_that_is_missing_is_told_with_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"django: not installed: pip install django=="):
        reader.catalogues()


def test_a_package_that_is_missing_is_a_mistake_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    reader.messages.cache_clear()
    result = command("--study=translation", f"--workdir={tmp_path / 'workdir'}")
    assert result.code == 2 and "error: django: not installed: pip install" in result.err
    assert not (tmp_path / "workdir" / "records.jsonl").exists()


def test_the_messages_of_the_packages():
    found = reader.messages()  # another version would warn, which is an error here
    assert {part: len(pairs) for part, pairs in found.items()} == reader.PARTS
    assert "django" not in sys.modules
    sources = [source.casefold() for pairs in found.values() for source, _ in pairs]
    assert len(set(sources)) == len(sources)
    assert ("Enter a valid UUID.", "Saisissez un UUID valide.") in found["test"]
