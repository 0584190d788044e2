"""Running out of memory, and resuming from a checkpoint."""

import dataclasses
import functools
import re
from unittest import mock

import jax
import pytest
from support import made_up
from support.checksums import with_checksum_after

from experiments.cli import trainer
from experiments.cli.checkpointer import ShardCheckpointer
from experiments.cli.workdir import Workdir, WorkdirError
from seqjax.models.sequence import ModelSpec
from seqjax.records import jsonl, locks
from seqjax.records.workdir import StudyIdentity, WorkdirConfig
from seqjax.sweeps import executor
from seqjax.sweeps.checkpointer import Checkpointer
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Axis, Study

pytestmark = pytest.mark.slow

CONFIG = WorkdirConfig(
    same=StudyIdentity(study="init_by_clip", rules=1, axes=[], tuning_seeds=0, arms={}),
    seeds=[0, 1, 2, 3],
    tune=None,
    environment={"platform": "gpu"},
    runs_per_device={},
)


@pytest.fixture
def study(tmp_path):
    """A workdir with eight runs a device, and its runs."""
    base = {"task.name": "adding", "task.length": 6, "train.steps": 2, "model.hidden": 4}
    axes = (Axis("optim.learning_rate", (0.1, 0.2)),)
    runs = plan_runs(Study("init_by_clip", "Why?", base, axes=axes), range(4))
    (tmp_path / locks.FOLDER).mkdir()
    early, workdir = Workdir(tmp_path), Workdir(tmp_path)
    key = executor.structure_key(runs[0].config)
    config = made_up.replace(CONFIG, runs_per_device={key: 8})
    workdir.open(config, "")
    early.check(config, None, allow_mixed=False)  # which another process has just started
    return workdir, runs


def train_in_memory(workdir, runs, fitting, monkeypatch, bar):
    """Run ids with their runs per device, where more than ``fitting`` runs exhaust the memory."""

    def train_group(group, per_device, devices, on_chunk, checkpointer):
        if per_device > fitting:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        yield from ((run.id, per_device) for run in group)

    monkeypatch.setattr(executor, "train_group", train_group)
    halve = functools.partial(workdir.halve, 0, runs)
    return list(trainer._train_in_memory(workdir, runs, halve, bar, Checkpointer()))


def test_runs_per_device_are_halved_until_they_fit(study, monkeypatch):
    workdir, runs = study
    bar = mock.Mock()
    assert train_in_memory(workdir, runs, 2, monkeypatch, bar) == [(run.id, 2) for run in runs]
    assert [call.args[0].split()[0] for call in bar.log.call_args_list] == ["8", "4"]
    assert Workdir(workdir.path).runs_per_device(runs[0].config) == 2
    with pytest.raises(WorkdirError, match="group 1"):  # not even one run fits
        train_in_memory(workdir, runs, 0, monkeypatch, bar)


def test_runs_per_device_are_not_halved_once_a_run_is_recorded(study, monkeypatch):
    workdir, runs = study
    monkeypatch.setattr(jsonl, "read_all", lambda path: [made_up.record(id=runs[3].id)])
    with pytest.raises(WorkdirError, match="recorded"):
        train_in_memory(workdir, runs, 2, monkeypatch, mock.Mock())
    assert Workdir(workdir.path).runs_per_device(runs[0].config) == 8


def test_runs_per_device_stay_when_other_groups_are_added(study):
    workdir, runs = study
    wider = dataclasses.replace(runs[0].config, model=ModelSpec(hidden=5))
    keys = [executor.structure_key(config) for config in (wider, runs[0].config)]
    config = made_up.replace(CONFIG, runs_per_device=dict(zip(keys, (4, 16), strict=True)))
    workdir.open(config, "")
    assert workdir.runs_per_device(runs[0].config) == 8  # as before
    assert workdir.runs_per_device(wider) == 4


def test_an_older_list_of_runs_per_device_gives_way_to_the_rule(study):
    workdir, runs = study
    path = workdir.path / "config.json"

    def change(text):
        return re.sub(r'"runs_per_device": {[^}]*}', '"runs_per_device": [3]', text)

    path.write_text(with_checksum_after(change, path.read_text()))
    older, rule = Workdir(workdir.path), executor.runs_per_device(runs[0].config, "gpu")
    assert older.config.runs_per_device == [3] and rule != 3
    assert older.runs_per_device(runs[0].config) == rule
    older.open(made_up.replace(CONFIG, runs_per_device={"a key": 7}), "")
    assert Workdir(workdir.path).config.runs_per_device == {"a key": 7}


# --- resuming from a checkpoint ---


def checkpointer_of(folder, runs, environment=None):
    """A checkpointer that saves after every chunk, and the lines that it prints."""
    lines = []
    return ShardCheckpointer(folder, 0, runs, environment or {}, lines.append), lines


def train(checkpointer, runs, per_device=4):
    """Records by run id, without their time."""
    trained = executor.train_group(runs, per_device, jax.devices()[:1], checkpointer=checkpointer)
    records = {record.id: made_up.without_time(record) for record, _ in trained}
    checkpointer.checkpoints.close()
    return records


@pytest.fixture
def checkpointed(study, tmp_path):
    """The folder of a checkpoint after two steps of the first four runs, and their records."""
    folder = tmp_path / "checkpoints" / "0-of-1"
    _, runs = study
    return folder, runs, train(checkpointer_of(folder, runs[:4], {"jaxlib": "1"})[0], runs[:4])


@pytest.mark.slow
def test_only_runs_without_a_record_resume(checkpointed):
    folder, runs, records = checkpointed
    # Runs 0 and 1 have a record; 4 and 5 are not in the checkpoint.
    checkpointer, lines = checkpointer_of(folder, runs[2:6], {"jaxlib": "1"})
    resumed = train(checkpointer, runs[2:6])
    assert len(lines) == 1 and lines[0].startswith("2 run(s)") and lines[0].endswith("step 2")
    assert len(resumed) == 4
    for run in runs[2:4]:
        assert resumed[run.id] == records[run.id]
    assert checkpointer_of(folder, runs[6:], {"jaxlib": "1"})[0].restored is None


def test_a_checkpoint_of_another_jaxlib_is_not_used(checkpointed):
    folder, runs, _ = checkpointed
    checkpointer, lines = checkpointer_of(folder, runs[:4], {"jaxlib": "2"})
    assert checkpointer.restored is None
    assert len(lines) == 1 and "jaxlib" in lines[0]


def test_runs_of_a_batch_that_no_longer_fits_start_again(checkpointed):
    folder, runs, _ = checkpointed
    checkpointer, lines = checkpointer_of(folder, runs[:4], {"jaxlib": "1"})
    assert checkpointer.restore(runs[:4], 2) == ([], None)
    assert len(lines) == 1 and lines[0].startswith("4 runs")
