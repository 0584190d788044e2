"""MNIST read in steps, its baselines, and the study of claim 11."""

import gzip
import itertools
import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import flagsaver
from support.assertions import assert_close
from support.batches import trains_and_evaluates
from support.committed import workdir_of
from support.made_up import measured, record, replace
from support.published import make_known, needs, put, use_published

from experiments.cli import flags, results
from experiments.cli.commands import run  # noqa: F401, as it defines the flags
from experiments.studies import mnist as study
from seqjax.baselines.classical import logistic_regression
from seqjax.records.record import Failure
from seqjax.sweeps import executor
from seqjax.tasks.datasets import mnist
from seqjax.tasks.datasets.mnist import (
    FashionRows,
    MnistPixels,
    MnistPixelsPermuted,
    MnistRows,
)
from seqjax.training.config import make_config

ROWS, PIXELS, PERMUTED = MnistRows(), MnistPixels(), MnistPixelsPermuted()
TESTED = (ROWS, PIXELS, PERMUTED, FashionRows())
PARTS = {"train": 12, "validation": 3, "test": 5}
RELEASES = ("mnist", "fashion_mnist")


def drawn(release):
    """Return the 15 and 5 images and labels of a made-up release."""
    random = np.random.RandomState(RELEASES.index(release))
    return {
        begin: (random.randint(0, 256, (n, 28, 28), np.uint8), random.randint(0, 10, n, np.uint8))
        for begin, n in (("train", 15), ("t10k", 5))
    }


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with releases of few images."""
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(mnist, "PARTS", PARTS)
    for release in RELEASES:
        contents = {}
        for prefix, (x, y) in drawn(release).items():
            for kind, array in (("images-idx3", x), ("labels-idx1", y)):
                head = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
                content = gzip.compress(head + array.tobytes())
                contents[f"{prefix}-{kind}-ubyte.gz"] = content
                put(tmp_path / release / f"{prefix}-{kind}-ubyte.gz", content)
        make_known(monkeypatch, release, contents)


@pytest.mark.parametrize("task", TESTED, ids=lambda task: task.name)
def test_images_are_read_in_steps(small, task):
    files = drawn(task.release)
    (x, y), test = files["train"], files["t10k"]
    images = {"train": x[:12], "validation": x[12:], "test": test[0]}
    classes = {"train": y[:12], "validation": y[12:], "test": test[1]}
    order = np.arange(784)
    if "permuted" in task.name:
        order = np.random.RandomState(0).permutation(784)
    data, found = task.data(), task.read()
    assert data["x"].dtype == np.uint8 and data["x"].nbytes == 20 * 784
    assert list(found) == ["train", "validation", "test"]
    for part, (steps_NTD, labels) in found.items():
        assert steps_NTD.shape == (PARTS[part], 784 // task.inputs, task.inputs)
        assert labels.dtype == np.int32 and np.array_equal(labels, classes[part])
        flat = images[part].reshape(-1, 784)
        assert np.array_equal(steps_NTD.reshape(-1, 784), flat[:, order])


def test_a_batch_is_scaled(small):
    data = jax.tree.map(jnp.asarray, ROWS.data())
    batch = ROWS.batch(data, jnp.array([3, 14, -1]), 3)
    x = drawn("mnist")["train"][0]
    assert batch.x.dtype == jnp.float32 and batch.x.shape == (28, 3, 28)
    assert_close(batch.x[:, :2].swapaxes(0, 1), x[[3, 14]] / np.float32(255), 1e-6)
    assert batch.weight.tolist() == [1, 1, 0] and float(batch.x.max()) <= 1
    validation, test = (ROWS.evaluation_rows(data, part) for part in (0, 1))
    assert sorted(validation[validation >= 0].tolist()) == [12, 13, 14]
    assert sorted(test[test >= 0].tolist()) == [15, 16, 17, 18, 19]
    base = {"model.cell": "elman", "model.hidden": 3, "train.batch_size": 4}
    configs = [make_config({**base, "task.name": task.name}) for task in (ROWS, PIXELS)]
    for config in configs:
        trains_and_evaluates(config)
    rows, pixels = map(executor.memory_of, configs)
    assert 20 * 784 < rows < pixels  # 784 steps, not 28


# The baselines


def test_the_nearest_neighbour_is_that_of_a_loop(monkeypatch):
    monkeypatch.setattr(study, "CHUNK", 4)
    random = np.random.RandomState(0)
    x, test = random.randint(0, 3, (40, 5)), random.randint(0, 3, (9, 5))  # with many ties
    y = np.arange(40)
    for scale in (1.0, 255.0, 1 / 16):
        found = study.by_neighbour({"train": (scale * x, y)}, scale * test)
        distances = [[int(sum((a - b) ** 2)) for a in x] for b in test]
        assert found.tolist() == [row.index(min(row)) for row in distances]


def test_the_baselines_are_measured_on_the_test_images(small):
    x, y = drawn("mnist")["train"]
    test, wanted = drawn("mnist")["t10k"]
    far = np.abs(test[:, None].astype(int) - x[None, :12]) ** 2
    nearest = y[:12][far.sum((2, 3)).argmin(1)]
    point = {"task.name": "mnist_rows", "baseline": "nearest neighbour"}
    assert study.measure(point) == {"error": np.mean(nearest != wanted)}
    point["baseline"] = "logistic regression"
    images, others = x.reshape(15, -1) / 255, test.reshape(5, -1) / 255
    errors = []
    for penalty in study.PENALTIES:
        w, b = logistic_regression(images[:12], y[:12], penalty)
        held_out, error = (
            np.mean(np.argmax(z @ w + b, axis=1) != c)
            for z, c in ((images[12:], y[12:]), (others, wanted))
        )
        errors.append((held_out, error))
    assert study.measure(point)["error"] == min(errors, key=lambda pair: pair[0])[1]


def test_the_small_study_measures_baselines_on_the_digits():
    with flagsaver.flagsaver():
        flags.parser(["run", "--flagfile=experiments/flags/mnist_small.flags"])
        measurement = flags.experiment_from_flags("mnist").measurement
    assert [point["task.name"] for point in measurement.points] == ["digits_rows"] * 2
    assert [point["baseline"] for point in measurement.points] == [*study.BASELINES]
    regression, neighbour = (
        float(measurement.measure(point)["error"]) for point in measurement.points
    )
    assert 0.01 < neighbour < regression < 0.05
    assert [point["task.name"] for point in study.MEASUREMENT.points] == ["mnist_rows"] * 2


# The decision


def evidence(error, baselines=(0.08, 0.03)):
    """Return ten runs of each arm with about this error, and errors of the baselines."""
    runs = [
        record(
            arm=arm.name,
            seed=seed,
            test=1 - error + 0.0005 * (seed % 3 - 1),
            study="mnist",
            settings={"task.name": "digits_rows"},
        )
        for arm, seed in itertools.product(study.STUDY.arms, range(10))
    ]
    points = [
        measured({"task.name": "digits_rows", "baseline": name}, error=value)
        for name, value in zip(study.BASELINES, baselines, strict=True)
    ]
    return study.EXPERIMENT.evidence(runs, points)


@pytest.mark.parametrize(
    ("error", "verdict"), [(0.01, "supported"), (0.029, "undecided"), (0.05, "contradicted")]
)
def test_claim_11_is_decided_by_the_share_of_errors_avoided(error, verdict):
    found = study.decide(evidence(error))[0]
    assert (found.claim, found.verdict, len(found.comparisons)) == ("11", verdict, 6)
    saved = {c.name: c.mean for c in found.comparisons}
    mean = error + 0.0005 / 10
    assert saved["lstm over nearest neighbour"] == pytest.approx(1 - mean / 0.03)
    assert saved["gru over logistic regression"] == pytest.approx(1 - mean / 0.08)


def test_a_failed_run_saves_nothing():
    found = evidence(0.01)
    whole = study.decide(found)[0].comparisons[0].mean
    found.records[0] = replace(found.records[0], failed=Failure("collapsed", 6))
    less = study.decide(found)[0].comparisons[0].mean
    assert less == pytest.approx(whole - (1 - (0.01 + 0.0005) / 0.08) / 10)


def test_the_figure_shows_networks_and_baselines():
    found = study.curves(evidence(0.01))
    assert found.categories == ("elman", "lstm", "gru", *study.BASELINES)
    (percent,) = found.lines.values()
    assert percent.shape == (10, 5) and np.all(percent[:, 3:] == [8, 3])
    assert percent[:3, 1].tolist() == pytest.approx([1.05, 1.0, 0.95])


@needs("mnist")
def test_the_published_digits_are_split(monkeypatch):
    use_published(monkeypatch)
    parts = ROWS.read()
    assert {part: len(y) for part, (_, y) in parts.items()} == mnist.PARTS


def test_committed_networks_and_baselines_have_plausible_errors(tmp_path):
    assert {task.name for task in TESTED} | {"digits_rows", "digits_pixels"} == {*study.TASK_NAMES}
    found = results.read(workdir_of("mnist", tmp_path))
    accuracies = {}
    for one in found.records:
        accuracies.setdefault(one.arm, []).append(one.test["accuracy"])
    assert min(accuracies["lstm"]) >= 0.985 and min(accuracies["elman"]) >= 0.965
    errors = [float(point.measured["error"]) for point in found.measured.points]
    assert errors == pytest.approx([0.0747, 0.0319], abs=2e-4)  # regression depends on rounding
