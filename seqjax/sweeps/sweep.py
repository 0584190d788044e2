"""``sweep``: train any NNX or linen module under arms × axes × seeds."""

import contextlib
import dataclasses
import functools
import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from seqjax.records import codec
from seqjax.records.environment import DATA, SAME, describe_environment
from seqjax.records.record import Chance, Record
from seqjax.records.source import source_of
from seqjax.sweeps.checkpointer import Checkpointer, FolderCheckpointer
from seqjax.sweeps.executor import train_group
from seqjax.sweeps.flax_plan import make_sweep
from seqjax.sweeps.flax_runs import TracedGroup, check_metrics, trace_groups
from seqjax.sweeps.record_store import RecordStore, check_recorded, open_store
from seqjax.sweeps.run import seeds_of
from seqjax.sweeps.study import Run
from seqjax.tasks import TASKS, digest_of_data
from seqjax.tasks.arrays import ArrayTask, Examples
from seqjax.training.config import as_settings
from seqjax.training.overrides import ConfigError

LOSS = "loss"


def sweep(
    make_model: Callable[..., Any],
    loss: Callable[..., Any],
    data: Mapping[str, Examples],
    *,
    name: str,
    chance: float | Mapping[str, float],
    best_loss: float,
    arms: Mapping[str, Mapping[str, Any]] | None = None,
    axes: Mapping[str, Sequence[Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
    tune: str | None = None,
    seeds: int | Iterable[int] = 3,
    metric: str = LOSS,
    higher_is_better: bool | None = None,
    workdir: str | os.PathLike | None = None,
    checkpoint_every: float = 60.0,
) -> list[Record]:
    """Train a Flax module under arms × axes × seeds, and return the records of all runs.

    Settings are arguments of ``make_model`` by name, and fields of clip, optim and train by path,
    such as "clip.threshold". Floats are traced, so that runs that differ in floats alone share a
    compiled program. Where a module cannot be traced with them, each combination of floats has its
    own program, and runs that cannot be stacked train one by one; a warning says so.

    The order of the data and the initial weights depend on the seed alone.

    Args:
      make_model: ``make_model(*, rngs, ...)`` returns an ``nnx.Module``, or ``make_model(...)``
        without ``rngs`` a ``linen.Module``; a class of modules is such a function.
      loss: ``loss(model, batch)`` returns a mean over the examples of the batch, or that and means
        of metrics by name. NNX modules are in the mode of ``train()`` or ``eval()``; of a linen
        module, ``model`` is a ``LinenModel``, which is called as the module without variables.
      data: examples of "train", "validation" and "test": arrays, or trees of arrays such as (x, y),
        with one example along the leading axis of each. A batch has the same form.
      name: name of the sweep in records and tables.
      chance: loss and metric of the best constant prediction by name, see ``chance_of_classes`` and
        ``chance_of_values``; a number if the metric is the loss.
      best_loss: the lowest loss that any predictor can reach, and the lowest metric if lower is
        better.
      arms: settings of each condition by its name; None for a single one.
      axes: values of settings; every arm that does not set them is trained with each combination.
      settings: settings of all arms.
      tune: axis whose value tables select on validation data, on the reported seeds.
      seeds: number of seeds, or the seeds.
      metric: the metric of tables, "loss" or a name that ``loss`` returns.
      higher_is_better: direction of a metric other than the loss. A metric that is better when
        higher is at most 1, the best value.
      workdir: folder for records and checkpoints. Recorded runs are not trained again; more seeds,
        values or arms extend it. None to write nothing.
      checkpoint_every: seconds between two checkpoints in the workdir.

    Raises:
      ConfigError: an unknown name or a value out of range, data that are not finite, a chance level
        that is not worse than the best, records of other runs in the workdir; the message names it.
      LockedError: another process is running in the workdir.
      RecordError: the workdir has records that cannot be read.
    """
    task = _task(name, data, metric, higher_is_better, chance, best_loss)
    plan = make_sweep(task, make_model, loss, arms, axes, settings, tune)
    runs = plan.plan(seeds_of(seeds))
    environment = describe_environment() | {DATA: digest_of_data([task])}
    with open_store(workdir) as store:
        groups = []
        if any(run.id not in store.records for run in runs):
            groups = trace_groups(runs, environment["platform"])
        common = {"tune": plan.tune, "environment": environment}
        _check_recorded(store, runs, groups, common)
        store.write_plan(runs)
        _train(store, groups, common, checkpoint_every)
        return [store.records[run.id] for run in runs]


def _task(
    name: str,
    data: Mapping[str, Examples],
    metric: str,
    higher: bool | None,
    chance: float | Mapping[str, float],
    best_loss: float,
) -> ArrayTask:
    """The task of a sweep.

    Raises:
      ConfigError: a level or a direction is missing; see also ``ArrayTask``.
    """
    if not isinstance(name, str) or not name or not name.isprintable() or name in TASKS:
        raise ConfigError(f"name: expected text that is no task of seqjax, got {name!r}")
    if metric == LOSS and higher:
        raise ConfigError("higher_is_better: expected False for the metric 'loss', got True")
    if metric != LOSS and higher is None:
        raise ConfigError(f"higher_is_better: expected True or False for {metric!r}, got None")
    levels = chance if isinstance(chance, Mapping) else {LOSS: chance}
    if missing := {LOSS, metric} - levels.keys():
        lacks = " and ".join(sorted(missing))
        raise ConfigError(f"chance: expected levels of loss and {metric}, got none of {lacks}")
    levels = {level: float(levels[level]) for level in {LOSS, metric}}
    return ArrayTask(name, data, metric, bool(higher), levels, float(best_loss))


def _check_recorded(
    store: RecordStore,
    runs: Sequence[Run],
    groups: Sequence[TracedGroup],
    common: Mapping[str, Any],
) -> None:
    """Raise ConfigError if the workdir has records of other runs than these.

    Args:
      store: the records.
      runs: all runs.
      groups: the same, with what they share with the first run; empty if all are recorded.
      common: fields that all records share.
    """
    task = runs[0].config.task
    paired = {run.id: run.paired for group in groups for run in group.runs}
    paired = paired or {name: record.paired for name, record in store.records.items()}
    runs = [dataclasses.replace(run, paired=paired[run.id]) for run in runs]
    check_recorded(store, runs, {task: {DATA: common["environment"][DATA]}})
    levels = {
        "chance": Chance(task.chance_metric(), task.chance_loss("")),
        "best_loss": task.best_loss(""),
    }
    for record in store.records.values():
        store.check(record, **levels, tune=common["tune"])


def _train(
    store: RecordStore, groups: Sequence[TracedGroup], common: Mapping[str, Any], every: float
) -> None:
    """Train the runs without a record.

    Args:
      store: the records.
      groups: the runs.
      common: fields that all records share.
      every: seconds between two checkpoints.
    """
    groups = [
        group._replace(runs=[run for run in group.runs if run.id not in store.records])
        for group in groups
    ]
    groups = [group for group in groups if group.runs]
    with _checkpointer(store, groups, common["environment"], every) as checkpointer:
        for group in groups:
            for record, _ in train_group(
                group.runs, group.per_device, group.devices, check_metrics, checkpointer
            ):
                store.add(msgspec.structs.replace(record, **common))


@contextlib.contextmanager
def _checkpointer(
    store: RecordStore, groups: Sequence[TracedGroup], environment: Mapping[str, Any], every: float
) -> Iterator[Checkpointer]:
    """Callbacks that checkpoint these runs in the workdir of the records, if there is one."""
    if store.file is None or not groups:
        yield Checkpointer()
        return
    # The name of a run in a checkpoint has everything that its numbers depend on.
    pending = {f"{run.id} {_digest(run)}": run for group in groups for run in group.runs}
    with FolderCheckpointer(
        store.file.with_name("checkpoints"),
        every,
        pending,
        {name: environment.get(name) for name in SAME},
        functools.partial(print, file=sys.stderr, flush=True),
    ) as checkpointer:
        yield checkpointer


def _digest(run: Run) -> str:
    """16 hexadecimal digits for the settings and the code of a run."""
    facts = codec.dumps([as_settings(run.config), source_of(run.config)])
    return hashlib.sha256(facts.encode()).hexdigest()[:16]
