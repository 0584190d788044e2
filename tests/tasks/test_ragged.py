"""Length buckets: batches, their order, and equality with steps at full width."""

import dataclasses
import functools
import itertools
import operator

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support.assertions import assert_close
from support.batches import data_of, rows_of

from seqjax.tasks.datasets.ragged import RaggedTask, Row, Sequences, best_bucket_lengths
from seqjax.training import evaluation, step
from seqjax.training.config import make_config
from seqjax.types import named_key

SYMBOLS, SIZE = 5, 3
LENGTHS = {
    "train": [2, 2, 3, 3, 3, 4, 7, 7, 7, 8, 8, 11, 11, 12],
    "validation": [3, 9],
    "test": [13],
}
WIDTHS = (3, 8, 13)
"""Bucket lengths: the best two of training, and the longest of all parts."""


@functools.cache
def sequences(every_step):
    random, found = np.random.default_rng(0), {}
    for part, lengths in LENGTHS.items():
        total = sum(lengths)
        x, y = random.integers(0, SYMBOLS, (2, total)).astype(np.int32)
        y = y if every_step else y[: len(lengths)]
        found[part] = Sequences(x, y, np.array(lengths, np.int32))
    return found


@dataclasses.dataclass(frozen=True)
class Final(RaggedTask):
    """Classes at the end of each sequence."""

    name = "ragged_final"
    inputs = outputs = SYMBOLS
    symbols = True
    most_buckets = 3
    examples = len(LENGTHS["train"])

    def read(self):
        return sequences(self.every_step)


@dataclasses.dataclass(frozen=True)
class Everywhere(Final):
    """Classes at every step."""

    name = "ragged_everywhere"
    every_step = True


TASKS = pytest.mark.parametrize("task", [Final(), Everywhere()], ids=lambda task: task.name)


@functools.cache
def config_of(task):
    settings = {
        "task.name": "adding",
        "model.cell": "elman",
        "model.hidden": 4,
        "train.batch_size": SIZE,
    }
    return dataclasses.replace(make_config(settings), task=task)


def rows(task, seed, first, count, size=SIZE):
    key = named_key(jax.random.key(seed), "data")
    return jax.tree.map(np.asarray, rows_of(task, first, count, size, key))


EPOCH = 4  # steps: 5 sequences up to length 3, 6 up to 8, 3 longer: 1 + 2 + 1 batches of three


def test_an_epoch_holds_no_sequence_twice_and_none_wider_than_its_bucket():
    task = Final()
    assert task.bucket_lengths(data_of(task)) == WIDTHS
    lengths = np.array(LENGTHS["train"])
    for epoch in range(3):
        row = rows(task, 0, epoch * EPOCH, EPOCH)
        taken = row.examples_B.ravel()
        assert len(set(taken)) == EPOCH * SIZE and taken.min() >= 0
        assert sorted(row.bucket) == [0, 1, 1, 2]
        for bucket, examples in zip(*row, strict=True):
            assert set(np.searchsorted(WIDTHS, lengths[examples])) == {bucket}


@pytest.mark.slow
def test_rows_depend_on_key_and_step_alone():
    whole = rows(Final(), 5, 0, 20)
    for first in (0, 3, 16):
        part = rows(Final(), 5, first, EPOCH)
        for a, b in zip(part, whole, strict=True):
            np.testing.assert_array_equal(a, b[first : first + EPOCH])


def test_seeds_have_different_sequences_but_the_same_order_of_buckets():
    one, other = rows(Final(), 0, 0, 20), rows(Final(), 1, 0, 20)
    np.testing.assert_array_equal(one.bucket, other.bucket)
    assert (one.examples_B != other.examples_B).any()
    orders = one.bucket.reshape(-1, EPOCH)
    assert len(set(map(tuple, orders))) > 1  # epochs have different orders


def test_a_bucket_smaller_than_a_batch_is_merged_into_a_longer_one():
    lengths = np.array(LENGTHS["train"])
    row = rows(Final(), 0, 0, 20, 6)  # the 5 short and the 3 long ones join the 6 up to 8
    for bucket, examples in zip(*row, strict=True):
        assert (lengths[examples] <= WIDTHS[bucket]).all()
    assert set(row.examples_B.ravel()) == set(range(len(lengths)))  # none is always dropped


@TASKS
def test_a_batch_is_its_sequences_padded_with_zeros(task):
    data, parts = data_of(task), task.read()
    x, y, lengths = (np.concatenate(column) for column in zip(*parts.values(), strict=True))
    starts = np.cumsum(lengths) - lengths
    batch = task.batch(data, Row(jnp.int32(2), jnp.array([13, 0, -1])), SIZE)
    batch = jax.tree.map(np.asarray, batch)
    assert batch.x.shape == (WIDTHS[-1], 3)
    for lane, example in enumerate((13, 0)):
        place = slice(starts[example], starts[example] + lengths[example])
        np.testing.assert_array_equal(batch.x[: lengths[example], lane], x[place])
        assert not np.any(batch.x[lengths[example] :, lane])
        if task.every_step:
            np.testing.assert_array_equal(batch.y[: lengths[example], lane], y[place])
            assert batch.weight[:, lane].sum() == lengths[example]
        else:
            assert batch.y[lane] == y[example] and batch.weight[lane] == 1
    assert not np.any(batch.weight[..., 2]) and not np.any(batch.x[:, 2])


