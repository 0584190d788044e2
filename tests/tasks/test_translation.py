"""Translation: batches, encoder and decoder by sentence, greedy translation, and the study."""

import dataclasses
from typing import NamedTuple

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import made_up
from support.batches import trains_and_evaluates
from support.chrf_oracle import counted
from support.made_up import record

from experiments.studies import translation as study
from seqjax.baselines import ngrams
from seqjax.data.messages import ALPHABET
from seqjax.models.sequence import model_params, model_size, with_params
from seqjax.sweeps import executor
from seqjax.sweeps.widths import recurrent_parameters
from seqjax.tasks.base import Batch, first_of
from seqjax.tasks.datasets import translation
from seqjax.tasks.datasets.translation import Translation, encoded
from seqjax.training import step
from seqjax.training.config import Config, make_config
from seqjax.training.overrides import ConfigError

pytestmark = pytest.mark.slow

PAIRS = {
    "train": [("Open", "Ouvrir"), ("Save as…", "Enregistrer sous…"), ("On", "Oui"), ("No", "Non")],
    "validation": [("Cut", "Couper")],
    "test": [("Close", "Fermer"), ("Copy all", "Tout copier")],
}
T = len("Enregistrer sous…") + 1
CONFIG = {
    "task.name": "translation",
    "model.hidden": 5,
    "model.embed": 3,
    "model.layers": 2,
    "train.batch_size": 2,
}


@jax.jit
def logits_of(config, params, batch):
    return step.apply_model(config, params, batch, jnp.float32(0), None)[0]


class Small(NamedTuple):
    """A few messages, the batch of the test messages, and random weights."""

    config: Config
    data: dict
    batch: Batch
    params: dict

    def model(self, params=None):
        return with_params(step.abstract_model(self.config), params or self.params)

    def logits(self, batch):
        return logits_of(self.config, self.params, batch)


@pytest.fixture(scope="module")
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(translation, "messages", lambda: PAIRS)
        config = make_config(CONFIG)
        data = jax.tree.map(jnp.asarray, config.task.data())
        batch = config.task.evaluation_batch(data, first_of(config.task.evaluation_rows(data, 1)))
        params = jax.jit(lambda key: model_params(step.build_model(config, key)))(jax.random.key(0))
        yield Small(config, data, batch, params)


def decoded(symbols):
    return "".join(["\n", *ALPHABET][symbol] for symbol in symbols).partition("\n")[0]


def test_a_batch_holds_sources_from_their_ends_and_targets_with_theirs(small):
    batch = jax.tree.map(np.asarray, small.batch)
    assert batch.source.shape == batch.x.shape == batch.y.shape == (T, 2)
    for b, (source, target) in enumerate(PAIRS["test"]):
        assert decoded(batch.source[:, b]) == source[::-1]
        assert batch.source_lengths_B[b] == len(source)
        assert decoded(batch.y[:, b]) == decoded(batch.x[1:, b]) == target
        assert batch.x[0, b] == 0 and batch.lengths_B[b] == len(target) + 1
        assert batch.weight[:, b].tolist() == [1] * (len(target) + 1) + [0] * (T - 1 - len(target))
    cut = small.batch.cropped(5, every_step=True)
    assert {len(cut.x), len(cut.y), len(cut.weight), len(cut.source)} == {5}


@pytest.mark.slow
def test_the_decoder_starts_from_the_carry_of_the_encoder(small):
    """One sentence at a time, without padding."""
    logits_TBV, model = small.logits(small.batch), small.model()

    @jax.jit
    def alone(source_S1, x_T1):
        read = model.encoder.recurrent(model.encoder.embedding(source_S1))
        result = model.recurrent(model.embedding(x_T1), carry=read.carry)
        return model.readout(result.outputs_TBH)[:, 0]

    for b, (source, target) in enumerate(PAIRS["test"]):
        x_T = np.append([0], encoded(target)[: len(target)])
        expected = alone(encoded(source[::-1])[: len(source), None], x_T[:, None])
        assert np.array(logits_TBV[: len(x_T), b]) == pytest.approx(np.array(expected), abs=1e-5)


def test_padding_of_a_source_changes_nothing(small):
    source, lengths_B = small.batch.source, small.batch.source_lengths_B
    other = jnp.where(jnp.arange(T)[:, None] < lengths_B[None], source, 7)
    changed = small.logits(small.batch._replace(source=other))
    assert np.array_equal(small.logits(small.batch), changed)
    first = small.logits(small.batch._replace(source=source.at[0].set(7)))
    assert not np.array_equal(small.logits(small.batch), first)


