"""Any UTF-8 text, and the numbers of its characters."""

import gzip

import numpy as np
import pytest
from support.published import put

from seqjax.data import raw, texts
from seqjax.data.folder import DataError, DataWarning

TEXT = "春眠不覺曉，\r\nnaïve 🙂\n\tx"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    return tmp_path / "some" / "text.txt"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte-order mark"])
def test_a_text_is_read_as_it_is(place, mark):
    put(place, mark + TEXT.encode())
    with pytest.warns(DataWarning, match="SHA-256"):
        assert texts.written("some/text.txt") == TEXT


@pytest.mark.filterwarnings("ignore::seqjax.data.folder.DataWarning")
@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"one\ntwo\nth\xffree\n", ":3"),
        ("\ud800".encode("utf-8", "surrogatepass"), ":1"),
        (TEXT.encode("utf-16"), ":1"),
        (gzip.compress(b"text", mtime=0)[:-3], ""),
    ],
)
def test_a_file_that_is_not_text_is_an_error_with_its_line(place, content, line):
    put(place, content)
    with pytest.raises(DataError, match=rf"^{place}{line}: [^\n]*$"):
        texts.written("some/text.txt")


def test_a_missing_text_is_an_error_with_its_path(place):
    with pytest.raises(DataError, match=rf"^some/text\.txt: .*{place}"):
        texts.written("some/text.txt")


def test_characters_have_numbers_by_frequency():
    known = texts.vocabulary("ccc bbaad", 3)
    assert known.symbols == ("c", "a", "b") and known.unknown == 3
    numbers = known.encode("abcd e")
    assert numbers.tolist() == [1, 2, 0, 3, 3, 3] and numbers.dtype == np.int32
    assert known.decode(numbers) == "abc���"
    every = texts.vocabulary(TEXT, 100)
    assert len(every.symbols) == len(set(TEXT)) and every.decode(every.encode(TEXT)) == TEXT
    assert texts.vocabulary("", 3).encode("a").tolist() == [0]


def test_lines_end_in_either_way(place):
    assert raw.lines(put(place, b"a\r\nb\n\nc")) == ["a", "b", "", "c"]
    assert raw.lines(put(place, b"a\n")) == ["a"] and raw.lines(put(place, b"")) == []
