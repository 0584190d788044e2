"""Any UTF-8 text, and the numbers of its characters."""

import numpy as np
import pytest
from support.published import put

from seqjax.data import texts
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
        (TEXT.encode("utf-16"), ":1"),
    ],
)
def test_a_file_that_is_not_text_is_an_error_with_its_line(place, content, line):
    put(place, content)
    with pytest.raises(DataError, match=rf"^{place}{line}: [^\n]*$"):
        texts.written("some/text.txt")


def test_characters_have_symbols_by_frequency():
    known = texts.frequent("ccc bbaad", 3)
    assert known == ["c", "a", "b"] and texts.frequent("", 3) == []
    numbers = texts.encode("abcd e", known)
    assert numbers.tolist() == [1, 2, 0, 3, 3, 3] and numbers.dtype == np.int32
