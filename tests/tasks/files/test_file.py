"""A file of one's own: sequences, targets, parts, scales and baselines, from arrays and columns."""

import os

import jax.numpy as jnp
import numpy as np
import pytest
from support.batches import evaluation_batches, mean_metrics, trains_and_evaluates
from support.own_files import LABELS, LENGTHS, OTHER, PARTS, RANDOM, SERIES, SPLIT, D, N, T, X, Y

from seqjax.data.folder import DataError, DataWarning
from seqjax.tasks import digest_of_data
from seqjax.tasks.checks import check_task
from seqjax.tasks.files.file import File
from seqjax.tasks.files.parts import numbered_classes
from seqjax.training.config import as_settings, make_config


def evaluated(task, part):
    """Return the sequences of a held-out part: (x (T, D), y, weight) of each."""
    found = []
    for batch in evaluation_batches(task, PARTS.index(part) - 1):
        for k in range(batch.x.shape[1]):
            each = slice(None), k
            y, weight = (batch.y[each], batch.weight[each]) if task.every_step else (
                batch.y[k], batch.weight[k])  # fmt: skip
            if np.any(weight):
                found.append((batch.x[:, k], y, weight))
    return found


def standardised(values, known):
    return (values - known.mean(axis=0)) / known.std(axis=0)


# Sequences of an NPZ file


