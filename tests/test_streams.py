"""Long texts: where each lane reads, the state it carries, and the three kinds of text."""

import collections
import dataclasses
import functools
import itertools
import re
import string
import unicodedata

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import assert_close
from published import HERE, needs, use_published
from test_checkpoint import Stopping, bits, left
from test_training import STEPS, alone, mesh_of, stacked, train

from seqjax import losses, sweep
from seqjax.cells import CELLS
from seqjax.checkpoint import Checkpoints
from seqjax.config import ConfigError, make_config
from seqjax.data import texts
from seqjax.data.folder import DataError
from seqjax.progress import shapes
from seqjax.recurrence import unroll
from seqjax.study import Axis, Study, plan
from seqjax.tasks import TASKS, arithmetic, xml
from seqjax.tasks.arithmetic import Arithmetic
from seqjax.tasks.characters import Characters, UnicodeNames
from seqjax.tasks.stream import StreamTask, Text
from seqjax.tasks.text import WrittenText
from seqjax.tasks.xml import Xml
from seqjax.training import evaluate, initialise
from seqjax.types import named_key

TESTED = [Arithmetic(), Xml(), Characters(), UnicodeNames(), WrittenText()]


@dataclasses.dataclass(frozen=True)
class Counted(StreamTask):
    """A text whose symbols are their places; every third is not scored."""

    name = "counted"
    inputs = outputs = 50
    sizes = {"train": 23, "validation": 9, "test": 12}  # noqa: RUF012
    stretch, at_once = 5, 10

    def read(self):
        symbols_N = np.arange(44, dtype=np.uint8)
        whole = Text(symbols_N, symbols_N % 3 > 0)
        pieces = [slice(0, 23), slice(23, 32), slice(32, 44)]
        parts = (Text(*(array[piece] for array in whole)) for piece in pieces)
        return dict(zip(self.sizes, parts, strict=True))


@functools.cache
def data_of(task):
    return jax.tree.map(jnp.asarray, task.data())


@functools.cache
def program(task, name, *static):
    return jax.jit(getattr(task, name), static_argnums=static)


def rows_of(task, first, count, batch_size, key=3):
    key = jax.random.key(key) if isinstance(key, int) else key
    return np.asarray(program(task, "rows", 3, 4)(None, key, jnp.int32(first), count, batch_size))


def batches_of(task, count, batch_size, key=3):
    for row in rows_of(task, 0, count, batch_size, key):
        batch = program(task, "batch", 2)(data_of(task), row, batch_size)
        yield jax.tree.map(np.asarray, batch)


# --- where a lane reads ---


