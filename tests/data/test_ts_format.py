"""The reader of the .ts format: files written out, the utterances of sktime, and damaged files."""

import numpy as np
import pytest

from seqjax.data import folder, ts_format
from seqjax.data.folder import DataError

HEAD = """\
# what it is, π
%a comment, too
@problemName Made up
@timeStamps false
@missing true
@univariate false
@dimensions 2
@equalLength false
@classLabel true yes no
@data
"""
CASES = """\
0.5,-1e-2, 3 :1,?,+.25:yes
# between
7:8.:no

NaN,1:2,3:yes
"""


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "made_up.ts"
    path.write_bytes(text.encode(encoding))
    return ts_format.read.__wrapped__(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_cases_are_read(tmp_path, end, encoding):
    x, labels, classes = written(tmp_path, (HEAD + CASES).replace("\n", end), encoding)
    assert classes == ("yes", "no") and labels.tolist() == [0, 1, 0] and labels.dtype == np.int32
    expected = [[[0.5, 1], [-0.01, np.nan], [3, 0.25]], [[7, 8]], [[np.nan, 2], [1, 3]]]
    assert all(series.dtype == np.float32 for series in x)
    for series, rows in zip(x, expected, strict=True):
        np.testing.assert_array_equal(series, np.array(rows, np.float32))


def test_a_terse_head_and_an_unended_last_line(tmp_path):
    text = "@UNIVARIATE TRUE\n@classlabel True 3 4\n@data\n1,2:4\n5:3"
    x, labels, classes = written(tmp_path, text)
    assert [series.tolist() for series in x] == [[[1], [2]], [[5]]]
    assert labels.tolist() == [1, 0] and classes == ("3", "4")


def changed(old, new, text=HEAD + CASES):
    assert old in text
    return text.replace(old, new, 1)


EQUAL = changed("@equalLength false", "@equalLength true\n@seriesLength 2", HEAD)
DAMAGES = {
    "empty": ("", ": no line is @data"),
    "no head": (CASES, ":1: expected @key value before @data, got '0.5,-1e-2"),
    "no cases": (HEAD, ": no case follows @data"),
    "time stamps": (changed("timeStamps false", "timeStamps true"), "are not read"),
    "a target": (changed("@classLabel true yes no", "@targetLabel true"), "and the classes"),
    "no labels": (changed("@classLabel true yes no", "@classLabel false"), "and the classes"),
    "no classes": (changed("true yes no", "true"), "expected @classLabel true and the classes"),
    "a class twice": (changed("yes no", "yes no no"), ": @classLabel: a class stands twice"),
    "a key twice": (changed("@missing", "@univariate false\n@missing"), "@univariate stands twice"),
    "no switch": (changed("@missing true", "@missing 1"), "@missing: expected true or false"),
    "no count": (changed("@dimensions 2", "@dimensions two"), "@dimensions: expected a number"),
    "no dimensions": (changed("@dimensions 2", "@dimensions 0"), "expected a number from 1"),
    "both": (changed("@univariate false", "@univariate true"), "@univariate true and @dim"),
    "missing after all": (changed("@missing true", "@missing false"), ":11: a missing value,"),
    "another class": (changed("8.:no", "8.:nobody"), ":13: expected one of the classes last"),
    "no label": (changed("7:8.:no", "7:8."), ":13: 1 dimensions before its label, expected 2"),
    "a label alone": (
        "@classLabel true a b\n@data\na\n",
        ":3: expected values, a colon and a label, got 'a'",
    ),
    "a dimension more": (changed("7:8.:no", "7:8.:9:no"), ":13: 3 dimensions before its label"),
    "ragged": (changed("7:8.:no", "7,1:8.:no"), ":13: dimensions of 1 and of 2 values"),
    "no number": (changed("8.", "8.x"), ":13: expected a number, got '8.x'"),
    "no value": (changed("7:8.", ":8."), ":13: expected a number, got ''"),
    "without end": (changed("8.", "1e400"), ":13: expected a number, got '1e400'"),
    "infinite": (changed("8.", "inf"), ":13: expected a number, got 'inf'"),
    "over float32": (changed("8.", "-1e40"), ":13: a number over the largest of float32"),
    "unequal": (EQUAL + CASES, ": cases of 1 and of 3 steps, though @equalLength true"),
    "another length": (EQUAL + "7:8:no\n", ": cases of 1 steps, though @seriesLength 2"),
    "dimensions vary": (
        "@classLabel true 1\n@data\n1:1\n1:1:1\n",
        ": cases of 1 and of 2 dimensions",
    ),
}


@pytest.mark.parametrize(("text", "said"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_told_in_one_line(tmp_path, text, said):
    with pytest.raises(DataError) as error:
        written(tmp_path, text)
    assert str(error.value).startswith(f"{tmp_path}/made_up.ts:") and said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_not_utf_8_is_told_by_its_line(tmp_path):
    with pytest.raises(DataError, match=r"made_up\.ts:1: not UTF-8$"):
        written(tmp_path, HEAD + CASES, "utf-16")


def test_the_utterances(tmp_path, monkeypatch):
    """Counts and lengths as the UCI repository has them."""
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    found = ts_format.japanese_vowels()
    for part, n, steps, counts in [
        ("train", 270, (7, 26), [30] * 9),
        ("test", 370, (7, 29), [31, 35, 88, 44, 29, 24, 40, 50, 29]),
    ]:
        x, labels, classes = found[part]
        lengths = [len(series) for series in x]
        assert len(x) == n and (min(lengths), max(lengths)) == steps
        assert {series.shape[1] for series in x} == {12}
        assert np.bincount(labels).tolist() == counts and classes == tuple("123456789")
        assert not np.isnan(np.concatenate(x)).any()


SPOKEN = "@missing true\n@classLabel true 1 2 3 4 5 6 7 8 9\n@data\n"
CASE = ":".join(["1,2"] * 12) + ":1\n"
OTHER_VOWELS = {
    "too few to train": ((269 * CASE, 370 * CASE), "TRAIN.ts: expected 270 utterances, got 269"),
    "too few to test": ((270 * CASE, 10 * CASE), "TEST.ts: expected 370 utterances, got 10"),
    "too many": ((270 * CASE, 371 * CASE), "TEST.ts: expected 370 utterances, got 371"),
    "a dimension less": ((270 * CASE[4:], 370 * CASE), "expected 12 coefficients, got 11"),
    "a class less": ((270 * CASE, "8 9"), "expected 9 speakers, got 8"),
    "too long": ((270 * CASE.replace("1,2", "1,2" + 28 * ",3"), ""), "at most 29 steps, got 30"),
    "a missing value": ((270 * CASE.replace("1,", "?,"), ""), "TRAIN.ts: expected all values"),
}


@pytest.mark.parametrize(("cases", "said"), OTHER_VOWELS.values(), ids=OTHER_VOWELS)
def test_other_utterances_are_refused(tmp_path, monkeypatch, cases, said):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    (tmp_path / "japanese_vowels").mkdir()
    for (name, _), text in zip(ts_format.VOWELS.values(), cases, strict=True):
        whole = SPOKEN + text
        if text == "8 9":
            whole = SPOKEN.replace(text, "8") + 370 * CASE
        (tmp_path / "japanese_vowels" / name).write_text(whole)
    with pytest.warns(UserWarning, match="no known release"), pytest.raises(DataError, match=said):
        ts_format.japanese_vowels()


def test_missing_utterances_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(folder.importlib.util, "find_spec", lambda name: None)
    said = r"cannot read .*japanese_vowels/JapaneseVowels_TRAIN.ts.*pip install sktime"
    with pytest.raises(DataError, match=said):
        ts_format.japanese_vowels()
