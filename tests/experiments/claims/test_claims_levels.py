"""The thresholds of claim 4 and the levels of claim 5 are quantiles of the norms of their runs."""

import dataclasses
import functools
import json
import tarfile
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.committed import RESULTS as COMMITTED
from support.training import CELL, starting_arrays

from experiments.claims import levels
from seqjax.cells import CELLS
from seqjax.diagnostics.base import step
from seqjax.sweeps import executor
from seqjax.training.config import as_settings, make_config
from seqjax.types import named_key

PLACES = {place.key: place for place in levels.places(False)}
PLACE = PLACES[9, "gain_1"]
SEED, COUNT = 1000, 8


@functools.cache
def small():
    """The entry of an LSTM on a small task, for a loop in NumPy."""
    place = PLACES[9, "lstm"]
    settings = {"task.lag": 4, "task.length": 5, "model.hidden": 4, "optim.learning_rate": 0.3}
    settings |= {"train.steps": COUNT, "train.eval_every": COUNT, "train.batch_size": 3}
    config = make_config(as_settings(place.run.config) | settings | {"train.observe": ""})
    return place._replace(run=dataclasses.replace(place.run, config=config), count=COUNT)


@functools.cache
def seen():
    """All norms of the small place, by kind."""
    asked = {"kinds": tuple(levels.NORMS), "count": COUNT}
    return jax.device_get(levels.norms_of(small().run.config, np.uint32(SEED), {}, **asked))


def measured(used, quantiles=("q10", "q50", "q90")):
    """Measurements at the small entry under other labels, from the norms that are computed once."""
    place = small()._replace(used=used, quantiles=quantiles)
    with mock.patch.object(levels, "norms_of", lambda *_, **__: seen()):
        return levels.measured(place)


def test_every_constant_has_a_run():
    assert set(PLACES) == {"temporal_order", "digits_pixels"} | {
        (lag, model) for lag in (9, 30) for model in ("gain_1", "gain_0.5", "lstm")
    }


@pytest.mark.parametrize("full", [False, True], ids=["cpu", "full"])
def test_the_runs_are_those_of_the_studies_without_a_bound(full):
    for place in levels.places(full):
        config = place.run.config
        assert (place.run.seed, config.optim.learning_rate) == (SEED, 0.01)
        assert (config.clip.kind, config.floor.kind) == ("none", "none")
        first = full and "task.lag" in as_settings(config)
        assert place.count == (500 if first else config.train.steps)
        if isinstance(place.key, tuple):
            lag, model = place.key
            gain = {"gain_1": 1.0, "gain_0.5": 0.5, "lstm": 1.0}[model]
            assert (config.task.lag, config.init.recurrent_gain) == (lag, gain)


def test_the_norm_is_the_one_that_training_records():
    ((record, trace),) = executor.train_group(
        [small().run], 1, jax.devices()[:1], lambda steps: None
    )
    np.testing.assert_allclose(seen()["norm"], trace.norm, rtol=1e-5)
    recorded = [getattr(record.gradient_norm, name) for name in ("q10", "q50", "q90")]
    assert measured(["norm"])["norm"].tolist() == pytest.approx(recorded, rel=1e-5)


# ---- against a plain loop over steps, examples and time


def length(tree):
    return np.sqrt(sum(np.sum(np.square(np.float64(leaf))) for leaf in jax.tree.leaves(tree)))


@functools.cache
def programs(name):
    """A step of one example with its pullback, and the loss of its last output."""
    cell = CELLS[name]
    forward = functools.partial(step, cell)

    def loss(h_1H, readout, target):
        logits = h_1H[0] @ readout["kernel"] + readout["bias"]
        return -jax.nn.log_softmax(logits)[target]

    def back(params, x_1D, carry, signal):
        d_params, _, d_carry = jax.vjp(forward, params, x_1D, carry)[1](signal)
        return d_params, d_carry

    return cell, jax.jit(forward), jax.jit(back), jax.jit(jax.grad(loss, (0, 1)))


