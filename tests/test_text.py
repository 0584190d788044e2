"""Any UTF-8 text: its symbols, its parts, what is wrong with a file, and a run in bits."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_command_line import command
from test_memory_tasks import trains_and_evaluates

from seqjax import training
from seqjax.config import ConfigError, make_config
from seqjax.data.folder import DataError
from seqjax.study import Axis, Study, plan
from seqjax.tasks import text
from seqjax.tasks.text import WrittenText

VERSE = "die Zeit, die ist ein sonderbar Ding — ⏳\r\n"


@pytest.fixture
def placed(monkeypatch, tmp_path):
    """Puts bytes under a name in the folder of data sets."""
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    text._parts.cache_clear()

    def put(content, name="own/text.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        return name

    return put


def read(file, **fields):
    with pytest.warns(UserWarning, match="no known release"):
        return WrittenText(file=file, **fields).read()


def test_the_symbols_are_the_most_frequent_characters_and_one_for_all_others(placed):
    whole = 20 * VERSE + "äöü"
    parts, n = read(placed(whole.encode()), vocabulary=5), len(whole)
    cut = [0, n * 9 // 10, n * 9 // 10 + n // 20, n]
    pieces = {part: whole[a:b] for part, a, b in zip(parts, cut[:-1], cut[1:], strict=True)}
    assert list(parts) == ["train", "validation", "test"]
    kinds = sorted(set(pieces["train"]), key=lambda kind: (-pieces["train"].count(kind), kind))
    for part, found in parts.items():
        expected = [min(kinds.index(s) if s in kinds else 5, 5) for s in pieces[part]]
        assert found.symbols_N.tolist() == expected and found.scored_N.all()
    assert kinds[:2] == [" ", "i"] and parts["test"].symbols_N[-1] == 5


def test_all_characters_have_symbols_where_there_are_enough(placed):
    parts = read(placed((20 * VERSE).encode()), vocabulary=300)
    kinds = len(set(VERSE))
    symbols = np.concatenate([part.symbols_N for part in parts.values()])
    assert symbols.dtype == np.uint16 and set(symbols) == set(range(kinds))
    assert WrittenText(vocabulary=300).inputs == WrittenText(vocabulary=300).outputs == 301


def test_chance_is_the_entropy_of_single_characters_in_bits(placed):
    file = placed(("ab" * 450 + "a" * 100).encode())
    with pytest.warns(UserWarning, match="no known release"):
        task = WrittenText(file=file, vocabulary=2)
        assert task.chance_metric() == pytest.approx(1.0)
        assert task.chance_loss("softmax") == pytest.approx(math.log(2))


def test_a_run_is_measured_in_bits(placed):
    file = placed((200 * VERSE).encode())
    settings = {
        "task.name": "text",
        "task.file": file,
        "task.vocabulary": 30,
        "task.length": 10,
        "train.batch_size": 4,
    }
    with pytest.warns(UserWarning, match="no known release"):
        trains_and_evaluates(make_config(settings))


def test_every_few_windows_a_lane_starts_from_the_zero_state(placed):
    settings = {
        "task.name": "text",
        "task.file": placed((200 * VERSE).encode()),
        "task.vocabulary": 7,
        "task.length": 10,
        "task.fresh": 3,
        "train.batch_size": 5,
        "model.hidden": 4,
    }
    config = make_config(settings)
    with pytest.warns(UserWarning, match="no known release"):
        data = jax.tree.map(jnp.asarray, config.task.data())
        rows = config.task.rows(data, jax.random.key(3), jnp.int32(0), 6, 5)
    batches = [config.task.batch(data, row, 5) for row in rows]
    first_WB = np.array([batch.fresh_B for batch in batches])
    assert np.all(first_WB[:3].sum(axis=0) == 1) and np.array_equal(first_WB[:3], first_WB[3:])
    assert 0 < first_WB[0].sum() < 5

    state = training.initial_state(config, jnp.uint32(0))
    carry = jax.tree.map(lambda leaf: leaf + 0.5, state.carry)
    logits = jax.jit(lambda carry: training._apply(config, state.params, batches[0], 0.0, carry)[0])
    kept, zero = logits(carry), logits(state.carry)
    for b in range(5):
        assert np.array_equal(kept[:, b], zero[:, b]) == first_WB[0, b]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"abc\xff", ":1: not UTF-8"),
        (b"", "train has 0 characters, but at least 35 are needed"),
        (39 * b"a", "validation has 1 characters"),
        (36 * b"a", "train has 32 characters"),
    ],
)
def test_what_cannot_be_read_is_told(placed, content, said):
    task = WrittenText(file=placed(content))
    with pytest.warns(UserWarning), pytest.raises(DataError, match=f"own/text.txt.*{said}"):
        task.data()


def test_planning_needs_no_file(monkeypatch, tmp_path):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    base = {"task.name": "text", "task.file": "none/none.txt"}
    axes = (Axis("optim.learning_rate", (0.1, 0.2)),)
    (run, *_) = plan(Study("made_up", "Why?", base, axes=axes), range(1))
    assert run.config.task.metric == "bits" and not run.config.task.higher_is_better
    with pytest.raises(DataError, match=r"none/none\.txt: cannot read"):
        run.config.task.data()


@pytest.mark.parametrize(
    ("field", "size", "said"),
    [
        ("vocabulary", 0, "at least 1, got 0"),
        ("vocabulary", 65536, "at most 65535"),
        ("fresh", 0, "at least 1, got 0"),
    ],
)
def test_what_cannot_be_is_refused(field, size, said):
    with pytest.raises(ConfigError, match=f"task.{field}: expected {said}"):
        make_config({"task.name": "text", f"task.{field}": size})


def test_a_file_that_is_not_there_is_a_mistake_of_the_user(tmp_path):
    settings = "--set=task.name=text; task.file=own/none.txt"
    where = (f"--data_dir={tmp_path}", f"--workdir={tmp_path / 'workdir'}")
    result = command("--study=init_by_clip", settings, "--sweep=init.bias.f=1", *where)
    assert result.code == 2 and "own/none.txt: cannot read" in result.err
