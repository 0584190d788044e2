"""Generated tasks and digits against their definition: inputs, targets, chance, disjoint sets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close
from support.batches import (
    assert_uniform,
    batch_of,
    data_of,
    rows_of,
    sample,
    training_batch,
    trains_and_evaluates,
)

from seqjax.data.folder import BUNDLED
from seqjax.metrics.losses import masked_mean
from seqjax.tasks import Batch, digest_of_data
from seqjax.tasks.base import EVALUATION_BATCH
from seqjax.tasks.datasets.digits import DigitsPixels, DigitsPixelsPermuted, DigitsRows
from seqjax.tasks.synthetic.adding import Adding, AddingBai
from seqjax.tasks.synthetic.agreement import Agreement
from seqjax.tasks.synthetic.copying import Copying, CopyingBai, VariableCopying
from seqjax.tasks.synthetic.lag_recall import LagRecall
from seqjax.tasks.synthetic.memorization import Memorization
from seqjax.tasks.synthetic.temporal_order import TemporalOrder
from seqjax.training.config import make_config
from seqjax.training.overrides import ConfigError

ADDING = [Adding(7), Adding(2), Adding(30, "pascanu"), Adding(31, "hochreiter"), AddingBai(6)]
COPYING = [Copying(5), CopyingBai(5), VariableCopying(5)]
LARGE = [*ADDING, *COPYING, TemporalOrder(25)]
"""Tasks with so many sequences that none is drawn twice."""
GENERATED = [*LARGE, LagRecall(10, 9), LagRecall(6, 0), Agreement(), Memorization()]
CLASSES = [*GENERATED[len(ADDING) :], DigitsRows()]
DIGITS = [DigitsRows(), DigitsPixels()]
every_adding = pytest.mark.parametrize("task", ADDING, ids=repr)
every_generated = pytest.mark.parametrize("task", GENERATED, ids=repr)


def marked_steps(marked_TB):
    """Return the two marked steps of every sequence, (2, B)."""
    assert np.all(marked_TB.sum(0) == 2)
    return np.argmax(marked_TB, 0), len(marked_TB) - 1 - np.argmax(marked_TB[::-1], 0)


@pytest.mark.core
@every_generated
def test_shapes_types_and_the_best_prediction(task):
    batch = training_batch(task)
    T, B = batch.x.shape[:2]
    assert batch.x.dtype == (np.int32 if task.symbols else np.float32)
    assert batch.x.shape[2:] == (() if task.symbols else (task.inputs,))
    assert batch.y.shape == batch.weight.shape == ((T, B) if task.every_step else (B,))
    assert batch.weight.dtype == np.float32 and batch.subsets is None
    if task.symbols:
        assert set(np.unique(batch.x)) == set(range(task.inputs))
    if task.outputs > 1:
        assert set(np.unique(batch.y[batch.weight > 0])) == set(range(task.outputs))

    perfect = jnp.array(batch.y[:, None]) if task.outputs == 1 else jnp.array(0)
    if task.outputs > 1:
        perfect = 100 * jax.nn.one_hot(batch.y, task.outputs)
    link = task.links[0]
    loss = masked_mean(task.loss(link, perfect, batch), batch.weight)
    assert loss == task.best_loss(link) == 0
    score = masked_mean(*task.metrics(link, perfect, batch)[task.metric])
    assert score == (1 if task.higher_is_better else 0)


@pytest.mark.parametrize(
    ("task", "middle", "end", "divisor"),
    [(Adding(7), 3, 7, 1), (Adding(2), 1, 2, 1), (Adding(30, "pascanu"), 3, 15, 2)],
    ids=repr,
)
def test_adding_marks_one_step_before_and_one_after_the_middle(task, middle, end, divisor):
    batch = training_batch(task)
    if task.variant == "pascanu":
        checked_lengths(task, batch)
    else:
        assert batch.lengths_B is None and len(batch.x) == task.length
    value_TB, marker_TB = np.moveaxis(batch.x, 2, 0)
    assert set(np.unique(marker_TB)) <= {0, 1}
    first, second = marked_steps(marker_TB == 1)
    assert_uniform(first, 0, middle)
    assert_uniform(second, middle, end)
    assert 0 <= value_TB.min() < 0.01 and 0.99 < value_TB.max() < 1
    assert_close(batch.y, np.sum(value_TB * marker_TB, axis=0) / divisor, 1e-6)


def checked_lengths(task, batch):
    """Return the lengths, after checking their range and that padding is zero."""
    T, lengths_B = task.length, batch.lengths_B
    assert len(batch.x) == T + T // 10
    assert_uniform(lengths_B, T, T + T // 10 + 1)
    padding_TB = np.arange(len(batch.x))[:, None] >= lengths_B
    assert padding_TB.any() and np.all(batch.x[padding_TB] == 0)
    return lengths_B


def test_adding_as_hochreiter(T=31):
    batch = training_batch(Adding(T, "hochreiter"))
    last_B = checked_lengths(Adding(T, "hochreiter"), batch) - 1
    value_TB, marker_TB = np.moveaxis(batch.x, 2, 0)
    assert -1 <= value_TB.min() < -0.99 and 0.99 < value_TB.max() < 1
    assert_close(batch.y, 0.5 + np.sum(value_TB * (marker_TB == 1), axis=0) / 4, 1e-6)

    one, other = marked_steps(marker_TB == 1)
    assert other.max() == T // 2 - 1
    pairs = set(zip(one, other, strict=True))
    assert pairs == {(a, b) for a in range(10) for b in range(a + 1, T // 2)}
    assert_uniform(one[other >= 10], 0, 10)  # then the later one is the second

    step_T1 = np.arange(len(value_TB))[:, None]
    ends_TB = (step_T1 == 0) | (step_T1 == last_B)
    assert np.all((marker_TB == -1) == (ends_TB & (marker_TB != 1)))
    assert np.all(value_TB[0][marker_TB[0] == 1] == 0)
    assert np.all(value_TB[0][marker_TB[0] == -1] != 0)


@pytest.mark.parametrize("T", [2, 6])
def test_adding_as_bai_marks_any_two_steps(T):
    batch = training_batch(AddingBai(T))
    assert batch.lengths_B is None and len(batch.x) == T
    value_TB, marker_TB = np.moveaxis(batch.x, 2, 0)
    assert set(np.unique(marker_TB)) <= {0, 1}
    one, other = marked_steps(marker_TB == 1)
    pairs = [(a, b) for a in range(T) for b in range(a + 1, T)]
    assert_uniform([pairs.index(pair) for pair in zip(one, other, strict=True)], 0, len(pairs))
    assert 0 <= value_TB.min() < 0.01 and 0.99 < value_TB.max() < 1
    assert_close(batch.y, np.sum(value_TB * marker_TB, axis=0), 1e-6)


@every_adding
def test_chance_and_error_of_adding(task):
    batch = training_batch(task)
    y = batch.y.astype(np.float64)
    error = np.square(y - y.mean())
    spread = 5 * error.std() / np.sqrt(len(y))
    for link in task.links:
        assert abs(error.mean() - task.chance_loss(link)) < spread
    assert task.chance_metric() == task.chance_loss("linear") and not task.higher_is_better
    least = np.square(y - np.clip(y, 0, 1))  # a logistic prediction is at most 1
    assert task.best_loss("logistic") == pytest.approx(np.mean(least), abs=0.02)

    few = Batch(batch.x[:, :4], batch.y[:4], batch.weight[:4])
    bound = 0.2 if getattr(task, "variant", "") == "pascanu" else 0.04
    off = bound * np.float32([-1.01, -0.99, 0.99, 1.01])
    metrics = task.metrics("linear", jnp.array((few.y + off)[:, None]), few)
    assert metrics["solved"][0].tolist() == [0, 1, 1, 0]
    assert_close(metrics["mse"][0], off**2, 1e-4)


@pytest.mark.parametrize("variant", [Copying, CopyingBai])
def test_copying_repeats_ten_symbols_after_the_mark(variant, T=5):
    task, batch = variant(T), training_batch(variant(T))
    first, after = batch.x[:10], batch.x[10:]
    assert len(batch.x) == T + 20 and np.all(batch.weight == 1)
    assert_uniform(np.ravel(first), 1, 9)
    expected = np.zeros_like(after)
    expected[T - 1 if variant is Copying else slice(T - 1, None)] = 9
    assert np.array_equal(after, expected)
    assert np.array_equal(batch.y, np.concatenate([np.zeros((T + 10, len(first.T))), first]))
    copied = jnp.arange(len(first.T)) % 2  # the last ten steps of every second sequence
    answer = jnp.where((jnp.arange(T + 20) >= T + 10)[:, None], batch.y * copied[None], 0)
    found = task.metrics("softmax", jax.nn.one_hot(answer, 9), batch)["recall"]
    assert masked_mean(*found) == 0.5


def test_variable_copying_repeats_ten_symbols_after_a_mark_anywhere(T=5):
    task, batch = VariableCopying(T), training_batch(VariableCopying(T))
    assert len(batch.x) == T + 20 and np.all(batch.weight == 1)
    assert_uniform(np.ravel(batch.x[:10]), 1, 9)
    delay_B = np.argmax(batch.x == 9, axis=0) - 9
    assert_uniform(delay_B, 1, T + 1)
    correct_TB = np.zeros(batch.y.shape)
    for b, delay in enumerate(delay_B):
        symbols, end = batch.x[:10, b], (0,) * (T - delay)
        assert batch.x[10:, b].tolist() == [*(0,) * (delay - 1), 9, *(0,) * 10, *end]
        assert batch.y[:, b].tolist() == [*(0,) * (10 + delay), *symbols, *end]
        correct_TB[9 + delay + 1 : 9 + delay + 6, b] = 1  # the first five of the ten
    answer = jnp.where(correct_TB > 0, batch.y, 0)
    found = task.metrics("softmax", jax.nn.one_hot(answer, 9), batch)["recall"]
    assert masked_mean(*found) == 0.5


def test_temporal_order_is_read_from_two_targets(T=25):
    batch = training_batch(TemporalOrder(T))
    target_TB = batch.x < 2
    first, second = marked_steps(target_TB)
    assert_uniform(first, T // 10, T // 5)
    assert_uniform(second, T // 2, 3 * T // 5)
    every = np.arange(len(first))
    assert np.array_equal(batch.y, batch.x[first, every] + 2 * batch.x[second, every])
    assert_uniform(batch.y, 0, 4)
    assert_uniform(batch.x[~target_TB], 2, 6)


@pytest.mark.parametrize(("T", "lag"), [(10, 1), (10, 9), (6, 0)])
def test_recall_asks_for_the_symbol_a_lag_before(T, lag):
    batch = training_batch(LagRecall(T, lag))
    assert len(batch.x) == T and batch.lengths_B is None
    assert np.all(batch.weight[:lag] == 0) and np.all(batch.weight[lag:] == 1)
    assert np.array_equal(batch.y[lag:], batch.x[: T - lag])
    for steps in batch.x:
        assert_uniform(steps, 0, 8)


def test_memorization_asks_for_five_letters_at_five_marks():
    task, batch = Memorization(), training_batch(Memorization())
    assert len(batch.x) == 10 and np.all(batch.x[5:] == 26)
    assert np.array_equal(batch.y[5:], batch.x[:5])
    assert np.all(batch.weight[:5] == 0) and np.all(batch.weight[5:] == 1)
    for letters in batch.x[:5]:
        assert_uniform(letters, 0, 26)
    two_of_five = jnp.where(jnp.arange(10)[:, None] < 7, batch.y, (batch.y + 1) % 26)
    found = task.metrics("softmax", jax.nn.one_hot(two_of_five, 26), batch)["recall"]
    assert masked_mean(*found) == pytest.approx(0.4)


def constant_logits(task, batch, link):
    """Return logits of the best predictor that does not see the input."""
    p = np.full(task.outputs, 1 / task.outputs)
    if task in COPYING:  # it knows the steps of the answer
        recalled = np.append(0, np.full(8, 1 / 8))
        p = np.where((batch.y == 0)[:, :, None], np.eye(9)[0], recalled)
    p = np.clip(np.broadcast_to(p, (*batch.y.shape, task.outputs)), 1e-7, 1 - 1e-7)
    logits = {"softmax": np.log(p), "logistic": np.log(p / (1 - p)), "linear": p}[link]
    return jnp.array(logits, jnp.float32)


@pytest.mark.parametrize("link", ["softmax", "logistic", "linear"])
@pytest.mark.parametrize("task", CLASSES, ids=repr)
def test_chance_of_a_class_task_is_that_of_guessing(task, link):
    batch = training_batch(task) if task in GENERATED else batch_of(task, jnp.arange(1000), 1000)
    logits = constant_logits(task, batch, link)
    loss = masked_mean(task.loss(link, logits, batch), batch.weight)
    assert loss == pytest.approx(task.chance_loss(link), rel=0.01)
    score = masked_mean(*task.metrics(link, logits, batch)[task.metric])
    assert score == pytest.approx(task.chance_metric(), abs=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("task", LARGE, ids=repr)
def test_no_sequence_is_drawn_twice_in_or_between_the_sets(task):
    fixed = [task.evaluation_rows({}, jnp.int32(part)) for part in (0, 1)]
    batch = sample(task, jnp.concatenate([rows_of(task, 0, 3, EVALUATION_BATCH), *fixed]))
    sequences = {x_T.tobytes() for x_T in np.ascontiguousarray(np.swapaxes(batch.x, 0, 1))}
    assert len(sequences) == batch.x.shape[1] == 3 * EVALUATION_BATCH + 2 * 4096


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


@pytest.mark.parametrize("batch_size", [300, 1000])
def test_an_epoch_visits_each_digit_at_most_once(batch_size):
    steps = 1000 // batch_size
    rows = np.asarray(rows_of(DigitsRows(), 0, 3 * steps, batch_size))
    epochs = rows.reshape(3, -1)
    for epoch in epochs:
        assert len(np.unique(epoch)) == len(epoch) == steps * batch_size
        assert epoch.min() >= 0 and epoch.max() < 1000
    assert not np.any(np.all(epochs == np.roll(epochs, 1, axis=0), axis=1))


def test_permuted_pixels_have_one_order_in_all_images():
    order = np.random.RandomState(0).permutation(64)
    permuted = DigitsPixelsPermuted().read()
    for part, (x, y) in DigitsPixels().read().items():
        assert np.array_equal(permuted[part][0], x[:, order])
        assert np.array_equal(permuted[part][1], y)


@pytest.mark.parametrize("task", DIGITS, ids=repr)
def test_digits_are_split_once_in_proportion_and_evaluated_once(task):
    table, parts = np.loadtxt(BUNDLED / "digits.csv.gz", delimiter=","), task.read()
    sizes = {part: len(y) for part, (_, y) in parts.items()}
    assert sizes == {"train": 1000, "validation": 297, "test": 500} and task.examples == 1000
    x_NTD, y_N = (np.concatenate(column) for column in zip(*parts.values(), strict=True))
    assert x_NTD.shape[1:] == ((8, 8) if task.name == "digits_rows" else (64, 1))
    assert (x_NTD.dtype, y_N.dtype) == (np.float32, np.int32)
    ours = sorted(zip(x_NTD.reshape(-1, 64).tolist(), y_N.tolist(), strict=True))
    assert ours == sorted(zip((table[:, :-1] / 16).tolist(), table[:, -1].tolist(), strict=True))
    shares = np.bincount(table[:, -1].astype(int)) / len(table)
    for _, y in parts.values():
        assert np.all(np.abs(np.bincount(y) - shares * len(y)) <= 1)

    for number, (part, first) in enumerate([("validation", 1000), ("test", 1297)]):
        (row,) = task.evaluation_rows(data_of(task), jnp.int32(number))
        batch, examples = batch_of(task, row, EVALUATION_BATCH), np.asarray(row)
        assert np.array_equal(examples[examples >= 0], np.arange(first, first + sizes[part]))
        assert np.array_equal(batch.weight, examples >= 0)
        assert np.array_equal(np.swapaxes(batch.x, 0, 1)[batch.weight == 1], parts[part][0])


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("adding", {"length": 1}, "length: .* from 2 .* 1$"),
        ("adding", {"length": 9, "variant": "pascanu"}, "length: .* from 10 .* 9$"),
        ("adding", {"variant": "pascanoo"}, r"variant.*'pascanoo'.*did you mean 'pascanu'"),
        ("agreement", {"longest": 4097}, r"longest: .* 4096, got 4097$"),
        ("agreement", {"shortest": 11}, r"shortest: .* 10, got 11$"),
        ("arithmetic", {"digits": 19}, "digits: .* from 1 to 18, got 19$"),
        ("adding_bai", {"length": 1}, "length: .* from 2 .* 1$"),
        ("copying", {"length": 0}, "length: .* from 1 .* 0$"),
        ("variable_copying", {"length": 0}, "length: .* from 1 .* 0$"),
        ("forecast", {"horizon": 121}, "horizon: .* from 1 to 120, got 121$"),
        ("forecast", {"length": 0}, "length: .* from 1 to 120, got 0$"),
        ("lag_recall", {"lag": 10}, r"lag: .* from 0 to 9, got 10$"),
        ("poems", {"vocabulary": 0}, "vocabulary: .* from 1 to 16384, got 0$"),
        ("temporal_order", {"length": 19}, "length: .* from 20 .* 19$"),
        ("text", {"fresh": 0}, "fresh: .* from 1 .* 0$"),
        ("text", {"vocabulary": 65536}, "vocabulary: .* from 1 to 65535, got 65536$"),
        ("unicode_names", {"length": 316919}, "length: .* to 316918, got 316919$"),
    ],
)
def test_values_out_of_range_are_errors_of_their_field(name, fields, message):
    settings = {f"task.{field}": value for field, value in fields.items()}
    with pytest.raises(ConfigError, match=rf"task\.{message}"):
        make_config({"task.name": name, **settings})


@pytest.mark.parametrize("name", ["agreement", "lag_recall", "memorization"])
def test_a_configuration_trains_and_evaluates(name):
    trains_and_evaluates(make_config({"task.name": name}))


class Stored:
    """The part of a task that its digest reads."""

    def __init__(self, **data):
        self.data = lambda: data


def test_the_digest_is_of_every_value_shape_type_and_name_in_order():
    x = np.arange(6, dtype=np.int16)
    different = [
        {"x": x},
        {"y": x},
        {"x": x + 1},
        {"x": x.reshape(2, 3)},
        {"x": x.view(np.uint16)},
        {"x": x[::-1]},
        {"x": x, "y": x[:0]},
        {"x": x, "y": np.bool_(True)},
    ]
    tasks = [Stored(**data) for data in different]
    digests = {digest_of_data([task]) for task in tasks}
    digests |= {digest_of_data(tasks[:2]), digest_of_data(tasks[1::-1])}
    assert len(digests) == len(tasks) + 2
    assert digest_of_data([Stored(x=x.copy())]) == digest_of_data([tasks[0]] * 2)
    assert digest_of_data([Adding(10), Copying(5)]) is None
    assert digest_of_data([Adding(10), DigitsRows()]) == digest_of_data([DigitsRows()])
