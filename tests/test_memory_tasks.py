"""Tasks of remembering against plain loops over their sequences, and the reader of sentences."""

import collections
import functools
import itertools
import json
import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from commands import command
from conftest import assert_close
from made_up import record
from published import make_known, needs, put, use_published
from test_tasks import assert_uniform, batch_of

from experiments.report import report
from experiments.workdir import Workdir
from seqjax import records, sweep, training
from seqjax.config import ConfigError, make_config
from seqjax.data import agreement as reader
from seqjax.data import folder
from seqjax.losses import masked_mean
from seqjax.tasks.agreement import ATTRACTORS, Agreement, last_noun, majority, number_of
from seqjax.tasks.agreement_natural import BALANCED, AgreementNatural
from seqjax.tasks.base import first_of
from seqjax.tasks.lag_recall import LagRecall
from seqjax.tasks.memorization import Memorization

GENERATED = [LagRecall(), LagRecall(10, 9), LagRecall(6, 0), Agreement(), Memorization()]
TESTED = [*GENERATED, AgreementNatural()]
every_generated = pytest.mark.parametrize("task", GENERATED, ids=repr)


@functools.cache
def training_batch(task):
    return batch_of(task, jax.random.key(5), 2000)


@functools.cache
def evaluation_batches(task, part):
    rows = task.evaluation_rows(task.data(), jnp.int32(part))
    evaluated = jax.jit(task.evaluation_batch)
    return [jax.tree.map(np.asarray, evaluated({}, row)) for row in rows_of(rows)]


def rows_of(rows):
    count = len(jax.tree.leaves(rows)[0])
    return [jax.tree.map(lambda leaf, k=k: leaf[k], rows) for k in range(count)]


def over(batches, logits_of, task):
    """The metrics of a whole set: sums of weighted values over sums of weights, as evaluation."""
    totals = collections.defaultdict(lambda: np.zeros(2))
    for batch in batches:
        for name, (value, weight) in task.metrics("softmax", logits_of(batch), batch).items():
            totals[name] += np.sum(value * weight), np.sum(weight)
    return {name: total / weight for name, (total, weight) in totals.items()}


# All generated tasks


@pytest.mark.core
@every_generated
def test_shapes_and_types(task):
    batch = training_batch(task)
    assert batch.x.ndim == 2 and batch.x.dtype == batch.y.dtype == np.int32
    assert batch.y.shape == batch.weight.shape == batch.x.shape[0 if task.every_step else 1 :]
    assert batch.weight.dtype == np.float32 and batch.subsets is None
    assert set(np.unique(batch.x)) == set(range(task.inputs))
    assert set(np.unique(batch.y[batch.weight > 0])) == set(range(task.outputs))


@every_generated
@pytest.mark.parametrize("link", ["softmax", "logistic", "linear"])
def test_chance_is_that_of_guessing(task, link):
    batch = training_batch(task)
    p = 1 / task.outputs
    logit = {"softmax": 0, "logistic": np.log(p / (1 - p)), "linear": p}[link]
    logits = jnp.full((*batch.y.shape, task.outputs), logit, jnp.float32)
    loss = masked_mean(task.loss(link, logits, batch), batch.weight)
    assert loss == pytest.approx(task.chance_loss(link), rel=1e-5)
    score = masked_mean(*task.metrics(link, logits, batch)[task.metric])
    assert score == pytest.approx(task.chance_metric(), abs=0.04)


@every_generated
def test_a_perfect_prediction_has_the_best_loss_and_metric(task):
    batch = training_batch(task)
    asked = (batch.weight > 0)[..., None]
    logits = jnp.where(asked, 100 * jax.nn.one_hot(batch.y, task.outputs), 0)
    loss = masked_mean(task.loss("softmax", logits, batch), batch.weight)
    assert loss == task.best_loss("softmax") == 0
    assert masked_mean(*task.metrics("softmax", logits, batch)[task.metric]) == 1