@pytest.mark.core
@pytest.mark.parametrize(("length", "carried"), [(1, True), (4, True), (4, False), (23, True)])
def test_a_lane_reads_on_where_it_stopped_and_goes_round(length, carried):
    task, B = Counted(length, carried), 6
    whole = 23 // length * length
    place_B = rows_of(task, 0, 1, B)[0]
    for batch in batches_of(task, 3 * (23 // length) + 1, B):
        assert batch.x.dtype == batch.y.dtype == np.int32 and batch.x.shape == (length, B)
        for x_B, y_B, weight_B in zip(batch.x, batch.y, batch.weight, strict=True):
            assert np.array_equal(x_B, place_B)
            place_B = (place_B + 1) % whole
            assert np.array_equal(y_B, place_B)
            assert np.array_equal(weight_B, place_B % 3 > 0)


def test_rows_depend_on_key_and_step_alone():
    task = Counted(4)
    whole = rows_of(task, 0, 20, 3)
    parts = [rows_of(task, first, 5, 3) for first in (0, 5, 10, 15)]
    assert np.array_equal(np.concatenate(parts), whole)
    first, late = (rows_of(Xml(1000), step, 2, 3)[0].tolist() for step in (0, 2**24))
    assert late == [(offset + 2**24 * 1000) % 1_048_000 for offset in first]


def test_offsets_differ_by_lane_and_by_seed_and_cover_the_text():
    offsets = np.concatenate([rows_of(Xml(), 0, 1, 512, seed)[0] for seed in range(4)])
    assert len(np.unique(offsets)) > 2000  # of 2,048 in a million places
    counts = np.histogram(offsets, 8, (0, 2**20 // 35 * 35))[0]
    assert np.all(np.abs(counts - 256) < 5 * 16)


@pytest.mark.parametrize(
    ("length", "carried", "steps"), [(2, True, 5), (6, True, 6), (4, False, 4), (23, False, 11)]
)
def test_evaluation_predicts_every_symbol_of_a_part_once(length, carried, steps):
    task = Counted(length, carried)
    for part, (first, end) in enumerate([(23, 32), (32, 44)]):
        seen = []
        for row in task.evaluation_rows(data_of(task), part):
            batch = jax.tree.map(np.asarray, program(task, "evaluation_batch")(data_of(task), row))
            assert len(batch.x) == steps
            assert batch.x.size <= max(task.at_once, steps)
            lanes = zip(batch.x.T, batch.y.T, batch.weight.T, batch.lengths_B, strict=True)
            for x_T, y_T, weight_T, valid in lanes:
                assert np.array_equal(x_T[:valid] + 1, y_T[:valid])
                assert np.array_equal(weight_T[:valid], y_T[:valid] % 3 > 0)
                assert not np.any(weight_T[valid:])
                seen += y_T[:valid].tolist()
        assert sorted(seen) == [*range(first + 1, end)]


# --- the carried state ---

H, B = 4, 3
LAYERS = ("layer0_forward", "layer1_forward")


def counted_config(carried=True, rate="0.5"):
    settings = {
        "task.name": "xml",
        "model.cell": "elman",
        "model.hidden": str(H),
        "model.layers": "2",
        "init.recurrent": "uniform",
        "train.steps": str(STEPS),
        "train.batch_size": str(B),
        "optim.name": "sgd",
        "optim.learning_rate": rate,
    }
    return dataclasses.replace(make_config(settings), task=Counted(4, carried))


@functools.cache
def trained(carried=True, rate="0.5"):
    (state,), trace = train([counted_config(carried, rate)], [0])
    return state, trace


def zeros():
    return {name: CELLS["elman"].initial_carry(B, H) for name in LAYERS}


@jax.jit
def forward(params, x_TB, carry):
    """Logits and the last carry of two layers, as products and an unroll for each."""
    x, last = jax.nn.one_hot(x_TB, 50, dtype=jnp.float32), {}
    for name in LAYERS:
        result = unroll(CELLS["elman"], params["recurrent"]["cells"][name], x, carry=carry[name])
        x, last[name] = result.outputs_TBH, result.carry
    return x @ params["readout"]["kernel"] + params["readout"]["bias"][None, None], last


@jax.jit
def window(params, batch, carry, rate):
    """One window of plain gradient descent."""

    def loss(params):
        logits, last = forward(params, batch.x, carry)
        correct = jnp.take_along_axis(jax.nn.log_softmax(logits), batch.y[..., None], 2)[..., 0]
        return -jnp.sum(correct * batch.weight) / jnp.sum(batch.weight), last

    (value, last), grads = jax.value_and_grad(loss, has_aux=True)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value, last


def looped(steps, carried=True, rate="0.5"):
    """Parameters and carry after so many windows, and the loss of each."""
    config, values = counted_config(carried, rate), []
    state = jax.device_get(initialise(stacked([config]), np.uint32([0]), mesh=mesh_of(1)))
    params, carry = alone(state.params), zeros()
    key = named_key(jax.random.key(0), "data")
    for batch in itertools.islice(batches_of(config.task, STEPS, B, key), steps):
        params, value, last = window(params, batch, carry, float(rate))
        carry = last if carried else zeros()
        values.append(float(value))
    return jax.device_get(params), jax.device_get(carry), np.array(values)


@pytest.mark.parametrize("carried", [True, False])
def test_training_is_a_loop_over_windows(carried):
    params, carry, values = looped(STEPS, carried)
    state, trace = trained(carried)
    assert_close(trace.loss[0], values, 1e-5)
    assert_close(alone(state.params), params, 1e-5)
    assert_close(alone(state.carry), carry if carried else {}, 1e-5)


def test_only_the_carried_state_differs():
    (state, trace), (other, other_trace) = trained(True), trained(False)
    assert trace.loss[0, 0] == other_trace.loss[0, 0]
    assert np.all(trace.loss[0, 1:] != other_trace.loss[0, 1:])
    assert other.carry == {}
    assert {leaf.shape for leaf in jax.tree.leaves(state.carry)} == {(1, B, H)}


def test_a_run_that_failed_keeps_the_state_it_had():
    state, _ = trained(rate="1e38")
    (step,) = state.failed_at
    assert 0 < step < STEPS - 1
    before, after = (looped(steps, rate="1e38")[1] for steps in (step, step + 1))
    assert_close(alone(state.carry), before, 1e-5)
    assert any(np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (before, after)), strict=True))


def test_a_stream_goes_on_as_if_it_had_not_been_stopped(monkeypatch, tmp_path):
    monkeypatch.setitem(TASKS, "counted", Counted)
    base = {
        "task.name": "counted",
        "task.length": 4,
        "model.cell": "elman",
        "model.hidden": H,
        "init.recurrent": "uniform",
        "train.steps": STEPS,
        "train.eval_every": 3,
        "train.batch_size": B,
    }
    axes = (Axis("optim.learning_rate", (0.5, 1e38)),)
    runs = plan(Study("made_up", "Why?", base, axes=axes), range(2))[:3]
    whole = left(runs, 1, 2)
    reasons = [(record["failed"] or {}).get("reason") for record, _ in whole.values()]
    assert [reason == "nonfinite" for reason in reasons] == [False, False, True]
    keeper = Stopping(3)
    with pytest.raises(InterruptedError):
        left(runs, 1, 2, keeper)
    batch, step, seconds, arrays = keeper.kept
    checkpoints = Checkpoints(tmp_path / "kept", print)
    checkpoints.save(arrays, {})
    checkpoints.wait()
    loaded, _ = checkpoints.newest(lambda facts: shapes(batch[0].config, len(batch), step))
    checkpoints.close()
    assert bits(loaded) == bits(arrays)
    again = left(runs, 1, 2, Stopping(kept=(batch, step, seconds, loaded)))
    assert repr(again) == repr(whole)
    names = [name for name in arrays if name.startswith("state.carry.")]
    assert names == ["state.carry.layer0_forward.h"]
    emptied = arrays | {name: np.zeros_like(arrays[name]) for name in names}
    without = left(runs, 1, 2, Stopping(kept=(batch, step, seconds, emptied)))
    assert repr(without) != repr(whole)


@pytest.mark.parametrize("carried", [True, False])
def test_evaluation_starts_each_stretch_from_nothing(carried):
    task, text = Counted(4, carried), np.arange(32, 44)
    params = alone(trained()[0].params)
    values = []
    for start in range(0, 11, 5 if carried else 4):
        piece = text[start : start + (5 if carried else 4) + 1]
        x_TB = np.repeat(piece[:-1, None], B, axis=1)
        logits_TV = np.asarray(forward(params, x_TB, zeros())[0])[:, 0]
        for logits_V, y in zip(logits_TV, piece[1:], strict=True):
            if y % 3:
                odds = np.exp(logits_V.astype(np.float64))
                values.append((-np.log(odds[y] / odds.sum()), logits_V.argmax() == y))
    loss, accuracy = np.mean(values, axis=0)
    got = evaluate(
        stacked([counted_config(carried)]),
        jax.tree.map(lambda leaf: leaf[None], params),
        data_of(task),
        np.int32(1),
        mesh=mesh_of(1),
    )
    assert got["loss"][0] == pytest.approx(loss, 1e-5)
    assert got["accuracy"][0] == pytest.approx(accuracy, 1e-6)


def test_memory_counts_what_evaluation_reads_at_once():
    config = make_config({"task.name": "unicode_names", "model.hidden": "32"})
    read = 18 * 1024 * (39 + 32 * (4 + 2)) * 4
    assert read < sweep.memory_of(config) < 1.2 * read


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model.bidirectional": "true"}, "model.bidirectional: expected false"),
        ({"model.bidirectional": "true", "task.carried": "false"}, "model.bidirectional"),
        ({"task.length": "0"}, "task.length: xml needs at least 1, got 0"),
        ({"task.name": "unicode_names", "task.length": "316919"}, "at most 316918, got 316919"),
        ({"task.name": "arithmetic", "task.digits": "0"}, "task.digits: expected at least 1"),
        ({"task.name": "arithmetic", "task.digits": "19"}, "task.digits: expected at most 18"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        make_config({"task.name": "xml", **settings})


# --- chance ---


@pytest.mark.parametrize("link", ["softmax", "logistic", "linear"])
def test_chance_is_the_best_constant_prediction(link):
    y, counts = np.repeat([0, 1, 2], [5, 3, 2]), np.array([5, 3, 2, 0])
    p = np.clip(counts / 10, 1e-12, 1 - 1e-12)
    logits = {"softmax": np.log(p), "logistic": np.log(p / (1 - p)), "linear": p}[link]

    def loss(logits):
        every = jnp.array(np.broadcast_to(logits, (10, 4)), jnp.float32)
        return float(jnp.mean(losses.class_loss(link, every, jnp.array(y))))

    assert losses.constant_class_loss(link, counts / 10) == pytest.approx(loss(logits), 1e-5)
    for k in range(4):
        for change in (-0.3, 0.3):
            assert loss(logits + change * np.eye(4)[k]) >= loss(logits)


def test_bits_of_a_uniform_model_are_the_logarithm_of_the_alphabet():
    task = Counted(4)
    batch = next(iter(batches_of(task, 1, 6)))
    values, weights = task.metrics("softmax", jnp.zeros((*batch.y.shape, 50)), batch)["bits"]
    assert np.array(values) == pytest.approx(np.log2(50)) and np.array_equal(weights, batch.weight)
    peaked = 3 * jax.nn.one_hot(batch.y, 50)
    (bits, _), loss = (
        task.metrics("softmax", peaked, batch)["bits"],
        task.loss("softmax", peaked, batch),
    )
    assert np.array(bits) == pytest.approx(np.array(loss) / np.log(2))


@pytest.mark.parametrize("task", [Arithmetic(), Xml(), UnicodeNames()], ids=repr)
def test_chance_counts_the_scored_symbols_of_training(task):
    train = task.read()["train"]
    counts = collections.Counter(train.symbols_N[train.scored_N].tolist())
    shares = np.array(list(counts.values())) / counts.total()
    assert task.chance_metric() == pytest.approx(max(shares))
    assert task.chance_loss("softmax") == pytest.approx(-np.sum(shares * np.log(shares)))
    assert 1 / task.outputs < task.chance_metric() < 0.2


# --- the texts ---


def written(task, part):
    """A part as a string, and its scored places."""
    text = task.read()[part]
    alphabet = np.array(list(ALPHABETS[task.name]))
    assert len(text.symbols_N) == task.sizes[part] == len(text.scored_N)
    return "".join(alphabet[text.symbols_N]), text.scored_N


LETTERS = string.ascii_lowercase
ALPHABETS = {
    "xml": LETTERS + "<>/",
    "arithmetic": LETTERS + "0123456789+-=.",
    "unicode_names": "\n -0123456789" + LETTERS,
    "characters": "\n !$&',-.3:;?" + LETTERS.upper() + LETTERS,
}


def assert_share(count, total, probability):
    spread = np.sqrt(total * probability * (1 - probability))
    assert abs(count - total * probability) < 4.5 * spread, (count, total, probability)


def assert_equally_likely(values, kinds):
    counts = collections.Counter(values)
    assert set(counts) == set(kinds)
    for count in counts.values():
        assert_share(count, len(values), 1 / len(kinds))


@pytest.mark.parametrize("task", [Arithmetic(), Xml(), UnicodeNames()], ids=repr)
def test_parts_are_texts_of_their_own(task):
    parts = {part: written(task, part)[0] for part in task.sizes}
    pieces = {part: {text[k : k + 60] for k in range(0, 2**14, 60)} for part, text in parts.items()}
    for part, text in parts.items():
        assert set(text) <= set(parts["train"]) == set(ALPHABETS[task.name])
        for other in parts.keys() - {part}:
            assert not any(piece in text for piece in pieces[other])


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_tags_close_in_the_order_in_which_they_opened(part):
    text, scored = written(Xml(), part)
    assert np.all(scored)
    waiting, read = [], 0
    for match in re.finditer(r"<(/?)([a-z]{2,10})>", text):
        assert match.start() == read
        read = match.end()
        if match[1]:
            assert waiting.pop() == match[2]
        else:
            waiting.append(match[2])
        assert len(waiting) <= 50
    assert len(text) - read <= len("</abcdefghij>")  # the end may be cut


def test_documents_are_made_in_at_most_fifty_free_iterations():
    random = np.random.RandomState(1000)
    coins, closed, names, long = 0, 0, [], 0
    for _ in range(4000):
        tags = re.findall(r"<(/?)(\w+)>", xml._document(random))
        assert not tags[0][0] and sum(not slash for slash, _ in tags) * 2 == len(tags)
        assert all(slash for slash, _ in tags[50:])
        names += [name for slash, name in tags if not slash]
        coins += min(len(tags), 49)  # not for the first tag, but for the end after the last
        closed += sum(bool(slash) for slash, _ in tags[1:50]) + (len(tags) < 50)
        long += len(tags) > 50
    assert_share(closed, coins, 1 / 2)
    assert long > 100
    assert_equally_likely([len(name) for name in names], range(2, 11))
    assert_equally_likely("".join(names), LETTERS)


def parsed(question):
    """(a, ±, b) of a question with its letters, and how many stand before each character."""
    assert re.fullmatch(r"[0-9-].*=", question)
    gaps = [len(letters) for letters in re.findall(r"([a-z]*)[^a-z]", question)]
    plain = re.fullmatch(r"(-?[0-9]+)([+-])([0-9]+)=", re.sub("[a-z]", "", question))
    return plain.groups(), gaps


def test_the_sample_of_the_paper_has_this_form():
    (a, sign, b), gaps = parsed("3e36d9-h1h39f94eeh43keg3c=")
    assert (a, sign, b) == ("3369", "-", "13994433") and gaps[0] == 0
    assert int(a) - int(b) == -13991064


@pytest.mark.parametrize("digits", [2, 8])
def test_every_answer_is_the_sum_or_difference(digits):
    symbols_N, scored = arithmetic._text(1000, 2**17, digits)
    text = "".join(np.array(list(ALPHABETS["arithmetic"]))[symbols_N])
    lengths, signs, letters, between, place = [], [], [], [], 0
    for sample in text.split(".")[:-1]:
        question, answer = re.fullmatch(r"([^=]*=)(-?[0-9]+)", sample).groups()
        (a, sign, b), gaps = parsed(question)
        assert str(int(a) + int(b) if sign == "+" else int(a) - int(b)) == answer
        assert re.fullmatch("-?(0|[1-9][0-9]*)", a) and re.fullmatch("0|[1-9][0-9]*", b)
        assert gaps[0] == 0
        end, after = place + len(question), place + len(sample) + 1
        assert not scored[place:end].any() and scored[end:after].all()
        place = after
        lengths += len(a.lstrip("-")), len(b)
        signs += sign, *("-" if a[0] == "-" else "+" if a != "0" else "")
        between += gaps[1:]
        letters += re.findall("[a-z]", question)
    assert_equally_likely(lengths, range(1, digits + 1))
    assert_equally_likely(signs, "+-")
    assert_equally_likely(letters, LETTERS)
    for n in range(6):
        assert_share(between.count(n), len(between), 0.3 * 0.7**n)


def test_the_names_are_those_of_unicode_each_in_one_part():
    parts = [written(UnicodeNames(), part)[0] for part in ("train", "validation", "test")]
    whole = "".join(parts)
    names = whole.splitlines()
    assert whole.endswith("\n") and len(set(names)) == len(names) == 12771
    for name in ("greek small letter alpha with tonos", "digit seven", names[0], names[-1]):
        assert name in names and unicodedata.lookup(name)
    sharp = {len(part.splitlines()) for part in parts}
    assert sum(sharp) - len(names) <= 2  # a name that is cut at a border
    assert names != sorted(names)


def test_a_text_that_is_missing_is_told_with_its_source(monkeypatch, tmp_path):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=r"tinyshakespeare/input\.txt.*get tinyshakespeare"):
        texts.tiny_shakespeare.__wrapped__()


@needs("tinyshakespeare")
def test_the_plays_are_split_in_three(monkeypatch):
    use_published(monkeypatch)
    parts = [written(Characters(), part)[0] for part in ("train", "validation", "test")]
    assert "".join(parts) == (HERE / "tinyshakespeare/input.txt").read_text()
    assert set("".join(parts)) == set(ALPHABETS["characters"])
    assert [round(len(part) / 11153.94) for part in parts] == [90, 5, 5]
