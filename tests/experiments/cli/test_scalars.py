"""Scalars for TensorBoard: those of the records, once each, and the error without tensorboardX."""

import importlib.util
import struct

import jax
import numpy as np
import pytest
from support.commands import STUDY, command, refused

from experiments.cli.scalars import TAGS, TensorBoard
from seqjax.records import jsonl
from seqjax.sweeps import executor
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Study

BASE = {
    "task.name": "adding",
    "task.length": 4,
    "model.hidden": 4,
    "train.steps": 5,
    "train.eval_every": 2,
    "train.batch_size": 4,
}


def test_without_the_package_the_error_names_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refused(tmp_path, *STUDY, "--log=tensorboard", words=("--log", "pip install tensorboardX"))


def scalars(folder) -> dict[str, list[tuple[int, float]]]:
    """Steps and values in the event file of a folder, by tag."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    (file,) = folder.iterdir()
    content, found = file.read_bytes(), {}
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        event = event_pb2.Event.FromString(content[12 : 12 + length])
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
        content = content[16 + length :]
    return found


def of_record(record) -> dict[str, list[tuple[int, float]]]:
    curve = {TAGS.get(name, name.replace("_", "/", 1)): v for name, v in record.curve.items()}
    steps = curve.pop("step")
    return {
        tag: [(int(s), float(np.float32(v))) for s, v in zip(steps, values, strict=True)]
        for tag, values in curve.items()
    }


@pytest.fixture
def runs():
    pytest.importorskip("tensorboardX")
    return plan_runs(Study("made_up", "Why?", BASE), range(2))


@pytest.mark.slow
def test_each_run_has_the_scalars_of_its_record_once_also_when_it_resumes(runs, tmp_path):
    logs = [TensorBoard(tmp_path), TensorBoard(tmp_path)]  # of a first and a second process

    def on_chunk(batch, state):
        logs[state.step > 2].on_chunk(batch, state)
        for file in tmp_path.rglob("events*") if state.step == 2 else ():
            file.rename(f"{file}.earlier")  # the name of an event file is its second

    for record, _ in executor.train_group(runs, 1, jax.devices()[:2], on_chunk):
        assert scalars(logs[0].path(record.id)) == of_record(record)
        assert [step for step, _ in of_record(record)["training/loss"]] == [2, 4, 5]


def test_runs_that_were_recorded_before_are_added_by_the_command(finished):
    pytest.importorskip("tensorboardX")
    assert command(*STUDY, "--log=tensorboard", f"--workdir={finished}").code == 0
    records = jsonl.read_all(finished)
    assert len(list((finished / "tensorboard").iterdir())) == len(records) == 8
    log = TensorBoard(finished / "tensorboard")
    for record in records:
        assert scalars(log.path(record.id)) == of_record(record)
