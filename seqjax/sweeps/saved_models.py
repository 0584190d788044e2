"""Trained models that outlive their sweep: what is needed to use one, in a folder of its own."""

import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np

from seqjax.models.sequence import SequenceModel, model_params, with_params
from seqjax.records.jsonl import plain
from seqjax.sweeps.study import Run
from seqjax.training.checkpoint import CheckpointError, Checkpoints, DamagedError, Facts, Shapes
from seqjax.training.config import Config, as_settings, make_config
from seqjax.training.state import named
from seqjax.training.step import abstract_model

PARAMETER, BELONGING = "parameter.", "task."


class Kept(NamedTuple):
    """A trained model.

    Attributes:
      facts, arrays: what its task has it take along; see ``Task.belongings``.
      run: the id of the run in its study.
    """

    config: Config
    model: SequenceModel
    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]
    run: str


def keep(folder: pathlib.Path, run: Run, params: Any) -> None:
    """Writes the parameters that a run ended with, its configuration and what its task adds.

    Raises:
      CheckpointError: it could not be written.
    """
    facts, arrays = run.config.task.belongings()
    leaves = {PARAMETER + name: leaf for name, leaf in named(params).items()}
    leaves |= {BELONGING + name: array for name, array in arrays.items()}
    checkpoints = Checkpoints(folder, _nothing)
    said = {
        "run": run.id,
        "study": run.study,
        "seed": run.seed,
        "settings": plain(as_settings(run.config)),
        "task": facts,
        "shapes": {name: [array.dtype.name, *array.shape] for name, array in arrays.items()},
    }
    checkpoints.save({name: np.asarray(array) for name, array in leaves.items()}, said)
    checkpoints.close()


def load(folder: pathlib.Path) -> Kept:
    """The model in a folder that ``keep`` wrote; needs no data.

    Raises:
      CheckpointError: there is none, or it is damaged or of another kind.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder")
    checkpoints = Checkpoints(folder, _nothing)
    arrays, facts = checkpoints.read(_shapes)
    checkpoints.close()
    config = make_config(facts["settings"])
    model = abstract_model(config)
    names = named(model_params(model))
    leaves = [arrays[PARAMETER + name] for name in names]
    params = jax.tree.unflatten(jax.tree.structure(model_params(model)), leaves)
    own = {name: arrays[BELONGING + name] for name in facts["shapes"]}
    return Kept(config, with_params(model, params), facts["task"], own, facts["run"])


def _shapes(facts: Facts) -> Shapes:
    """What the checkpoint must hold by its facts."""
    if "settings" not in facts:
        raise DamagedError("it is no trained model that a study kept")
    params = named(model_params(abstract_model(make_config(facts["settings"]))))
    own = {
        name: jax.ShapeDtypeStruct(tuple(shape), np.dtype(dtype))
        for name, (dtype, *shape) in facts["shapes"].items()
    }
    return {
        **{PARAMETER + name: shape for name, shape in params.items()},
        **{BELONGING + name: shape for name, shape in own.items()},
    }


def _nothing(text: str) -> None:
    del text
