"""Checks before training: each invalid task is refused in one line that names task and field."""

import dataclasses
from math import inf, nan

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.commands import command

from seqjax.data.folder import DataWarning
from seqjax.metrics import losses
from seqjax.sweeps.run import run
from seqjax.sweeps.study import Study
from seqjax.tasks import TASKS, Batch, DataSetTask, GeneratedTask
from seqjax.tasks.checks import check_task
from seqjax.tasks.datasets.ragged import RaggedTask, Sequences
from seqjax.tasks.streams.base import StreamTask, Text
from seqjax.tasks.synthetic.adding import Adding
from seqjax.training.overrides import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore::seqjax.data.folder.DataWarning")  # equal parts
N, T, D = 8, 5, 3
PARTS = ("train", "validation", "test")


def arrays(**changes):
    """Return x, y and lengths of a valid part, some of them changed."""
    x = np.arange(N * T * D, dtype=np.float32).reshape(N, T, D)
    valid = {"x": x, "y": np.arange(N, dtype=np.int32) % 4, "lengths": np.full(N, T, np.int32)}
    return tuple((valid | changes).values())


def with_bad(place, value):
    x = arrays()[0].copy()
    x[place] = value
    return x


@dataclasses.dataclass(frozen=True)
class Stored(DataSetTask):
    """Classes of a data set; one part has changed arrays."""

    part: str = ""
    number: int = 0

    name = "stored"
    inputs, outputs, ragged = D, 4, True

    def read(self):
        return {part: arrays(**CHANGES[self.number] if part == self.part else {}) for part in PARTS}


@dataclasses.dataclass(frozen=True)
class StoredValues(Stored):
    """As ``Stored``, with values as targets."""

    targets, outputs = "values", 1
    links = ("linear", "logistic")

    def read(self):
        parts = super().read()
        return {p: (x, y / np.float32(4), n) for p, (x, y, n) in parts.items()}


@dataclasses.dataclass(frozen=True)
class Symbols(Stored):
    """Four symbols."""

    name, symbols, inputs = "symbols", True, 4

    def read(self):
        parts = super().read()
        return {
            p: (np.fmod(x[:, :, 0], 4).astype(np.int32), y, n) for p, (x, y, n) in parts.items()
        }


CHANGES = [
    {"x": with_bad((2, 1, 0), nan)},
    {"x": with_bad((7, 4, 2), -inf)},
    {"x": arrays()[0][:, :, :2]},
    {"x": arrays()[0][:, :, 0]},
    {"x": arrays()[0].astype(object)},
    {"x": np.full((N, T, D), 1e300)},
    {"x": arrays()[0][:0]},
    {"y": arrays()[1][:-1]},
    {"y": arrays()[1][:, None]},
    {"y": arrays()[1] + 1},
    {"y": arrays()[1] - 1},
    {"y": arrays()[1].astype(np.float32)},
    {"y": np.zeros(N, np.int32)},
    {"lengths": np.zeros(N, np.int32)},
    {"lengths": np.full(N, T + 1, np.int32)},
    {"lengths": np.ones(N, np.float32)},
    {"x": arrays()[0] - 1},
    {"y": np.float32([0, 1, 2, nan] * 2)},
    {"y": np.float32([0, 1, 2, 5] * 2)},
    {"y": np.float32([[0, 1, 2, 3]] * 2).reshape(N, 1)},
    {"x": arrays()[0][:, :4], "lengths": np.full(N, 4, np.int32)},
]
STORED = [
    (Stored, 0, "validation", r"x: validation: .* 1 others, the first nan at index \[2, 1, 0\]"),
    (Stored, 1, "test", r"x: test: .*-inf at index \[7, 4, 2\]"),
    (Stored, 2, "train", r"x: train: .*T, 3\).*5, 2\)"),
    (Stored, 3, "train", "x: train: "),
    (Stored, 4, "train", "x: train: .*object"),
    (Stored, 5, "train", r"x: train: .*1e\+300"),
    (Stored, 6, "test", "x: test: "),
    (Stored, 7, "train", "y: train: .*8.*7"),
    (Stored, 8, "train", r"y: train: .*\(8, 1\)"),
    (Stored, 9, "test", "y: test: .*0 to 3.*4"),
    (Stored, 10, "train", "y: train: .*-1"),
    (Stored, 11, "train", "y: train: .*float32"),
    (Stored, 12, "train", "y: train: "),
    (Stored, 13, "validation", "lengths: validation: .*0 at example 0"),
    (Stored, 14, "train", "lengths: train: .*6"),
    (Stored, 15, "train", "lengths: train: .*float32"),
    (Symbols, 16, "train", "x: train: .*0 to 3.*-1"),
    (StoredValues, 17, "test", r"y: test: .*2 others, the first nan at index \[3\]"),
    (StoredValues, 19, "test", r"y: test: .*\(8, 1\)"),
    (Stored, 20, "test", r"x: test: .*5, 3.*4, 3"),
]