def test_sequences_and_values_are_standardised_by_the_training_part(npz):
    task = npz("regression", {"x": X, "y": Y, "split": SPLIT})
    assert (task.inputs, task.outputs, task.examples, task.ragged) == (D, 1, 24, False)
    x = standardised(X, X[SPLIT == 0].reshape(-1, D))
    y = standardised(Y, Y[SPLIT == 0])
    for part, own in (("validation", SPLIT == 1), ("test", SPLIT == 2)):
        found = evaluated(task, part)
        np.testing.assert_allclose([one[0] for one in found], x[own], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose([one[1] for one in found], y[own], rtol=1e-5, atol=1e-5)
    numbers = task.prepared().numbers
    assert [part.tolist() for part in numbers] == [
        np.flatnonzero(k == SPLIT).tolist() for k in range(3)
    ]
    raw = npz("regression", {"x": X, "y": Y, "split": SPLIT}, "raw.npz", standardise=False)
    np.testing.assert_allclose([one[1] for one in evaluated(raw, "test")], Y[SPLIT == 2], rtol=1e-6)


def test_metrics_and_chance_are_in_the_units_of_the_file(npz):
    task = npz("regression", {"x": X, "y": Y, "split": SPLIT})
    train, test = Y[SPLIT == 0], Y[SPLIT == 2]
    found = mean_metrics(
        task, evaluation_batches(task, 1), lambda batch: jnp.zeros((len(batch.y), 1))
    )
    assert found["mse"] == pytest.approx(np.mean((test - train.mean()) ** 2), rel=1e-5)
    assert found["mae"] == pytest.approx(np.mean(np.abs(test - train.mean())), rel=1e-5)
    assert task.metric == "mse" and not task.higher_is_better and task.links == ("linear",)
    assert task.chance_metric() == pytest.approx(np.mean((test - train.mean()) ** 2), rel=1e-5)
    assert task.chance_loss("linear") == pytest.approx(1, rel=1e-5)


def test_a_column_of_values_is_squeezed_and_other_shapes_are_refused(npz):
    column = npz("regression", {"x": X, "y": Y[:, None]}, "column.npz")
    flat = npz("regression", {"x": X, "y": Y}, "flat.npz")
    assert np.array_equal(column.prepared().y, flat.prepared().y)
    assert flat.prepared().y.shape == (N,)
    single = npz("regression", {"x": X[:, :, 0], "y": Y}, "single.npz")
    assert single.inputs == 1 and single.prepared().x_N.shape == (N * T, 1)


def test_random_parts_are_fixed_disjoint_and_have_proportional_classes(npz):
    y = np.repeat([7, -2], [30, 10])
    task = npz("classification", {"x": X, "y": y})
    numbers = task.prepared().numbers
    assert [len(part) for part in numbers] == [28, 6, 6]
    assert sorted(np.concatenate(numbers)) == list(range(N))
    assert all(abs(np.mean(y[part] == 7) - 0.75) <= 1 / len(part) for part in numbers)
    again = npz("classification", {"x": X, "y": y}, "again.npz")
    assert all(
        np.array_equal(*pair) for pair in zip(numbers, again.prepared().numbers, strict=True)
    )
    values = npz("regression", {"x": X, "y": Y}, "values.npz").prepared().numbers
    assert [len(part) for part in values] == [28, 6, 6]
    assert not np.array_equal(np.sort(values[0]), np.arange(28))
    ordered = npz("regression", {"x": X, "y": Y}, "ordered.npz", split="chronological")
    assert np.concatenate(ordered.prepared().numbers).tolist() == list(range(N))


def test_classes_of_any_kind_are_numbered_and_named(npz):
    task = npz("classification", {"x": X, "y": LABELS})
    assert task.prepared().classes == ("high", "low") and task.outputs == 2
    assert task.prepared().y.tolist() == [int(label == "low") for label in LABELS]
    assert task.metric == "accuracy" and task.links[0] == "softmax"
    train, _, test = (LABELS[part] for part in task.prepared().numbers)
    usual = max(("low", "high"), key=train.tolist().count)
    assert task.chance_metric() == pytest.approx(np.mean(test == usual), rel=1e-5)
    for labels, names in [
        ([3, -1, 10], ("-1", "3", "10")),
        ([2.0, 10.0], ("2", "10")),
        (["10", "9", "9.0"], ("9", "10")),
        (["10", "9", "b"], ("10", "9", "b")),
        ([True, False], ("0", "1")),
        ([2**24 + 1, 2**24], ("16777216", "16777217")),
    ]:
        assert numbered_classes(np.array(labels), "own.npz")[1] == names


@pytest.mark.slow
def test_sequences_of_different_lengths_end_where_they_say(npz):
    x = X.copy()
    x[np.arange(T) >= LENGTHS[:, None]] = np.nan  # padding may be anything
    task = npz("regression", {"x": x, "y": Y, "lengths": LENGTHS, "split": SPLIT})
    assert task.ragged and len(task.bucket_lengths(task.data())) > 1
    valid = np.arange(T) < LENGTHS[:, None]
    known = X[SPLIT == 0][valid[SPLIT == 0]]
    wanted = {
        LENGTHS[k]: standardised(X[k, : LENGTHS[k]], known) for k in np.flatnonzero(SPLIT == 2)
    }
    for batch in evaluation_batches(task, 1):
        for k in np.flatnonzero(batch.weight):
            length = batch.lengths_B[k]
            assert np.all(batch.x[length:, k] == 0) and length in wanted
    check_task(task, "linear", 8)
    trains_and_evaluates(make_config(settings_of(task)))


def test_labels_at_every_step_are_scored_where_the_sequence_is_valid(npz):
    y = (X[:, :, 0] > 3).astype(int)
    y[np.arange(T) >= LENGTHS[:, None]] = -100
    task = npz("labelling", {"x": X, "y": y, "lengths": LENGTHS, "split": SPLIT})
    assert task.every_step and task.outputs == 2
    weights, right = 0, 0
    for batch in evaluation_batches(task, 1):
        assert batch.y.shape == batch.weight.shape == batch.x.shape[:2]
        weights += batch.weight.sum()
        raw = batch.x[:, :, 0] * X[SPLIT == 0][valid_train()][:, 0].std()
        raw += X[SPLIT == 0][valid_train()][:, 0].mean()
        right += np.sum(((raw > 3) == batch.y) * batch.weight)
    assert weights == right == LENGTHS[SPLIT == 2].sum()
    train = y[SPLIT == 0][valid_train()]
    test = y[SPLIT == 2][np.arange(T) < LENGTHS[SPLIT == 2][:, None]]
    chance = np.mean(test == (train.mean() > 0.5))
    assert task.chance_metric() == pytest.approx(chance, rel=1e-5)


def valid_train():
    return np.arange(T) < LENGTHS[SPLIT == 0][:, None]


def settings_of(task, **further):
    fields = {f"task.{name}": value for name, value in vars(task).items()}
    return {"task.name": "file", **fields, "train.batch_size": 8, "model.hidden": 3, **further}


# Windows of a series


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(("kind", "ahead"), [("regression", 0), ("forecasting", 3)])
def test_windows_end_before_their_target_and_belong_to_its_part(csv, kind, ahead, given):
    columns = {"other": OTHER, "own": SERIES}
    if given:
        columns["split"] = np.repeat(["train", "validation", "test"], [30, 10, 20])
    fields = {"horizon": ahead} if ahead else {}
    task = csv(kind, columns, window=4, **fields)
    first = 3 + ahead
    n = 60 - first
    ends = [30, 40] if given else [first + int(0.7 * n), first + int(0.85 * n)]
    rows = {"train": range(first, ends[0]), "validation": range(*ends), "test": range(ends[1], 60)}
    assert [len(part) for part in task.prepared().numbers] == [len(r) for r in rows.values()]
    known = SERIES[rows["train"].start : rows["train"].stop]
    inputs = np.stack([OTHER, SERIES], axis=1) if ahead else OTHER[:, None]
    seen = inputs[: ends[0] - ahead]  # rows of training windows, and no later ones
    for part in ("validation", "test"):
        found = evaluated(task, part)
        y = standardised(SERIES[list(rows[part])], known)
        np.testing.assert_allclose([one[1] for one in found], y, rtol=1e-4, atol=1e-5)
        x = [standardised(inputs[t - ahead - 3 : t - ahead + 1], seen) for t in rows[part]]
        np.testing.assert_allclose([one[0] for one in found], x, rtol=1e-4, atol=1e-5)


def test_training_sees_no_row_after_its_last_target(csv):
    """Later rows may be anything: nothing that training reads depends on them."""
    end = 7 + int(0.7 * (60 - 6)) - 1
    tasks = []
    for k, later in enumerate((SERIES, np.where(np.arange(60) >= end, 1e6, SERIES))):
        columns = {"other": OTHER, "own": later}
        tasks.append(csv("forecasting", columns, f"{k}.csv", window=4, horizon=3))
    for task in tasks[1:]:
        for name in ("x", "y"):
            arrays = [t.data()[name] for t in (tasks[0], task)]
            numbers = task.prepared().numbers[0]
            rows = slice(0, end) if name == "x" else numbers
            assert np.array_equal(arrays[0][rows], arrays[1][rows])
        assert task.prepared().unit == tasks[0].prepared().unit


def test_labels_of_a_series_are_scored_once_in_windows_side_by_side(csv):
    up = ["up" if x > 0 else "down" for x in OTHER]
    task = csv("labelling", {"other": OTHER, "label": up}, window=6)
    numbers = task.prepared().numbers
    assert task.prepared().start_S.tolist() == list(range(0, 60, 6))
    assert np.concatenate(numbers).tolist() == list(range(10))
    split = np.repeat([0, 1, 2], [32, 14, 14])
    given = csv("labelling", {"a": OTHER, "split": split, "label": up}, "g.csv", window=6)
    assert given.prepared().start_S.tolist() == [*range(0, 30, 6), 32, 38, 46, 52]
    assert [len(part) for part in given.prepared().numbers] == [5, 2, 2]


def test_rows_of_equal_values_are_a_sequence_in_their_order(csv):
    length = [3, 1, 2] * 4
    own = np.repeat([f"run {k}" for k in range(12)], length)
    order = RANDOM.permutation(len(own))
    order = np.array(sorted(order, key=lambda k: (k % 2,)))  # rows of a sequence need not touch
    order = np.sort(order[: len(own) // 2]).tolist() + np.sort(order[len(own) // 2 :]).tolist()
    values = OTHER[: len(own)]
    columns = {"run": own[order], "a": values[order], "y": (10 * values)[order]}
    task = csv("regression", columns, sequence="run", standardise=False, split="chronological")
    with pytest.warns(DataWarning, match="not together"):
        prepared = task.prepared()
    assert task.ragged and [len(part) for part in prepared.numbers] == [8, 2, 2]
    names = list(dict.fromkeys(columns["run"].tolist()))
    for k, name in enumerate(names):
        rows = values[order][columns["run"] == name]
        start, size = prepared.start_S[k], prepared.length_S[k]
        np.testing.assert_allclose(prepared.x_N[start : start + size, 0], rows, rtol=1e-6)
        assert prepared.y[k] == pytest.approx(10 * rows[-1])


def test_a_series_of_an_npz_file_is_forecast(npz):
    alone = npz("forecasting", {"x": SERIES}, window=4, horizon=2)
    both = {"x": np.stack([SERIES, OTHER], 1), "y": SERIES}
    beside = npz("forecasting", both, "both.npz", window=4, horizon=2)
    assert (alone.inputs, beside.inputs) == (1, 2)
    assert np.array_equal(alone.prepared().y, beside.prepared().y)
    found = mean_metrics(alone, evaluation_batches(alone, 1), lambda b: b.x[-1] * scale(alone))
    test = np.arange(60)[-len(alone.prepared().numbers[2]) :]
    persistence = np.mean((SERIES[test] - SERIES[test - 2]) ** 2)
    assert alone.baselines()["persistence"] == pytest.approx(persistence, rel=1e-5)
    assert np.isfinite(found["mse"])


def scale(task):
    return task.prepared().unit


def test_columns_are_chosen_by_name(csv):
    columns = {
        "": range(60),
        "date": [f"d{k}" for k in range(60)],
        "a": OTHER,
        "b": SERIES,
        "c": OTHER,
    }
    with pytest.warns(UserWarning, match="no inputs: date"):
        assert csv("regression", columns, target="b", window=3).inputs == 2
    chosen = csv("regression", columns, "chosen.csv", columns="b", window=3, standardise=False)
    assert np.array_equal(chosen.prepared().x_N[:, 0], SERIES.astype(np.float32))
    for fields, words in [
        ({"columns": "A"}, "no column 'A'"), ({"columns": "a+a"}, "'a'"), ({"columns": "c"}, "'c'"),
        ({"target": "aa"}, "did you mean 'a'"), ({"columns": "date"}, "line 2, column 'date'"),
    ]:  # fmt: skip
        with pytest.raises(DataError, match=words):
            csv("regression", columns, "chosen.csv", window=3, **fields).prepared()


# Baselines


def test_linear_baselines_find_a_linear_answer(npz, csv):
    y = 2 * X[:, 1, 0] - X[:, 3, 1] + 5
    task = npz("regression", {"x": X, "y": y, "split": SPLIT})
    found = task.baselines()
    assert found["linear"] < 1e-6 * found["mean"]
    mean = np.mean((y[SPLIT == 2] - y[SPLIT == 0].mean()) ** 2)
    assert found["mean"] == pytest.approx(mean, rel=1e-4)
    ragged = {"x": X, "y": X[np.arange(N), LENGTHS - 1, 0], "lengths": LENGTHS, "split": SPLIT}
    found = npz("regression", ragged, "ragged.npz").baselines()
    assert found["linear"] < 1e-6 * found["mean"]
    series = np.sin(np.arange(60) / 3)
    found = csv("forecasting", {"s": series.round(8)}, window=4, horizon=2).baselines()
    assert found["linear"] < 1e-6 * found["persistence"] and next(iter(found)) == "mean"


def test_baselines_of_classes_are_accuracies(npz):
    labels = np.array(["rare", "usual"])[(X[:, 0, 1] > 2).astype(int)]
    task = npz("classification", {"x": X, "y": labels, "split": SPLIT})
    assert np.mean(labels[SPLIT == 0] == "usual") > 0.6
    found = task.baselines()
    assert found["most frequent"] == pytest.approx(np.mean(labels[SPLIT == 2] == "usual"))
    assert 0.5 < found["most frequent"] < found["linear"] <= 1
    y = (X[:, :, 0] > 3).astype(int)
    found = npz("labelling", {"x": X, "y": y, "split": SPLIT}, "steps.npz").baselines()
    assert found["linear"] > 0.9 > found["most frequent"]


def test_baselines_that_would_be_large_are_left_out(npz, monkeypatch):
    from seqjax.tasks.files import baselines as file_baselines

    monkeypatch.setattr(file_baselines, "MOST_FEATURES", 5)  # of 10 and of 4
    few = npz("regression", {"x": X, "y": Y}, "few.npz").baselines()
    assert list(few) == ["mean", "linear"]
    monkeypatch.setattr(file_baselines, "MOST_FEATURES", 3)
    assert list(npz("regression", {"x": X, "y": Y}, "none.npz").baselines()) == ["mean"]


# Scales


def test_a_column_that_is_constant_in_training_is_shifted_alone(npz):
    x = X.copy()
    x[:, :, 1] = np.where(SPLIT == 2, 0.3, 0.1)[:, None]
    found = evaluated(npz("regression", {"x": x, "y": Y, "split": SPLIT}), "test")
    np.testing.assert_allclose([one[0][:, 1] for one in found], 0.2, rtol=1e-5)


def test_large_offsets_and_small_types_keep_their_precision(npz):
    offset = npz("regression", {"x": X + 1e9, "y": Y + 1e9, "split": SPLIT}, "offset.npz")
    plain = npz("regression", {"x": X, "y": Y, "split": SPLIT}, "plain.npz")
    for one, other in zip(offset.prepared()[:2], plain.prepared()[:2], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    half = npz(
        "regression", {"x": (3000 * X).astype(np.float16), "y": Y, "split": SPLIT}, "half.npz"
    )
    np.testing.assert_allclose(half.prepared().x_N, plain.prepared().x_N, atol=0.01)


# Identity


def test_the_digest_covers_content_and_unit(npz):
    arrays = [{"x": X, "y": Y}, {"x": X, "y": 10 * Y}, {"x": X + 0.1 * (X > 4), "y": Y}]
    tasks = [npz("regression", one, f"{k}.npz") for k, one in enumerate(arrays)]
    digests = [digest_of_data([task]) for task in tasks]
    assert len(set(digests)) == 3
    assert digest_of_data([npz("regression", arrays[0], "same.npz")]) == digests[0]


def test_a_relative_path_is_recorded_as_given(npz, tmp_path, monkeypatch):
    npz("regression", {"x": X, "y": Y}, "relative.npz")
    monkeypatch.chdir(tmp_path)
    config = make_config({"task.name": "file", "task.path": "relative.npz",
                          "task.kind": "regression", "train.batch_size": 8})  # fmt: skip
    assert as_settings(config)["task.path"] == "relative.npz" and config.task.inputs == D


def test_a_file_that_changes_after_it_was_read_is_refused(npz, tmp_path):
    task = npz("regression", {"x": X, "y": Y})
    task.prepared()
    os.utime(tmp_path / "own.npz", ns=(1, 1))  # as a program that writes the same again
    assert File(path=task.path, kind="regression", split="random").examples == 28
    np.savez(tmp_path / "own.npz", x=X, y=2 * Y)
    with pytest.raises(ValueError, match=r"path: .*changed"):
        File(path=task.path, kind="classification")
    (tmp_path / "own.npz").unlink()
    assert File(path=task.path, kind="regression").examples == 28  # it is in memory
