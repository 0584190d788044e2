"""Files that were changed after they were written, and records that cannot be true, are refused."""

import hashlib
import json
from math import inf

import pytest
from support import made_up
from support.checksums import with_checksum_after
from support.made_up import replace

from seqjax.records import codec, jsonl
from seqjax.records.jsonl import RecordError
from seqjax.records.record import Failure
from seqjax.records.workdir import (
    MeasurementIdentity,
    Measurements,
    StudyIdentity,
    WorkdirConfig,
)
from seqjax.version import __version__

CLIP = "clip.threshold"
RECORD = made_up.record({CLIP: inf}, environment={"seqjax": __version__})
LOSS = made_up.record(settings={"task.name": "adding", "task.length": 9}, test=0.1)


def lines_of(path, *records):
    for record in records:
        jsonl.append(path, record)
    return path.read_bytes().splitlines(keepends=True)


def refused(path, *words):
    with pytest.raises(RecordError) as refusal:
        list(jsonl.read(path))
    for word in words:
        assert str(word) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_line_ends_with_the_checksum_of_the_bytes_before(tmp_path):
    (line,) = lines_of(tmp_path / "records.jsonl", RECORD)
    before, _, end = line.partition(b', "checksum": ')
    assert json.loads(end[:-2]) == hashlib.sha256(before).hexdigest()[:16]
    assert json.loads(line)["checksum"] in end.decode()


@pytest.mark.core
def test_every_changed_byte_of_a_line_is_found(tmp_path):
    path = tmp_path / "records.jsonl"
    line, _ = lines_of(path, RECORD, replace(RECORD, seed=1))
    content = path.read_bytes()
    for place in range(len(line)):
        changed = bytearray(content)
        changed[place] ^= 1 + place % 3
        path.write_bytes(changed)
        with pytest.raises(RecordError):
            list(jsonl.read(path))


def test_the_error_says_what_to_do(tmp_path):
    path = tmp_path / "records.jsonl"
    first, second = lines_of(path, RECORD, replace(RECORD, seed=1))
    path.write_bytes(first + second.replace(b'"accuracy": 0.9', b'"accuracy": 0.8'))
    refused(path, f"{path}:2: checksum: ", "restore", "delete the line")


def without_checksum(version):
    record = replace(RECORD, environment={**RECORD.environment, "seqjax": version})
    return codec.dumps(record).encode() + b"\n"


@pytest.mark.parametrize("version", ["0.2.0", __version__, "0.10.1", "1.0", "", "?", 3])
def test_a_line_of_a_version_with_checksums_must_have_one(tmp_path, version):
    path = tmp_path / "records.jsonl"
    path.write_bytes(without_checksum(version))
    refused(path, f"{path}:1: checksum: ")


@pytest.mark.parametrize("version", ["0.1.0", "0.1.3.dev0"])
def test_a_line_of_an_older_version_needs_none(tmp_path, version):
    path = tmp_path / "records.jsonl"
    path.write_bytes(without_checksum(version))
    assert len(list(jsonl.read(path))) == 1


ENVIRONMENT = {"seqjax": __version__, "jaxlib": "0.10.2"}
OTHER_FILES = [
    WorkdirConfig(
        same=StudyIdentity(study="made_up", rules=1, axes=[], tuning_seeds=0, arms={}),
        seeds=[0, 12],
        tune=None,
        environment=ENVIRONMENT,
        runs_per_device=[8],
    ),
    Measurements(
        same=MeasurementIdentity(study="made_up", rules=1, points=[{"a": 12}]),
        environment=ENVIRONMENT,
        seconds=12.0,
        points=[made_up.measured({"a": 12}, x=[1.0, 2.0])],
    ),
]


