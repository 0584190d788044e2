"""Record files: records are read back as written; other lines are refused by file and line."""

import json
import pathlib
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import made_up
from support.made_up import replace

from seqjax.records import codec, jsonl
from seqjax.records.jsonl import RecordError
from seqjax.records.record import Chance, Source
from seqjax.records.workdir import WorkdirConfig
from seqjax.stats import rules

ROOT = pathlib.Path(__file__).parents[2]
RECORD = made_up.record(settings={"clip.threshold": inf})
OLD = codec.dumps(RECORD).encode() + b"\n"
"""The line of a version that wrote no checksums."""
LINE = jsonl.add_checksum(codec.dumps(RECORD)).encode() + b"\n"


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
    assert strictly(text) == strictly(codec.dumps(value))
    assert strictly(codec.dumps({"x": value}))["x"] == strictly(text)
    assert json.dumps(codec.to_builtins(value)) == json.dumps(
        strictly(text)
    )  # by spelling: 0.1, -0.0


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=99)
numbers = st.floats(width=32, allow_nan=False)


@given(words, st.dictionaries(words, numbers | st.booleans() | st.integers(-(2**31), 2**31)))
def test_a_record_is_read_back(tmp_path_factory, arm, settings):
    path = tmp_path_factory.mktemp("records") / "records.jsonl"
    record = replace(RECORD, arm=arm, settings={**settings, **RECORD.settings})
    jsonl.append(path, record)
    jsonl.append(path, record)
    for found in jsonl.read(path):
        assert codec.dumps(found) == codec.dumps(record)
        assert found.settings == record.settings


@given(st.lists(numbers, min_size=1))
def test_arrays_of_float32_are_read_back_bit_for_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("records") / "records.jsonl"
    written = np.float32([values, values])
    jsonl.append(path, replace(RECORD, observed={"x": written}))
    (record,) = jsonl.read(path)
    assert np.float32(record.observed["x"]).tobytes() == written.tobytes()


def test_missing_numbers_of_arrays_are_nan(tmp_path):
    path = tmp_path / "records.jsonl"
    jsonl.append(path, replace(RECORD, observed={"x": np.float32([1, nan, inf])}))
    assert b'"x": [1.0, null, "inf"]' in path.read_bytes()
    (record,) = jsonl.read(path)
    np.testing.assert_array_equal(record.observed["x"], [1, nan, inf])


def test_append_adds_one_line_and_leaves_the_others(tmp_path):
    path = tmp_path / "records.jsonl"
    for count in (1, 2, 3):
        before = path.read_bytes() if path.exists() else b""
        jsonl.append(path, replace(RECORD, seed=count, arm="line\nbreak\u2028\x85"))
        after = path.read_bytes()
        assert after.startswith(before) and after.endswith(b"\n")
        assert after.count(b"\n") == count
    assert [record.seed for record in jsonl.read(path)] == [1, 2, 3]
    assert {record.arm for record in jsonl.read(path)} == {"line\nbreak\u2028\x85"}


@pytest.mark.core
@pytest.mark.parametrize("whole", [0, 1, 2])
@pytest.mark.parametrize("torn", [LINE[:1], LINE[:40], LINE[:-2]], ids=len)
def test_a_last_line_that_was_torn_is_no_record_and_makes_room_for_the_next(tmp_path, whole, torn):
    path = tmp_path / "records.jsonl"
    path.write_bytes(LINE * whole + torn)
    assert len(list(jsonl.read(path))) == whole
    assert path.read_bytes() == LINE * whole + torn  # reading changes nothing
    assert jsonl.move_torn_line(path) == len(torn)
    assert path.with_suffix(".torn").read_bytes() == torn + b"\n"
    assert jsonl.move_torn_line(path) == 0
    jsonl.append(path, RECORD)
    assert path.read_bytes() == LINE * (whole + 1)