def test_encoder_and_decoder_have_separate_weights_that_learn(small):
    config = small.config
    state = step.TrainState(small.params, None, {}, jnp.int32(-1))
    cells = small.params["recurrent"]["cells"], small.params["encoder"]["recurrent"]["cells"]
    for a, b in zip(*map(jax.tree.leaves, cells), strict=True):
        assert a.shape == b.shape and (np.any(a != b) or not np.any(a))  # biases are all zero
    _, (grads, _) = jax.jit(step.loss_and_gradient)(config, state, small.batch)
    assert all(np.any(leaf) for leaf in jax.tree.leaves(grads["encoder"]["recurrent"]))


def test_a_translation_is_the_likeliest_symbol_at_every_step(small):
    @jax.jit
    def translated(params):
        return translation.translated(small.model(params), small.batch)

    @jax.jit
    def begin(params):
        model = small.model(params)
        return model.encode(small.batch.source, small.batch.source_lengths_B)

    @jax.jit
    def next_logits(params, symbol_B, carry):
        logits, carry = small.model(params).logits_and_carry(symbol_B[None], carry)
        return logits[0], carry

    ended = 0
    for early in (0, 2, 4):  # the bias of the end makes translations shorter
        bias = small.params["readout"]["bias"].at[0].add(0.1 * early)
        params = {**small.params, "readout": {**small.params["readout"], "bias": bias}}
        expected, symbol_B, carry = [], jnp.zeros(2, jnp.int32), begin(params)
        for _ in range(T):
            logits_BV, carry = next_logits(params, symbol_B, carry)
            symbol_B = jnp.array(np.argmax(logits_BV, axis=1), jnp.int32)
            expected.append(np.array(symbol_B))
        found_TB = np.asarray(translated(params))
        for found_T, every_T in zip(found_TB.T, np.stack(expected, axis=1), strict=True):
            size = [*every_T, 0].index(0)
            assert found_T.tolist() == every_T[:size].tolist() + [0] * (T - size)
            ended += 0 < size < T
    assert ended


def test_final_metrics_compare_translations_with_references(small, monkeypatch):
    """Validation has one message; the second place of its batch is padding."""
    task = small.config.task
    answers = jnp.array(np.stack([encoded("Fermer", T), encoded("Tout couper", T)], axis=1))
    monkeypatch.setattr(translation, "translated", lambda model, batch: answers)
    found = jax.jit(lambda: task.final_evaluation(small.data, None, None))()
    assert found.keys() == set(task.final_metrics) and found["exact"] == 0.5
    test = (1 + counted("Tout couper", "Tout copier")) / 2
    assert float(found["chrf"]) == pytest.approx(test, abs=1e-6)
    validation = counted("Fermer", "Couper")
    assert float(found["chrf_validation"]) == pytest.approx(validation, abs=1e-6)


class WithoutSources(Translation):
    sources = 0

    def batch(self, data, row, batch_size):
        return super().batch(data, row, batch_size)._replace(source=None, source_lengths_B=None)


@pytest.mark.slow
def test_a_run_trains_and_its_parameters_memory_and_steps_are_counted(small):
    trains_and_evaluates(small.config)
    decoder = dataclasses.replace(small.config, task=WithoutSources())
    for config in (small.config, decoder):
        size = model_size(step.abstract_model(config))["parameters_recurrent"]
        assert recurrent_parameters(config.model, config.task) == size
    assert executor.memory_of(small.config) > executor.memory_of(decoder)
    layers, characters = 2, len("CloseCopy all") + len("FermerTout copier") + 2
    assert step._count_carries(small.config, small.batch) == layers * characters


@pytest.mark.parametrize(
    ("field", "value"),
    [("model.window", 2), ("train.observe", "gates"), ("model.bidirectional", True)],
)
def test_settings_that_translation_does_not_support_are_errors(field, value):
    with pytest.raises(ConfigError, match=field):
        make_config(CONFIG | {field: value})


def test_chance_is_the_entropy_of_characters_and_ends(small):
    text = "".join(target + "\n" for _, target in PAIRS["train"])
    shares = np.unique(list(text), return_counts=True)[1] / len(text)
    task, uniform = small.config.task, jnp.zeros((T, 2, len(ALPHABET) + 1))
    assert task.chance_loss("softmax") == pytest.approx(-np.sum(shares * np.log(shares)))
    assert task.chance_metric() == pytest.approx(-np.sum(shares * np.log2(shares)))
    bits, weight = task.metrics("softmax", uniform, small.batch)["bits"]
    assert np.array(bits) == pytest.approx(np.log2(len(ALPHABET) + 1))
    assert np.array_equal(weight, small.batch.weight)


