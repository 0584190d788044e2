"""Every task against its definition: inputs, targets, chance, and sets that do not overlap."""

import functools
import pathlib
import runpy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close
from support.batches import assert_uniform, batch_of, data_of, program

from seqjax.data.folder import BUNDLED
from seqjax.metrics.losses import masked_mean
from seqjax.tasks import TASKS, Batch
from seqjax.tasks.base import EVALUATION_BATCH, EVALUATION_SIZE
from seqjax.tasks.datasets.digits import DigitsPixels, DigitsRows
from seqjax.tasks.synthetic.adding import Adding
from seqjax.tasks.synthetic.copying import Copying
from seqjax.tasks.synthetic.temporal_order import TemporalOrder

ADDING = [Adding(20), Adding(7), Adding(2), Adding(30, "pascanu"), Adding(31, "hochreiter")]
GENERATED = [*ADDING, Copying(5), TemporalOrder(25)]
DIGITS = [DigitsRows(), DigitsPixels()]
KEYS = 3 + 2 * (EVALUATION_SIZE // EVALUATION_BATCH)  # three training batches and both fixed sets
N = KEYS * EVALUATION_BATCH
every_generated = pytest.mark.parametrize("task", GENERATED, ids=repr)
every_adding = pytest.mark.parametrize("task", ADDING, ids=repr)


def rows_of(task, first, count, batch_size, seed=3):
    key = jax.random.key(seed)
    return program(task, "rows", 3, 4)(data_of(task), key, jnp.int32(first), count, batch_size)


def drawn(task, keys):
    """The batches of all keys as one, the sequences along axis 1 (targets: the last axis)."""
    batches = [batch_of(task, key, EVALUATION_BATCH) for key in keys]
    x = np.concatenate([batch.x for batch in batches], axis=1)
    rest = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=-1), *(b[1:] for b in batches))
    return Batch(x, *rest)


@functools.cache
def sampled(task):
    """``N`` sequences."""
    return drawn(task, jax.random.split(jax.random.key(0), KEYS))


def few(task, size=4):
    x, *rest = sampled(task)
    return Batch(x[:, :size], *jax.tree.map(lambda leaf: leaf[..., :size], rest))


def places_of(marked_TB):
    """The two marked steps of every sequence, (2, B)."""
    assert np.all(marked_TB.sum(0) == 2)
    return np.argmax(marked_TB, 0), len(marked_TB) - 1 - np.argmax(marked_TB[::-1], 0)


@pytest.mark.core
@every_generated
def test_shapes_and_types(task):
    batch = batch_of(task, jax.random.key(0), EVALUATION_BATCH)
    T, B = batch.x.shape[:2]
    assert B == EVALUATION_BATCH
    assert batch.x.dtype == (np.int32 if task.symbols else np.float32)
    assert batch.x.shape[2:] == (() if task.symbols else (task.inputs,))
    assert batch.y.shape == batch.weight.shape == ((T, B) if task.every_step else (B,))
    assert np.all(batch.weight == 1) and batch.weight.dtype == np.float32
    if task.symbols:
        assert set(np.unique(batch.x)) == set(range(task.inputs))
    if task.outputs > 1:
        assert set(np.unique(batch.y)) == set(range(task.outputs))


