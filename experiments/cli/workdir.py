"""A workdir: one configuration, its records, and what is made of them.

Everything is checked before anything is written. Files that others may read meanwhile are replaced
whole; records are only ever appended.
"""

import hashlib
import io
import itertools
import os
import pathlib
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from experiments.cli import locks
from seqjax.records import jsonl, schema
from seqjax.stats import rules
from seqjax.sweeps.study import Run, Study
from seqjax.training.config import as_settings
from seqjax.training.step import Trace


class WorkdirError(ValueError):
    """A workdir that this command cannot use, and why."""


DATA = "data"
SAME = ("platform", "device", "jaxlib", "random", "JAX_RANDOM_SEED_OFFSET", DATA)
"""What must not change while a workdir is continued, but for the data unless --allow_mixed."""

NAME, MEASURED = "config.json", "measurements.json"


def identity(study: Study, runs: list[Run]) -> dict[str, Any]:
    """What makes two commands the same study: not seeds, shard, workdir or data_dir."""
    swept = {axis.path for axis in study.axes}
    arms: dict[str, dict[str, list]] = {}
    for run in runs:
        arm = arms.setdefault(run.arm, {})  # every value that a field has at some point
        for path, value in as_settings(run.config).items():
            if path not in swept and value not in arm.setdefault(path, []):
                arm[path].append(value)
    axes = [
        {
            "path": axis.path,
            "values": list(axis.values),
            "arms": list(axis.arms),
            "drawn": axis.drawn,
        }
        for axis in study.axes
    ]
    return {
        "study": study.name,
        "rules": rules.VERSION,
        "axes": axes,
        "tuning_seeds": study.tuning_seeds,
        "arms": arms,
    }


