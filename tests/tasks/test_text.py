"""Any UTF-8 text: its symbols, its parts, what is wrong with a file, and a run in bits."""

import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import flagsaver
from support.batches import trains_and_evaluates
from support.claims import curves, decided
from support.commands import command
from support.made_up import measured, record, replace
from support.published import needs, use_published

from experiments.cli import flags
from experiments.studies import text as study
from seqjax.baselines import ngrams
from seqjax.data.folder import DataError
from seqjax.records import jsonl
from seqjax.records.workdir import Measurements
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Axis, Study
from seqjax.tasks.streams import text
from seqjax.tasks.streams.characters import UnicodeNames
from seqjax.tasks.streams.text import WrittenText
from seqjax.training import step
from seqjax.training.config import make_config
from seqjax.training.overrides import ConfigError

RESULTS = pathlib.Path(__file__).parents[2] / "experiments" / "results" / "text"
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
    with pytest.warns(UserWarning, match="SHA-256"):
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
    with pytest.warns(UserWarning, match="SHA-256"):
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
    with pytest.warns(UserWarning, match="SHA-256"):
        trains_and_evaluates(make_config(settings))


@pytest.fixture
def lanes(placed):
    """A run, and where its five lanes read at six steps, three windows on end."""
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
    with pytest.warns(UserWarning, match="SHA-256"):
        data = jax.tree.map(jnp.asarray, config.task.data())
        rows = config.task.rows(data, jax.random.key(3), jnp.int32(0), 6, 5)
    return config, data, rows


def test_a_lane_reads_a_few_windows_on_end_and_goes_elsewhere(lanes):
    config, data, rows = lanes
    whole = config.task.sizes["train"] // 10 * 10
    place_WB, before_WB = np.moveaxis(np.array(rows), -1, 0)
    moved_WB = np.diff(place_WB, axis=0) % whole
    assert np.array_equal(moved_WB == 10, before_WB[1:] > 0)
    assert np.array_equal((before_WB[:-1] + 1) % 3, before_WB[1:])
    assert {*before_WB[0].tolist()} == {0, 1, 2} and len({*place_WB[before_WB == 0].tolist()}) == 10
    later = config.task.rows(data, jax.random.key(3), jnp.int32(4), 2, 5)
    assert np.array_equal(later, rows[4:])
    other = config.task.rows(data, jax.random.key(4), jnp.int32(0), 6, 5)
    assert not np.any(other[..., 0] == rows[..., 0])
    batch = config.task.batch(data, rows[0], 5)
    symbols_N = config.task.read()["train"].symbols_N
    for b, first in enumerate(place_WB[0]):
        read = symbols_N[(first + np.arange(11)) % whole]
        assert np.array_equal(batch.x[:, b], read[:-1])
        assert np.array_equal(batch.y[:, b], read[1:])


def test_there_it_starts_from_the_zero_state(lanes):
    config, data, rows = lanes
    batch = config.task.batch(data, rows[0], 5)
    assert np.array_equal(batch.reset_B, rows[0, :, 1] == 0)
    state = step.initial_state(config, jnp.uint32(0))
    carry = jax.tree.map(lambda leaf: leaf + 0.5, state.carry)
    logits = jax.jit(lambda carry: step._apply(config, state.params, batch, 0.0, carry)[0])
    kept, zero = logits(carry), logits(state.carry)
    for b in range(5):
        assert np.array_equal(kept[:, b], zero[:, b]) == batch.reset_B[b]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"abc\xff", ":1: .*UTF-8"),
        (b"", ": train: .*35.* 0$"),
        (39 * b"a", ": validation: .* 1$"),
        (36 * b"a", ": train: .*35.* 32$"),
        (100 * b"a", ": train: "),
        (95 * b"a" + b"bcdef", ": train: "),
    ],
)
def test_an_unusable_text_is_an_error_with_its_place(placed, content, place):
    task = WrittenText(file=placed(content))
    with pytest.warns(UserWarning), pytest.raises(DataError, match=f"own/text.txt.*{place}"):
        task.data()


def test_planning_needs_no_file(monkeypatch, tmp_path):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    base = {"task.name": "text", "task.file": "none/none.txt"}
    axes = (Axis("optim.learning_rate", (0.1, 0.2)),)
    (run, *_) = plan_runs(Study("made_up", "Why?", base, axes=axes), range(1))
    assert run.config.task.metric == "bits" and not run.config.task.higher_is_better
    with pytest.raises(DataError, match=r"none/none\.txt"):
        run.config.task.data()


@pytest.mark.parametrize(
    ("field", "size", "accepted"),
    [
        ("vocabulary", 0, "at least 1, got 0"),
        ("vocabulary", 65536, "at most 65535"),
        ("fresh", 0, "at least 1, got 0"),
    ],
)
def test_values_out_of_range_are_errors_of_their_field(field, size, accepted):
    with pytest.raises(ConfigError, match=f"task.{field}: expected {accepted}"):
        make_config({"task.name": "text", f"task.{field}": size})