@pytest.mark.parametrize("value", OTHER_FILES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("indent", [None, 1])
def test_other_files_have_a_checksum_too(tmp_path, value, indent):
    path = tmp_path / "file.json"
    plain = codec.dumps(value, indent=indent)
    path.write_text(jsonl.add_checksum(plain) + "\n")
    assert codec.dumps(jsonl.load_file(path, type(value))) == codec.dumps(value)
    for text in (path.read_text().replace("12", "13"), plain):
        path.write_text(text)
        with pytest.raises(RecordError, match=f"{path}: checksum: "):
            jsonl.load_file(path, type(value))


# --- records that cannot be true, with the right checksum ---

FALSE = {
    "a seed that is not that of the id": (RECORD, {"seed": 1, "id": RECORD.id}, "id"),
    "an id that names another run": (RECORD, {"id": "all seed=7"}, "id"),
    "an id with another value": (RECORD, {"id": RECORD.id.replace("inf", "1.0")}, "id"),
    "an accuracy over 1": (RECORD, {"test": {"accuracy": 5.0}}, "test"),
    "an accuracy below 0": (RECORD, {"validation": {"accuracy": -3.0}}, "validation"),
    "a negative loss": (RECORD, {"test": {"accuracy": 0.9, "loss": -0.1}}, "test"),
    "a negative error": (LOSS, {"test": {"mse": -0.1}}, "test"),
    "a failed run of too high a metric": (
        RECORD,
        {"failed": Failure("collapsed", 6), "test": {"accuracy": 1.5}},
        "test",
    ),
    "a score that is not that of its metric": (RECORD, {"score": 0.5}, "score"),
    "a score of another metric": (LOSS, {"score": 1.0}, "score"),
    "a score of a failed run": (RECORD, {"failed": Failure("collapsed", 6), "score": 0.1}, "score"),
    "a chance that is negative": (
        RECORD,
        {"chance": replace(RECORD.chance, metric=-0.5)},
        "chance",
    ),
}


@pytest.mark.parametrize(("record", "changes", "field"), FALSE.values(), ids=FALSE)
def test_a_record_that_cannot_be_true_is_refused(tmp_path, record, changes, field):
    path = tmp_path / "records.jsonl"
    (line,) = lines_of(path, record)
    false = codec.to_builtins(replace(record, **changes))
    path.write_text(with_checksum_after(lambda text: codec.dumps(false), line.decode()))
    refused(path, f"{path}:1: {field}: ")
    with pytest.raises(RecordError, match=f"{field}: "):
        jsonl.append(tmp_path / "other.jsonl", replace(record, **changes))


def test_a_metric_that_is_no_proportion_may_be_negative(tmp_path):
    """R² of a poor model is negative; chance is 0 and the best value 1."""
    test = {"r2": -0.4}
    curve = {**RECORD.curve, "validation_r2": RECORD.curve["validation_accuracy"]}
    poor = replace(RECORD, metric="r2", test=test, validation=test, curve=curve)
    lines_of(tmp_path / "records.jsonl", poor)
    assert [record.score for record in jsonl.read(tmp_path / "records.jsonl")] == [0.0]


def test_a_run_under_two_spellings_of_a_value_is_refused(tmp_path):
    point = {"init.bias.f": -1.0}
    one = made_up.record(point)
    other = replace(one, point={"init.bias.f": -1}, settings={**one.settings, "init.bias.f": -1})
    lines_of(tmp_path / "records.jsonl", one, other)
    assert one.id != other.id
    with pytest.raises(RecordError, match=":2: id: "):
        jsonl.read_all(tmp_path)


def test_rounding_in_float32_is_no_error(tmp_path):
    third = made_up.record(test=0.33333334)  # as records write 1/3 of float32
    lines_of(tmp_path / "a.jsonl", replace(third, score=third.score + 1e-7))
    lines_of(tmp_path / "b.jsonl", made_up.record(test=1.0000001))
    far = replace(LOSS, test={"mse": 12345.678})
    lines_of(tmp_path / "c.jsonl", replace(far, score=0.0))


def test_a_loss_may_be_negative_if_the_best_is(tmp_path):
    record = replace(LOSS, test={"mse": -0.5}, best_loss=-1.0)
    assert len(lines_of(tmp_path / "records.jsonl", record)) == 1


# --- the same run twice ---


def test_equal_records_of_one_run_count_once(tmp_path):
    environment = {**RECORD.environment, "threads": 4}
    again = replace(RECORD, seconds=9.0, environment=environment, curve_file="curves/1.npy")
    lines_of(tmp_path / "records-0-of-2.jsonl", RECORD)
    lines_of(tmp_path / "records-1-of-2.jsonl", again, again)
    (record,) = jsonl.read_all(tmp_path)
    assert record.seconds == RECORD.seconds


@pytest.mark.parametrize(
    "changes", [{"test": {"accuracy": 0.8}}, {"clipped_fraction": 0.25}, {"purpose": "tuning"}]
)
def test_different_records_of_one_run_are_refused_with_both_places(tmp_path, changes):
    first, second = tmp_path / "records-0-of-2.jsonl", tmp_path / "records-1-of-2.jsonl"
    lines_of(first, replace(RECORD, seed=1), RECORD)
    lines_of(second, replace(RECORD, **changes))
    with pytest.raises(RecordError) as refusal:
        jsonl.read_all(tmp_path)
    (name, *_) = changes
    assert str(refusal.value).startswith(f"{second}:1: {name}: ")
    assert f"{first}:2" in str(refusal.value)
