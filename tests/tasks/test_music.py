"""Piano rolls frame by frame: inputs, targets, and scores of constant predictions."""

import io
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.io
from support.batches import data_of, evaluation_batches, trains_and_evaluates
from support.commands import command
from support.made_up import record
from support.published import make_known, needs, put, use_published

from seqjax.data.piano_rolls import FILES, VARIABLES
from seqjax.metrics.losses import masked_mean
from seqjax.records.jsonl import append, read
from seqjax.reporting.tables import make
from seqjax.tasks.base import Batch
from seqjax.tasks.datasets import music
from seqjax.tasks.datasets.music import Jsb, Nottingham
from seqjax.tasks.lowest import LOWEST
from seqjax.training import evaluation, step
from seqjax.training.config import make_config

SIZES = {"train": [3, 5, 1, 5, 2], "validation": [4], "test": [6, 1, 3]}


def drawn(part):
    """Return pieces (T, 88) in which higher keys are more frequent."""
    random = np.random.RandomState(len(part))
    often = np.linspace(0, 0.5, 88)
    return [(random.random_sample((T, 88)) < often).astype(np.uint8) for T in SIZES[part]]


@pytest.fixture(params=[Jsb(), Nottingham()], ids=lambda task: task.name)
def task(request, tmp_path, monkeypatch):
    """A task on a generated file."""
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    content = {name: np.empty((1, len(SIZES[part])), object) for part, name in VARIABLES.items()}
    for part, name in VARIABLES.items():
        content[name][0] = drawn(part)
    file = io.BytesIO()
    scipy.io.savemat(file, content)
    path = put(tmp_path / FILES[request.param.name], file.getvalue())
    make_known(monkeypatch, "polyphonic_music", {path.name: file.getvalue()})
    music._joined.cache_clear()
    data_of.cache_clear()
    yield request.param
    music._joined.cache_clear()
    data_of.cache_clear()


def test_every_frame_is_predicted_once_from_those_before_it(task):
    for number, part in enumerate(("validation", "test")):
        pieces = drawn(part)
        remaining = {len(piece): piece for piece in pieces}
        for batch in evaluation_batches(task, number):
            assert batch.x.dtype == batch.y.dtype == np.float32 and batch.x.shape == batch.y.shape
            for b in np.flatnonzero(batch.weight[0]):
                T = int(batch.lengths_B[b])
                piece = remaining.pop(T)
                assert np.array_equal(batch.y[:T, b], piece)
                assert not batch.x[0, b].any() and np.array_equal(batch.x[1:T, b], piece[:-1])
                assert batch.weight[:T, b].all() and not batch.weight[T:, b].any()
        assert not remaining


@pytest.mark.slow
def test_the_four_means_are_those_of_a_plain_loop_over_ragged_pieces(task, monkeypatch):
    """Two evaluation batches in different buckets; one piece has a single frame."""
    monkeypatch.setattr(type(task), "at_once", 12)
    settings = {"task.name": task.name, "model.cell": "elman", "model.hidden": 2}
    config, data = make_config({**settings, "train.batch_size": 2}), data_of(task)
    params = jax.jit(step.initial_state)(config, jnp.uint32(0)).params
    assert len({int(k) for k in task.evaluation_rows(data, 1).bucket}) == 2

    @jax.jit
    def logits_of(piece):
        x = jnp.pad(piece[:-1], ((1, 0), (0, 0)))[:, None]
        return step.apply_model(config, params, Batch(x, x, x), jnp.float32(0), None)[0][:, 0]

    expected = {name: [] for name in ("frame_nll", "frame_nll_later", "piece_nll")}
    expected["piece_nll_later"] = []
    for piece in drawn("test"):
        p = 1 / (1 + np.exp(-np.asarray(logits_of(piece.astype(np.float32)), np.float64)))
        nll = []
        for t in range(len(piece)):
            nll.append(-np.sum(np.log(np.where(piece[t], p[t], 1 - p[t]))))
        expected["frame_nll"] += nll
        expected["frame_nll_later"] += nll[1:]
        expected["piece_nll"].append(np.mean(nll))
        expected["piece_nll_later"] += [np.mean(nll[1:])] if len(nll) > 1 else []
    found = jax.jit(evaluation.evaluate_run)((config, params), data, jnp.int32(1))
    for name, values in expected.items():
        assert found[name] == pytest.approx(np.mean(values), rel=1e-6), name
    assert len({float(found[name]) for name in expected}) == 4


