"""Checkpoints of named arrays with metadata: Orbax files, with SHA-256 digests in the metadata.

Orbax writes a checkpoint under a temporary name and renames it when it is complete. It does not
detect files that change later. Therefore a digest of every array and of the metadata is saved and
compared on loading. The last two checkpoints are preserved; if the newest is corrupt, the previous
one is loaded.

Files of a few kilobytes can declare gigabytes: an array's shape, its chunks, their compression, or
the nodes of the database around them. Arrays are therefore read with TensorStore, in which Orbax
stores them, because it compares all of these with what is expected before it reads a number.
"""

import hashlib
import json
import math
import pathlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

MAX_TO_KEEP = 2
MOST_METADATA = 2**26
"""Bound on the bytes of a checkpoint's metadata."""
SMALL, MOST_COMPRESSION = 2**26, 100
"""Arrays may take ``SMALL`` bytes of memory, and ``MOST_COMPRESSION`` for each byte on disk."""
MOST_NODE = 100_000_000
"""Orbax's bound on the bytes of a node of its database."""

Arrays = Mapping[str, np.ndarray]
Shapes = Mapping[str, jax.ShapeDtypeStruct]
Metadata = Mapping[str, Any]


class CheckpointError(Exception):
    """A checkpoint that cannot be written or loaded."""


class CorruptError(ValueError):
    """A checkpoint that has changed since it was saved."""


