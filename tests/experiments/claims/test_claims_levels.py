"""The thresholds of claim 4 and the levels of claim 5 are quantiles of the norms of their runs."""

import functools
import json
import tarfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.committed import RESULTS
from support.training import CELL, starting_arrays

from experiments.claims import claim_4, claim_5, levels
from seqjax.cells import CELLS
from seqjax.diagnostics.base import step
from seqjax.training.config import as_settings, make_config
from seqjax.types import named_key

ENTRIES = levels.entries(False)
SEED = 1000


def small():
    """Configuration of an LSTM on a small task, for a loop in NumPy."""
    run = ENTRIES[9, "lstm"].run
    settings = {"task.lag": 4, "task.length": 5, "model.hidden": 4, "optim.learning_rate": 0.3}
    settings |= {"train.batch_size": 3, "train.observe": ""}
    return make_config(as_settings(run.config) | settings)


def test_every_number_has_a_run_of_its_study_without_a_bound():
    entries = [*ENTRIES.items(), *levels.entries(True).items()]
    assert {key for key, _ in entries} == claim_4.THRESHOLDS[True].keys() | claim_5.LEVELS.keys()
    for key, entry in entries:
        config = entry.run.config
        assert (entry.run.seed, config.optim.learning_rate) == (SEED, 0.01)
        assert (config.clip.kind, config.floor.kind) == ("none", "none")
        if isinstance(key, tuple):
            gain = {"gain_1": 1.0, "gain_0.5": 0.5, "lstm": 1.0}[key[1]]
            assert (config.task.lag, config.init.recurrent_gain) == (key[0], gain)


# ---- norms of a plain loop over steps, examples and time


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
    """All norms at the first step, by kind."""
    size = config.train.batch_size
    params = jax.jit(starting_arrays)(config, SEED)
    (row,) = config.task.rows({}, named_key(jax.random.key(SEED), "data"), jnp.int32(0), 1, size)
    batch, found, parts = config.task.batch({}, row, size), {"signal": [], "contribution": []}, []
    for b in range(size):
        x_T, target = np.array(batch.x[:, b]), int(batch.y[-1, b])
        *norms, added = of_example(config.model.cell, params, x_T, target, 1 / size)
        found["signal"] += norms[0]
        found["contribution"] += norms[1]
        parts.append(added)
    gradient = jax.tree.map(lambda *leaves: sum(leaves), *parts)
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(gradient))
    return {**found, "norm": length(gradient), "value": largest}


@pytest.mark.slow
def test_all_norms_are_those_of_a_plain_loop():
    config = small()
    expected = by_hand(config)
    seen = levels.norms_of(config, np.uint32(SEED), {}, kinds=tuple(levels.NORMS), count=1)
    for kind, norms in seen.items():
        ours, theirs = np.sort(np.ravel(norms)), np.sort(np.ravel(expected[kind]))
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-9, err_msg=kind)


def test_quantiles_leave_out_zeros_but_not_nan(monkeypatch):
    norms = {"norm": np.float32([1e-21, 1.0, np.nan]), "value": np.float32([1e-21, 2.0, 3.0])}
    monkeypatch.setattr(levels, "norms_of", lambda *_, **__: norms)
    found = levels.measured(ENTRIES["temporal_order"])
    assert np.isnan(found["norm"]).all() and found["value"].tolist() == [2.0, 2.0, 3.0]


@pytest.mark.exhaustive
def test_the_levels_in_use_are_those_measured():
    found = levels.measured(ENTRIES[9, "gain_1"])
    for floor, used in claim_5.LEVELS[9, "gain_1"].items():
        assert found[floor] == pytest.approx(used, rel=0.1), floor


@pytest.mark.parametrize("key", [key for key in ENTRIES if "lstm" not in key], ids=str)
def test_the_norms_in_use_are_those_of_the_committed_records(key):
    entry = ENTRIES[key]
    with tarfile.open(RESULTS / "claims" / "records.tar.xz") as archive:
        lines = archive.extractfile(f"{entry.run.study}/records.jsonl").read().splitlines()
    (spread,) = (r["gradient_norm"] for r in map(json.loads, lines) if r["id"] == entry.run.id)
    used = entry.used["norm" if entry.run.study == "claim_4" else "c"]
    assert used == pytest.approx([spread[name] for name in entry.quantiles], rel=0.05)
