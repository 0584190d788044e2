"""Natural sentences of agreement: reader, balanced accuracies and study."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close
from support.batches import mean_metrics, trains_and_evaluates
from support.commands import command
from support.made_up import record, replace
from support.published import make_known, needs, put, use_published

from experiments.cli import reports, results
from experiments.cli.workdir import Workdir
from seqjax.data import agreement as reader
from seqjax.data import folder
from seqjax.records import jsonl
from seqjax.tasks.datasets.agreement_natural import BALANCED, AgreementNatural
from seqjax.training.config import make_config

NAMES = ("subj_agr_filtered.text", "subj_agr_filtered.gold")
PARTS = {"train": 24, "validation": 12, "test": 14}
FORMS = [("are", "is"), ("is", "are"), ("carries", "carry"), ("Have", "has"), ("run", "runs")]


def made_up():
    """54 lines: (words before the verb, right form, wrong form, attractors); 4 are undecided."""
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
    """Return a function that writes the two files as the released ones."""
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


@pytest.mark.parametrize("pair", ["were was", "do does", "run runs", "try tries", "pass passes"])
def test_the_forms_of_a_verb_show_its_number(pair):
    plural, singular = pair.split()
    assert reader.is_plural(plural, singular) is True
    assert reader.is_plural(singular.title(), plural.upper()) is False


@pytest.mark.parametrize("forms", [("lie", "lie"), ("is", "was"), ("try", "trys ")])
def test_other_forms_do_not_show_a_number(forms):
    assert reader.is_plural(*forms) is reader.is_plural(*forms[::-1]) is None


def balanced(answers, classes):
    shares = [np.mean(answers[classes == label] == label) for label in np.unique(classes)]
    return np.mean(shares)


@pytest.mark.slow
def test_balanced_accuracies_are_means_over_the_classes(placed):
    placed(*written(made_up()))
    settings = {"task.name": "agreement_natural", "model.embed": 2, "train.batch_size": 8}
    trains_and_evaluates(make_config(settings))
    task, parts = AgreementNatural(), reader.agreement()
    data = jax.tree.map(jnp.asarray, task.data())
    for number, part in enumerate(("validation", "test")):
        (row,) = task.evaluation_rows(data, number)
        batch = jax.tree.map(np.asarray, task.batch(data, row, 512))
        valid = batch.weight == 1
        assert_close(batch.x.T[valid], parts[part].words, 0)
        assert batch.lengths_B[valid].tolist() == parts[part].lengths.tolist()
        answers = np.random.RandomState(number).randint(0, 2, PARTS[part])
        padded = np.zeros(len(valid), np.int32)
        padded[valid] = answers
        logits = jax.nn.one_hot(padded, 2)
        found = mean_metrics(task, [batch], lambda batch, logits=logits: logits)
        classes, attractors = parts[part].classes, parts[part].attractors
        assert found["accuracy"] == pytest.approx(np.mean(answers == classes))
        assert found["balanced_accuracy"] == pytest.approx(balanced(answers, classes))
        for n in range(5):
            of = attractors == n
            assert found[BALANCED[n + 1]] == pytest.approx(balanced(answers[of], classes[of]))
    p = np.mean(parts["train"].classes)
    entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
    assert task.chance_loss("softmax") == pytest.approx(entropy, rel=1e-5)


def test_the_study_has_a_column_for_each_number_of_attractors(placed, tmp_path):
    placed(*written(made_up()))
    settings = {"task.name": "agreement_natural", "model.embed": 4}
    tests = [{name: share + 0.1 * k for k, name in enumerate(BALANCED)} for share in (0.3, 0.35)]
    for seed, test in enumerate(tests):
        run = record(arm="lstm", seed=seed, study="agreement_natural", settings=settings)
        values = run.curve["validation_balanced_accuracy"]
        curve = {**run.curve, **{f"validation_{name}": values for name in BALANCED}}
        jsonl.append(tmp_path / "records.jsonl", replace(run, test=test, curve=curve))
    text = reports.report(results.read(Workdir(tmp_path)))
    head, _, row = [line for line in text.splitlines() if line.startswith("|")][:3]
    columns = [cell.strip() for cell in head.split("|")[1:-1]]
    assert columns == [f"attractors {n}" for n in (*range(5), "all")]
    shown = [float(cell.split()[0]) for cell in row.split("|")[1:-1]]
    means = [np.mean([test[name] for test in tests]) for name in (*BALANCED[1:], BALANCED[0])]
    assert shown == pytest.approx(means, abs=6e-4)
    assert not (tmp_path / "clipped.png").exists()


def test_on_another_task_the_study_has_the_usual_table(tmp_path):
    for arm in ("lstm", "gru"):
        jsonl.append(tmp_path / "records.jsonl", record(arm=arm, study="agreement_natural"))
    text = reports.report(results.read(Workdir(tmp_path)))
    assert "| lstm | 0.900" in text and "attractors" not in text
    assert (tmp_path / "clipped.png").exists()


FLAGFILE = "--flagfile=experiments/flags/agreement_natural.flags"
NATURAL = ("--study=init_by_clip", "--set=task.name=agreement_natural", "--sweep=init.bias.f=1")


@pytest.mark.parametrize("arguments", [(FLAGFILE, "--dry_run"), NATURAL], ids=["planned", "run"])
def test_missing_data_are_a_mistake_of_the_user(tmp_path, arguments):
    result = command(*arguments, f"--data_dir={tmp_path}", f"--workdir={tmp_path / 'workdir'}")
    assert result.code == 2
    (line,) = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert f"{tmp_path}/subject_verb_agreement/subj_agr_filtered.text" in line
    assert "python -m experiments.data get subject_verb_agreement" in line


@needs("subject_verb_agreement")
def test_the_published_sentences(monkeypatch):
    use_published(monkeypatch)
    paths = [folder.folder() / "subject_verb_agreement" / name for name in NAMES]
    gold = [line.split("\t") for line in paths[1].read_text(encoding="utf-8").splitlines()]
    undecided = [forms for _, *forms, _ in gold if reader.is_plural(*forms) is None]
    assert undecided == [["wherein"] * 2, ["lie"] * 2, ["edit"] * 2, ["en"] * 2]
    parts = reader.agreement()
    assert {part: len(found.classes) for part, found in parts.items()} == reader.PARTS
    assert sum(reader.PARTS.values()) + reader.UNDECIDED == len(gold) == 7489
    assert np.mean(parts["train"].classes) == pytest.approx(0.634, abs=5e-4)
    for part, found in parts.items():
        assert found.words.shape[1] == 47 and found.lengths.min() == 1
        assert found.words.max() == 1000 or part != "train"
        cells = collections.Counter(zip(found.attractors, found.classes, strict=True))
        assert len(cells) == 10  # so every balanced accuracy is defined
        if part == "test":
            assert (cells[4, 0], cells[4, 1]) == (7, 91)