SETTINGS = [
    {"task.name": "lag_recall", "task.length": 10, "task.lag": 9, "model.readout": "logistic"},
    {"task.name": "agreement", "task.shortest": 1, "task.longest": 4},
    {"task.name": "memorization"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["task.name"])
def test_a_configuration_trains_and_evaluates(settings):
    """By shapes alone, which finds every clash of them and of dtypes; nothing is compiled."""
    trains_and_evaluates(make_config(settings))


def trains_and_evaluates(config):
    task, data = config.task, config.task.data()
    state = jax.eval_shape(training.initial_state, config, jnp.uint32(0))
    row = first_of(task.rows(data, jax.random.key(0), jnp.int32(0), 1, config.train.batch_size))
    after, trace = jax.eval_shape(training.train_step, config, data, state, jnp.int32(0), row)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
    assert trace.loss.shape == ()
    metrics = jax.eval_shape(training.evaluate_run, (config, state.params), data, jnp.int32(0))
    assert task.metric in metrics and all(value.shape == () for value in metrics.values())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task.lag": 10}, r"^task\.lag: lag_recall needs 0 <= lag < length, got 10 at length 10$"),
        ({"task.lag": -1}, r"^task\.lag: .* got -1 at length 10$"),
        ({"task.length": 0}, r"^task\.length: lag_recall needs at least 1, got 0$"),
        ({"task.name": "agreement", "task.shortest": 11}, r"^task\.shortest: .* got 11 and 10$"),
        ({"task.name": "agreement", "task.shortest": -1}, r"^task\.shortest: .* got -1 and 10$"),
        ({"task.name": "agreement", "task.longest": 4097}, r"^task\.longest: .* 4096, got 4097$"),
    ],
    ids=str,
)
def test_what_cannot_be_posed_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        make_config({"task.name": "lag_recall"} | settings)


# Recall


@pytest.mark.parametrize(("T", "lag"), [(10, 1), (10, 9), (6, 0), (31, 30)])
def test_recall_asks_for_the_symbol_a_lag_before(T, lag):
    batch = training_batch(LagRecall(T, lag))
    assert batch.x.shape[0] == T and batch.lengths_B is None
    for b in range(50):
        for t in range(T):
            assert batch.weight[t, b] == (1 if t >= lag else 0)
            assert batch.y[t, b] == (batch.x[t - lag, b] if t >= lag else 0)
    for steps in batch.x:
        assert_uniform(steps, 0, 8)
    if lag + 1 == T:  # one readout, of the first symbol, at the last step
        assert np.all(batch.weight.sum(0) == 1) and np.array_equal(batch.y[-1], batch.x[0])


def test_memorization_asks_for_five_letters_at_five_marks():
    task = Memorization()
    batch = training_batch(task)
    assert len(batch.x) == 10 and np.all(batch.x[5:] == 26)
    assert np.array_equal(batch.y[5:], batch.x[:5])
    assert np.all(batch.weight[:5] == 0) and np.all(batch.weight[5:] == 1)
    for letters in batch.x[:5]:
        assert_uniform(letters, 0, 26)
    said = jnp.where(jnp.arange(10)[:, None] < 7, batch.y, (batch.y + 1) % 26)  # two of five
    logits = jax.nn.one_hot(said, 26)
    assert masked_mean(*task.metrics("softmax", logits, batch)["recall"]) == pytest.approx(0.4)


# Generated agreement


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
    needed = [sweep.memory_of(make_config(base | {"task.longest": k})) for k in (0, 10, 30, 40)]
    assert needed[0] == needed[1] == needed[2] < needed[3]


# Natural agreement

NAMES = ("subj_agr_filtered.text", "subj_agr_filtered.gold")
PARTS = {"train": 24, "validation": 12, "test": 14}
FORMS = [("are", "is"), ("is", "are"), ("carries", "carry"), ("Have", "has"), ("run", "runs")]