@pytest.mark.slow
@TASKS
def test_a_step_at_the_width_of_its_bucket_is_the_step_at_full_width(task):
    config, data = config_of(task), data_of(task)
    state = jax.jit(step.initial_state)(config, jnp.uint32(0))
    drawn = rows(task, 0, 0, EPOCH)

    @jax.jit
    def both(row):
        batch = task.batch(data, row, SIZE)
        (loss, _), (gradient, _) = step.loss_and_gradient(config, state, batch)
        trace = step.train_step(config, data, state, jnp.int32(0), row)[1]
        return (trace.loss, trace.norm), (loss, optax.tree.norm(gradient))

    for k in range(EPOCH):
        narrow, full = both(jax.tree.map(operator.itemgetter(k), drawn))
        assert_close(narrow, full, 1e-5)


@pytest.mark.slow
@TASKS
def test_evaluation_reads_each_held_out_sequence_once(task):
    data, config = data_of(task), config_of(task)
    first = len(LENGTHS["train"])
    params = jax.jit(step.initial_state)(config, jnp.uint32(0)).params
    evaluate = jax.jit(evaluation.evaluate_run)

    @jax.jit
    def alone(number):
        batch = task.batch(data, Row(jnp.int32(2), number[None]), 1)
        logits, _ = step.apply_model(config, params, batch, jnp.float32(0), None)
        return task.loss("softmax", logits, batch), batch.weight

    for part, numbers in enumerate([[first, first + 1], [first + 2]]):
        examples = np.asarray(task.evaluation_rows(data, part).examples_B)
        assert sorted(examples[examples >= 0]) == numbers
        losses = []
        for number in numbers:
            loss, weight = map(np.asarray, alone(jnp.int32(number)))
            losses += [*loss[weight > 0]]
        found = evaluate((config, params), data, jnp.int32(part))
        assert_close(found["loss"], np.float32(np.mean(losses)), 1e-5)


@TASKS
def test_training_rows_hold_each_training_sequence_once(task):
    data = data_of(task)
    buckets, examples = map(np.asarray, task.training_rows(data))
    assert sorted(examples[examples >= 0]) == list(range(len(LENGTHS["train"])))
    for bucket, row in zip(buckets, examples, strict=True):
        longest = max(np.asarray(data["length"])[row[row >= 0]], default=0)
        assert longest <= task.bucket_lengths(data)[bucket]


def test_runs_of_one_program_compute_one_bucket_length_a_step():
    """With a batched predicate every branch would be computed and all but one discarded."""
    task = Final()
    config, data = config_of(task), data_of(task)

    def chunk(seed):
        state = step.initial_state(config, seed)
        if state.control:  # one of the runs has stopped
            stopped_at = seed.astype(jnp.int32) - 1
            state = state._replace(control=state.control._replace(stopped_at=stopped_at))
        shared = bool(state.control)
        return step._train_chunk((config, seed, state), data, jnp.int32(0), 2, shared)[1].loss

    one = str(jax.make_jaxpr(chunk)(jnp.uint32(0)))
    both = str(jax.make_jaxpr(jax.vmap(chunk))(jnp.arange(2, dtype=jnp.uint32)))
    assert "cond[" in one and both.count("cond[") == one.count("cond[")
    train = dataclasses.replace(config.train, patience=1)
    config = dataclasses.replace(config, train=train)
    stopping = str(jax.make_jaxpr(jax.vmap(chunk))(jnp.arange(2, dtype=jnp.uint32)))
    assert stopping.count("cond[") == one.count("cond[")


@pytest.mark.parametrize("most", [1, 2, 3, 9])
def test_no_other_bucket_lengths_pad_less(most):
    lengths = np.array(LENGTHS["train"])

    def total(widths):
        return sum(min(w for w in widths if w >= n) for n in lengths)

    different = sorted(set(lengths))
    allowed = [
        (*some, different[-1])
        for count in range(most)
        for some in itertools.combinations(different[:-1], count)
    ]
    found = best_bucket_lengths(lengths, most)
    assert found == sorted(set(found)) and len(found) <= most and found[-1] == max(lengths)
    assert total(found) == min(map(total, allowed))


def test_many_different_lengths_are_rounded_up():
    found = best_bucket_lengths(np.arange(1, 50_001), 4)
    assert len(found) == 4 and found[-1] >= 50_000
    np.testing.assert_allclose(found, [12_500, 25_000, 37_500, 50_000], rtol=0.01)
