"""The continual embedded Reber grammar: strings, successors, windows, resets, error-free length."""

import collections
import functools
import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close
from support.batches import (
    batch_of,
    data_of,
    evaluation_batches,
    mean_metrics,
    rows_of,
    trains_and_evaluates,
)

from seqjax.metrics.losses import masked_mean
from seqjax.models.sequence import with_params
from seqjax.tasks.streams.reber import SYMBOL_E, Reber
from seqjax.training import evaluation, step
from seqjax.training.config import make_config

LETTERS = "BTPSXVE"
AFTER_X = "(?:XT*VP)*(?:S|XT*VV)"
STRING = re.compile(f"B([TP])B(?:TS*X{AFTER_X}|PT*V(?:V|P{AFTER_X}))E\\1E")
TASK = Reber(length=7, fresh=3, stream=40)


def text_of(x_T):
    return "".join(LETTERS[x] for x in x_T)


@functools.cache
def training_text():
    """The first 200,000 symbols of the training stream, and their targets, read as windows."""
    starts = np.arange(0, 200_000, 1000, dtype=np.int32)
    row = np.stack([starts, np.ones_like(starts)], axis=1)
    batch = batch_of(Reber(length=1000), row, len(starts))
    return text_of(batch.x.T.ravel()), np.swapaxes(batch.y, 0, 1).reshape(-1, 7)


def test_the_stream_is_of_strings_whose_ends_repeat_their_second_symbol():
    text, _ = training_text()
    found = list(STRING.finditer(text))
    assert found[0].start() == 0 and all(a.end() == b.start() for a, b in itertools.pairwise(found))
    assert len(text) - found[-1].end() < 60
    lengths = np.array([len(match.group()) for match in found])
    assert lengths.min() == 9 and abs(lengths.mean() - 12) < 0.1
    assert abs(np.mean([match.group(1) == "T" for match in found]) - 0.5) < 0.02


def test_targets_are_the_symbols_that_follow_the_same_beginning():
    """By counting; a successor of probability 1/2 that 40 strings lack has probability 2^-40."""
    text, y = training_text()
    following, targets = collections.defaultdict(list), {}
    for match in STRING.finditer(text):
        string, start = match.group(), match.start()
        for t in range(1, len(string)):
            following[string[:t]].append(string[t])
            targets[string[:t]] = text_of(np.flatnonzero(y[start + t - 1]))
        assert text_of(np.flatnonzero(y[match.end() - 1])) == "B"
    often = {beginning: found for beginning, found in following.items() if len(found) >= 40}
    assert len(often) > 200
    for beginning, found in often.items():
        counts = collections.Counter(found)
        assert set(targets[beginning]) == set(counts)
        if len(counts) == 2:
            share = counts[found[0]] / len(found)
            assert abs(share - 0.5) < 2.6 / len(found) ** 0.5


def test_lanes_read_on_and_restart_at_strings():
    """Lane 1 of two restarts one window later than lane 0; three windows are read in between."""
    rows = rows_of(TASK, 0, 12, 2)
    batches = [batch_of(TASK, row, 2) for row in rows]
    fresh_KB = np.stack([batch.reset_B for batch in batches])
    stream = SYMBOL_E[data_of(TASK)["train"]]
    starts = {match.start() for match in STRING.finditer(text_of(stream))}
    assert fresh_KB[:, 0].tolist() == [True, False, False] * 4
    assert fresh_KB[:, 1].tolist() == [False, False, True] * 4
    for lane in (0, 1):
        begins = np.flatnonzero(fresh_KB[:, lane])
        for k in begins[:-1]:
            x = np.concatenate([batch.x[:, lane] for batch in batches[k : k + 3]])
            first = int(rows[k, lane, 0])
            assert first in starts and np.array_equal(x, stream[first : first + 21])
    assert np.array_equal(rows_of(TASK, 5, 2, 2), rows[5:7])
    assert not np.array_equal(rows_of(TASK, 0, 12, 2, key=4), rows)
    places = np.asarray(rows[:, 0, 0])
    size = len(data_of(TASK)["train"])
    steps = np.diff(places)[~fresh_KB[1:, 0]] % size
    assert np.all(steps == TASK.length)


def test_windows_with_resets_begin_with_strings():
    task = Reber(length=30, resets=True, stream=40)
    assert not task.carried and TASK.carried
    for row in rows_of(task, 0, 5, 4):
        batch = batch_of(task, row, 4)
        assert batch.reset_B is None
        for lane in range(4):
            text = text_of(batch.x[:, lane])
            starts, end = [0], 0
            while match := STRING.match(text, end):
                end = match.end()
                starts.append(end)
            assert np.flatnonzero(batch.reset_TB[:, lane]).tolist() == [s for s in starts if s < 30]
    cropped = batch.cropped(5, every_step=True)
    assert len(cropped.x) == len(cropped.y) == len(cropped.reset_TB) == 5


