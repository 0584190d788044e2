"""Mistakes in a file of one's own: each is refused in one line, or warned of."""

import io
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from support.own_files import (
    CHANGES,
    LABELS,
    LENGTHS,
    OTHER,
    SERIES,
    SPLIT,
    N,
    T,
    X,
    Y,
    with_changes,
)

from seqjax.data.csv_files import read_csv
from seqjax.data.folder import DataError, DataWarning
from seqjax.data.npz import read_npz
from seqjax.tasks.files.examples import csv_examples, npz_examples
from seqjax.tasks.files.file import File
from seqjax.tasks.files.parts import prepare
from seqjax.training.config import make_config
from seqjax.training.overrides import ConfigError

FIELDS = {
    "no path": ({"path": ""}, "path: "),
    "another format": ({"path": "own.xlsx"}, "path: "),
    "no kind": ({"kind": ""}, "kind: .*regression"),
    "another kind": ({"kind": "regresion"}, "kind: .*did you mean 'regression'"),
    "another split": ({"split": "time"}, "split: "),
    "no window": ({"window": 0}, "window: "),
    "a horizon without a forecast": ({"horizon": 2}, "horizon: "),
    "columns of arrays": ({"columns": "a"}, "columns: "),
    "windows of sequences": ({"window": 8}, "window: "),
    "windows beside sequences": ({"path": "a.csv", "sequence": "s", "window": 8}, "window: "),
    "random windows": ({"path": "a.csv", "split": "random"}, "split: "),
    "forecasts of sequences": (
        {"path": "a.csv", "kind": "forecasting", "sequence": "s"}, "sequence: "),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "words"), FIELDS.values(), ids=FIELDS)
def test_fields_that_are_invalid_or_without_effect_are_refused(fields, words):
    settings = {"path": "own.npz", "kind": "regression", **fields}
    with pytest.raises(ConfigError, match=rf"^task\.{words}"):
        make_config({"task.name": "file", **{f"task.{f}": v for f, v in settings.items()}})


WITH_NAN = X.copy()
WITH_NAN[3, 2, 1] = np.nan
ARRAYS = {
    "no x": ({"y": Y}, "x: "),
    "no y": ({"x": X}, "y: "),
    "text": ({"x": X.astype(str), "y": Y}, "x: "),
    "one axis": ({"x": Y, "y": Y}, "x: .*shape"),
    "four axes": ({"x": X[None], "y": Y}, "x: .*shape"),
    "no examples": ({"x": X[:0], "y": Y[:0]}, "x: .*shape"),
    "fewer targets": ({"x": X, "y": Y[:-1]}, r"y: .*\(40,\).*\(39,\)"),
    "wide targets": ({"x": X, "y": X[:, :, 0]}, "y: "),
    "a NaN": ({"x": WITH_NAN, "y": Y}, r"x: .*1 others.*\[3, 2, 1\]"),
    "an infinite target": ({"x": X, "y": np.where(np.arange(N) == 7, np.inf, Y)}, r"y: .*\[7\]"),
    "text as values": ({"x": X, "y": LABELS}, "y: .*text"),
    "lengths of 0": ({"x": X, "y": Y, "lengths": np.zeros(N, int)}, "lengths: "),
    "long lengths": ({"x": X, "y": Y, "lengths": np.full(N, T + 1)}, "lengths: "),
    "lengths of floats": ({"x": X, "y": Y, "lengths": np.ones(N)}, "lengths: "),
    "another part": ({"x": X, "y": Y, "split": SPLIT + 1}, "split at index 0: .*3"),
    "an empty part": ({"x": X, "y": Y, "split": np.minimum(SPLIT, 1)}, "24/16/0"),
    "few examples": ({"x": X[:3], "y": Y[:3]}, "each part"),
    "equal targets": ({"x": X, "y": np.full(N, 3.0)}, "targets: .*3.0"),
    "tiny targets": ({"x": X, "y": 1e-30 * Y}, "targets: .*deviation"),
    "huge targets": ({"x": X, "y": 1e300 * Y}, "targets: .*deviation"),
    "huge inputs": ({"x": np.where(X > 6, 1e300, 1e299 * X), "y": Y}, "inputs: "),
}


@pytest.mark.parametrize(("arrays", "words"), ARRAYS.values(), ids=ARRAYS)
def test_arrays_that_cannot_be_right_are_refused(npz, arrays, words):
    task = npz("regression", arrays)
    with pytest.raises(DataError, match=words) as caught:
        task.prepared()
    assert str(caught.value).startswith(task.path) and "\n" not in str(caught.value)


def test_labels_that_cannot_be_right_are_refused(npz, csv):
    for k, (labels, words) in enumerate(
        [(Y, "whole numbers"), (np.zeros(N), "got 1"), (np.full(N, np.nan), "nan")]
    ):
        with pytest.raises(DataError, match=f"targets: .*{words}"):
            npz("classification", {"x": X, "y": labels}, f"{k}.npz").prepared()
    many = csv("classification", {"a": range(1500, 0, -1), "b": range(1500)}, window=2)
    with pytest.raises(DataError, match="1,499"):
        many.prepared()
    only = npz("classification", {"x": X, "y": (SPLIT == 1) * 1, "split": SPLIT}, "only.npz")
    with pytest.raises(DataError, match=r"targets: .*got only 0"):
        only.prepared()


def test_chance_is_what_the_training_mean_reaches_on_the_test_part_of_a_trend(csv):
    rise = np.arange(100.0)
    task = csv("forecasting", {"s": rise}, window=4)
    train, _, test = (rise[4:][part] for part in task.prepared().numbers)
    wanted = np.mean((test - train.mean()) ** 2)
    assert task.chance_metric() == pytest.approx(wanted, rel=1e-4) and wanted > 5 * train.var()
    assert task.chance_metric() == task.baselines()["mean"]


