"""Checkpoints: named arrays and some facts about them, behind Orbax, with a digest of our own.

Orbax writes each checkpoint beside its place and renames it there once it is whole. It does not
notice what happens to the files later, so a digest of every array, and one of the facts, is written
along and compared on loading; so are digests of the files, before Orbax sees any of them. The last
two checkpoints are kept; where the newest is not sound, the one before it is used.
"""

import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

KEPT = 2
SEAL = ".sha256"
"""The ending of a checkpoint's digests of files; ``sha256sum --check`` reads them too."""

Arrays = Mapping[str, np.ndarray]
Shapes = Mapping[str, jax.ShapeDtypeStruct]
Facts = Mapping[str, Any]


class CheckpointError(Exception):
    """A checkpoint that could not be written, and why."""


class DamagedError(ValueError):
    """A checkpoint that is not what was saved."""


class Checkpoints:
    """The checkpoints in a folder.

    Args:
      folder: made with the first checkpoint.
      say: is told, a line each, of what is damaged and what is done about it.
    """

    def __init__(self, folder: pathlib.Path, say: Callable[[str], None]):
        self.folder, self.say = folder.absolute(), say
        self._open = None
        self._saving: Future | None = None
        self._writer = ThreadPoolExecutor(1, "checkpoint")

    def save(self, arrays: Arrays, facts: Facts) -> None:
        """Begins to write a checkpoint, once the one before it is written.

        Raises:
          CheckpointError: the one before it could not be written.
        """
        self.wait()
        signed = dict(facts, arrays={name: _digest(array) for name, array in arrays.items()})
        self._saving = self._writer.submit(self._write, dict(arrays), signed)

    def wait(self) -> None:
        """Returns once what is being written is on the disk, or raises CheckpointError."""
        saving, self._saving = self._saving, None
        if saving is None:
            return
        try:
            saving.result()
        except Exception as error:  # Orbax lets through what its parts raise, of any kind
            self._open = None  # closing it would raise this again
            said = f"cannot write to {self.folder}: {_first_line(error)}"
            raise CheckpointError(said) from error

    def newest(self, shapes: Callable[[Facts], Shapes | None]) -> tuple[Arrays, Facts] | None:
        """The newest sound checkpoint, as its arrays and facts; None where there is none.

        Args:
          shapes: from a checkpoint's facts to the shapes that its arrays must have, or None where
            it is of no use any more; then it is left alone, and so are those before it.
        """
        numbers = sorted(self._numbers(), reverse=True)
        for position, number in enumerate(numbers):
            more = position + 1 < len(numbers)
            try:
                return self._read(number, shapes)
            except Exception as error:  # whatever a damaged file makes Orbax and its parts raise
                aside = self._set_aside(number)
                self.say(
                    f"checkpoint {self.folder / str(number)} is damaged ({_first_line(error)}); "
                    f"it was moved to {aside}, and "
                    + (
                        "the one before it is used"
                        if more
                        else "no other is left: runs start again"
                    )
                )
        return None

    def read(self, shapes: Callable[[Facts], Shapes]) -> tuple[Arrays, Facts]:
        """The newest checkpoint, for who only looks: nothing is moved or written.

        Raises:
          CheckpointError: there is none, or it is damaged.
        """
        numbers = self._numbers()
        if not numbers:
            raise CheckpointError(f"{self.folder} holds no checkpoint")
        try:
            return self._read(max(numbers), shapes)
        except Exception as error:  # whatever a damaged file makes Orbax and its parts raise
            said = f"{self.folder / str(max(numbers))} cannot be used: {_first_line(error)}"
            raise CheckpointError(said) from error

    def close(self) -> None:
        """Waits for what is being written."""
        self.wait()
        if self._open is not None:
            self._open.close()
            self._open = None

    def _read(
        self, number: int, shapes: Callable[[Facts], Shapes | None]
    ) -> tuple[Arrays, Facts] | None:
        self._check_files(number)
        facts = self._facts(number)
        wanted = shapes(facts)
        return None if wanted is None else (self._arrays(number, wanted, facts), facts)

    def _write(self, arrays: Arrays, facts: Facts) -> None:
        number = max(self._numbers(), default=-1) + 1
        metadata = {"facts": facts, "digest": _digest_of_facts(facts)}
        filled = {name: array for name, array in arrays.items() if array.size}  # or it refuses
        if not self._orbax().save(number, filled, custom_metadata=metadata):
            raise OSError("Orbax saved nothing")
        lines = [f"{digest}  {name}\n" for name, digest in self._digests(number).items()]
        partial = self.folder / f".{number}{SEAL}"
        partial.write_text("".join(lines))
        partial.rename(self.folder / f"{number}{SEAL}")
        for seal in self.folder.glob(f"*{SEAL}"):
            if not seal.with_suffix("").exists():
                seal.unlink()

    def _digests(self, number: int) -> dict[str, str]:
        """SHA-256 of every file of a checkpoint, by its path."""
        found = {}
        for path in sorted((self.folder / str(number)).rglob("*")):
            if path.is_file():
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                found[path.relative_to(self.folder).as_posix()] = digest
        return found

    def _check_files(self, number: int) -> None:
        """Compares the files with their digests; these are missing if it was killed just then."""
        seal = self.folder / f"{number}{SEAL}"
        if not seal.exists():
            return
        written = dict(line.split("  ", 1)[::-1] for line in seal.read_text().splitlines())
        here = self._digests(number)
        for name in sorted(written.keys() | here.keys()):
            if name not in here:
                raise DamagedError(f"{name} is missing")
            if here[name] != written.get(name):
                raise DamagedError(f"{name} has changed since it was written")

    def _orbax(self):
        if self._open is None:
            from orbax.checkpoint import v1 as ocp  # 0.4 s, for those who need it

            training = ocp.training
            self._open = training.Checkpointer(
                self.folder,
                save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
                preservation_policy=training.preservation_policies.LatestN(KEPT),
                cleanup_tmp_directories=True,
            )
        return self._open

    def _numbers(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return [int(entry.name) for entry in self.folder.iterdir() if entry.name.isdecimal()]

    def _facts(self, number: int) -> Facts:
        metadata = self._orbax().metadata(number).custom_metadata
        if not isinstance(metadata, dict) or metadata.keys() != {"facts", "digest"}:
            raise DamagedError("its facts are missing")
        if _digest_of_facts(metadata["facts"]) != metadata["digest"]:
            raise DamagedError("its facts have changed since it was written")
        return metadata["facts"]

    def _arrays(self, number: int, shapes: Shapes, facts: Facts) -> Arrays:
        here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        wanted = {
            name: jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=here)
            for name, shape in shapes.items()
            if shape.size
        }
        loaded = self._orbax().load(number, wanted)
        arrays = {
            name: np.asarray(loaded[name]) if shape.size else np.zeros(shape.shape, shape.dtype)
            for name, shape in shapes.items()
        }
        for name, array in arrays.items():
            if _digest(array) != facts["arrays"].get(name):
                raise DamagedError(f"{name} has changed since it was written")
        return arrays

    def _set_aside(self, number: int) -> pathlib.Path:
        """Moves a checkpoint out of the way, or it would be one of the two that are kept."""
        self.close()
        aside = self.folder.with_name(f"{self.folder.name}.damaged")
        aside.mkdir(exist_ok=True)
        taken = len(list(aside.iterdir()))
        (self.folder / f"{number}{SEAL}").unlink(missing_ok=True)
        return (self.folder / str(number)).rename(aside / f"{taken}-{number}")


def _digest(array: np.ndarray) -> str:
    """SHA-256 of an array's numbers, type and shape."""
    array = np.ascontiguousarray(array)
    head = f"{array.dtype.name} {array.shape}".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()


def _digest_of_facts(facts: Facts) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _first_line(error: Exception) -> str:
    said = str(error).strip() or type(error).__name__
    return said.splitlines()[0][:200]
