"""Who works on a workdir, and how many of its runs fit side by side."""

import json
import os
import socket
import subprocess
import sys

import jax
import pytest

from experiments.cli import locks, trainer
from experiments.cli.checkpointer import ShardKeeper
from experiments.cli.workdir import Workdir, WorkdirError
from seqjax.records import jsonl
from seqjax.sweeps import executor
from seqjax.sweeps.checkpointer import Keeper
from seqjax.sweeps.study import Axis, Study, plan


def test_a_shard_has_one_process(tmp_path):
    with locks.hold(tmp_path, (0, 2)):
        held = f"process {os.getpid()} on {socket.gethostname()!r} is running shard 0/2"
        with pytest.raises(locks.LockedError, match=held), locks.hold(tmp_path, (0, 2)):
            pass
        with locks.hold(tmp_path, (1, 2)):  # another shard of the same number
            pass
    with locks.hold(tmp_path, (0, 2)):
        pass


def test_while_one_is_at_work_the_number_of_shards_is_fixed(tmp_path):
    with locks.hold(tmp_path, (1, 2)):
        for other in ((0, 1), (2, 3)):
            with (
                pytest.raises(locks.LockedError, match="is running shard 1/2"),
                locks.hold(tmp_path, other),
            ):
                pass
    with locks.hold(tmp_path, (0, 1)):
        pass


def test_a_lock_that_a_dead_process_left_is_none(tmp_path):
    code = (
        "import os, pathlib, sys\n"
        "from experiments import lock\n"
        "with lock.hold(pathlib.Path(sys.argv[1]), (0, 1)):\n"
        "    os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == 9
    (file,) = (tmp_path / locks.FOLDER).glob("*.lock")
    assert json.loads(file.read_text())["pid"] != os.getpid()
    with locks.hold(tmp_path, (0, 1)):
        assert json.loads(file.read_text())["pid"] == os.getpid()


def test_a_lock_file_of_nonsense_is_taken_over(tmp_path):
    (tmp_path / locks.FOLDER).mkdir()
    (tmp_path / locks.FOLDER / "0-of-1.lock").write_bytes(b"\xff[" * 5000)
    with locks.hold(tmp_path, (0, 1)):
        pass


class Silent:
    """A display that nobody sees."""

    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)

    def advance(self, steps):
        pass


@pytest.fixture
def early(tmp_path):
    """The workdir as a command saw it that came before it was begun."""
    return Workdir(tmp_path)


@pytest.fixture
def study(early, tmp_path):
    """A workdir begun with eight runs together, and its runs."""
    base = {"task.name": "adding", "task.length": 6, "train.steps": 2, "model.hidden": 4}
    axes = (Axis("optim.learning_rate", (0.1, 0.2)),)
    runs = plan(Study("init_by_clip", "Why?", base, axes=axes), range(4))
    (tmp_path / locks.FOLDER).mkdir()
    workdir = Workdir(tmp_path)
    same = {"study": "init_by_clip", "rules": "", "axes": [], "tuning_seeds": 0, "arms": {}}
    now = {"same": same, "seeds": [0, 1, 2, 3], "tune": None}
    workdir.open(now, {"environment": {}, "runs_per_device": [8]}, "")
    return workdir, runs


def test_a_study_begun_meanwhile_is_nothing_else(early, study):
    assert (early.path / "flags.txt").exists() and early.config is None
    early.check({}, range(4), {}, False)  # the lock says who is at work


def executed(workdir, runs, fitting, monkeypatch, shown):
    """What ``runner`` trains where more than ``fitting`` runs do not fit."""

    def execute(group, per_device, devices, advanced, keeper):
        if per_device > fitting:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        yield from ((run.id, per_device) for run in group)

    monkeypatch.setattr(executor, "execute", execute)
    return list(
        trainer._executed(workdir, 0, runs, lambda: workdir.halve(0, runs), shown, Keeper())
    )


def test_what_does_not_fit_is_halved_and_said(study, monkeypatch):
    workdir, runs = study
    shown = Silent()
    assert executed(workdir, runs, 2, monkeypatch, shown) == [(run.id, 2) for run in runs]
    assert [text.split(" do not")[0] for text in shown.said] == [
        "8 runs a device",
        "4 runs a device",
    ]
    assert Workdir(workdir.path).config["runs_per_device"] == [2]


def test_not_even_one_run_is_a_mistake(study, monkeypatch):
    with pytest.raises(WorkdirError, match="not even one run of group 1 fits"):
        executed(*study, 0, monkeypatch, Silent())


def test_nothing_is_halved_once_a_run_is_recorded(study, monkeypatch):
    workdir, runs = study
    monkeypatch.setattr(jsonl, "read_all", lambda path: [{"id": runs[3].id}])
    with pytest.raises(WorkdirError, match="of which some are recorded"):
        executed(workdir, runs, 2, monkeypatch, Silent())
    assert Workdir(workdir.path).config["runs_per_device"] == [8]


# --- which checkpoint is gone on from ---


def kept(folder, runs, environment=None):
    """A keeper of this shard that has saved two steps of the runs."""
    said = []
    keeper = ShardKeeper(folder, 0, runs, environment or {}, said.append)
    return keeper, said


def trained(keeper, runs, per_device=4):
    done = executor.execute(runs, per_device, jax.devices()[:1], keeper=keeper)
    found = {record["id"]: {**record, "seconds": 0} for record, _ in done}
    keeper.checkpoints.close()
    return found


def test_runs_that_are_not_recorded_go_on_and_others_are_not_asked_for(study, tmp_path):
    _, runs = study
    folder = tmp_path / "checkpoints" / "0-of-1"
    keeper, _ = kept(folder, runs[:4])
    whole = trained(keeper, runs[:4])
    keeper, said = kept(folder, runs[2:6])  # two of the four were recorded
    again = trained(keeper, runs[2:6])
    assert said == ["2 run(s) go on from step 2"]
    assert {name: again[name] for name in whole if name in again} == {
        run.id: whole[run.id] for run in runs[2:4]
    }
    assert len(again) == 4
    assert kept(folder, runs[6:])[0].found is None


def test_a_checkpoint_of_another_jaxlib_is_not_gone_on_from(study, tmp_path):
    _, runs = study
    folder = tmp_path / "checkpoints" / "0-of-1"
    trained(kept(folder, runs[:4], {"jaxlib": "1"})[0], runs[:4])
    keeper, said = kept(folder, runs[:4], {"jaxlib": "2"})
    assert keeper.found is None
    assert len(said) == 1 and "they start again" in said[0]


def test_runs_that_were_begun_on_more_devices_start_again(study, tmp_path):
    _, runs = study
    folder = tmp_path / "checkpoints" / "0-of-1"
    trained(kept(folder, runs[:4])[0], runs[:4])
    keeper, said = kept(folder, runs[:4])
    assert keeper.begun(runs[:4], 2) == ([], None)
    assert said == ["4 runs were begun on more devices; they start again"]
