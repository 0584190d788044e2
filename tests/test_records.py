"""Strict JSON lines: what goes in comes out, and what is not a record is refused by its line."""

import json
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqjax import records
from seqjax.records import RecordError

RECORD = {
    "id": "all seed=0",
    "study": "made_up",
    "arm": "all",
    "point": {},
    "seed": 0,
    "settings": {"clip.threshold": inf},
    "failed": None,
}
LINE = records.dumps(RECORD).encode() + b"\n"


def strictly(text):
    """``json.loads`` of a parser that knows neither NaN nor Infinity."""
    return json.loads(text, parse_constant=pytest.fail)


@pytest.mark.core
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (np.float32(0.1), "0.1"),  # not 0.10000000149011612
        (np.float32(1 / 3), "0.33333334"),
        (np.float64(1 / 3), "0.3333333333333333"),
        (np.float32(1e-45), "1e-45"),
        (-0.0, "-0.0"),
        (inf, '"inf"'),
        (np.float32(-inf), '"-inf"'),
        (nan, "null"),
        (np.float32(nan), "null"),
        (np.int32(3), "3"),
        (np.bool_(True), "true"),
        (np.array([[1.5, nan], [inf, 2.0]], np.float32), '[[1.5, null], ["inf", 2.0]]'),
        ({"a": (1, {"b": [nan, None]}), 2: "∞"}, '{"a": [1, {"b": [null, null]}], "2": "∞"}'),
    ],
    ids=repr,
)
def test_values_are_written_in_strict_and_shortest_form(value, text):
    assert strictly(text) == strictly(records.dumps(value))
    assert strictly(records.dumps({"x": value}))["x"] == strictly(text)
    assert json.dumps(records.plain(value)) == json.dumps(strictly(text))  # by spelling: 0.1, -0.0


trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text().filter(lambda text: text not in records.INFINITIES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(trees)
def test_what_is_written_is_read_back(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("records") / "records.jsonl"
    record = {**RECORD, "tree": tree}
    records.append(path, record)
    records.append(path, record)
    assert list(records.read(path)) == [record, record]


@given(st.floats(width=32, allow_nan=False))
def test_a_float32_is_read_back_bit_for_bit(value):
    found = records.loads(records.dumps({"x": np.float32(value)}), "here")["x"]
    assert np.float32(found).tobytes() == np.float32(value).tobytes()


def test_append_adds_one_line_and_leaves_the_others(tmp_path):
    path = tmp_path / "records.jsonl"
    for count in (1, 2, 3):
        before = path.read_bytes() if path.exists() else b""
        records.append(path, {**RECORD, "seed": count, "text": "line\nbreak\u2028\x85"})
        after = path.read_bytes()
        assert after.startswith(before) and after.endswith(b"\n")
        assert after.count(b"\n") == count
    assert [record["seed"] for record in records.read(path)] == [1, 2, 3]
    assert {record["text"] for record in records.read(path)} == {"line\nbreak\u2028\x85"}


@pytest.mark.core
@pytest.mark.parametrize("whole", [0, 1, 2])
@pytest.mark.parametrize("torn", [LINE[:1], LINE[:40], LINE[:-1]], ids=len)
def test_a_last_line_that_was_torn_is_no_record_and_makes_room_for_the_next(tmp_path, whole, torn):
    path = tmp_path / "records.jsonl"
    path.write_bytes(LINE * whole + torn)
    assert len(list(records.read(path))) == whole
    assert path.read_bytes() == LINE * whole + torn  # reading changes nothing
    assert records.set_torn_aside(path) == len(torn)
    assert path.with_suffix(".torn").read_bytes() == torn + b"\n"
    assert records.set_torn_aside(path) == 0
    records.append(path, RECORD)
    assert path.read_bytes() == LINE * (whole + 1)


def test_what_json_has_no_form_for_is_not_written(tmp_path):
    path = tmp_path / "records.jsonl"
    records.append(path, RECORD)
    with pytest.raises(TypeError):
        records.append(path, {**RECORD, "key": object()})
    assert path.read_bytes() == LINE


DAMAGED = {
    "cut off": LINE[:30],
    "not JSON": b"seed: 0\n",
    "empty line": b"\n",
    "two records on a line": LINE.strip() + LINE,
    "NaN": LINE.replace(b'"inf"', b"NaN"),
    "Infinity": LINE.replace(b'"inf"', b"Infinity"),
    "-Infinity": LINE.replace(b'"inf"', b"-Infinity"),
    "an array": b"[" + LINE.strip() + b"]\n",
    "a number": b"3\n",
    "null": b"null\n",
    "no seed": LINE.replace(b'"seed"', b'"need"'),
    "nothing in it": b"{}\n",
    "not UTF-8": LINE.replace(b"made_up", b"made\xffup"),
    "nested too deep": LINE.replace(b"{}", b"[" * 200_000 + b"]" * 200_000),
    "a number of many digits": LINE.replace(b'"seed": 0', b'"seed": ' + b"1" * 5000),
}


@pytest.mark.core
@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_line_is_refused_by_file_and_number(tmp_path, line):
    path = tmp_path / "records.jsonl"
    path.write_bytes(LINE + line + LINE)
    with pytest.raises(RecordError) as refusal:
        list(records.read(path))
    assert str(refusal.value).startswith(f"{path}:2: ")
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize("depth", [50, 300, 600, 900, 1500, 20_000])
def test_nesting_is_read_or_refused_at_every_depth(tmp_path, depth):
    path = tmp_path / "records.jsonl"
    path.write_bytes(LINE.replace(b"{}", b'{"a":' * depth + b"0" + b"}" * depth))
    try:
        assert len(list(records.read(path))) == 1
    except RecordError as refusal:
        assert depth > 50 and str(refusal).startswith(f"{path}:1: ")


def test_missing_fields_are_named(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(records.dumps({key: RECORD[key] for key in ("id", "point", "failed")}) + "\n")
    with pytest.raises(RecordError, match="1: a record without arm, seed, settings, study"):
        list(records.read(path))


def test_shards_are_read_as_one_and_the_first_of_a_run_counts(tmp_path):
    for name, seeds in {
        "records.jsonl": [0, 1],
        "records-0-of-2.jsonl": [2, 0],
        "records-1-of-2.jsonl": [3, 3],
        "notes.jsonl": [9],
    }.items():
        for k, seed in enumerate(seeds):
            record = {**RECORD, "id": f"all seed={seed}", "seed": seed, "from": f"{name}:{k}"}
            records.append(tmp_path / name, record)
    found = {record["seed"]: record["from"] for record in records.read_all(tmp_path)}
    assert found == {
        0: "records-0-of-2.jsonl:1",  # files in the order of their names
        1: "records.jsonl:1",
        2: "records-0-of-2.jsonl:0",
        3: "records-1-of-2.jsonl:0",
    }
    assert records.read_all(tmp_path / "nowhere") == []
