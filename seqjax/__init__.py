"""seqjax: recurrent networks in JAX whose gates, initialisation and clipping are data.

The public API by name; a name imports its module on first use. See ``seqjax/README.md``.

The import order is the reading order, and a test enforces it: ``version``, ``types``, ``cells``,
``recurrence``, ``init``, ``models``, ``metrics``, ``optim``, ``stats``, ``data``, ``baselines``,
``tasks``, ``diagnostics``, ``training``, ``records``, ``published``, ``sweeps``, ``reporting``.
"""

import importlib
from typing import Any

from seqjax.version import __version__

_HOME = {
    "ClipSpec": "optim.clipping",
    "clip": "optim.clipping",
    "OptimSpec": "optim.optimizer",
    "make_optimizer": "optim.optimizer",
    "CELLS": "cells",
    "Cell": "cells",
    "Gate": "cells",
    "Hidden": "cells",
    "InitSpec": "init",
    "init_cell": "init",
    "unroll": "recurrence.unroll",
    "ModelSpec": "models.sequence",
    "SequenceModel": "models.sequence",
    "RecurrentLayers": "models.recurrent",
    "TASKS": "tasks",
    "Task": "tasks",
    "GeneratedTask": "tasks",
    "DataSetTask": "tasks",
    "Batch": "tasks",
    "register_cell": "training.registry",
    "register_task": "training.registry",
    "Arm": "sweeps.study",
    "Axis": "sweeps.study",
    "Study": "sweeps.study",
    "run": "sweeps.run",
    "sweep": "sweeps.sweep",
    "chance_of_classes": "tasks.arrays",
    "chance_of_values": "tasks.arrays",
    "Record": "records",
}
"""The module of each public name."""

_MODULES = {"records": "records", "tables": "reporting.tables", "plots": "reporting.plots"}
"""Path of each public module within the package."""

__all__ = ["__version__", "load_records", *_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name == "load_records":
        return importlib.import_module("seqjax.records").read_all
    if name in _MODULES:
        return importlib.import_module(f"seqjax.{_MODULES[name]}")
    if name in _HOME:
        return getattr(importlib.import_module(f"seqjax.{_HOME[name]}"), name)
    raise AttributeError(f"module 'seqjax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
