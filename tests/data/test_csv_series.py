"""The reader of time series in CSV files."""

import numpy as np
import pytest
from support.published import put

from seqjax.data import csv_series
from seqjax.data.folder import DataError, DataWarning

TABLE = """\
month,"sales, gross",costs,note
2020-01,1,-2.5,"a ""note"" on
two lines"
2020-02,1.5e1, 0.25 ,

"""


def read(tmp_path, text, *asked, **more):
    path = put(tmp_path / "series.csv", text if isinstance(text, bytes) else text.encode())
    return csv_series.read.__wrapped__(path, *asked, **more)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_columns_are_read_by_name_and_by_number(tmp_path, end, mark):
    text = mark + TABLE.replace("\n", end)
    for column in ("costs", 2, -2):
        series = read(tmp_path, text, column, date="month")
        assert series.dtype == np.float64 and series.tolist() == [-2.5, 0.25]
    both = read(tmp_path, text, ("costs", "sales, gross"))
    assert both.tolist() == [[-2.5, 1], [0.25, 15]]
    assert read(tmp_path, text, (1,), date=0).tolist() == [[1], [15]]


HEADS = {
    "no header": ("1,2\n3,4", 1, [2, 4]),
    "a header": ("a,b\n3,4", 1, [4]),
    "dates in the first line": ("2020-01-01,2\n2020-01-02,4", 1, [2, 4]),
    "a header of numbers by name": ("day,7\n1,2\n", "7", [2]),
    "a header without a first name": (",b\n0,4\n", "b", [4]),
}


@pytest.mark.parametrize(("text", "column", "values"), HEADS.values(), ids=HEADS)
def test_a_header_is_told_from_data(tmp_path, text, column, values):
    assert read(tmp_path, text, column).tolist() == values


def test_a_header_that_cannot_be_told_can_be_said(tmp_path):
    text = ",0\n1821,269\n1822,321\n"
    assert read(tmp_path, text, 1).tolist() == [0, 269, 321]
    assert read(tmp_path, text, 1, header=True).tolist() == [269, 321]
    refused(tmp_path, "a\n1\n", 0, ":1: expected a number, got 'a'", header=False)


@pytest.mark.parametrize(
    "dates",
    [
        "1999 2000",
        "1999-12 2000-01",
        "1999-12-31 2000-01-01",
        "1999-12-31T23:59:59.5 1999-12-31T23:59:59.75",
        "2020-10-25T02:30+02:00 2020-10-25T02:10+01:00",
        "spring autumn",
        "2/1/99 1/1/99",
    ],
)
def test_dates_that_increase_or_are_none_are_left_alone(tmp_path, dates):
    text = "".join(f"{date},{k}\n" for k, date in enumerate(dates.split()))
    assert read(tmp_path, "date,y\n" + text, "y", date="date").tolist() == [0, 1]
    assert read(tmp_path, "date,y\n" + text, 1).tolist() == [0, 1]


DAMAGES = {
    "empty": ("", 0, ":1: no column 0 among 0"),
    "a header alone": ("a,b\n", "a", ": no line but a header"),
    "not UTF-8": (b"a\n1\n\xff\n", "a", ":3: not UTF-8"),
    "no such name": ("a,b\n1,2", "c", ":1: no column 'c' in the header 'a, b'"),
    "a name twice": ("a,a\n1,2", "a", ":1: 2 columns 'a' in the header"),
    "no such number": ("a,b\n1,2", 2, ":1: no column 2 among 2"),
    "nor that one": ("a,b\n1,2", -3, ":1: no column -3 among 2"),
    "a missing value": ("a,b\n1,2\n3,\n", "b", ":3: a missing value"),
    "a missing first value": ("2020-01-01,\n2020-01-02,2\n", 1, ":1: a missing value"),
    "an empty line between": ("a\n1\n\n2\n", "a", ":3: 0 fields, expected 1"),
    "no number": ("a,b\n1,2\n3,x\n", "b", ":3: expected a number, got 'x'"),
    "not a number": ("a\n1\nnan\n", "a", ":3: expected a number, got 'nan'"),
    "infinite": ("a\n1\n-inf\n", "a", ":3: expected a number, got '-inf'"),
    "too large": ("a\n1\n1e400\n", "a", ":3: expected a number, got '1e400'"),
    "a comma within": ('a,b\n1,"2,5"\n', "b", ":2: expected a number, got '2,5'"),
    "a field too many": ("a,b\n1,2,3\n", "b", ":2: 3 fields, expected 2"),
    "a field too few": ("a,b\n1\n", "a", ":2: 1 fields, expected 2"),
    "an open quotation": ('a,b\n1,"2\n3,4\n', "a", ":2: unexpected end of data"),
    "a broken quotation": ('a,b\n1,"2"3\n', "a", ":2: "),
    "many columns": ("a," * 10_000 + "b\n", "b", ":1: 10,001 fields, of which at most 10,000"),
}


@pytest.mark.parametrize(("text", "column", "said"), DAMAGES.values(), ids=DAMAGES)
def test_what_is_wrong_is_told_by_its_line(tmp_path, text, column, said):
    refused(tmp_path, text, column, said)


def refused(tmp_path, text, column, said, **more):
    with pytest.raises(DataError) as told:
        read(tmp_path, text, column, **more)
    assert str(told.value).startswith(f"{tmp_path}/series.csv{said}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        ("2020-01-01 2020-01-01", ":3: '2020-01-01' does not come after the date before it"),
        ("2020-02 2020-01", ":3: '2020-01' does not come after"),
        ("2020-10-25T02:30+01:00 2020-10-25T02:40+02:00", ":3: '2020-10-25T02:40+02:00' does not"),
        ("2020-01-01 yesterday", ":3: expected a date as on the line before, got 'yesterday'"),
        ("2020-01-01T00:00 2020-01-02T00:00Z", ":3: expected a date as on the line before"),
    ],
)
def test_dates_that_do_not_increase_are_told_by_their_line(tmp_path, dates, said):
    text = "date,y\n" + "".join(f"{date},1\n" for date in dates.split())
    refused(tmp_path, text, "y", said, date="date")


def test_a_file_in_the_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    put(tmp_path / "set" / "series.csv", b"a,b\n1,2\n")
    with pytest.warns(DataWarning, match="SHA-256"):
        assert csv_series.csv_series("set/series.csv", "b").tolist() == [2]
