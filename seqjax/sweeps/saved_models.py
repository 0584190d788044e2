"""Saved models: the trained parameters of a run, its configuration and data of its task."""

import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np

from seqjax.models.sequence import SequenceModel, model_params, with_params
from seqjax.records.codec import to_builtins
from seqjax.sweeps.study import Run
from seqjax.training.checkpoint import CheckpointError, Checkpoints, CorruptError, Metadata, Shapes
from seqjax.training.config import Config, as_settings, make_config
from seqjax.training.overrides import Overrides
from seqjax.training.state import named_leaves
from seqjax.training.step import abstract_model

PARAMETER_PREFIX = "parameter."
TASK_PREFIX = "task."


class SavedModel(NamedTuple):
    """A trained model.

    Attributes:
      config: configuration of its run.
      model: the model with its trained parameters.
      task_metadata, task_arrays: data that its task saves, such as a vocabulary; see
        ``Task.saved_data``.
      run: id of its run.
    """

    config: Config
    model: SequenceModel
    task_metadata: dict[str, Any]
    task_arrays: dict[str, np.ndarray]
    run: str


def save(folder: pathlib.Path, run: Run, params: Any) -> None:
    """Save trained parameters with the run's configuration and the data of its task.

    Args:
      folder: created if missing.
      run: the run that was trained.
      params: its parameters, without a run axis.

    Raises:
      CheckpointError: the folder cannot be written.
    """
    task_metadata, task_arrays = run.config.task.saved_data()
    arrays = {PARAMETER_PREFIX + name: leaf for name, leaf in named_leaves(params).items()}
    arrays |= {TASK_PREFIX + name: array for name, array in task_arrays.items()}
    metadata = {
        "run": run.id,
        "study": run.study,
        "seed": run.seed,
        "settings": to_builtins(as_settings(run.config)),
        "task": task_metadata,
        "shapes": {name: [array.dtype.name, *array.shape] for name, array in task_arrays.items()},
    }
    checkpoints = Checkpoints(folder)
    checkpoints.save({name: np.asarray(array) for name, array in arrays.items()}, metadata)
    checkpoints.close()


def load(folder: pathlib.Path) -> SavedModel:
    """Load the model that ``save`` wrote to a folder. Its data set is not needed.

    Raises:
      CheckpointError: the folder holds no model, a corrupt one, or another kind of checkpoint.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder")
    checkpoints = Checkpoints(folder)
    arrays, metadata = checkpoints.load(_shapes)
    checkpoints.close()
    config = make_config(Overrides.parse(metadata["settings"]))
    model = abstract_model(config)
    abstract_params = model_params(model)
    leaves = [arrays[PARAMETER_PREFIX + name] for name in named_leaves(abstract_params)]
    params = jax.tree.unflatten(jax.tree.structure(abstract_params), leaves)
    return SavedModel(
        config=config,
        model=with_params(model, params),
        task_metadata=metadata["task"],
        task_arrays={name: arrays[TASK_PREFIX + name] for name in metadata["shapes"]},
        run=metadata["run"],
    )


def _shapes(metadata: Metadata) -> Shapes:
    """Shapes of a saved model's arrays."""
    if "settings" not in metadata:
        raise CorruptError("expected a saved model, got a checkpoint of training")
    params = named_leaves(
        model_params(abstract_model(make_config(Overrides.parse(metadata["settings"]))))
    )
    task_arrays = {
        name: jax.ShapeDtypeStruct(tuple(shape), np.dtype(dtype))
        for name, (dtype, *shape) in metadata["shapes"].items()
    }
    return {
        **{PARAMETER_PREFIX + name: shape for name, shape in params.items()},
        **{TASK_PREFIX + name: shape for name, shape in task_arrays.items()},
    }
