"""Poems: symbols, the task, form and copies of samples, and the command that writes poems."""

import re
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import verses
from support.commands import command

from experiments.cli.commands import poem as poem_command
from seqjax.data.poems import FORMS, PARTS, REGULATED, Poem
from seqjax.models import sampling
from seqjax.models.sequence import with_params
from seqjax.sweeps import saved_models
from seqjax.sweeps.study import Run
from seqjax.tasks.base import Batch
from seqjax.tasks.datasets import poetry
from seqjax.tasks.datasets.poems import form_and_copies
from seqjax.tasks.datasets.poetry import END, FIRST, FORM, MARK, UNKNOWN, Script
from seqjax.training.checkpoint import CheckpointError
from seqjax.training.config import make_config
from seqjax.training.step import abstract_model, initial_state

SMALL = {"task.name": "poems", "task.vocabulary": 20, "model.hidden": 4, "model.embed": 3}
ONES = "人" * 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of data sets with poems of all forms, some with the line 人人人人人."""
    path = tmp_path_factory.mktemp("data")
    ones = [[f"{ONES}，{line[0]}", line[1]] for line in _halves()]
    with pytest.MonkeyPatch.context() as patched:
        verses.place(patched, path, verses.verses(80), ones)
        yield path


def _halves():
    whole = verses.verses(20, seed=7, sizes=((4, 5),))
    return [(first.partition("，")[2], second) for first, second in whole]


def text_of(poem):
    return "".join(line + mark for line, mark in zip(poem.lines, poem.marks, strict=True))


# --- symbols ---


def test_a_poem_as_symbols():
    script = poetry.script_of([Poem(("山山月月人", "日人月山鬼"), "，。")], 4)
    assert script.characters == "山月人日"  # 山 and 月 occur three times, 人 twice
    poem = Poem(("山月人日龍", "山月人日山", "山山山山山", "山山山山山"), "，？，。")
    symbols = script.encoded(poem)
    assert symbols[:8] == [FORM["4x5"], *range(FIRST, FIRST + 4), UNKNOWN, MARK["，"], FIRST]
    assert len(symbols) == 26 and symbols[-2:] == [MARK["。"], END]
    shown = "".join(script.decoded(symbol) for symbol in symbols[1:-1])
    assert shown == text_of(poem).replace("龍", "□")


@pytest.mark.parametrize("form", FORMS)
def test_a_form_allows_its_poems_and_nothing_else(form):
    lines, size = FORMS[form]
    script = Script("天地玄黃宇宙洪荒", 10)
    allowed_TV = script.allowed(form)
    poem = Poem(("天地玄黃宇宙洪"[:size],) * lines, "；！" * (lines // 2))
    symbols = script.encoded(poem)[1:]
    assert allowed_TV.shape == (len(symbols), script.size)
    assert allowed_TV[np.arange(len(symbols)), symbols].all()
    assert allowed_TV.sum(axis=1).tolist() == [
        {0: 8 + 1, 1: 5, 2: 4, 3: 1}[kind] for kind in poetry.places(form)
    ]
    assert not script.allowed(form, unknown=False)[:, UNKNOWN].any()


# --- the task ---


def test_a_uniform_model_has_the_perplexity_of_its_symbols(folder):
    task = make_config(SMALL).task
    y_TB = np.array([[FIRST, UNKNOWN], [MARK["，"], FIRST + 3], [END, END]], np.int32)
    batch = Batch(jnp.zeros((3, 2), jnp.int32), y_TB, jnp.ones((3, 2), jnp.float32))
    for likely in (1.0, 4.0):
        logits = jnp.zeros((3, 2, task.outputs)).at[:, :, FIRST].set(jnp.log(likely))
        found = task.metrics("softmax", logits, batch)
        means = {name: jnp.sum(v * w) / jnp.sum(w) for name, (v, w) in found.items()}
        total = task.outputs - 1 + likely
        expected = {  # six symbols, of which three are characters, and one of these the likely one
            "perplexity": total / likely ** (1 / 6),
            "perplexity_characters": total / likely ** (1 / 3),
        }
        got = {name: float(value) for name, value in task.derived(means).items()}
        assert got == pytest.approx(expected, rel=1e-5)
    assert task.outputs == 20 + FIRST


def test_sequences_are_the_poems_of_the_reader_from_form_to_end(folder):
    task = make_config(SMALL).task
    script, parts, _ = task.prepared()
    assert all(parts[part] for part in PARTS)
    for part, found in task.read().items():
        ends = np.cumsum(found.lengths_S)
        x, y = (np.split(array, ends[:-1]) for array in (found.x_N, found.y))
        for poem, own, following in zip(parts[part], x, y, strict=True):
            assert [*own, END] == script.encoded(poem) == [FORM[poem.form], *following]
    assert task.bucket_lengths(task.data()) == (25, 33, 49, 65)
    script, _, sequences = task.prepared()
    counts = np.bincount(np.concatenate([s[1:] for s in sequences["train"]]))
    p = counts[counts > 0] / counts.sum()
    assert task.chance_metric() == pytest.approx(np.exp(-np.sum(p * np.log(p))))


def drawn_of(script, poems):
    drawn_TB = np.full((poetry.LONGEST, len(poems)), UNKNOWN, np.int32)
    for column, poem in zip(drawn_TB.T, poems, strict=True):
        symbols = script.encoded(poem)[1:]
        column[: len(symbols)] = symbols
    return drawn_TB, np.array([list(FORMS).index(poem.form) for poem in poems])


def test_form_and_copies_of_samples(folder):
    task = make_config(SMALL | {"task.vocabulary": 40}).task  # no character is unknown
    (script, parts, _), data = task.prepared(), task.data()
    allowed, copies = jnp.asarray(data["allowed"]), jnp.asarray(data["copies"])
    program = jax.jit(lambda drawn, form: form_and_copies(drawn, form, allowed, copies))
    train, test = parts["train"], parts["test"] + parts["validation"]
    whole = program(*drawn_of(script, train))
    assert [float(whole[name]) for name in task.final_metrics] == pytest.approx([1, 1])
    lines = [line for poem in train for line in poem.lines]
    tail = next(line for line in lines if len(line) == 7)[2:]
    few = [*test, Poem((tail, *test[0].lines[:3]), "，。，。")]
    few = [poem for poem in few if poem.form == "4x5"]
    own = [line for poem in few for line in poem.lines]
    share = np.mean([any(line in known for known in lines) for line in own])
    assert 0 < share < 1
    drawn_TB, form_B = drawn_of(script, few)
    assert program(drawn_TB, form_B)["copied"] == pytest.approx(share)
    for place, symbol in [(5, FIRST), (2, MARK["，"]), (24, FIRST)]:
        broken_TB = drawn_TB.copy()
        broken_TB[place] = symbol
        assert program(broken_TB, form_B) == {"formed": 0, "copied": 0}
    other_B = np.full(len(few), list(FORMS).index("4x7"))
    assert program(drawn_TB, other_B)["formed"] == 0


# --- writing ---


def untrained(folder, **settings):
    config = make_config(SMALL | settings)
    params = jax.jit(initial_state)(config, np.uint32(0)).params
    run = Run("poems", "lstm", {}, 0, config, "data")
    return run, params, with_params(abstract_model(config), params)


@pytest.mark.slow
def test_constrained_poems_have_their_form(folder):
    run, _, model = untrained(folder)
    script = run.config.task.prepared().script
    forms = [form for form in FORMS for _ in range(25)]
    allowed_TBV = np.zeros((poetry.LONGEST, len(forms), script.size), bool)
    allowed_TBV[:, :, END] = True
    for k, form in enumerate(forms):
        allowed_TV = script.allowed(form, unknown=False)
        allowed_TBV[: len(allowed_TV), k] = allowed_TV
    options = {"allowed": jnp.asarray(allowed_TBV), "temperature": 3.0}
    first_B = np.array([FORM[form] for form in forms])
    keys_B = jax.random.split(jax.random.key(5), len(forms))
    program = jax.jit(lambda: sampling.sample(model, first_B, keys_B, poetry.LONGEST, **options))
    texts = set()
    for form, column in zip(forms, np.asarray(program()).T, strict=True):
        text = "".join(map(script.decoded, column[: column.tolist().index(END)]))
        pieces = re.split("[，。？！；、]", text)[:-1]
        assert REGULATED.fullmatch(text) and (len(pieces), len(pieces[0])) == FORMS[form]
        texts.add(text)
    assert len(texts) == len(forms)


@pytest.fixture(scope="module")
def model(folder, tmp_path_factory):
    """The folder of an untrained model."""
    run, params, _ = untrained(folder)
    path = tmp_path_factory.mktemp("models") / run.id
    saved_models.save(path, run, params)
    return path


def write(model, *arguments):
    return command(f"--checkpoint={model}", *arguments, program=poem_command)


def lines_of(result):
    """Return the lines of each poem, without the marks of copies."""
    assert result.code == 0, result.err
    poems = result.out.removesuffix("\n").split("\n\n")
    return [[line.removesuffix(" *") for line in poem.split("\n")] for poem in poems]


@pytest.mark.slow
def test_a_saved_model_is_loaded_without_its_data_set(folder, model, monkeypatch):
    run, params, _ = untrained(folder)
    script, parts, _ = run.config.task.prepared()
    lines = {line for poem in parts["train"] for line in poem.lines}
    monkeypatch.setenv("SEQJAX_DATA_DIR", "/nowhere")
    found = saved_models.load(model)
    assert found.config == run.config and found.run == run.id
    assert found.task_metadata["characters"] == script.characters
    loaded = saved_models.model_params(found.model)
    assert jax.tree.all(jax.tree.map(np.array_equal, loaded, jax.device_get(params)))
    passages = found.task_arrays["passages"]
    assert all(poetry.among(line, passages) for line in lines)
    longest = next(line for line in lines if len(line) == 7)
    for text, expected in [(longest[1:6], True), (longest[1:5], False), ("牀前明月光", False)]:
        assert poetry.among(text, passages) is expected


def test_a_damaged_model_is_an_error_and_is_not_changed(model, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    for path in (copy / "0" / "state").rglob("*"):
        if path.is_file() and path.stat().st_size > 500:
            path.write_bytes(path.read_bytes()[:-1] + b"?")
    before = sorted(copy.rglob("*"))
    with pytest.raises(CheckpointError, match="cannot load"):
        saved_models.load(copy)
    result = write(copy)
    assert result.code == 2 and result.out == "" and result.err.count("\n") == 1
    assert "error: --checkpoint:" in result.err and sorted(copy.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize(("form", "temperature"), [(None, "1e-6"), ("4x7", "0.5"), ("8x7", "1e6")])
def test_poems_are_completed_in_form(model, form, temperature):
    lines, size = FORMS[form or "4x5"]
    options = [f"--temperature={temperature}", *([f"--form={form}"] if form else [])]
    first, initials = "人山不月夜一日"[:size], "春夏秋冬東西南北"[:lines]
    options_first = [*options, f"--first_line={first}", "--seed=3"]
    completed = lines_of(write(model, *options_first, "--num=2"))
    acrostic = lines_of(write(model, *options, f"--acrostic={initials}", "--top_k=3"))
    for poem in (*completed, *acrostic):
        assert REGULATED.fullmatch("".join(poem)) and len(poem) == lines
        assert {len(line) for line in poem} == {size + 1}
    assert [poem[0][:-1] for poem in completed] == [first, first]
    assert "".join(line[0] for line in acrostic[0]) == initials
    if form:
        assert completed[0] != completed[1]
        assert lines_of(write(model, *options_first)) == completed[:1]


def test_a_line_of_seven_is_completed_by_lines_of_seven(model):
    ((first, *rest),) = lines_of(write(model, "--first_line=人山不月夜一日，"))
    assert first[:-1] == "人山不月夜一日" and {len(line) for line in rest} == {8}


def test_unknown_characters_are_named_and_printed(model):
    result = write(model, "--first_line=門前人龍門")
    assert lines_of(result)[0][0][:-1] == "門前人龍門"
    (line,) = [line for line in result.err.splitlines() if "unknown" in line]
    assert line.startswith("not in the vocabulary, and read as unknown: 門 前 龍")
    assert "traditional" in line


@pytest.mark.slow
def test_copied_lines_are_marked_and_counted(folder, tmp_path):
    """A model of one character can only write the line 人人人人人, which training poems have."""
    run, params, _ = untrained(folder, **{"task.vocabulary": 1})
    assert run.config.task.prepared().script.characters == "人"
    saved_models.save(tmp_path / "one", run, params)
    result = write(tmp_path / "one")
    assert [line[:5] + line[6:] for line in result.out.splitlines()] == [ONES + " *"] * 4
    assert "4 of 4 lines" in result.err
    typed = write(tmp_path / "one", f"--first_line={ONES}")
    assert [line[6:] for line in typed.out.splitlines()] == ["", " *", " *", " *"]
    other = write(tmp_path / "one", "--acrostic=春春春春")
    assert "*" not in other.out and "lines" not in other.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--first_line=床前明月"], r"--first_line: expected 5 or 7 characters, got 4"),
        (["--first_line=床前明月光", "--form=8x7"], "7 characters for the form 8x7, got 5"),
        (["--acrostic=春夏秋"], "--acrostic: expected 4 or 8 characters, got 3"),
        (["--first_line=moons"], "--first_line: expected Chinese characters, got 'm'"),
        (["--acrostic=春夏秋冬", "--first_line=床前明月光"], "got both"),
        (["--form=5x5"], "unknown form '5x5'"),
        (["--temperature=nan"], "--temperature.*expected a number from 1e-6 to 1e6"),
        (["--num=0"], "--num"),
        (["--top_k=-1"], "--top_k"),
        (["--checkpoint=/nowhere"], "--checkpoint: /nowhere is not a folder"),
        (["--checkpoint=/"], "--checkpoint: / holds no checkpoint"),
        (["--checkpoint="], "--checkpoint: not given"),
    ],
)
def test_a_mistake_is_one_line(model, arguments, message):
    result = write(model, *arguments)
    assert result.code == 2 and result.out == "" and result.err.count("\n") == 1
    assert re.search(message, result.err), result.err


def test_another_kind_of_model_is_refused(tmp_path):
    config = make_config({"task.name": "lag_recall", "model.hidden": 4})
    run = Run("x", "lstm", {}, 0, config, "data")
    saved_models.save(tmp_path, run, jax.jit(initial_state)(config, np.uint32(0)).params)
    result = write(tmp_path)
    assert result.code == 2 and "expected a model of poems, got one of lag_recall" in result.err
