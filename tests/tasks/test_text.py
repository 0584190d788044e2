"""Any UTF-8 text: symbols, parts, restarts of lanes, errors of files, and the study."""

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

RESULTS = pathlib.Path(__file__).parents[2] / "experiments" / "results" / "text"
VERSE = "die Zeit, die ist ein sonderbar Ding — ⏳\r\n"


@pytest.fixture
def placed(monkeypatch, tmp_path):
    """Return a function that writes a file into the folder of data sets."""
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


def test_the_most_frequent_characters_have_symbols_and_all_others_share_one(placed):
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


def test_all_characters_have_symbols_if_the_vocabulary_is_large(placed):
    parts = read(placed((20 * VERSE).encode()), vocabulary=300)
    symbols = np.concatenate([part.symbols_N for part in parts.values()])
    assert symbols.dtype == np.uint16 and set(symbols) == set(range(len(set(VERSE))))
    assert WrittenText(vocabulary=300).inputs == WrittenText(vocabulary=300).outputs == 301


@pytest.mark.filterwarnings("ignore::seqjax.data.folder.DataWarning")
def test_chance_is_the_entropy_of_single_characters_in_bits(placed):
    task = WrittenText(file=placed(("ab" * 450 + "a" * 100).encode()), vocabulary=2)
    assert task.chance_metric() == pytest.approx(1.0)
    assert task.chance_loss("softmax") == pytest.approx(math.log(2))


@pytest.fixture
def lanes(placed):
    """A run, and the positions of its five lanes at six steps, restarting every three windows."""
    settings = {
        "task.name": "text",
        "task.file": placed((200 * VERSE).encode()),
        "task.vocabulary": 7,
        "task.length": 10,
        "task.fresh": 3,
        "train.batch_size": 5,
        "model.cell": "elman",
        "model.hidden": 4,
    }
    config = make_config(settings)
    with pytest.warns(UserWarning, match="SHA-256"):
        data = jax.tree.map(jnp.asarray, config.task.data())
    return config, data, config.task.rows(data, jax.random.key(3), jnp.int32(0), 6, 5)


@pytest.mark.slow
def test_a_lane_reads_some_windows_and_restarts_elsewhere(lanes):
    config, data, rows = lanes
    trains_and_evaluates(config)
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
    read_TB = symbols_N[(place_WB[:1] + np.arange(11)[:, None]) % whole]
    assert np.array_equal(batch.x, read_TB[:-1]) and np.array_equal(batch.y, read_TB[1:])


@pytest.mark.slow
def test_a_restarted_lane_has_the_zero_state(lanes):
    config, data, rows = lanes
    batch = config.task.batch(data, rows[0], 5)
    assert np.array_equal(batch.reset_B, rows[0, :, 1] == 0)
    state = jax.jit(step.initial_state)(config, jnp.uint32(0))
    carry = jax.tree.map(lambda leaf: leaf + 0.5, state.carry)
    logits = jax.jit(lambda carry: step.apply_model(config, state.params, batch, 0.0, carry)[0])
    carried, zero = logits(carry), logits(state.carry)
    for b in range(5):
        assert np.array_equal(carried[:, b], zero[:, b]) == batch.reset_B[b]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"abc\xff", ":1: .*UTF-8"),
        (b"", ": train: .*35.* 0$"),
        (39 * b"a", ": validation: .* 1$"),
        (95 * b"a" + b"bcdef", ": train: "),
    ],
)
def test_an_unusable_text_is_an_error_with_its_part(placed, content, place):
    task = WrittenText(file=placed(content))
    with pytest.warns(UserWarning), pytest.raises(DataError, match=f"own/text.txt.*{place}"):
        task.data()


def test_planning_needs_no_file_and_running_reports_it(tmp_path):
    settings = "--set=task.name=text; task.file=own/none.txt"
    where = (f"--data_dir={tmp_path}", f"--workdir={tmp_path / 'workdir'}")
    base = {"task.name": "text", "task.file": "own/none.txt"}
    axes = (Axis("optim.learning_rate", (0.1, 0.2)),)
    (run, *_) = plan_runs(Study("made_up", "Why?", base, axes=axes), range(1))
    assert run.config.task.metric == "bits" and not run.config.task.higher_is_better
    result = command("--study=init_by_clip", settings, "--sweep=init.bias.f=1", *where)
    assert result.code == 2 and "own/none.txt: cannot read" in result.err


# --- the study ---


POINTS = [
    measured({**study.TEXT, "order": order}, validation=v, test=t)
    for order, v, t in [(1, 4.8, 4.9), (2, 3.5, 3.6), (3, 2.9, 3.0), (4, 2.2, 2.4), (5, 2.3, 2.0)]
]
"""The best order on validation data is 4, that on the test 5."""


def runs(bits, **changes):
    """Return ten runs with about ``bits`` bits a character."""
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
    mean = bits - 0.005
    assert saved == {
        "lstm over 1-gram": pytest.approx(1 - mean / 4.9),
        "lstm over 3-gram": pytest.approx(1 - mean / 3.0),
        "lstm over 4-gram, the best on validation data": pytest.approx(1 - mean / 2.4),
    }


def test_a_failed_run_scores_at_chance_and_saves_nothing():
    failed = runs(2.2, failed="nonfinite")
    bits = UnicodeNames().chance_loss("softmax") / math.log(2)
    panel = curves(study.EXPERIMENT, failed, POINTS)
    assert panel.categories[:3] == ("lstm", "1-gram", "3-gram")
    assert panel.lines[""][:, :3].tolist() == [[pytest.approx(bits), 4.9, 3.0]] * 10
    assert {c.mean for c in decided(study.EXPERIMENT, failed, POINTS)[0].comparisons} == {0}


def test_n_grams_are_fitted_to_the_requested_text(placed):
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


def test_the_small_study_uses_names_and_needs_no_file(monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", "/nowhere")
    with flagsaver.flagsaver():
        flags.parser(["run", "--flagfile=experiments/flags/text_small.flags"])
        small = flags.experiment_from_flags("text")
    assert small.measurement.points == tuple(
        {"task.name": "unicode_names", "order": order} for order in study.ORDERS
    )
    (run,) = plan_runs(small.study, range(1))
    assert run.config.task.name == "unicode_names" and run.config.task.length == 64
    found = study.measure(small.measurement.points[2])
    assert 2.2 < found["test"] < found["validation"] < 2.4


@needs("tinyshakespeare")
def test_the_committed_measurements_are_those_of_the_plays(monkeypatch):
    use_published(monkeypatch)
    committed = jsonl.load_file(RESULTS / "measurements.json", Measurements)
    found = {at.point["order"]: at.measured for at in committed.points}
    again = study.measure({**study.TEXT, "order": 3})
    assert found[3] == pytest.approx(again)