def of_example(name, params, x_T, target, share):
    """The norms of its signals and of its contributions, and its part of the gradient."""
    cell, forward, back, d_loss = programs(name)
    x_TD, own = np.eye(8, dtype=np.float32)[x_T], params["recurrent"]["cells"][CELL]
    carries = [cell.initial_carry(1, own.b_GH.shape[1], jnp.float32)]
    for x_D in x_TD:
        carries.append(forward(own, x_D[None], carries[-1]))
    d_h, d_readout = d_loss(carries[-1].h, params["readout"], target)
    signal = jax.tree.map(np.zeros_like, carries[-1])._replace(h=d_h * np.float32(share))
    gradient = {"readout": jax.tree.map(lambda leaf: leaf * np.float32(share), d_readout)}
    signals, contributions, total = [], [], jax.tree.map(np.zeros_like, own)
    for x_D, carry in zip(x_TD[::-1], carries[-2::-1], strict=True):
        signals += [length(leaf) for leaf in signal]
        added, signal = back(own, x_D[None], carry, signal)
        contributions.append(length(added))
        total = jax.tree.map(np.add, total, added)
    return signals, contributions, gradient | {"recurrent": {"cells": {CELL: total}}}


def by_hand(config):
    """All norms by kind, from momentum written out."""
    size, rate = config.train.batch_size, np.float32(config.optim.learning_rate)
    params = jax.jit(starting_arrays)(config, SEED)
    key, momentum = named_key(jax.random.key(SEED), "data"), None
    found = {kind: [] for kind in levels.NORMS}
    for row in config.task.rows({}, key, jnp.int32(0), COUNT, size):
        batch, gradient = config.task.batch({}, row, size), None
        for b in range(size):
            x_T, target = np.array(batch.x[:, b]), int(batch.y[-1, b])
            *norms, added = of_example(config.model.cell, params, x_T, target, 1 / size)
            found["signal"] += norms[0]
            found["contribution"] += norms[1]
            gradient = added if gradient is None else jax.tree.map(np.add, gradient, added)
        found["norm"].append(length(gradient))
        found["value"].append(max(np.abs(leaf).max() for leaf in jax.tree.leaves(gradient)))
        old = jax.tree.map(np.zeros_like, gradient) if momentum is None else momentum
        momentum = jax.tree.map(lambda m, g: np.float32(0.9) * m + g, old, gradient)
        params = jax.tree.map(lambda p, m: p - rate * m, params, momentum)
    return found


def test_all_norms_are_those_of_a_plain_loop():
    expected = by_hand(small().run.config)
    for kind, norms in seen().items():
        ours, theirs = (np.sort(np.ravel(each)) for each in (norms, expected[kind]))
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-9, err_msg=kind)
    # Nothing comes back to C after the last step; such norms are left out.
    signals = np.sort([norm for norm in expected["signal"] if norm >= 1e-20])
    assert len(signals) == (5 + 4) * 3 * COUNT
    ranks = [int(np.ceil(share * len(signals))) - 1 for share in (0.1, 0.5, 0.9)]
    assert measured(["a"])["a"] == pytest.approx(signals[ranks], rel=2e-4)


# ---- the constants


def test_the_levels_in_use_are_those_measured():
    found = levels.measured(PLACE)
    assert found.keys() == PLACE.used.keys() == {"a", "b", "c"}
    for floor, used in PLACE.used.items():
        assert found[floor] == pytest.approx(used, rel=0.1), floor


@functools.cache
def kept(claim):
    """The records of a claim, as they are committed."""
    with tarfile.open((COMMITTED / "claims") / "records.tar.xz") as archive:
        lines = archive.extractfile(f"{claim}/records.jsonl").read().splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


@pytest.mark.parametrize("key", [key for key in PLACES if "lstm" not in key], ids=str)
def test_the_norms_in_use_are_those_of_the_committed_records(key):
    place = PLACES[key]
    spread = kept(place.run.study)[place.run.id]["gradient_norm"]
    used = place.used["norm" if place.run.study == "claim_4" else "c"]
    assert used == pytest.approx([spread[name] for name in place.quantiles], rel=0.05)


def test_an_entry_is_a_literal_with_what_is_in_use_behind():
    found = {"norm": np.array([0.0531, 2.02]), "value": np.array([1e-7, np.inf])}
    used = {"norm": (0.054, 2.0), "value": (2e-7, 1.0)}
    assert levels.described((9, "lstm"), found, used) == (
        "(9, 'lstm'): {\n"
        "    'norm': (0.053, 2.0),  # 0.98, 1.01 times (0.054, 2.0)\n"
        "    'value': (1e-07, inf),  # 0.50, inf times (2e-07, 1.0)\n"
        "},"
    )


def test_norms_that_are_not_numbers_are_not_left_out():
    norms = {"norm": np.float32([1e-21, 1.0, np.nan]), "value": np.float32([1e-21, 2.0, 3.0])}
    with mock.patch.object(levels, "norms_of", lambda *_, **__: norms):
        found = levels.measured(PLACES["temporal_order"])
    assert np.isnan(found["norm"]).all() and found["value"].tolist() == [2.0, 2.0, 3.0]