def made_up():
    """54 lines: (words before the verb, right form, wrong form, attractors); 4 tell no number."""
    lines = []
    for n in range(50):
        attractors = n % 5
        right, wrong = FORMS[(n + n // 5) % len(FORMS)]
        words = ["the", f"noun{n % 7}", *["of", "the", "other"][: n % 4], *["x"] * attractors]
        lines.append((words, right, wrong, attractors))
    return lines[:30] + [(["they"], "lie", "lie", 0)] * 4 + lines[30:]


def written(lines):
    """The bytes of both files."""
    text = "".join(f"{' '.join(words)} {right.lower()} it .\n" for words, right, *_ in lines)
    gold = "".join(f"{len(words)}\t{a}\t{b}\t{n}\n" for words, a, b, n in lines)
    return text.encode(), gold.encode()


@pytest.fixture
def placed(tmp_path, monkeypatch):
    """Puts the two files there, and has the reader expect them."""
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(reader, "PARTS", PARTS)
    monkeypatch.setattr(reader, "VOCABULARY", 6)  # cuts through words that are equally frequent

    def place(text, gold):
        contents = dict(zip(NAMES, (text, gold), strict=True))
        for name, content in contents.items():
            put(tmp_path / "subject_verb_agreement" / name, content)
        make_known(monkeypatch, "subject_verb_agreement", contents)

    return place


PLURAL = {"are", "have", "run"}


def test_sentences_are_split_once_and_read_to_their_verb(placed):
    placed(*written(made_up()))
    parts = reader.agreement()
    decided = [line for line in made_up() if line[1] != line[2]]
    order = np.random.RandomState(0).permutation(50)
    train = [decided[n] for n in order[:24]]
    counts = collections.Counter(word for words, *_ in train for word in words)
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:6]
    start = 0
    for part, size in PARTS.items():
        found, start = parts[part], start + size
        lines = [decided[n] for n in order[start - size : start]]
        assert len(found.words) == size and all(a.dtype == np.int32 for a in found)
        for row, length, label, attractors, line in zip(*found, lines, strict=True):
            words, right, _, expected = line
            ranks = [frequent.index(word) + 1 if word in frequent else 0 for word in words]
            assert row[:length].tolist() == ranks and np.all(row[length:] == 0)
            assert (label, attractors) == (right.lower() in PLURAL, expected)
    assert parts["train"].words.shape[1] == max(len(words) for words, *_ in decided)


def changed(number, text=None, gold=None):
    """The made-up files with another line of this number in one of them."""

    def change(content, line):
        lines = content.split(b"\n")
        lines[number - 1] = lines[number - 1] if line is None else line
        return b"\n".join(lines)

    return tuple(map(change, written(made_up()), (text, gold)))


MISFITS = {
    "too few fields": (changed(3, gold=b"4\tis\tare"), ".gold:3: expected place, form, form"),
    "no number": (changed(3, gold=b"four\tis\tare\t1"), ".gold:3: expected place, form, form"),
    "a huge number": (changed(3, gold=b"9" * 5000 + b"\tis\tare\t1"), ".gold:3: expected place"),
    "a place outside": (changed(5, gold=b"99\tis\tare\t1"), ".gold:5: expected 'is' as word 99"),
    "no prefix": (changed(5, gold=b"0\tthe\tthes\t1"), ".gold:5: expected 'the' as word 0"),
    "another verb": (changed(7, gold=b"2\tsings\tsing\t1"), ".gold:7: expected 'sings' as word 2"),
    "attractors": (changed(1, text=b"a is", gold=b"1\tis\tare\t5"), ".gold:1: expected at most 4"),
    "not UTF-8": (changed(9, text=b"the \xff is it"), ".text:9: not UTF-8"),
    "lines missing": ((b"a is\n", b"1\tis\tare\t0\n" * 2), ".gold: 2 lines for the 1 of"),
    "another size": ((b"a is\n", b"1\tis\tare\t0\n"), ".gold: 1 lines tell a number, expected 50"),
}


@pytest.mark.parametrize(("contents", "said"), MISFITS.values(), ids=MISFITS)
def test_lines_that_do_not_fit_are_refused_by_file_and_line(placed, contents, said):
    placed(*contents)
    with pytest.raises(folder.DataError) as told:
        reader.agreement()
    assert f"subj_agr_filtered{said}" in str(told.value)
    assert "\n" not in str(told.value) and len(str(told.value)) < 600


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        pair.split()
        for pair in (
            "are is",
            "were was",
            "have has",
            "do does",
            "run runs",
            "try tries",
            "pass passes",
        )
    ],
)
def test_the_forms_of_a_verb_tell_its_number(plural, singular):
    assert reader.is_plural(plural, singular) is True
    assert reader.is_plural(singular, plural) is False
    assert reader.is_plural(singular.title(), plural.upper()) is False


