"""CSV files that anyone may have written: values by line and column, every mistake in one line."""

import re
import tracemalloc

import hypothesis
import pytest
from hypothesis import strategies as st
from support.own_files import CHANGES, with_changes

from seqjax.data import csv_files
from seqjax.data.csv_files import read_csv
from seqjax.data.folder import DataError

PLAIN = "a,b,label\n1,2.5,x\n-3,.5e1,y z\n"


def read(folder, content):
    path = folder / "own.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path)


SPELLINGS = {
    "plain": PLAIN.encode(),
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "CRLF": PLAIN.replace("\n", "\r\n").encode(),
    "CR": PLAIN.replace("\n", "\r").encode(),
    "no last line end": PLAIN.strip().encode(),
    "blank lines at the end": (PLAIN + "\n\n").encode(),
    "quotes": b'"a","b","label"\n"1",2.5,"x"\n-3,".5e1","y z"\n',
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs and spaces": PLAIN.replace(",", " \t ").encode(),
}


@pytest.mark.parametrize("content", SPELLINGS.values(), ids=SPELLINGS)
def test_columns_are_read_in_every_usual_spelling(tmp_path, content):
    file = read(tmp_path, content)
    assert list(file.cells) == ["a", "b", "label"]
    assert file.numbers("a").tolist() == [1, -3] and file.numbers("b").tolist() == [2.5, 5]
    assert file.texts("label").tolist() == ["x", "y z"]
    assert [file.has_numbers(name) for name in file.cells] == [True, True, False]


def test_a_value_may_hold_line_ends_and_delimiters(tmp_path):
    file = read(tmp_path, 'a,note\n1,"one, and\ntwo ""lines"""\n2,b\nx,c\n')
    assert file.texts("note")[0] == 'one, and\ntwo "lines"'
    with pytest.raises(DataError, match=r"line 5, column 'a': .*'x'"):
        file.numbers("a")


def table(*lines):
    return "\n".join(lines) + "\n"


BROKEN = {
    "no file": (None, "No such file"),
    "empty": ("", "line 1: .*nothing"),
    "blank": ("\n\n", "line 1: .*nothing"),
    "names alone": ("a,b\n", "no values"),
    "no names": (table("1,2", "3,4"), "line 1: .*numbers"),
    "a name twice": (table("a,b,a", "1,2,3"), "line 1: .*column 3, got 'a' again"),
    "no second name": (table("a,,c", "1,2,3"), "line 1: .*column 2"),
    "a short line": (table("a,b", "1,2", "3"), "line 3: expected 2 .*got 1"),
    "a long line": (table("a,b", "1,2,3"), "line 2: expected 2 .*got 3"),
    "a blank line": (table("a,b", "1,2", "", "3,4"), "line 3: .*blank"),
    "an open quote": (table("a,b", '1,"2'), "line 2: "),
    "text after a quote": (table("a,b", '1,"2"3'), "line 2: "),
    "NUL": (b"a,b\n1,\0\n", "line 2: .*NUL"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "line 1: "),
    "Latin-1": ("a,b\n1,2\nä,4\n".encode("latin-1"), "line 3: .*UTF-8"),
    "a long value": (table("a,b", "1," + "2" * 200_000), "line 2: "),
    "many columns": (table(",".join(f"c{k}" for k in range(5000)), "1"), "4,096 columns"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_in_one_line(tmp_path, content, words):
    path = tmp_path / "own.csv"
    with pytest.raises(DataError) as caught:
        read_csv(path) if content is None else read(tmp_path, content)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message and len(message) < 400
    assert re.search(words, message), message


VALUES = {
    "text": ("x", "line 3, column 'a': expected a number, got 'x'"),
    "nothing": ("", "line 3, column 'a': .*nothing"),
    "a space": ("  ", "line 3, column 'a': .*nothing"),
    "not a number": ("nan", "line 3, column 'a': .*'nan'"),
    "infinity": ("inf", "line 3, column 'a': .*'inf'"),
    "beyond float64": ("1e999", "line 3, column 'a': .*finite"),
    "many digits": ("9" * 400, "line 3, column 'a': .*finite"),
    "a decimal comma": ('"1,5"', "line 3, column 'a': .*decimal point, got '1,5'"),
    "an underscore": ("1_000", "'1_000'"),
    "hexadecimal": ("0x10", "'0x10'"),
    "other digits": ("\u0661", "expected a number"),
    "a formula": ("=1+1", "'=1\\+1'"),
    "very long": ("1" * 90_000 + "x", "…"),
}


@pytest.mark.parametrize(("value", "words"), VALUES.values(), ids=VALUES)
def test_a_value_that_is_no_number_is_named_by_line_and_column(tmp_path, value, words):
    file = read(tmp_path, table("a,b", "1,2", f"{value},4"))
    with pytest.raises(DataError) as caught:
        file.numbers("a")
    assert re.search(words, str(caught.value)) and len(str(caught.value)) < 300


def test_a_column_of_numbers_and_text_is_refused_whatever_comes_first(tmp_path):
    file = read(tmp_path, table("a,b,c", 'n/a,,"1,5"', '4,5,"2,5"'))
    for name, words in [("a", "line 2.*'n/a'"), ("b", "line 2.*nothing"), ("c", "decimal point")]:
        with pytest.raises(DataError, match=words):
            file.has_numbers(name)


def test_labels_may_not_be_missing_or_long(tmp_path):
    file = read(tmp_path, table("a,b,c", "x,1,", f"{'y' * 300},2,z"))
    for name, words in [("a", "line 3, column 'a': .*256"), ("c", "line 2, column 'c': .*nothing")]:
        with pytest.raises(DataError, match=words):
            file.texts(name)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "own.csv"
    with open(path, "wb") as file:
        file.truncate(2**30)  # a line of a gigabyte
    tracemalloc.start()
    with pytest.raises(DataError, match="bytes"):
        read_csv(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@hypothesis.given(
    st.sampled_from([spelt for spelt in SPELLINGS.values()]),
    CHANGES,
)
@hypothesis.settings(max_examples=300)
def test_a_changed_byte_never_raises_another_error(tmp_path_factory, content, changes):
    try:
        file = read(tmp_path_factory.getbasetemp(), with_changes(content, changes))
        for name in file.cells:
            file.numbers(name) if file.has_numbers(name) else file.texts(name)
    except DataError as error:
        assert "\n" not in str(error)


def test_rows_are_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_files, "AT_ONCE", 3)
    file = read(tmp_path, table("a,b", *(f"{k},{k}" for k in range(10))))
    assert file.numbers("b").tolist() == list(range(10)) and file.lines[-1] == 11