def test_evaluation_reads_ten_streams_and_parts_differ():
    (validation,), (test,) = (list(evaluation_batches(TASK, part)) for part in (0, 1))
    for batch in (validation, test):
        assert batch.x.shape == (40, 10) and batch.weight.all()
        assert batch.reset_TB is None and batch.lengths_B is None
        assert all(re.match("B[TP]B", text_of(x_T)) for x_T in batch.x.T)
    streams = {text_of(x_T) for x_T in np.concatenate([validation.x, test.x], axis=1).T}
    assert len(streams) == 20


@pytest.mark.parametrize("link", Reber.links)
def test_streams_are_free_of_errors_up_to_the_first_one(link):
    (batch,) = evaluation_batches(TASK, 1)

    def measured(p_TBV):
        logits = jnp.log(p_TBV) - jnp.log1p(-p_TBV) if link == "logistic" else jnp.asarray(p_TBV)
        found = TASK.metrics(link, logits, batch)
        means = {name: masked_mean(*pair) for name, pair in found.items()}
        loss = masked_mean(TASK.loss(link, logits, batch), batch.weight)
        return means | TASK.derived(means), loss

    right = np.abs(batch.y - 0.48).astype(np.float32)
    found, loss = measured(right)
    assert found == {"error_free": 1, "correct": 1, "error_free_length": 40, "perfect": 1}
    assert loss == pytest.approx(7 * 0.48**2, rel=1e-5)
    wrong = right.copy()
    wrong[12, 3], wrong[30, 3], wrong[39, 4] = (np.abs(batch.y[t, b] - 0.5) for t, b in
                                                ((12, 3), (30, 3), (39, 4)))  # fmt: skip
    wrong[12, 3, 1:] = right[12, 3, 1:]  # one symbol is enough
    found, _ = measured(wrong)
    assert_close(found["error_free_length"], np.float32((8 * 40 + 12 + 39) / 10), 1e-5)
    assert_close(found["correct"], np.float32(397 / 400), 1e-6)
    assert found["perfect"] == 0


def test_chance_is_that_of_constants():
    def logits_of(p_V):
        return lambda batch: jnp.broadcast_to(jnp.log(p_V) - jnp.log1p(-p_V), batch.y.shape)

    task = Reber(stream=2000)
    batches = list(evaluation_batches(task, 0))
    t_or_p = jnp.array([0.01, 0.99, 0.99, 0.01, 0.01, 0.01, 0.01])
    found = mean_metrics(task, batches, logits_of(t_or_p))
    assert found["error_free"] == pytest.approx(task.chance_metric()) == 1 / 2000
    _, y = training_text()
    found = mean_metrics(task, batches, logits_of(jnp.asarray(y.mean(axis=0))))
    for link in task.links:
        assert found["loss"] == pytest.approx(task.chance_loss(link), rel=0.01)
        assert task.best_loss(link) == 0


@pytest.mark.slow
def test_resets_start_every_string_from_the_zero_state():
    """The loss of the evaluation is the mean over strings, each read by itself."""
    values = {"task.name": "reber", "task.resets": True, "task.stream": 40, "model.hidden": 3}
    config = make_config(values)
    params = jax.tree.map(lambda leaf: 3 * leaf, step.initial_state(config, jnp.uint32(0)).params)
    data = data_of(config.task)
    found = evaluation.evaluate_run((config, params), data, jnp.int32(1))
    (batch,) = evaluation_batches(config.task, 1)
    forward = jax.jit(lambda x: with_params(step.abstract_model(config), params)(x))
    total = 0.0
    for lane in range(10):
        starts = [*np.flatnonzero(batch.reset_TB[:, lane]), 40]
        for start, end in itertools.pairwise(starts):
            x = np.zeros((40, 1), np.int32)
            x[: end - start, 0] = batch.x[start:end, lane]
            p = jax.nn.sigmoid(forward(x)[: end - start, 0])
            total += float(np.sum(np.square(p - batch.y[start:end, lane])))
    assert found["loss"] == pytest.approx(total / 400, rel=1e-5)
    unlike = make_config(values | {"task.resets": False})
    other = evaluation.evaluate_run((unlike, params), data_of(unlike.task), jnp.int32(1))
    assert abs(other["loss"] - found["loss"]) > 1e-4


@pytest.mark.slow
def test_a_configuration_trains_and_evaluates():
    for resets in (False, True):
        trains_and_evaluates(make_config({"task.name": "reber", "task.resets": resets}))
