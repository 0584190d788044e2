"""Made-up sentences of agreement against what they ask, and the answer of the last noun."""

import collections
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.batches import assert_uniform, over, training_batch

from seqjax.sweeps import executor
from seqjax.tasks.synthetic.agreement import ATTRACTORS, Agreement, last_noun, majority, number_of
from seqjax.training.config import make_config


@functools.cache
def evaluation_batches(task, part):
    rows = task.evaluation_rows(task.data(), jnp.int32(part))
    evaluated = jax.jit(task.evaluation_batch)
    return [jax.tree.map(np.asarray, evaluated({}, row)) for row in rows_of(rows)]


def rows_of(rows):
    count = len(jax.tree.leaves(rows)[0])
    return [jax.tree.map(lambda leaf, k=k: leaf[k], rows) for k in range(count)]


def spelt(symbol):
    """("verb",), ("noun", lemma, number) or ("neutral", word)."""
    if symbol == 0:
        return ("verb",)
    if symbol <= 16:
        return ("noun", (symbol - 1) // 2, (symbol - 1) % 2)
    return ("neutral", symbol - 17)


def sentences(batch):
    """Each sentence as (number of the subject, the words between, spelt), its frame checked."""
    for x_T, label, length in zip(batch.x.T, batch.y, batch.lengths_B, strict=True):
        kind, _, number = spelt(x_T[0])
        assert kind == "noun" and number == label
        assert np.all(x_T[length - 1 :] == 0)
        between = [spelt(symbol) for symbol in x_T[1 : length - 1]]
        assert ("verb",) not in between
        yield number, between


def opposite(number, between):
    return any(word[0] == "noun" and word[2] != number for word in between)


def says_last_noun(number, between):
    return ([number] + [word[2] for word in between if word[0] == "noun"])[-1]


def test_sentences_of_training_are_in_range_balanced_and_independent():
    batch = training_batch(Agreement())
    assert len(batch.x) == 12 and np.all(batch.weight == 1)
    read = list(sentences(batch))
    assert_uniform(batch.lengths_B, 2, 13)
    assert_uniform(batch.y + 2 * (batch.lengths_B - 2), 0, 22)  # number and distance together
    nouns = [(number, *word[1:]) for number, between in read for word in between if len(word) == 3]
    numbers = np.array([2 * number + other for number, _, other in nouns])
    assert_uniform(numbers, 0, 4)  # of the subject and of an attractor together
    assert_uniform(np.array([lemma for _, lemma, _ in nouns]), 0, 8)
    assert_uniform(np.array([spelt(symbol)[1] for symbol in batch.x[0]]), 0, 8)
    words = [word for _, between in read for word in between]
    assert_uniform(np.array([word[1] for word in words if word[0] == "neutral"]), 0, 8)
    assert abs(len(nouns) / len(words) - 0.25) < 5 * np.sqrt(0.25 * 0.75 / len(words))


@pytest.mark.parametrize("task", [Agreement(), Agreement(3, 40)], ids=repr)
def test_evaluation_asks_at_distances_of_its_own(task):
    seen = collections.Counter()
    for batch in evaluation_batches(task, 1):
        assert len(batch.x) == max(task.longest, 30) + 2
        (trained,) = np.unique(batch.weight)
        kinds = {name: weight_B.tolist() for name, weight_B in batch.subsets.items()}
        for b, (number, between) in enumerate(sentences(batch)):
            k = len(between)
            chosen = {name for name, weight_B in kinds.items() if weight_B[b]}
            if trained:
                assert task.shortest <= k <= task.longest and not chosen
                seen["accuracy"] += 1
            elif k == 7:
                assert chosen == ({"accuracy_7_opposite"} if opposite(number, between) else set())
            else:
                assert chosen == {f"accuracy_{k}"}
            seen.update(chosen)
    assert seen["accuracy"] == seen["accuracy_15"] == seen["accuracy_30"] == 4096
    expected = 4096 * (1 - (7 / 8) ** 7)
    assert abs(seen["accuracy_7_opposite"] - expected) < 5 * np.sqrt(expected)


def test_long_sentences_of_the_sets_are_all_different():
    def drawn(batches):
        return [x_T.tobytes() for batch in batches for x_T in batch.x.T if x_T[16] > 0]

    parts = [drawn(evaluation_batches(Agreement(), part)) for part in (0, 1)]
    parts.append(drawn([training_batch(Agreement(20, 30))]))
    everything = list(itertools.chain(*parts))
    assert [len(part) for part in parts] == [4096, 4096, 2000]
    assert len(set(everything)) == len(everything)
    both = [*evaluation_batches(Agreement(), 0), *evaluation_batches(Agreement(), 1)]
    assert len({batch.x[0].tobytes() for batch in both}) == len(both) == 64  # of every distance


def closed_form(k, p=ATTRACTORS, with_opposite=False):
    """The accuracy of the last noun, as the docstring of ``Agreement`` has it."""
    right, without = 0.5 + 0.5 * (1 - p) ** k, (1 - p / 2) ** k
    return (right - without) / (1 - without) if with_opposite else right


@pytest.mark.parametrize("k", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("p", [0.25, 0.6])
def test_the_accuracy_of_the_last_noun_has_a_closed_form(k, p):
    total, right, right_with_opposite, with_opposite = 0.0, 0.0, 0.0, 0.0
    kinds = {("neutral", 0): 1 - p, ("noun", 0, 0): p / 2, ("noun", 0, 1): p / 2}
    for between in itertools.product(kinds, repeat=k):
        chance = np.prod([kinds[word] for word in between])
        total += chance
        right += chance * (says_last_noun(0, between) == 0)
        if opposite(0, between):
            with_opposite += chance
            right_with_opposite += chance * (says_last_noun(0, between) == 0)
    assert total == pytest.approx(1)
    assert right == pytest.approx(closed_form(k, p))
    if k:
        found = right_with_opposite / with_opposite
        assert found == pytest.approx(closed_form(k, p, with_opposite=True))


def test_each_metric_is_the_accuracy_on_its_own_sentences():
    batches = evaluation_batches(Agreement(), 0)
    answers = [np.asarray(last_noun(jnp.asarray(batch.x))) for batch in batches]
    rights = collections.defaultdict(list)
    for batch, answer in zip(batches, answers, strict=True):
        for b, (number, between) in enumerate(sentences(batch)):
            assert answer[b] == says_last_noun(number, between)
            name = "accuracy" if batch.weight[b] else f"accuracy_{len(between)}"
            if name == "accuracy_7" and opposite(number, between):
                name = "accuracy_7_opposite"
            rights[name].append(answer[b] == number)
    logits = iter(answers)
    found = over(batches, lambda batch: jax.nn.one_hot(next(logits), 2), Agreement())
    documented = {
        "accuracy": (np.mean([closed_form(k) for k in range(11)]), 0.674),
        "accuracy_7_opposite": (closed_form(7, with_opposite=True), 0.287),
        "accuracy_15": (closed_form(15), 0.507),
        "accuracy_30": (closed_form(30), 0.500),
    }
    assert found.keys() == documented.keys()
    for name, (expected, printed) in documented.items():
        assert found[name] == pytest.approx(np.mean(rights[name]))
        assert expected == pytest.approx(printed, abs=5e-4)
        assert abs(found[name] - expected) < 5 * np.sqrt(0.25 / len(rights[name]))


def test_baselines_of_agreement():
    assert number_of(jnp.arange(25)).tolist() == [-1, *[0, 1] * 8, *[-1] * 8]
    x_BT = jnp.array([[2, 17, 24, 0, 0], [2, 17, 3, 24, 0], [1, 16, 17, 18, 0], [1, 2, 3, 0, 0]])
    assert last_noun(x_BT.T).tolist() == [1, 0, 1, 0]
    for y_B, most in [([0, 1, 1], 1), ([0, 0, 1], 0), ([0, 1], 0), ([1], 1)]:
        assert majority(jnp.array(y_B)) == most


def test_memory_counts_the_steps_of_evaluation():
    base = {"task.name": "agreement", "train.batch_size": 1}
    needed = [executor.memory_of(make_config(base | {"task.longest": k})) for k in (0, 10, 30, 40)]
    assert needed[0] == needed[1] == needed[2] < needed[3]
