"""Checkpoints: loading gives what was saved, or the previous checkpoint, or nothing."""

import pathlib
import shutil

import jax
import numpy as np
import pytest
from support.interrupted import StopAt, bits, results

from seqjax.records.record import Failure
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Axis, Study
from seqjax.training.checkpoint import CheckpointError, Checkpoints

FOLDERS = ["1", "2"]
METADATA = {"runs": ["all seed=0", "é"], "step": 3, "seconds": 0.1 + 0.2}


def draw(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "state.w": rng.normal(size=(2, 4, 3)).astype(np.float32),
        "state.empty": np.zeros((2, 0), np.float32),
        "state.count": rng.integers(0, 9, 2).astype(np.int32),
        "trace.loss": np.float32([[1.5, np.nan, np.inf], [-0.0, 1e-45, 3e38]]),
    }


SHAPES = {name: jax.ShapeDtypeStruct(a.shape, a.dtype) for name, a in draw(0).items()}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with the last two of three checkpoints."""
    folder = tmp_path_factory.mktemp("checkpoints") / "0-of-1"
    checkpoints = Checkpoints(folder)
    for seed in range(3):
        checkpoints.save(draw(seed), {**METADATA, "step": seed})
    checkpoints.close()
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    return pathlib.Path(shutil.copytree(saved, tmp_path / "0-of-1"))


def restore_latest(folder, shapes=SHAPES):
    """The arrays and metadata loaded from the folder, and the lines printed."""
    lines = []
    checkpoints = Checkpoints(folder, lines.append)
    restored = checkpoints.restore_latest(lambda metadata: shapes)
    checkpoints.close()
    return restored, lines


def test_the_newest_is_loaded_bit_for_bit_with_its_metadata(saved):
    (arrays, metadata), lines = restore_latest(saved)
    assert bits(arrays) == bits(draw(2))
    assert {name: metadata[name] for name in METADATA} == {**METADATA, "step": 2}
    assert not lines
    assert sorted(path.name for path in saved.iterdir()) == FOLDERS


def test_an_empty_folder_gives_nothing(tmp_path):
    assert restore_latest(tmp_path / "none") == (None, [])


def test_a_checkpoint_that_is_not_needed_stays(saved):
    assert restore_latest(saved, shapes=None) == (None, [])
    assert sorted(path.name for path in saved.iterdir()) == FOLDERS


def flip_a_bit(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :] if data else b"x"


CORRUPTIONS = {
    "emptied": lambda path: path.write_bytes(b""),
    "halved": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "gone": lambda path: path.unlink(),
    "bit": lambda path: path.write_bytes(flip_a_bit(path.read_bytes())),
}


@pytest.mark.slow
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corrupt_file_never_gives_a_wrong_number(saved, tmp_path, corruption):
    """Some files carry no numbers, and their corruption may pass."""
    noticed = 0
    files = sorted(path.relative_to(saved) for path in (saved / "2").rglob("*") if path.is_file())
    for k, file in enumerate(files):
        folder = tmp_path / str(k)
        shutil.copytree(saved, folder)
        CORRUPTIONS[corruption](folder / file)
        (arrays, metadata), lines = restore_latest(folder)
        assert bits(arrays) == bits(draw(metadata["step"])), file
        assert (metadata["step"] == 1) == bool(lines), file
        if lines:
            noticed += 1
            assert not (folder / "2").exists()
            assert list((tmp_path / f"{k}.corrupt").iterdir())
    assert noticed >= 3


def test_two_corrupt_checkpoints_give_nothing(copy):
    for number in ("1", "2"):
        (copy / number / "_CHECKPOINT_METADATA").write_text("[" * 100_000)
    restored, lines = restore_latest(copy)
    assert restored is None and len(lines) == 2
    checkpoints = Checkpoints(copy)
    checkpoints.save(draw(7), METADATA)
    checkpoints.close()
    assert bits(restore_latest(copy)[0][0]) == bits(draw(7))


def test_an_unfinished_checkpoint_is_ignored(copy):
    (copy / "2").rename(copy / "2.orbax-checkpoint-tmp")
    (_, metadata), lines = restore_latest(copy)
    assert metadata["step"] == 1 and not lines


def test_other_shapes_than_expected_are_corrupt(copy):
    wrong = SHAPES | {"state.w": jax.ShapeDtypeStruct((2, 4, 4), np.float32)}
    restored, lines = restore_latest(copy, wrong)
    assert restored is None and len(lines) == 2


def test_a_failed_write_is_an_error_of_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    checkpoints = Checkpoints(tmp_path / "file" / "0-of-1")
    with pytest.raises(CheckpointError, match=r"0-of-1") as caught:
        checkpoints.save(draw(0), METADATA)
        checkpoints.wait()
    assert "\n" not in str(caught.value)


# --- resuming a batch of runs ---


def made_up_runs(rates, seeds=2):
    base = {
        "task.name": "adding",
        "task.length": 6,
        "clip.kind": "percentile",  # its optimiser state has more than moments
        "optim.name": "adam",
        "train.steps": 11,
        "train.eval_every": 3,
        "train.batch_size": 8,
        "model.hidden": 4,
    }
    axes = (Axis("optim.learning_rate", rates),)
    return plan_runs(Study("made_up", "Why?", base, axes=axes), range(seeds))


@pytest.mark.slow
@pytest.mark.parametrize("per_device", [1, 2])
@pytest.mark.parametrize("at", [3, 11])  # the first chunk, the end
def test_a_resumed_batch_gives_the_numbers_of_an_uninterrupted_one(at, per_device):
    runs = made_up_runs((0.01, 1e38))[:3]
    whole = results(runs, per_device, 2)
    checkpointer = StopAt(at)
    with pytest.raises(InterruptedError):
        results(runs, per_device, 2, checkpointer)
    again = results(runs, per_device, 2, StopAt(checkpoint=checkpointer.checkpoint))
    assert repr(again) == repr(whole)
    assert any(record.failed for record, _ in whole.values())


@pytest.mark.slow
def test_nan_in_one_run_of_eight_changes_no_bit_of_the_others():
    runs = made_up_runs((0.01,), seeds=8)
    checkpointer = StopAt(3)
    with pytest.raises(InterruptedError):
        results(runs, 8, 1, checkpointer)
    batch, step, seconds, arrays = checkpointer.checkpoint
    healthy = results(runs, 8, 1, StopAt(checkpoint=checkpointer.checkpoint))
    planted = {name: array.copy() for name, array in arrays.items()}
    (weights,) = (name for name in arrays if "params" in name and name.endswith("u_HGH"))
    planted[weights][3, 0, 0, 0] = np.nan
    beside = results(runs, 8, 1, StopAt(checkpoint=(batch, step, seconds, planted)))
    assert beside[runs[3].id][0].failed == Failure("nonfinite", 3)
    for run in [*runs[:3], *runs[4:]]:
        failed = healthy[run.id][0].failed
        assert failed is None or failed.reason != "nonfinite"
        assert repr(beside[run.id]) == repr(healthy[run.id])