@pytest.mark.parametrize("task", [Adding(20), Adding(7), Adding(2)], ids=repr)
def test_adding_marks_one_step_in_each_half(task):
    batch = sampled(task)
    value_TB, marker_TB = np.moveaxis(batch.x, 2, 0)
    assert batch.lengths_B is None and len(value_TB) == task.length
    assert set(np.unique(marker_TB)) <= {0, 1}
    first, second = places_of(marker_TB == 1)
    assert_uniform(first, 0, task.length // 2)
    assert_uniform(second, task.length // 2, task.length)
    assert 0 <= value_TB.min() < 0.01 and 0.99 < value_TB.max() < 1
    assert_close(batch.y, np.sum(value_TB * marker_TB, axis=0), 1e-6)


def checked_lengths(task, batch):
    """The lengths, after checking their range and that padding is zero."""
    T, lengths_B = task.length, batch.lengths_B
    assert len(batch.x) == T + T // 10
    assert_uniform(lengths_B, T, T + T // 10 + 1)
    padding_TB = np.arange(len(batch.x))[:, None] >= lengths_B
    assert padding_TB.any() and np.all(batch.x[padding_TB] == 0)
    return lengths_B


def test_adding_as_pascanu(T=30):
    task = Adding(T, "pascanu")
    batch = sampled(task)
    checked_lengths(task, batch)
    value_TB, marker_TB = np.moveaxis(batch.x, 2, 0)
    assert set(np.unique(marker_TB)) == {0, 1}
    first, second = places_of(marker_TB == 1)
    assert_uniform(first, 0, T // 10)
    assert_uniform(second, T // 10, T // 2)
    assert_close(batch.y, np.sum(value_TB * marker_TB, axis=0) / 2, 1e-6)


def test_adding_as_hochreiter(T=31):
    task = Adding(T, "hochreiter")
    batch = sampled(task)
    last_B = checked_lengths(task, batch) - 1
    value_TB, marker_TB = np.moveaxis(batch.x, 2, 0)
    assert -1 <= value_TB.min() < -0.99 and 0.99 < value_TB.max() < 1
    assert_close(batch.y, 0.5 + np.sum(value_TB * (marker_TB == 1), axis=0) / 4, 1e-6)

    one, other = places_of(marker_TB == 1)
    assert other.max() == T // 2 - 1
    pairs = set(zip(one, other, strict=True))
    assert pairs == {(a, b) for a in range(10) for b in range(a + 1, T // 2)}
    assert_uniform(one[other >= 10], 0, 10)  # then the later one is the second

    step_T1 = np.arange(len(value_TB))[:, None]
    ends_TB = (step_T1 == 0) | (step_T1 == last_B)
    assert np.all((marker_TB == -1) == (ends_TB & (marker_TB != 1)))
    assert np.all(value_TB[0][marker_TB[0] == 1] == 0)
    assert np.all(value_TB[0][marker_TB[0] == -1] != 0)


def test_copying_repeats_ten_symbols_after_the_mark(T=5):
    batch = sampled(Copying(T))
    kept, after = batch.x[:10], batch.x[10:]
    assert len(batch.x) == T + 20
    assert_uniform(np.ravel(kept), 1, 9)
    expected = np.zeros_like(after)
    expected[T - 1] = 9
    assert np.array_equal(after, expected)
    assert np.array_equal(batch.y, np.concatenate([np.zeros((T + 10, N)), kept]))


@pytest.mark.parametrize("T", [20, 25])
def test_temporal_order_is_read_from_two_targets(T):
    batch = sampled(TemporalOrder(T))
    target_TB = batch.x < 2
    first, second = places_of(target_TB)
    assert_uniform(first, T // 10, T // 5)
    assert_uniform(second, T // 2, 3 * T // 5)
    every = np.arange(N)
    assert np.array_equal(batch.y, batch.x[first, every] + 2 * batch.x[second, every])
    assert_uniform(batch.y, 0, 4)
    assert_uniform(batch.x[~target_TB], 2, 6)


@every_adding
def test_chance_of_adding_is_the_variance_of_its_target(task):
    y = sampled(task).y.astype(np.float64)
    error = np.square(y - y.mean())
    spread = 5 * error.std() / np.sqrt(len(y))
    for link in task.links:
        assert abs(error.mean() - task.chance_loss(link)) < spread
    assert task.chance_metric() == task.chance_loss("linear") and not task.higher_is_better


def guessing(task, batch, link):
    """Logits of the best predictor that does not look at the input: one for each step."""
    p = np.full(task.outputs, 1 / task.outputs)
    if task.name == "copying":
        asked = np.append(0, np.full(8, 1 / 8))
        p = np.where(np.arange(len(batch.y))[:, None] < len(batch.y) - 10, np.eye(9)[0], asked)
        p = np.broadcast_to(p[:, None], (*batch.y.shape, 9))
    p = np.clip(np.broadcast_to(p, (*batch.y.shape, task.outputs)), 1e-7, 1 - 1e-7)
    logits = {"softmax": np.log(p), "logistic": np.log(p / (1 - p)), "linear": p}[link]
    return jnp.array(logits, jnp.float32)


@pytest.mark.parametrize("link", ["softmax", "logistic", "linear"])
@pytest.mark.parametrize("task", [Copying(5), TemporalOrder(25), DigitsRows()], ids=repr)
def test_chance_of_a_class_task_is_that_of_guessing(task, link):
    batch = sampled(task) if task in GENERATED else batch_of(task, jnp.arange(1000), 1000)
    logits = guessing(task, batch, link)
    loss = masked_mean(task.loss(link, logits, batch), batch.weight)
    assert loss == pytest.approx(task.chance_loss(link), rel=0.01)
    score = masked_mean(*task.metrics(link, logits, batch)[task.metric])
    assert score == pytest.approx(task.chance_metric(), abs=0.02)


@every_generated
def test_a_perfect_prediction_has_the_best_loss_and_metric(task):
    batch = few(task)
    if task.outputs == 1:
        logits = jnp.array(batch.y[:, None])
    else:
        logits = 100 * jax.nn.one_hot(batch.y, task.outputs)
    assert jnp.max(task.loss(task.links[0], logits, batch)) == task.best_loss(task.links[0])
    score = masked_mean(*task.metrics(task.links[0], logits, batch)[task.metric])
    assert score == (1 if task.higher_is_better else 0)


@every_adding
def test_the_best_logistic_prediction_stays_under_one(task):
    y = sampled(task).y
    least = np.square(y - np.clip(y, 0, 1))
    assert task.best_loss("logistic") == pytest.approx(np.mean(least), abs=0.01)


@every_adding
def test_adding_is_solved_within_its_error(task):
    batch = few(task)
    bound = 0.2 if task.variant == "pascanu" else 0.04
    error = bound * np.float32([-1.01, -0.99, 0.99, 1.01])
    metrics = task.metrics("linear", jnp.array((batch.y + error)[:, None]), batch)
    assert metrics["solved"][0].tolist() == [0, 1, 1, 0]
    assert_close(metrics["mse"][0], error**2, 1e-4)


def test_recall_counts_the_last_ten_steps():
    task = Copying(5)
    batch = few(task)
    blanks = jax.nn.one_hot(jnp.zeros_like(batch.y), 9)
    copied = jnp.where((jnp.arange(25) >= 15)[:, None, None], jax.nn.one_hot(batch.y, 9), 0)
    assert masked_mean(*task.metrics("softmax", blanks, batch)["recall"]) == 0
    half = jnp.where((jnp.arange(4) < 2)[None, :, None], copied, blanks)
    assert masked_mean(*task.metrics("softmax", half, batch)["recall"]) == 0.5


@every_generated
def test_no_sequence_is_drawn_twice_in_or_between_the_sets(task):
    fixed = [task.evaluation_rows({}, jnp.int32(part)) for part in (0, 1)]
    batch = drawn(task, jnp.concatenate([rows_of(task, 0, 3, EVALUATION_BATCH), *fixed]))
    sequences = {np.ascontiguousarray(batch.x[:, n]).tobytes() for n in range(N)}
    assert batch.x.shape[1] == len(sequences) == N


@pytest.mark.core
@pytest.mark.parametrize("task", [Adding(2), *DIGITS], ids=repr)
def test_rows_depend_on_key_and_step_alone(task):
    def numbers(first, count, seed=3):
        rows = rows_of(task, first, count, 200, seed)
        return np.asarray(rows if task in DIGITS else jax.random.key_data(rows))

    whole = numbers(0, 20)
    parts = [numbers(0, 7), numbers(7, 7), numbers(14, 6)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert len(np.unique(whole, axis=0)) == 20
    others = numbers(0, 20, seed=4)
    assert not np.any(np.all(others == whole, axis=1))


@pytest.mark.parametrize("batch_size", [64, 300, 1000])
def test_an_epoch_visits_each_digit_at_most_once(batch_size):
    a_epoch = 1000 // batch_size
    rows = np.asarray(rows_of(DigitsRows(), 0, 3 * a_epoch, batch_size))
    epochs = rows.reshape(3, -1)
    for epoch in epochs:
        assert len(np.unique(epoch)) == len(epoch) == a_epoch * batch_size
        assert epoch.min() >= 0 and epoch.max() < 1000
    assert not np.any(np.all(epochs == np.roll(epochs, 1, axis=0), axis=1))


@pytest.mark.parametrize("task", DIGITS, ids=repr)
def test_evaluation_visits_each_digit_once(task):
    images = {part: list(map(bytes, x)) for part, (x, _) in task.read().items()}
    for number, (part, first, size) in enumerate([("validation", 1000, 297), ("test", 1297, 500)]):
        rows = task.evaluation_rows(data_of(task), jnp.int32(number))
        seen = np.ravel(rows)
        assert np.array_equal(seen[seen >= 0], np.arange(first, first + size))
        (row,) = rows
        batch = batch_of(task, row, EVALUATION_BATCH)
        assert np.array_equal(batch.weight, seen >= 0)
        x_NT = np.moveaxis(batch.x, 1, 0)[batch.weight == 1]
        assert list(map(bytes, x_NT)) == images[part]


@pytest.mark.parametrize("task", DIGITS, ids=repr)
def test_digits_are_split_once_and_in_proportion(task):
    table = np.loadtxt(BUNDLED / "digits.csv.gz", delimiter=",")
    parts = task.read()
    sizes = {part: len(y) for part, (_, y) in parts.items()}
    assert sizes == {"train": 1000, "validation": 297, "test": 500}
    assert task.examples == 1000

    x_NTD = np.concatenate([x for x, _ in parts.values()])
    y_N = np.concatenate([y for _, y in parts.values()])
    assert x_NTD.shape[1:] == ((8, 8) if task.name == "digits_rows" else (64, 1))
    assert (x_NTD.dtype, y_N.dtype) == (np.float32, np.int32)
    ours = sorted(zip(x_NTD.reshape(-1, 64).tolist(), y_N.tolist(), strict=True))
    assert ours == sorted(zip((table[:, :-1] / 16).tolist(), table[:, -1].tolist(), strict=True))

    shares = np.bincount(table[:, -1].astype(int)) / len(table)
    for _, y in parts.values():
        assert np.all(np.abs(np.bincount(y) - shares * len(y)) <= 1)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("adding", {"length": 1}, "length: .* 2 .* 1$"),
        ("adding", {"length": 9, "variant": "pascanu"}, "length: .* 10 .* 9$"),
        ("adding", {"length": 9, "variant": "hochreiter"}, "length: .* 10 .* 9$"),
        ("copying", {"length": 0}, "length: .* 1 .* 0$"),
        ("temporal_order", {"length": 19}, "length: .* 20 .* 19$"),
        ("adding", {"variant": "pascanoo"}, r"variant.*'pascanoo'.*did you mean 'pascanu'"),
    ],
)
def test_values_out_of_range_are_errors_of_their_field(name, fields, message):
    with pytest.raises(ValueError, match=message):
        TASKS[name](**fields)


def test_every_task_is_tested():
    tested = [*GENERATED, *DIGITS]
    for path in pathlib.Path(__file__).parent.glob("test_*.py"):
        if "\nTESTED = " in path.read_text(encoding="utf-8"):
            tested += runpy.run_path(str(path))["TESTED"]
    assert {type(task) for task in tested} == set(TASKS.values())
