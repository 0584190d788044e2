"""Checkpoints: what is loaded is what was saved, or the one before, or nothing, and it is said."""

import pathlib
import shutil

import jax
import numpy as np
import pytest
from support.interrupted import Stopping, bits, left

from seqjax.sweeps.study import Axis, Study, plan
from seqjax.training.checkpoint import CheckpointError, Checkpoints

# What reads a damaged checkpoint leaves an event loop behind.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

KEPT = ["1", "1.sha256", "2", "2.sha256"]
FACTS = {"runs": ["all seed=0", "é"], "step": 3, "seconds": 0.1 + 0.2}


def drawn(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "state.w": rng.normal(size=(2, 4, 3)).astype(np.float32),
        "state.nothing": np.zeros((2, 0), np.float32),
        "state.count": rng.integers(0, 9, 2).astype(np.int32),
        "trace.loss": np.float32([[1.5, np.nan, np.inf], [-0.0, 1e-45, 3e38]]),
    }


SHAPES = {name: jax.ShapeDtypeStruct(a.shape, a.dtype) for name, a in drawn(0).items()}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with the last two of three checkpoints."""
    folder = tmp_path_factory.mktemp("checkpoints") / "0-of-1"
    checkpoints = Checkpoints(folder, print)
    for seed in range(3):
        checkpoints.save(drawn(seed), {**FACTS, "step": seed})
    checkpoints.close()
    return folder


def newest(folder):
    """What is loaded from the folder, as its seed and bits, and what is said of it."""
    said = []
    checkpoints = Checkpoints(folder, said.append)
    found = checkpoints.newest(lambda facts: SHAPES)
    checkpoints.close()
    return found, said


def test_the_newest_is_loaded_bit_for_bit_with_its_facts(saved):
    (arrays, facts), said = newest(saved)
    assert bits(arrays) == bits(drawn(2))
    assert {name: facts[name] for name in FACTS} == {**FACTS, "step": 2}
    assert not said
    assert sorted(path.name for path in saved.iterdir()) == KEPT


def test_where_nothing_was_saved_nothing_is_found(tmp_path):
    assert newest(tmp_path / "none") == (None, [])


def test_what_nobody_needs_is_left_alone(saved):
    assert Checkpoints(saved, print).newest(lambda facts: None) is None
    assert sorted(path.name for path in saved.iterdir()) == KEPT


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


DAMAGES = {
    "emptied": lambda path: path.write_bytes(b""),
    "halved": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "gone": lambda path: path.unlink(),
    "bit": lambda path: path.write_bytes(flipped(path.read_bytes())),
}


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :] if data else b"x"


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("sealed", [True, False])
def test_damage_never_gives_a_wrong_number_and_is_said(saved, tmp_path, damage, sealed):
    """Unsealed, some bytes carry no numbers and their damage may pass; no number is wrong."""
    noticed = 0
    for k, file in enumerate(_files(saved / "2")):
        folder = tmp_path / str(k)
        shutil.copytree(saved, folder)
        DAMAGES[damage](folder / "2" / file)
        if not sealed:
            (folder / "2.sha256").unlink()
        (arrays, facts), said = newest(folder)
        assert bits(arrays) == bits(drawn(facts["step"])), file
        assert (facts["step"] == 1) == bool(said), file
        noticed += bool(said)
        if said:
            assert "is damaged" in said[0] and "the one before it is used" in said[0]
            assert not (folder / "2").exists() and not (folder / "2.sha256").exists()
            assert list((tmp_path / f"{k}.damaged").iterdir())
        if sealed and (folder / "2").is_dir():
            assert not (folder / "2" / file).stat().st_size  # it was empty as it was saved
    print(f"{damage}: {noticed} of {k + 1} files noticed")
    assert noticed >= (k if sealed else 3)


def test_where_both_are_damaged_nothing_is_found_and_it_is_said(saved, tmp_path):
    folder = tmp_path / "0-of-1"
    shutil.copytree(saved, folder)
    for number in ("1", "2"):
        (folder / number / "_CHECKPOINT_METADATA").write_text("[" * 100_000)
    found, said = newest(folder)
    assert found is None and len(said) == 2
    assert "runs start again" in said[1]
    checkpoints = Checkpoints(folder, print)
    checkpoints.save(drawn(7), FACTS)
    checkpoints.close()
    assert bits(newest(folder)[0][0]) == bits(drawn(7))


def test_a_half_written_checkpoint_is_none(saved, tmp_path):
    folder = tmp_path / "0-of-1"
    shutil.copytree(saved, folder)
    (folder / "2").rename(folder / "2.orbax-checkpoint-tmp")
    (folder / "2.sha256").unlink()
    (_, facts), said = newest(folder)
    assert facts["step"] == 1 and not said


def test_other_shapes_than_expected_are_damage(saved, tmp_path):
    folder = tmp_path / "0-of-1"
    shutil.copytree(saved, folder)
    said = []
    wrong = SHAPES | {"state.w": jax.ShapeDtypeStruct((2, 4, 4), np.float32)}
    assert Checkpoints(folder, said.append).newest(lambda facts: wrong) is None
    assert len(said) == 2


def test_what_cannot_be_written_is_an_error_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    checkpoints = Checkpoints(tmp_path / "file" / "0-of-1", print)
    with pytest.raises(CheckpointError, match=r"cannot write to .*0-of-1") as caught:
        checkpoints.save(drawn(0), FACTS)
        checkpoints.wait()
    assert "\n" not in str(caught.value)


# --- the progress of a batch of runs ---


def made_up_runs(rates, seeds=2):
    base = {
        "task.name": "adding",
        "task.length": 6,
        "clip.kind": "percentile",  # it has a state of its own
        "optim.name": "adam",
        "train.steps": 11,
        "train.eval_every": 3,
        "train.batch_size": 8,
        "model.hidden": 4,
    }
    axes = (Axis("optim.learning_rate", rates),)
    return plan(Study("made_up", "Why?", base, axes=axes), range(seeds))


@pytest.mark.parametrize("per_device", [1, 2])
@pytest.mark.parametrize("at", [3, 11])  # the first chunk, the end
def test_a_batch_goes_on_as_if_it_had_not_been_stopped(at, per_device):
    runs = made_up_runs((0.01, 1e38))[:3]
    whole = left(runs, per_device, 2)
    keeper = Stopping(at)
    with pytest.raises(InterruptedError):
        left(runs, per_device, 2, keeper)
    again = left(runs, per_device, 2, Stopping(kept=keeper.kept))
    assert repr(again) == repr(whole)
    assert any(record["failed"] for record, _ in whole.values())


def test_nan_in_one_run_of_eight_leaves_its_neighbours_their_bits():
    runs = made_up_runs((0.01,), seeds=8)
    keeper = Stopping(3)
    with pytest.raises(InterruptedError):
        left(runs, 8, 1, keeper)
    batch, step, seconds, arrays = keeper.kept
    healthy = left(runs, 8, 1, Stopping(kept=keeper.kept))
    planted = {name: array.copy() for name, array in arrays.items()}
    (weights,) = (name for name in arrays if "params" in name and name.endswith("u_HGH"))
    planted[weights][3, 0, 0, 0] = np.nan
    beside = left(runs, 8, 1, Stopping(kept=(batch, step, seconds, planted)))
    assert beside[runs[3].id][0]["failed"] == {"reason": "nonfinite", "step": 3}
    for run in [*runs[:3], *runs[4:]]:
        assert (healthy[run.id][0]["failed"] or {}).get("reason") != "nonfinite"
        assert repr(beside[run.id]) == repr(healthy[run.id])