def refused(task, words, link=None, batch_size=4):
    with pytest.raises(ConfigError, match=rf"^task {task.name}: {words}") as caught:
        check_task(task, link or task.links[0], batch_size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("task", "number", "part", "words"), STORED)
def test_stored_data_that_cannot_be_right_are_refused(task, number, part, words):
    refused(task(part, number), words)


@pytest.mark.slow
def test_valid_tasks_pass():
    for task in (Stored(), StoredValues(), Symbols(), Adding(4)):
        for link in task.links:
            check_task(task, link, 4)


def test_examples_of_two_parts_and_classes_of_one_are_warned_of():
    with pytest.warns(DataWarning, match="8 of 8 test examples are also train examples"):
        check_task(Stored("other", 3), "softmax", 4)

    class Rare(Stored):
        def read(self):
            x, y, lengths = arrays()
            return super().read() | {"test": (x + 1, y, lengths), "train": (x, y % 3, lengths)}

    with pytest.warns(DataWarning, match="2 of 8 test targets .* 3"):
        check_task(dataclasses.dataclass(frozen=True)(Rare)(), "softmax", 4)


def test_values_outside_of_a_logistic_readout_are_refused():
    check_task(StoredValues("train", 18), "linear", 4)
    refused(StoredValues("train", 18), "y: train: .*1.25", "logistic")
    check_task(Adding(5), "logistic", 4)  # which knows its best loss


def test_the_numbers_of_examples_are_checked():
    refused(Stored(), "batch_size: .*8.*9", batch_size=9)
    claimed = dataclasses.dataclass(frozen=True)(type("Claimed", (Stored,), {"examples": 7}))()
    refused(claimed, "examples: .*8.*7")


@dataclasses.dataclass(frozen=True)
class OwnArrays(Stored):
    """A data set whose arrays do not come from ``read``."""

    read = DataSetTask.read

    def data(self):
        x, y, lengths = arrays(**CHANGES[self.number] if self.part else {})
        number = np.arange(N, dtype=np.int32)
        evaluation = number[:2, None, None]
        return {"x": x, "y": y, "lengths": lengths, "train": number[2:], "evaluation": evaluation}

    def training_targets(self):
        return arrays()[1], np.ones(N)


def test_arrays_of_a_data_set_that_reads_nothing_are_checked():
    check_task(OwnArrays(), "softmax", 4)
    refused(OwnArrays(), "batch_size: .*6.*7", batch_size=7)
    refused(OwnArrays("train", 0), r"data\['x'\]: .*nan")


# Generated and other tasks


def generated(**changes):
    """Return a valid generated task of two classes with changed attributes or batch."""
    batch = {name: changes.pop(name) for name in Batch._fields if name in changes}

    def sample(self, key, batch_size):
        number = jnp.arange(batch_size, dtype=jnp.int32)
        x = jax.random.normal(key, (T, batch_size, 1))
        own = {name: make(batch_size) for name, make in batch.items()}
        return Batch(x, number % 2, jnp.ones(batch_size))._replace(**own)

    base = {"name": "made", "inputs": 1, "outputs": 2, "sample": sample}
    return dataclasses.dataclass(frozen=True)(type("Made", (GeneratedTask,), base | changes))()