@pytest.mark.parametrize(
    "forms", [("lie", "lie"), ("is", "was"), ("sang", "sings"), ("try", "trys ")]
)
def test_other_forms_tell_nothing(forms):
    assert reader.is_plural(*forms) is reader.is_plural(*forms[::-1]) is None


def balanced(answers, classes):
    shares = [np.mean(answers[classes == label] == label) for label in np.unique(classes)]
    return np.mean(shares)


def test_balanced_accuracies_are_means_over_the_classes(placed):
    placed(*written(made_up()))
    task, parts = AgreementNatural(), reader.agreement()
    data = task.data()
    for number, part in enumerate(("validation", "test")):
        rows = task.evaluation_rows(data, number)
        batches = [task.batch(jax.tree.map(jnp.asarray, data), row, 512) for row in rows]
        (batch,) = batches
        kept = batch.weight == 1
        assert_close(batch.x.T[kept], parts[part].words, 0)
        assert batch.lengths_B[kept].tolist() == parts[part].lengths.tolist()
        answers = np.random.RandomState(number).randint(0, 2, PARTS[part])
        padded = np.zeros(len(kept), np.int32)
        padded[kept] = answers
        found = over(batches, lambda batch, said=padded: jax.nn.one_hot(said, 2), task)
        classes, attractors = parts[part].classes, parts[part].attractors
        assert found["accuracy"] == pytest.approx(np.mean(answers == classes))
        assert found["balanced_accuracy"] == pytest.approx(balanced(answers, classes))
        for n in range(5):
            of = attractors == n
            assert found[BALANCED[n + 1]] == pytest.approx(balanced(answers[of], classes[of]))
    p = np.mean(parts["train"].classes)
    logits = jnp.log(jnp.array([[1 - p, p]] * 24, jnp.float32))
    batch = task.batch(jax.tree.map(jnp.asarray, data), jnp.arange(24), 24)
    assert np.mean(task.loss("softmax", logits, batch)) == pytest.approx(
        task.chance_loss("softmax"), rel=1e-5
    )


def test_natural_agreement_trains_and_evaluates(placed):
    placed(*written(made_up()))
    settings = {"task.name": "agreement_natural", "model.embed": 2, "train.batch_size": 8}
    trains_and_evaluates(make_config(settings))