class Checkpoints:
    """Checkpoints in a folder, numbered 0, 1, ...

    Args:
      folder: created with the first checkpoint.
      log: function that prints a line about a corrupt checkpoint.
    """

    def __init__(self, folder: pathlib.Path, log: Callable[[str], None] = lambda text: None):
        self.folder = folder.absolute()
        self.log = log
        self._orbax_checkpointer = None
        self._saving: Future | None = None
        self._writer = ThreadPoolExecutor(1, "checkpoint")

    def save(self, arrays: Arrays, metadata: Metadata) -> None:
        """Start to write a checkpoint in the background, after the previous one is written.

        Args:
          arrays: arrays by name.
          metadata: JSON values by name.

        Raises:
          CheckpointError: the previous checkpoint could not be written.
        """
        self.wait()
        digests = {name: _array_digest(array) for name, array in arrays.items()}
        self._saving = self._writer.submit(
            self._write, dict(arrays), dict(metadata, arrays=digests)
        )

    def wait(self) -> None:
        """Wait until the checkpoint in progress is on disk.

        Raises:
          CheckpointError: it could not be written.
        """
        saving, self._saving = self._saving, None
        if saving is None:
            return
        try:
            saving.result()
        except Exception as error:  # Orbax raises errors of many kinds
            self._orbax_checkpointer = None  # closing it would raise the error again
            raise CheckpointError(f"cannot write to {self.folder}: {_first_line(error)}") from error

    def restore_latest(
        self, shapes: Callable[[Metadata], Shapes | None]
    ) -> tuple[Arrays, Metadata] | None:
        """Load the newest checkpoint that is not corrupt, and move the corrupt ones aside.

        Args:
          shapes: function from a checkpoint's metadata to the shapes of its arrays; it returns None
            if the checkpoint is not needed, and then nothing is loaded.

        Returns:
          Arrays and metadata; None if there is nothing to load.
        """
        numbers = sorted(self._numbers(), reverse=True)
        for position, number in enumerate(numbers):
            try:
                return self._load(number, shapes)
            except Exception as error:  # corrupt files make Orbax raise errors of many kinds
                aside = self._move_aside(number)
                last = position + 1 == len(numbers)
                consequence = (
                    "there is no other, so the runs start again"
                    if last
                    else "the previous checkpoint is loaded"
                )
                self.log(
                    f"checkpoint {self.folder / str(number)} is corrupt ({_first_line(error)}); "
                    f"it was moved to {aside}; {consequence}"
                )
        return None

    def load(self, shapes: Callable[[Metadata], Shapes]) -> tuple[Arrays, Metadata]:
        """Load the newest checkpoint without moving or writing anything.

        Args:
          shapes: function from the checkpoint's metadata to the shapes of its arrays.

        Raises:
          CheckpointError: there is no checkpoint, or it is corrupt.
        """
        numbers = self._numbers()
        if not numbers:
            raise CheckpointError(f"{self.folder} holds no checkpoint")
        try:
            return self._load(max(numbers), shapes)
        except Exception as error:  # corrupt files make Orbax raise errors of many kinds
            raise CheckpointError(
                f"cannot load {self.folder / str(max(numbers))}: {_first_line(error)}"
            ) from error

    def close(self) -> None:
        """Wait for the checkpoint in progress, and release Orbax's threads."""
        self.wait()
        if self._orbax_checkpointer is not None:
            self._orbax_checkpointer.close()
            self._orbax_checkpointer = None

    def _load(
        self, number: int, shapes: Callable[[Metadata], Shapes | None]
    ) -> tuple[Arrays, Metadata] | None:
        metadata = self._metadata(number)
        expected = shapes(metadata)
        return None if expected is None else (self._arrays(number, expected, metadata), metadata)

    def _write(self, arrays: Arrays, metadata: Metadata) -> None:
        number = max(self._numbers(), default=-1) + 1
        with_digest = {"facts": metadata, "digest": _metadata_digest(metadata)}
        nonempty = {name: a for name, a in arrays.items() if a.size}  # Orbax rejects empty arrays
        if not self._orbax().save(number, nonempty, custom_metadata=with_digest):
            raise OSError("Orbax saved nothing")

    def _orbax(self) -> Any:
        if self._orbax_checkpointer is None:
            from orbax.checkpoint import v1 as ocp  # takes 0.4 s, so only when needed

            training = ocp.training
            self._orbax_checkpointer = training.Checkpointer(
                self.folder,
                save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
                preservation_policy=training.preservation_policies.LatestN(MAX_TO_KEEP),
                cleanup_tmp_directories=True,
            )
        return self._orbax_checkpointer

    def _numbers(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return [int(entry.name) for entry in self.folder.iterdir() if entry.name.isdecimal()]

    def _metadata(self, number: int) -> Metadata:
        path = self.folder / str(number) / "_CHECKPOINT_METADATA"
        if path.stat().st_size > MOST_METADATA:
            raise CorruptError(f"its metadata have over {MOST_METADATA:,} bytes")
        saved = json.loads(path.read_bytes()).get("custom_metadata")
        if not isinstance(saved, dict) or saved.keys() != {"facts", "digest"}:
            raise CorruptError("its metadata are missing")
        if _metadata_digest(saved["facts"]) != saved["digest"]:
            raise CorruptError("its metadata have changed since they were written")
        return saved["facts"]

    def _arrays(self, number: int, shapes: Shapes, metadata: Metadata) -> Arrays:
        arrays = {name: np.zeros(s.shape, s.dtype) for name, s in shapes.items() if not s.size}
        arrays |= _read(
            self.folder / str(number),
            {name: shape for name, shape in shapes.items() if shape.size},
        )
        for name in shapes:
            if _array_digest(arrays[name]) != metadata["arrays"].get(name):
                raise CorruptError(f"{name} has changed since it was written")
        return arrays

    def _move_aside(self, number: int) -> pathlib.Path:
        """Move a checkpoint to another folder, and return its new path."""
        self.close()
        aside = self.folder.with_name(f"{self.folder.name}.corrupt")
        aside.mkdir(exist_ok=True)
        count = len(list(aside.iterdir()))
        return (self.folder / str(number)).rename(aside / f"{count}-{number}")


def _read(folder: pathlib.Path, shapes: Shapes) -> dict[str, np.ndarray]:
    """Return arrays of a checkpoint, after comparing how they are stored with their shapes."""
    import tensorstore

    databases = [manifest.parent for manifest in folder.glob("*/manifest.ocdbt")]
    if len(databases) != 1:
        raise CorruptError(f"expected one database of arrays, found {len(databases)}")
    (database,) = databases
    needed = sum(math.prod(shape.shape) * shape.dtype.itemsize for shape in shapes.values())
    stored = sum(path.stat().st_size for path in database.rglob("*"))
    if needed > SMALL + MOST_COMPRESSION * stored:
        raise CorruptError(f"its {stored:,} bytes cannot hold arrays of {needed:,} bytes")
    specs = (_array_spec(database, name, shape) for name, shape in shapes.items())
    opened = [tensorstore.open(spec, open=True, read=True) for spec in specs]
    reads = [array.result().read() for array in opened]
    return {name: read.result() for name, read in zip(shapes, reads, strict=True)}


def _array_spec(folder: pathlib.Path, name: str, shape: jax.ShapeDtypeStruct) -> dict[str, Any]:
    """TensorStore's specification of an array as Orbax writes it, in one compressed chunk."""
    chunk = {"chunk_shape": list(shape.shape)}
    codecs = {"codecs": ["bytes", "zstd"], "index_codecs": ["bytes", "crc32c"]}
    return {
        "driver": "zarr3",
        "kvstore": {
            "driver": "ocdbt",
            "base": {"driver": "file", "path": f"{folder}/"},
            "path": f"{name}/",
            "config": {"max_decoded_node_bytes": MOST_NODE},
        },
        "metadata": {
            "shape": list(shape.shape),
            "data_type": shape.dtype.name,
            "chunk_grid": {"name": "regular", "configuration": chunk},
            "codecs": [{"name": "sharding_indexed", "configuration": {**chunk, **codecs}}],
        },
    }


def _array_digest(array: np.ndarray) -> str:
    """SHA-256 of an array's numbers, type and shape."""
    array = np.ascontiguousarray(array)
    header = f"{array.dtype.name} {array.shape}".encode()
    return hashlib.sha256(header + array.tobytes()).hexdigest()


def _metadata_digest(metadata: Metadata) -> str:
    return hashlib.sha256(json.dumps(metadata, sort_keys=True).encode()).hexdigest()


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