class Workdir:
    """The folder of one study. ``config`` is None where none has been begun.

    Attributes:
      free: nothing else is kept here either.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.free = not path.exists() or _unused(path)
        self.config = self._read()  # afterwards, since a study may begin meanwhile

    def _read(self) -> dict[str, Any] | None:
        path = self.path / NAME
        try:
            return _with_version(jsonl.load_file(path, schema.CONFIG)) if path.exists() else None
        except OSError as error:
            raise WorkdirError(f"--workdir: cannot read {path}: {error.strerror}") from None

    def check(
        self, same: Mapping[str, Any], seeds: range, environment: Mapping, allow_mixed: bool
    ) -> None:
        """Raises WorkdirError unless a command of this identity may run here."""
        if self.config is None:
            self.check_free()
            return
        difference = _difference(
            self.config["same"], jsonl.loads(jsonl.dumps(same), "this command")
        )
        if difference:
            path, there, here = difference
            raise WorkdirError(
                f"--workdir: {self.path} holds another configuration: {path} is {there} there, "
                f"{here} here; choose another workdir"
            )
        missing = set(self.config["seeds"]) - set(seeds)
        if missing:
            raise WorkdirError(
                f"--seeds: {self.path} already has seeds {_span(self.config['seeds'])}; seeds can "
                f"be added but not left out, got {_span(seeds)}"
            )
        self._check_environment(self.config["environment"], environment, allow_mixed)

    def check_free(self) -> None:
        """Raises WorkdirError if something else is kept here."""
        if not self.free:
            used = "is in use by something else; choose another"
            raise WorkdirError(f"--workdir: {self.path} {used}")

    def _check_environment(self, begun: Mapping, environment: Mapping, allow_mixed: bool) -> None:
        for name in SAME:
            there, here = begun.get(name), environment.get(name)
            if name == DATA and there != here:
                raise WorkdirError(
                    f"--workdir: {self.path} was begun on other data: digest {there}, here {here}; "
                    "bring them back, or choose another workdir"
                )
            if there != here and not allow_mixed:
                raise WorkdirError(
                    f"--workdir: {self.path} was begun on {name} {there}, this is {here}; choose "
                    "another workdir, or --allow_mixed, which marks the table"
                )

    def make(self) -> None:
        """Makes the folder."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkdirError(f"--workdir: cannot make {self.path}: {error.strerror}") from None

    def open(self, now: Mapping[str, Any], begun: Mapping[str, Any], flags: str) -> None:
        """Begins the workdir, or brings it up to date.

        Args:
          now: what the configuration says from this command on.
          begun: what it says for good, from the command that began the workdir.
          flags: the command, as a flagfile.
        """
        with locks.exclusive(self.path):  # other shards may open it at the same time
            self.config = {**begun, **(self._read() or {}), **now}
            self.write(NAME, jsonl.dumps(self.config, indent=1) + "\n")
        self.write("flags.txt", flags)
        self.write("environment.json", jsonl.dumps(self.config["environment"], indent=1) + "\n")
        (self.path / "curves").mkdir(exist_ok=True)

    def halve(self, group: int, runs: list[Run]) -> None:
        """Has a device advance half as many runs of a group together, if none is recorded yet."""
        ids = {run.id for run in runs}
        with locks.exclusive(self.path):
            together = self._read()["runs_per_device"]
            if together[group] == 1:
                raise WorkdirError(f"not even one run of group {group + 1} fits in memory")
            if any(record["id"] in ids for record in self.records()):
                raise WorkdirError(
                    f"{together[group]} runs of group {group + 1} no longer fit in memory, and "
                    "fewer would change numbers of which some are recorded; make room"
                )
            together[group] //= 2
            self.config["runs_per_device"] = together
            self.write(NAME, jsonl.dumps(self.config, indent=1) + "\n")

    def write(self, name: str, text: str | bytes, by: object = None) -> None:
        """Replaces a file whole; ``by`` tells apart who may do so at the same time."""
        path = self.path / name
        partial = path.with_name(f".{path.name}.{by or os.getpid()}")
        with open(partial, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def write_curve(self, run: str, trace: Trace, shard: tuple[int, int]) -> str:
        """Keeps every step of a run: the rows of a ``Trace`` as a NumPy array."""
        name = f"curves/{hashlib.sha256(run.encode()).hexdigest()[:16]}.npy"
        array = io.BytesIO()
        np.save(array, np.stack(trace), allow_pickle=False)
        self.write(name, array.getvalue(), by="{}-of-{}".format(*shard))
        return name

    def checkpoints(self, shard: tuple[int, int]) -> pathlib.Path:
        return self.path / "checkpoints" / "{}-of-{}".format(*shard)

    def model(self, run: str) -> pathlib.Path:
        """Where the trained model of a run is kept, by its id."""
        return self.path / "models" / urllib.parse.quote(run, safe=" =+,")

    def records_file(self, shard: tuple[int, int]) -> pathlib.Path:
        index, count = shard
        name = "records.jsonl" if count == 1 else f"records-{index}-of-{count}.jsonl"
        return self.path / name

    def measurements(self) -> dict[str, Any] | None:
        """The stored measurements, or None."""
        path = self.path / MEASURED
        return _with_version(jsonl.load_file(path, schema.MEASUREMENTS)) if path.exists() else None

    def check_measurements(
        self, made: Mapping[str, Any], same: Mapping, environment: Mapping, allow_mixed: bool
    ) -> None:
        """Raises WorkdirError unless they are those of this measurement, made on this machine."""
        here = jsonl.loads(jsonl.dumps(same), "this command")
        if difference := _difference(made["same"], here):
            path, there, now = difference
            raise WorkdirError(
                f"--workdir: {self.path} holds other measurements: {path} is {there} there, "
                f"{now} here; choose another workdir"
            )
        self._check_environment(made["environment"], environment, allow_mixed)

    def write_measurements(self, made: Mapping[str, Any]) -> None:
        where = str(self.path / MEASURED)
        self.write(MEASURED, jsonl.text_of_file(made, schema.MEASUREMENTS, where))

    def recovered(self, shard: tuple[int, int], say: Callable[[str], None]) -> None:
        """Sets aside what an interruption tore in a shard's records; its run is done again."""
        path = self.records_file(shard)
        if torn := jsonl.set_torn_aside(path):
            say(f"{path}: its last line was torn; {torn} bytes are set aside, the run done again")

    def records(self) -> list[dict[str, Any]]:
        """Everything recorded so far, by any shard."""
        return jsonl.read_all(self.path)

    def holds(self) -> str | None:
        """The name of the study or measurement whose results are here."""
        recorded, made = self.records(), self.measurements()
        if recorded:
            return recorded[0]["study"]
        return made["same"]["study"] if made else None


def _with_version(file: dict[str, Any]) -> dict[str, Any]:
    """The content of a file with the version of the rules in place of an older hash."""
    return {**file, "same": {**file["same"], "rules": rules.version_of(file["same"]["rules"])}}


def _unused(path: pathlib.Path) -> bool:
    """An empty folder, but for what a command left there that was stopped while it began."""
    return path.is_dir() and all(
        entry.name.startswith((f".{NAME}", f".{MEASURED}"))
        or entry.name == locks.FOLDER
        or (entry.name == "curves" and not any(entry.iterdir()))
        for entry in path.iterdir()
    )


def _difference(there: Any, here: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """The first place where two configurations differ, with both values."""
    if isinstance(there, dict) and isinstance(here, dict):
        pairs = {key: (there.get(key), here.get(key)) for key in [*there, *here]}
    elif isinstance(there, list) and isinstance(here, list):
        pairs = dict(enumerate(itertools.zip_longest(there, here)))
    else:
        return None if there == here else (path, there, here)
    found = (_difference(*pair, f"{path}.{key}".strip(".")) for key, pair in pairs.items())
    return next((difference for difference in found if difference), None)


def _span(seeds) -> str:
    return f"{min(seeds)} to {max(seeds)}"
