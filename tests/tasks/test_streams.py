"""Streams: positions of lanes, scored symbols, evaluation, and chance."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.batches import batch_of, evaluation_batches, rows_of
from support.counted_text import Counted, batches_of

from seqjax.metrics import losses
from seqjax.sweeps import executor
from seqjax.tasks.streams.arithmetic import Arithmetic
from seqjax.tasks.streams.characters import UnicodeNames
from seqjax.tasks.streams.xml import Xml
from seqjax.training.config import make_config
from seqjax.training.overrides import ConfigError


@pytest.mark.core
@pytest.mark.parametrize(("length", "carried"), [(4, True), (4, False), (23, True)])
def test_a_lane_continues_from_window_to_window_and_wraps_around(length, carried):
    task, B = Counted(length, carried), 6
    whole, rows = 23 // length * length, rows_of(task, 0, 16, B)
    place_B = np.array(rows[0])
    for row in rows:
        batch = batch_of(task, row, B)
        assert batch.x.dtype == batch.y.dtype == np.int32 and batch.x.shape == (length, B)
        for x_B, y_B, weight_B in zip(batch.x, batch.y, batch.weight, strict=True):
            assert np.array_equal(x_B, place_B)
            place_B = (place_B + 1) % whole
            assert np.array_equal(y_B, place_B)
            assert np.array_equal(weight_B, place_B % 3 > 0)


@pytest.mark.slow
def test_rows_depend_on_key_and_step_alone():
    task = Counted(4)
    whole = rows_of(task, 0, 16, 6)
    for first in (0, 5, 14):
        assert np.array_equal(rows_of(task, first, 2, 6), whole[first : first + 2])
    first, late = (rows_of(Xml(1000), step, 2, 3)[0].tolist() for step in (0, 2**24))
    assert late == [(offset + 2**24 * 1000) % 1_048_000 for offset in first]


def test_offsets_differ_by_lane_and_by_seed_and_cover_the_text():
    offsets = np.concatenate([rows_of(Xml(), 0, 1, 512, seed)[0] for seed in range(4)])
    assert len(np.unique(offsets)) > 2000  # of 2,048 in a million places
    counts = np.histogram(offsets, 8, (0, 2**20 // 35 * 35))[0]
    assert np.all(np.abs(counts - 256) < 5 * 16)


@pytest.mark.parametrize(
    ("length", "carried", "steps"), [(2, True, 5), (6, True, 6), (23, False, 11)]
)
def test_evaluation_predicts_every_symbol_of_a_part_once(length, carried, steps):
    task = Counted(length, carried)
    for part, (first, end) in enumerate([(23, 32), (32, 44)]):
        predicted = []
        for batch in evaluation_batches(task, part):
            assert len(batch.x) == steps
            assert batch.x.size <= max(task.at_once, steps)
            lanes = zip(batch.x.T, batch.y.T, batch.weight.T, batch.lengths_B, strict=True)
            for x_T, y_T, weight_T, valid in lanes:
                assert np.array_equal(x_T[:valid] + 1, y_T[:valid])
                assert np.array_equal(weight_T[:valid], y_T[:valid] % 3 > 0)
                assert not np.any(weight_T[valid:])
                predicted += y_T[:valid].tolist()
        assert sorted(predicted) == [*range(first + 1, end)]


def test_memory_counts_what_evaluation_reads_at_once():
    config = make_config({"task.name": "unicode_names", "model.hidden": 32})
    read = 18 * 1024 * (39 + 32 * (4 + 2)) * 4
    assert read < executor.memory_of(config) < 1.2 * read


@pytest.mark.parametrize("carried", [True, False])
def test_streams_have_no_backward_direction(carried):
    settings = {"task.name": "xml", "task.carried": carried, "model.bidirectional": True}
    with pytest.raises(ConfigError, match=r"model\.bidirectional: expected false"):
        make_config(settings)


@pytest.mark.parametrize("link", ["softmax", "logistic", "linear"])
def test_chance_is_the_best_constant_prediction(link):
    y, counts = np.repeat([0, 1, 2], [5, 3, 2]), np.array([5, 3, 2, 0])
    p = np.clip(counts / 10, 1e-12, 1 - 1e-12)
    logits = {"softmax": np.log(p), "logistic": np.log(p / (1 - p)), "linear": p}[link]

    def loss(logits):
        every = jnp.array(np.broadcast_to(logits, (10, 4)), jnp.float32)
        return float(jnp.mean(losses.class_loss(link, every, jnp.array(y))))

    assert losses.constant_class_loss(link, counts / 10) == pytest.approx(loss(logits), 1e-5)
    for k in range(4):
        for change in (-0.3, 0.3):
            assert loss(logits + change * np.eye(4)[k]) >= loss(logits)


def test_bits_are_the_softmax_loss_in_units_of_ln_2():
    task = Counted(4)
    batch = next(iter(batches_of(task, 1, 6)))
    for logits in (jnp.zeros((*batch.y.shape, 50)), 3 * jax.nn.one_hot(batch.y, 50)):
        bits, weights = task.metrics("softmax", logits, batch)["bits"]
        loss = np.array(task.loss("softmax", logits, batch))
        assert np.array(bits) == pytest.approx(loss / np.log(2))
        assert np.array_equal(weights, batch.weight)


@pytest.mark.parametrize("task", [Arithmetic(), Xml(), UnicodeNames()], ids=repr)
def test_chance_counts_the_scored_symbols_of_training(task):
    train = task.read()["train"]
    counts = collections.Counter(train.symbols_N[train.scored_N].tolist())
    shares = np.array(list(counts.values())) / counts.total()
    assert task.chance_metric() == pytest.approx(max(shares))
    assert task.chance_loss("softmax") == pytest.approx(-np.sum(shares * np.log(shares)))
    assert 1 / task.outputs < task.chance_metric() < 0.2