# --- the study ---


def by_recursion(a, b):
    if not a or not b:
        return len(a) + len(b)
    whole = by_recursion(a[1:], b[1:]) + (a[0] != b[0])
    return min(whole, 1 + by_recursion(a[1:], b), 1 + by_recursion(a, b[1:]))


@hypothesis.settings(max_examples=25)
@hypothesis.given(st.text("abc", max_size=5), st.lists(st.text("abc", max_size=5), min_size=1))
def test_edits_are_counted(text, others):
    assert study.edits(text, others).tolist() == [by_recursion(text, other) for other in others]


def test_the_memory_baseline_returns_the_translation_of_the_nearest_source():
    known = [("Open file", "Ouvrir"), ("Close", "Fermer"), ("CLOSE FILES", "Tout fermer")]
    assert study.from_memory("close", known) == "Fermer"
    assert study.from_memory("Close file", known) == "Tout fermer"  # one of 11, not 3 of 10


@pytest.mark.slow
def test_baselines_are_measured_on_the_test_messages(monkeypatch):
    monkeypatch.setattr(study, "messages", lambda: PAIRS)
    copy = study.measure({"baseline": study.COPY})
    expected = [counted(*pair) for pair in PAIRS["test"]]
    assert float(copy["test"]) == pytest.approx(np.mean(expected), abs=1e-6)
    memory = study.measure({"baseline": study.MEMORY})
    (validation,) = PAIRS["validation"]
    expected = counted(study.from_memory(validation[0], PAIRS["train"]), validation[1])
    assert float(memory["validation"]) == pytest.approx(expected, abs=1e-6)
    assert copy["test_exact"] == memory["validation_exact"] == 0
    train, test = ([[0, *encoded(t)[: len(t) + 1]] for _, t in PAIRS[p]] for p in ("train", "test"))
    model = ngrams.fit(train, 2, 1 + len(ALPHABET))
    nats = np.concatenate([model.log_probabilities(symbols) for symbols in test])
    bigram = study.measure({"baseline": study.NGRAM, "order": 2})
    assert bigram["test"] == pytest.approx(-nats.mean() / np.log(2))


def evidence(chrf, bits):
    runs = [
        made_up.replace(
            record(arm="lstm", seed=seed, test=bits),
            study="translation",
            test={"accuracy": bits, "chrf": chrf + 0.03 * (seed % 3 - 1)},
        )
        for seed in range(10)
    ]
    measured = [
        ({"baseline": "copy"}, 0.3),
        ({"baseline": "memory"}, 0.5),
        ({"baseline": "n-gram", "order": 1}, 4.0),
        ({"baseline": "n-gram", "order": 2}, 2.0),
    ]
    points = [made_up.measured(at, validation=v, test=v) for at, v in measured]
    return study.EXPERIMENT.evidence(runs, points)


@pytest.mark.parametrize(
    ("chrf", "bits", "verdict", "given_source"),
    [
        (0.6, 1.5, "supported", "supported"),
        (0.4, 1.5, "contradicted", "supported"),
        (0.2, 2.5, "contradicted", "contradicted"),
        (0.52, 2.0, "supported in part", "contradicted"),
    ],
)
def test_claim_13m_is_decided_by_the_reduction_of_one_minus_chrf(chrf, bits, verdict, given_source):
    registered, *others = study.decide(evidence(chrf, bits))
    assert (registered.claim, registered.verdict) == ("13m", verdict)
    assert not registered.exploratory and all(other.exploratory for other in others)
    given = [other for other in others if "n-gram" in other.statement]
    assert given[0].verdict == given_source
    saved = [comparison.mean for comparison in registered.comparisons]
    missing = 1 - chrf + 0.003
    assert saved == pytest.approx([1 - missing / 0.7, 1 - missing / 0.5])
    panel = study.curves(evidence(chrf, bits))
    (scores,) = panel.lines.values()
    assert panel.categories == ("lstm", "copy", "memory")
    assert scores[:3, 0].tolist() == pytest.approx([chrf - 0.03, chrf, chrf + 0.03])
    assert scores[:, 1:].tolist() == [[0.3, 0.5]] * len(scores)