def test_rows_that_stand_alone_are_no_windows(csv):
    """A table of examples, not of a series: its rows have no order, or that of the classes."""
    noise = np.random.default_rng(1).normal(size=(200, 3)).round(3)
    table = {"a": noise[:, 0], "b": noise[:, 1], "y": noise[:, 0] + noise[:, 2]}
    with pytest.warns(DataWarning, match="row before.*task.sequence"):
        csv("regression", table, "alone.csv").prepared()
    table["y"] = [0.0, *table["a"][:-1]]  # a target that does depend on the row before
    csv("regression", table, "series.csv").prepared()
    table = {"row": range(200), **table, "y": np.arange(200) // 70}
    with pytest.raises(DataError, match=r"test part, got only 2.*order of classes"):
        csv("classification", table, "sorted.csv", columns="a+b").prepared()
    alone = csv("classification", table, "given.csv", columns="a+b", sequence="row")
    assert set(alone.prepared().length_S) == {1}
    table["y"] = np.where(np.arange(200) < 180, np.arange(200) % 2, [2, 0] * 100)
    with pytest.warns(DataWarning, match="training lacks: 2"):
        csv("classification", table, "new.csv", columns="a+b").prepared()


def test_series_that_cannot_be_right_are_refused(npz, csv):
    mixed = {"a": OTHER, "split": np.tile([0, 1, 2], 20), "y": SERIES}
    for task, words in [
        (csv("regression", mixed, "mixed.csv", window=3), "overlap"),
        (csv("regression", {"a": [1, 2], "y": [1, 2]}, "short.csv"), "window = 32 rows, got 2"),
        (csv("regression", {"y": SERIES}, "alone.csv", window=3), "beside 'y'"),
        (csv("regression", {"y": SERIES}, "given.csv", window=3, columns="y"), "'y'"),
        (npz("forecasting", {"x": X[:, :, 0]}, window=2), "y: "),
        (npz("forecasting", {"x": X}, "three.npz", window=2), "x: "),
        (npz("forecasting", {"x": Y, "lengths": LENGTHS}, "l.npz", window=2), "lengths: "),
        (npz("regression", {"x": X, "y": Y}, "asked.npz", split="given"), "split: "),
    ]:
        with pytest.raises(DataError, match=words):
            task.prepared()
    changing = {
        "s": ["a", "a", *"bcdefghij"],
        "split": [0, 1, *[0] * 9],
        "y": range(11, 0, -1),
        "z": range(11),
    }
    with pytest.raises(DataError, match="line 3, column 'split'"):
        csv("regression", changing, "changing.csv", sequence="s").prepared()


def spelt(kind):
    """Return the bytes of a small file of a kind."""
    if kind == "csv":
        rows = (f"{a},{b},{k % 3}" for k, (a, b) in enumerate(zip(OTHER, SERIES, strict=True)))
        return "\n".join(["a,b,c", *rows]).encode()
    file = io.BytesIO()
    np.savez(file, x=X[:12].astype(np.float32), y=np.arange(12) % 3, lengths=LENGTHS[:12])
    return file.getvalue()


CONTENT = {kind: spelt(kind) for kind in ("csv", "npz")}


@hypothesis.given(
    st.sampled_from(["csv", "npz"]),
    st.sampled_from(["regression", "classification", "labelling", "forecasting"]),
    CHANGES,
)
@hypothesis.settings(max_examples=200)
def test_a_file_with_changed_bytes_is_prepared_or_refused(tmp_path_factory, kind, target, changes):
    path = tmp_path_factory.getbasetemp() / f"changed.{kind}"
    path.write_bytes(with_changes(CONTENT[kind], changes))
    fields = File(path=str(path), kind=target, **({"window": 4} if kind == "csv" else {}))
    try:
        if kind == "csv":
            examples = csv_examples(read_csv(path), fields)
        else:
            examples = npz_examples(read_npz(path, ("x", "y", "lengths", "split")), fields)
        prepared = prepare(examples, fields)
        assert np.isfinite(prepared.x_N).all() and np.isfinite(prepared.y).all()
    except DataError as error:
        assert "\n" not in str(error)


# Warnings: data that are not what their user may think


def csv_of(tmp_path, **columns):
    """Return the path of a CSV file with these columns."""
    lines = [columns, *zip(*columns.values(), strict=True)]
    text = "".join(",".join(map(str, line)) + "\n" for line in lines)
    (tmp_path / "made.csv").write_text(text)
    return str(tmp_path / "made.csv")


WALK = [round(math.sin(9 * k * k), 3) for k in range(60)]
WARNED = {
    "rows of a sequence apart": (
        {"s": [k % 15 for k in range(60)], "v": WALK, "y": [k % 15 % 2 for k in range(60)]},
        {"kind": "classification", "sequence": "s"}, "line 17: .*'0'"),
    "a sequence in two parts": (
        {"s": [k // 2 for k in range(60)], "v": WALK[:30] * 2, "y": WALK[:30] * 2},
        {"kind": "regression", "sequence": "s", "split": "chronological"}, "5 of 5 test .*train"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::seqjax.data.folder.DataWarning")  # of the validation part
@pytest.mark.parametrize(("columns", "fields", "words"), WARNED.values(), ids=WARNED)
def test_suspicious_data_are_accepted_with_a_warning(columns, fields, words, tmp_path):
    with pytest.warns(DataWarning, match=words):
        File(path=csv_of(tmp_path, **columns), **fields).prepared()


def test_a_missing_class_is_refused(tmp_path):
    path = csv_of(tmp_path, v=WALK, y=["a", "b", "nan"] * 20)
    with pytest.raises(DataError, match="nan"):
        File(path=path, kind="classification", window=4).prepared()