def test_the_study_has_a_column_for_each_number_of_attractors(placed, tmp_path):
    placed(*written(made_up()))
    workdir = tmp_path / "workdir"
    small = "train.steps=4; train.eval_every=2; train.batch_size=8; model.embed=4"
    arguments = ("--arms=lstm", f"--set={small}", "--sweep=optim.learning_rate=0.01")
    result = command(FLAGFILE, *arguments, "--seeds=2", "--tuning_seeds=0", f"--workdir={workdir}")
    assert result.code == 0, result.err
    head, _, row = [line for line in result.out.splitlines() if line.startswith("|")][:3]
    columns = [cell.strip() for cell in head.split("|")[1:-1]]
    assert columns == [f"attractors {n}" for n in (*range(5), "all")]
    lines = (workdir / "records.jsonl").read_text().splitlines()
    tests = [json.loads(line)["test"] for line in lines]
    shown = [float(cell.split()[0]) for cell in row.split("|")[1:-1]]
    means = [np.mean([test[name] for test in tests]) for name in (*BALANCED[1:], BALANCED[0])]
    assert len(tests) == 2 and shown == pytest.approx(means, abs=6e-4)
    assert "Any constant answer" in result.out
    assert not (workdir / "clipped.png").exists() and (workdir / "learning_curves.png").exists()


def test_on_another_task_the_study_has_the_usual_table(tmp_path):
    for arm in ("lstm", "gru"):
        one = record(arm=arm, study="agreement_natural")
        records.append(tmp_path / "records.jsonl", one)
    text = report(Workdir(tmp_path))
    assert "| lstm | 0.900" in text and "attractors" not in text
    assert (tmp_path / "clipped.png").exists()


FLAGFILE = "--flagfile=experiments/flags/agreement_natural.flags"
NATURAL = ("--study=init_by_clip", "--set=task.name=agreement_natural", "--sweep=init.bias.f=1")


@pytest.mark.parametrize(
    "arguments",
    [(FLAGFILE,), (*NATURAL, "--dry_run"), NATURAL],
    ids=["the study", "planned", "run"],
)
def test_missing_data_are_a_mistake_of_the_user(tmp_path, arguments):
    empty = tmp_path / "empty"
    empty.mkdir()
    where = (f"--data_dir={empty}", f"--workdir={tmp_path / 'workdir'}")
    result = command(*arguments, *where)
    assert result.code == 2 and result.err.count("error: ") == 1
    (line,) = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert f"{empty}/subject_verb_agreement/subj_agr_filtered.text" in line
    assert "--data_dir" in line
    assert line.endswith("python -m experiments.data get subject_verb_agreement fetches it")
    assert "SEQJAX_DATA_DIR" not in os.environ or os.environ["SEQJAX_DATA_DIR"] != str(empty)


@needs("subject_verb_agreement")
def test_the_published_sentences(monkeypatch):
    use_published(monkeypatch)
    paths = [folder.folder() / "subject_verb_agreement" / name for name in NAMES]
    gold = [line.split("\t") for line in paths[1].read_text(encoding="utf-8").splitlines()]
    undecided = [forms for _, *forms, _ in gold if reader.is_plural(*forms) is None]
    assert undecided == [["wherein"] * 2, ["lie"] * 2, ["edit"] * 2, ["en"] * 2]
    for _, right, wrong, _ in gold:  # the rule, for what is regular by its last letter alone
        if right[-1] != wrong[-1] and {right[-1], wrong[-1]} & {"s"}:
            assert reader.is_plural(right, wrong) is (wrong[-1] == "s")

    parts = reader.agreement()
    assert {part: len(found.classes) for part, found in parts.items()} == reader.PARTS
    assert sum(reader.PARTS.values()) + reader.UNDECIDED == len(gold) == 7489
    assert np.mean(parts["train"].classes) == pytest.approx(0.634, abs=5e-4)
    for part, found in parts.items():
        assert found.words.shape[1] == 47 and found.lengths.min() == 1
        assert found.words.max() == 1000 or part != "train"
        cells = collections.Counter(zip(found.attractors, found.classes, strict=True))
        assert len(cells) == 10  # so that every balanced accuracy exists
        if part != "train":
            assert cells[4, 0] == {"validation": 1, "test": 7}[part]
        if part == "test":  # as the caption of the study says
            assert cells[4, 0] + cells[4, 1] == 98
    assert pathlib.Path(paths[0]).stat().st_size < folder.LARGEST
