"""Generated sentences of agreement against their definition, and the last noun as a baseline."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.batches import assert_uniform, evaluation_batches, mean_metrics, training_batch

from experiments.claims.claim_6 import last_noun_accuracy
from seqjax.sweeps import executor
from seqjax.tasks.synthetic.agreement import Agreement, number_of
from seqjax.training.config import make_config


def word_of(symbol):
    """Return ("verb",), ("noun", lemma, number) or ("neutral", word)."""
    if symbol == 0:
        return ("verb",)
    if symbol <= 16:
        return ("noun", (symbol - 1) // 2, (symbol - 1) % 2)
    return ("neutral", symbol - 17)


def sentences(batch):
    """Yield the number of each subject and the words before the verb, after checking the rest."""
    for x_T, label, length in zip(batch.x.T, batch.y, batch.lengths_B, strict=True):
        kind, _, number = word_of(x_T[0])
        assert kind == "noun" and number == label
        assert np.all(x_T[length - 1 :] == 0)
        between = [word_of(symbol) for symbol in x_T[1 : length - 1]]
        assert ("verb",) not in between
        yield number, between


def opposite(number, between):
    return any(word[0] == "noun" and word[2] != number for word in between)


def last_noun(number, between):
    """Return the number of the last noun, of the subject if there is no other."""
    return ([number] + [word[2] for word in between if word[0] == "noun"])[-1]


def test_training_sentences_are_in_range_balanced_and_independent():
    batch = training_batch(Agreement())
    assert len(batch.x) == 12 and np.all(batch.weight == 1)
    read = list(sentences(batch))
    assert_uniform(batch.lengths_B, 2, 13)
    assert_uniform(batch.y + 2 * (batch.lengths_B - 2), 0, 22)  # number and distance together
    nouns = [(number, *word[1:]) for number, between in read for word in between if len(word) == 3]
    numbers = np.array([2 * number + other for number, _, other in nouns])
    assert_uniform(numbers, 0, 4)  # of the subject and of an attractor together
    assert_uniform(np.array([lemma for _, lemma, _ in nouns]), 0, 8)
    assert_uniform(np.array([word_of(symbol)[1] for symbol in batch.x[0]]), 0, 8)
    words = [word for _, between in read for word in between]
    assert_uniform(np.array([word[1] for word in words if word[0] == "neutral"]), 0, 8)
    assert abs(len(nouns) / len(words) - 0.25) < 5 * np.sqrt(0.25 * 0.75 / len(words))
    assert number_of(jnp.arange(25)).tolist() == [-1, *[0, 1] * 8, *[-1] * 8]


@pytest.mark.slow
def test_each_metric_of_evaluation_is_the_accuracy_on_its_sentences():
    """The last noun, computed word by word, scores as in the docstring of ``Agreement``."""
    task, batches = Agreement(), list(evaluation_batches(Agreement(), 0))
    answers, rights = [], collections.defaultdict(list)
    for batch in batches:
        assert len(batch.x) == 32
        answers.append([])
        for b, (number, between) in enumerate(sentences(batch)):
            k, answer = len(between), last_noun(number, between)
            name = "accuracy" if batch.weight[b] else f"accuracy_{k}"
            if name == "accuracy_7" and opposite(number, between):
                name = "accuracy_7_opposite"
            chosen = {name for name, weight_B in batch.subsets.items() if weight_B[b]}
            assert chosen == {name} - {"accuracy", "accuracy_7"} and (k <= 10 or chosen)
            rights[name].append(answer == number)
            answers[-1].append(answer)
    counts = {name: len(right) for name, right in rights.items()}
    assert counts["accuracy"] == counts["accuracy_15"] == counts["accuracy_30"] == 4096
    expected = 4096 * (1 - (7 / 8) ** 7)
    assert abs(counts["accuracy_7_opposite"] - expected) < 5 * np.sqrt(expected)
    assert counts["accuracy_7"] + counts["accuracy_7_opposite"] == 4096

    logits = iter(answers)
    found = mean_metrics(task, batches, lambda batch: jax.nn.one_hot(jnp.array(next(logits)), 2))
    for name, expected, printed in [
        ("accuracy", np.mean([last_noun_accuracy(k) for k in range(11)]), 0.674),
        ("accuracy_7_opposite", last_noun_accuracy(7, opposite=True), 0.287),
        ("accuracy_15", last_noun_accuracy(15), 0.507),
        ("accuracy_30", last_noun_accuracy(30), 0.500),
    ]:
        assert found[name] == pytest.approx(np.mean(rights[name]))
        assert expected == pytest.approx(printed, abs=5e-4)
        assert abs(found[name] - expected) < 5 * np.sqrt(0.25 / len(rights[name]))


def test_long_sentences_of_the_sets_are_all_different():
    parts = [[*evaluation_batches(Agreement(), part)] for part in (0, 1)]
    parts.append([training_batch(Agreement(20, 30))])
    long = [x_T.tobytes() for part in parts for b in part for x_T in b.x.T if x_T[16] > 0]
    assert len(set(long)) == len(long) == 4096 + 4096 + 2048
    both = parts[0] + parts[1]
    assert len({batch.x[0].tobytes() for batch in both}) == len(both) == 64  # of every distance


def test_memory_counts_the_steps_of_evaluation():
    base = {"task.name": "agreement", "train.batch_size": 1}
    needed = [executor.memory_of(make_config(base | {"task.longest": k})) for k in (0, 10, 30, 40)]
    assert needed[0] == needed[1] == needed[2] < needed[3]