def test_a_file_that_is_not_there_is_a_mistake_of_the_user(tmp_path):
    settings = "--set=task.name=text; task.file=own/none.txt"
    where = (f"--data_dir={tmp_path}", f"--workdir={tmp_path / 'workdir'}")
    result = command("--study=init_by_clip", settings, "--sweep=init.bias.f=1", *where)
    assert result.code == 2 and "own/none.txt: cannot read" in result.err


# --- the study ---


POINTS = [
    measured({**study.TEXT, "order": order}, validation=v, test=t)
    for order, v, t in [(1, 4.8, 4.9), (2, 3.5, 3.6), (3, 2.9, 3.0), (4, 2.2, 2.4), (5, 2.3, 2.0)]
]
"""The order that is best on validation data is not the one that is best on the test."""


def runs(bits, **changes):
    """Ten runs about so many bits a character, by another metric of the same task."""
    common = {"arm": "lstm", "study": "text", "settings": {"task.name": "unicode_names"}, **changes}
    tests = [{"accuracy": 0.5, "bits": bits + 0.05 * (seed % 3 - 1)} for seed in range(10)]
    return [replace(record(seed=k, **common), test=test) for k, test in enumerate(tests)]


@pytest.mark.parametrize(
    ("bits", "verdict"),
    [(2.1, "supported"), (2.3, "supported in part"), (2.5, "contradicted")],
)
def test_the_best_order_on_validation_data_decides(bits, verdict):
    found, *_ = decided(study.EXPERIMENT, runs(bits), POINTS)
    assert (found.claim, found.verdict) == ("13t", verdict)
    saved = {comparison.name: comparison.mean for comparison in found.comparisons}
    mean = bits - 0.005  # of ten seeds one more is below than above
    assert saved == {
        "lstm over 1-gram": pytest.approx(1 - mean / 4.9),
        "lstm over 3-gram": pytest.approx(1 - mean / 3.0),
        "lstm over 4-gram, the best on validation data": pytest.approx(1 - mean / 2.4),
    }


def test_the_figure_shows_the_models_beside_the_network():
    lines = curves(study.EXPERIMENT, runs(2.2), POINTS).lines
    assert lines["lstm"].shape == (10, 1) and lines["3-gram"].tolist() == [[3.0]]


def test_a_failed_run_has_the_bits_of_single_characters_and_saves_nothing():
    failed = runs(2.2, failed="nonfinite")
    bits = UnicodeNames().chance_loss("softmax") / math.log(2)
    assert (
        curves(study.EXPERIMENT, failed, POINTS).lines["lstm"].tolist()
        == [[pytest.approx(bits)]] * 10
    )
    assert {c.mean for c in decided(study.EXPERIMENT, failed, POINTS)[0].comparisons} == {0}


def test_models_are_of_the_text_that_is_asked_for(placed):
    file = placed((200 * VERSE).encode())
    with flagsaver.flagsaver(), pytest.warns(UserWarning, match="SHA-256"):
        flags.parser(["run", "--study=text", f"--set=task.file={file}; task.vocabulary=30"])
        measurement = flags.experiment_from_flags("text").measurement
        first, *_, last = (study.measure(point) for point in measurement.points)
        parts = WrittenText(file=file, vocabulary=30).read()
    assert last["test"] < 0.1 < 3 < first["test"]
    train, test = (parts[part].symbols_N for part in ("train", "test"))
    model = ngrams.fit([train], 1, 31)
    assert first["test"] == pytest.approx(-model.log_probabilities(test).mean() / math.log(2))
    many = {**study.TEXT, "task.file": file, "task.vocabulary": 65535, "order": 4}
    assert study.measure(many) == {"validation": math.inf, "test": math.inf}


def test_the_small_form_is_of_names_and_needs_no_file(monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", "/nowhere")
    with flagsaver.flagsaver():
        flags.parser(["run", "--flagfile=experiments/flags/text_small.flags"])
        asked = flags.experiment_from_flags("text")
    assert asked.measurement.points == tuple(
        {"task.name": "unicode_names", "order": order} for order in study.ORDERS
    )
    (run,) = plan_runs(asked.study, range(1))
    assert run.config.task.name == "unicode_names" and run.config.task.length == 64
    found = study.measure(asked.measurement.points[2])
    assert 2.2 < found["test"] < found["validation"] < 2.4


@needs("tinyshakespeare")
def test_the_committed_measurements_are_those_of_the_plays(monkeypatch):
    use_published(monkeypatch)
    made = jsonl.load_file(RESULTS / "measurements.json", Measurements)
    found = {at.point["order"]: at.measured for at in made.points}
    again = study.measure({**study.TEXT, "order": 3})
    assert found[3] == pytest.approx(again)