@pytest.mark.slow
def test_constants_score_as_computed_by_hand(task):
    p, (batch,) = 0.1, evaluation_batches(task, 1)
    logits = jnp.full(batch.y.shape, math.log(p / (1 - p)), jnp.float32)
    found = masked_mean(*task.metrics("logistic", logits, batch)["frame_nll"])
    sounding = np.concatenate(drawn("test")).sum(axis=1).mean()
    expected = -sounding * math.log(p) - (88 - sounding) * math.log(1 - p)
    assert found == pytest.approx(expected, rel=1e-5)

    frames = np.concatenate(drawn("train")).astype(np.float64)

    def score(p):
        inside = np.clip(p, 1e-12, 1 - 1e-12)
        return -np.mean(np.sum(frames * np.log(inside) + (1 - frames) * np.log(1 - inside), axis=1))

    p = frames.mean(axis=0)
    assert task.chance_metric() == pytest.approx(score(p), rel=1e-6)
    assert task.chance_loss("logistic") == task.chance_metric()
    assert all(score(p + shift) > score(p) for shift in (-0.01, 0.01))
    settings = {"task.name": task.name, "train.batch_size": 2, "model.hidden": 4}
    trains_and_evaluates(make_config(settings))


def test_fewer_pieces_than_a_batch_are_an_error(task, tmp_path):
    large = f"--set=task.name={task.name}; train.batch_size=6"
    plan = ("--study=init_by_clip", "--sweep=init.bias.f=1", "--dry_run")
    result = command(*plan, large, f"--workdir={tmp_path}/new")
    assert result.code == 2
    assert re.fullmatch(f"error: {task.name}: .*train.batch_size.*5.*", result.err.splitlines()[-1])


def test_other_links_are_refused():
    with pytest.raises(ValueError, match=r"model\.readout"):
        make_config({"task.name": "jsb", "model.readout": "softmax"})


@needs("polyphonic_music")
@pytest.mark.parametrize(
    ("published", "chance"), [(Jsb(), 11.093), (Nottingham(), 10.057)], ids=["jsb", "nottingham"]
)
def test_the_published_pieces(published, chance, monkeypatch):
    use_published(monkeypatch)
    music._joined.cache_clear()
    assert published.chance_metric() == pytest.approx(chance, abs=5e-4)
    assert len(published.read()["train"].lengths_S) == published.examples


def test_scores_are_relative_to_the_lowest_published_loss(task, tmp_path):
    """A better loss has a score above 1; records with another best loss keep their scores."""
    lowest, chance = LOWEST[task.name].loss, task.chance_metric()
    assert task.best_loss("logistic") == lowest < chance
    path, settings = tmp_path / "records.jsonl", {"task.name": task.name}
    half, old = (lowest + chance) / 2, {"best_loss": 0.0, "compared": "score"}
    for seed, (loss, changes) in enumerate([(half, {}), (lowest - 1, {}), (half, old)]):
        made = record(settings=settings, test=loss, seed=seed, **{"compared": "score"} | changes)
        append(path, made)
    scores = [run.score for run in read(path)]
    assert scores[0] == pytest.approx(0.5) and scores[1] > 1
    assert scores[2] == pytest.approx(1 - half / chance)
    assert LOWEST[task.name].model in make([*read(path)][:2]).caption
    assert LOWEST[task.name].model not in make([*read(path)][2:]).caption