def test_a_last_line_that_lacks_its_newline_alone_is_whole(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_bytes(LINE + LINE[:-1])
    assert len(list(jsonl.read(path))) == 2
    assert jsonl.move_torn_line(path) == 0
    assert path.read_bytes() == LINE * 2


@pytest.mark.parametrize(
    "changes", [{"seed": -1}, {"study": "a\0b"}, {"settings": {}}, {"score": 0.5}], ids=str
)
def test_a_record_that_would_be_refused_is_not_written(tmp_path, changes):
    path = tmp_path / "records.jsonl"
    jsonl.append(path, RECORD)
    with pytest.raises(RecordError, match=str(path)):
        jsonl.append(path, replace(RECORD, **changes))
    assert path.read_bytes() == LINE


DAMAGED = {
    "cut off": OLD[:30],
    "not JSON": b"seed: 0\n",
    "empty line": b"\n",
    "NaN": OLD.replace(b'"inf"', b"NaN"),
    "a number": b"3\n",
    "a float that overflows": OLD.replace(b'"seconds": 1.0', b'"seconds": 1e999'),
    "a float that float32 does not hold": OLD.replace(b'"seconds": 1.0', b'"seconds": 1e300'),
    "a NUL": OLD.replace(b"made_up", b"made\0up"),
    "a NUL that is escaped": OLD.replace(b"made_up", rb"made\u0000up"),
    "an unknown field": OLD.replace(b'"seed": 0', b'"seed": 0, "sed": 0'),
    "a negative seed": OLD.replace(b'"seed": 0', b'"seed": -1'),
    "a metric that is null": OLD.replace(
        b'"test": {"accuracy": 0.9}', b'"test": {"accuracy": null}'
    ),
    "another metric": OLD.replace(b'"metric": "accuracy"', b'"metric": "recall"'),
    "lists of different lengths": OLD.replace(b'"step": [2, 4, 6]', b'"step": [2, 4]'),
    "a point that is not in its settings": OLD.replace(b'"point": {}', b'"point": {"a": 1}'),
    "an unknown reason": OLD.replace(b'"failed": null', b'"failed": {"reason": "none", "step": 1}'),
    "no seed": OLD.replace(b'"seed"', b'"need"'),
    "not UTF-8": OLD.replace(b"made_up", b"made\xffup"),
    "nested too deep": OLD.replace(b'"observed": {}', b'"observed": ' + b'{"a": ' * 9999),
    "ragged lists": OLD.replace(b'"observed": {}', b'"observed": {"a": [[1, 2], [3]]}'),
    "text in a list": OLD.replace(b'"observed": {}', b'"observed": {"a": [1, "2"]}'),
    "an array that float32 does not hold": OLD.replace(
        b'"observed": {}', b'"observed": {"a": [null, -1e300]}'
    ),
}


@pytest.mark.core
@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_line_is_refused_by_file_and_number(tmp_path, line):
    assert line != OLD
    path = tmp_path / "records.jsonl"
    path.write_bytes(LINE + line + LINE)
    with pytest.raises(RecordError) as refusal:
        list(jsonl.read(path))
    assert str(refusal.value).startswith(f"{path}:2: ")
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"seed"', '"need"', "need"),
        ('"seed": 0', '"seed": "0"', "seed: "),
        ('"train.steps": 6', '"train.steps": null', "settings[...]: "),
        ('"train.steps": 6', '"train.step": 6', "settings: train.steps: "),
        ('"accuracy": 0.9', '"accuracy": {}', "validation[...]: "),
        ('"observed": {}', '"observed": {"x": ["y"]}', "observed[...]: "),
        ('"chance": {"metric"', '"chance": {"matric"', "chance: "),
        ('"device"', '"machine"', "environment: lacks device"),
    ],
)
def test_the_field_is_named(tmp_path, old, new, field):
    path, line = tmp_path / "records.jsonl", OLD.decode()
    assert old in line
    path.write_text(line.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RecordError) as refusal:
        list(jsonl.read(path))
    assert f"{path}:1: " in str(refusal.value) and field in str(refusal.value)


def test_shards_are_read_as_one_and_the_first_of_a_run_counts(tmp_path):
    for name, seeds in {
        "records.jsonl": [0, 1],
        "records-0-of-2.jsonl": [2, 0],
        "records-1-of-2.jsonl": [3, 3],
        "notes.jsonl": [9],
    }.items():
        for k, seed in enumerate(seeds):
            record = replace(RECORD, seed=seed, curve_file=f"{name}:{k}", seconds=k)
            jsonl.append(tmp_path / name, record)
    found = {record.seed: record.curve_file for record in jsonl.read_all(tmp_path)}
    assert found == {
        0: "records-0-of-2.jsonl:1",  # files in the order of their names
        1: "records.jsonl:1",
        2: "records-0-of-2.jsonl:0",
        3: "records-1-of-2.jsonl:0",
    }
    assert jsonl.read_all(tmp_path / "nowhere") == []


OTHERS = {
    "study": {"study": "another"},
    "metric": {
        "metric": "loss",
        **{part: {"loss": 1.0, "accuracy": 1.0} for part in ("validation", "test")},
        "curve": {**RECORD.curve, "validation_loss": RECORD.curve["validation_accuracy"]},
    },
    "higher_is_better": {"higher_is_better": False},
    "settings": {"settings": {**RECORD.settings, "train.steps": 7}},
    "curve": {"curve": {name: values[1:] for name, values in RECORD.curve.items()}},
    "chance": {"chance": Chance(0.5, 1.0)},
}


@pytest.mark.parametrize(("field", "changes"), OTHERS.items(), ids=OTHERS)
def test_records_that_cannot_stand_in_one_table_are_refused(tmp_path, field, changes):
    jsonl.append(tmp_path / "records-0-of-2.jsonl", RECORD)
    path = tmp_path / "records-1-of-2.jsonl"
    for record in (RECORD, replace(RECORD, seed=1, **changes)):
        jsonl.append(path, record)
    with pytest.raises(RecordError, match=f"{path}:2: {field}"):
        jsonl.read_all(tmp_path)


def test_what_is_committed_is_read():
    path = ROOT / "experiments" / "results" / "quickstart"
    assert len(jsonl.read_all(path)) == 135
    config = jsonl.load_file(path / "config.json", WorkdirConfig)
    assert config.tune == "optim.learning_rate"


def test_records_of_edited_code_are_refused_in_one_table(tmp_path):
    path = tmp_path / "records.jsonl"
    for seed, source in enumerate([Source(), Source("a", "b"), Source(), Source("a", "c")]):
        jsonl.append(path, replace(RECORD, seed=seed, source=source))
    with pytest.raises(RecordError, match=f"{path}:4: source: .*cell lstm.* c here, b there"):
        jsonl.read_all(tmp_path)


def test_records_of_one_point_share_their_settings(tmp_path):
    for seed in range(3):
        jsonl.append(tmp_path / "records.jsonl", replace(RECORD, seed=seed))
    first, *others = jsonl.read_all(tmp_path)
    assert all(other.settings is first.settings for other in others)


def test_other_files_are_read_by_their_type(tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes((ROOT / "experiments/results/quickstart/config.json").read_bytes())
    config = jsonl.load_file(path, WorkdirConfig)
    assert inf in config.same.axes[1].values and config.same.rules == rules.VERSION
    path.write_text(path.read_text().replace('"tune": "optim.learning_rate"', '"tune": [3]'))
    with pytest.raises(RecordError, match=r"config\.json: tune: "):
        jsonl.load_file(path, WorkdirConfig)
