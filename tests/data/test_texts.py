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
    ("content", "said"),
    [
        (b"one\ntwo\nth\xffree\n", ":3: not UTF-8"),
        ("\ud800".encode("utf-8", "surrogatepass"), ":1: not UTF-8"),
        (TEXT.encode("utf-16"), ":1: not UTF-8"),
        (gzip.compress(b"text", mtime=0)[:-3], ": damaged gzip"),
    ],
)
def test_what_is_no_text_is_told_by_its_line(place, content, said):
    put(place, content)
    with pytest.raises(DataError) as told:
        texts.written("some/text.txt")
    assert str(told.value).startswith(f"{place}{said}") and "\n" not in str(told.value)


def test_a_missing_text_is_told(place):
    with pytest.raises(DataError, match=rf"^some/text\.txt: cannot read {place}: No such file"):
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


@pytest.mark.parametrize(
    ("written", "number"),
    [("1", 1.0), (" -.5e+2\t", -50.0), ("1.", 1.0), *[(bad, None) for bad in ("", "1_0", "0x1")]]
    + [(bad, None) for bad in ("nan", "inf", "1e999", "１", "1 2", "1,5", "--1", "e5", ".")],
)
def test_numbers_are_decimal_and_finite(written, number):
    assert raw.number(written) == number


def test_lines_end_in_either_way(place):
    assert raw.lines(put(place, b"a\r\nb\n\nc")) == ["a", "b", "", "c"]
    assert raw.lines(put(place, b"a\n")) == ["a"] and raw.lines(put(place, b"")) == []