def column_loss(self, link, logits, batch):
    return jnp.square(logits - batch.y[:, None].astype(jnp.float32))


def column_metric(self, link, logits, batch):
    return {"accuracy": (losses.correct(logits, batch.y)[:, None], batch.weight)}


GENERATED = {
    "a target as a column": (
        {"targets": "values", "outputs": 1, "y": lambda n: jnp.zeros((n, 1))}, r"y: .*\(4, 1\)"),
    "a weight as a column": ({"weight": lambda n: jnp.ones((n, 1))}, "weight: "),
    "a batch axis first": ({"x": lambda n: jnp.zeros((n, T, 1))}, "x: .*4 sequences"),
    "another width": ({"x": lambda n: jnp.zeros((T, n, 2))}, r"x: .*\(T, B, 1\)"),
    "integers for floats": ({"x": lambda n: jnp.zeros((T, n, 1), jnp.int32)}, "x: .*int32"),
    "floats for classes": ({"y": lambda n: jnp.zeros(n)}, "y: .*float32"),
    "NaN": ({"x": lambda n: jnp.full((T, n, 1), nan)}, "x: .*nan"),
    "NaN of targets": (
        {"targets": "values", "outputs": 1, "y": lambda n: jnp.full(n, nan)}, "y: .*nan"),
    "classes above": ({"y": lambda n: jnp.arange(n)}, "y: "),
    "one class": ({"y": lambda n: jnp.zeros(n, jnp.int32)}, "chance_"),
    "no weight": ({"weight": lambda n: jnp.zeros(n)}, "weight: "),
    "lengths beyond": ({"lengths_B": lambda n: jnp.full(n, T + 1)}, "lengths: .*6"),
    "subsets of another shape": (
        {"subsets": lambda n: {"part": jnp.ones((n, 1))}}, "subsets: part: "),
    "a loss that is broadcast": (
        {"loss": column_loss, "chance_loss": lambda *_: 1, "best_loss": lambda *_: 0}, "loss: "),
    "a metric that is broadcast": ({"metrics": column_metric}, "metrics: accuracy: "),
    "a loss of its own": ({"loss": losses.class_loss}, "chance_loss: "),
    "a loss with a chance level": (
        {"loss": losses.class_loss, "chance_loss": lambda *_: 1.0}, "best_loss: "),
    "an accuracy below 0": ({"chance_metric": lambda *_: -0.5}, "chance_metric: .*-0.5"),
    "a metric of its own": ({"metric": "recall"}, "metric: "),
    "an unknown kind": ({"targets": "ranks", "links": ("linear",)}, "targets: "),
    "no outputs": ({"outputs": 0}, "outputs: "),
    "several values": ({"targets": "values", "outputs": 2}, "outputs: "),
    "chance at the best": ({"chance_metric": lambda _: 1.0}, "chance_metric: "),
    "chance NaN": ({"chance_loss": lambda *_: nan}, "chance_loss: "),
    "errors that are better when higher": (
        {"targets": "values", "outputs": 1, "higher_is_better": True,
         "y": lambda n: jnp.arange(n, dtype=jnp.float32) / n}, "higher_is_better: "),
    "an accuracy that is better when lower": ({"higher_is_better": False}, "higher_is_better: "),
    "a key without effect": ({"x": lambda n: jnp.ones((T, n, 1))}, "sample: "),
    "rare classes as balanced": (
        {"balanced": True, "y": lambda n: (jnp.arange(n) % 4 == 0).astype(jnp.int32)},
        "balanced: .*0.75"),
    "more outputs than classes, as balanced": (
        {"balanced": True, "outputs": 3}, "balanced: .*3.*0.5"),
    "equal evaluation rows": (
        {"evaluation_rows": lambda self, data, part: jax.random.split(jax.random.key(0), 8)},
        "evaluation_rows: "),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), GENERATED.values(), ids=GENERATED)
def test_generated_data_that_cannot_be_right_are_refused(changes, words):
    refused(generated(**changes), words)


@pytest.mark.slow
@pytest.mark.parametrize("name", [t.name for t in TASKS.values() if issubclass(t, GeneratedTask)])
def test_the_generated_tasks_of_the_package_pass(name):
    check_task(TASKS[name](), "softmax" if TASKS[name].targets == "classes" else "linear", 4)


def test_one_target_for_a_whole_batch_is_refused():
    def sample(self, key, batch_size):
        x = jax.random.normal(key, (T, batch_size, 1))
        return Batch(x, jnp.broadcast_to(x[0, 0, 0], batch_size), jnp.ones(batch_size))

    refused(generated(targets="values", outputs=1, sample=sample), "(sample|y): ")


def test_weights_of_0_in_evaluation_are_refused():
    weight = {"weight": lambda n: jnp.full(n, float(n == 4))}
    refused(generated(**weight), "weight: ")


def test_a_metric_that_is_no_proportion_may_be_below_0_at_chance():
    def metrics(self, link, logits, batch):
        return {"r2": (losses.correct(logits, batch.y), batch.weight)}

    changes = {"metric": "r2", "metrics": metrics, "chance_metric": lambda *_: -0.01}
    check_task(generated(**changes), "softmax", 4)


def test_a_subclass_that_replaces_the_loss_needs_its_chance_levels():
    class Absolute(Adding):
        """The chance levels of ``Adding`` are not those of this loss."""

        def loss(self, link, logits, batch):
            return jnp.abs(losses.value(link, logits) - batch.y)

    refused(Absolute(6), "chance_loss: ")


@dataclasses.dataclass(frozen=True)
class Pieces(RaggedTask):
    """Symbols one after another."""

    lengths: tuple[int, ...] = (2, 3)
    highest: int = 3

    name = "pieces"
    inputs, outputs, symbols, every_step = 4, 4, True, True

    def read(self):
        x = np.int32([0, 1, 2, 0, self.highest])
        return {part: Sequences(x, x, np.int32(self.lengths)) for part in PARTS}


def test_ragged_data_that_cannot_be_right_are_refused():
    check_task(Pieces(), "softmax", 2)
    refused(Pieces((2, 2)), "lengths: train: .*5.*4", batch_size=2)
    refused(Pieces((0, 5)), "lengths: train: .*0 at example 0", batch_size=2)
    refused(Pieces(highest=4), "x: train: .*0 to 3.*4", batch_size=2)


@dataclasses.dataclass(frozen=True)
class Stream(StreamTask):
    """A text with a symbol beyond the alphabet."""

    length: int = 3
    highest: int = 1

    name = "stream"
    inputs = outputs = 2
    sizes = dict.fromkeys(PARTS, 12)

    def read(self):
        symbols = np.uint8([0, 1, 0, self.highest] * 3)
        return {part: Text(symbols, np.ones(12, bool)) for part in PARTS}


def test_symbols_of_a_stream_are_checked():
    check_task(Stream(), "softmax", 2)
    refused(Stream(highest=2), "symbols: train: .*0 to 1.*2", batch_size=2)


# Where the checks run


@pytest.fixture
def invalid(monkeypatch):
    task = generated(x=lambda n: jnp.full((T, n, 1), nan))
    monkeypatch.setitem(TASKS, "made", type(task))
    return "made"


def test_a_command_refuses_an_invalid_task_before_training(invalid, tmp_path):
    for further in ((), ("--dry_run",)):
        result = command(
            "--study=init_by_clip", f"--set=task.name={invalid}", "--seeds=1",
            f"--workdir={tmp_path / 'new'}", *further,
        )  # fmt: skip
        assert result.code == 2 and result.out == ""
        assert "task made: x: " in result.err and result.err.count("\n") == 1
        assert not (tmp_path / "new").exists()


def test_a_study_in_python_refuses_an_invalid_task(invalid):
    with pytest.raises(ConfigError, match="task made: x: "):
        run(Study("study", "?", {"task.name": invalid}), seeds=1)
