"""A workdir: the folder with the configuration, the records and the reports of one study.

Everything is checked before anything is written. Records are appended; other files are replaced
atomically, so that other processes never read a partial file.
"""

import hashlib
import io
import pathlib
import urllib.parse
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from experiments.cli.identity import WorkdirError, check_additions, difference
from seqjax.records import codec, jsonl, locks, plan
from seqjax.records.environment import DATA, SAME
from seqjax.records.plan import PlannedRun
from seqjax.records.record import Record
from seqjax.records.workdir import MeasurementIdentity, Measurements, Sources, WorkdirConfig
from seqjax.sweeps import executor
from seqjax.sweeps.study import Run
from seqjax.training.config import Config
from seqjax.training.step import Trace

NAME, MEASURED = "config.json", "measurements.json"
LONGEST_NAME = 200
"""Most characters of a run's id in the name of a folder, apart from a digest."""


class Workdir:
    """The folder of one study.

    Attributes:
      path: the folder.
      config: configuration of the study, or None if no command has run here.
      free: the folder is missing or empty.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.free = not path.exists() or _unused(path)
        self.config = self._read()  # after the listing, since another process may start a study

    def _read(self) -> WorkdirConfig | None:
        path = self.path / NAME
        try:
            return jsonl.load_file(path, WorkdirConfig) if path.exists() else None
        except OSError as error:
            raise WorkdirError(f"--workdir: cannot read {path}: {error.strerror}") from None

    def check(self, config: WorkdirConfig, data: str | None, allow_mixed: bool) -> None:
        """Check that a command with this configuration may run here.

        Args:
          config: configuration of the command, with arms and values in the order of this workdir.
          data: digest of the data of those runs of the command that the workdir has already.
          allow_mixed: accept another jaxlib or kind of device than the first command had.

        Raises:
          WorkdirError: the study, the code, the seeds or the environment do not fit.
        """
        if self.config is None:
            self.check_free()
            return
        check_additions(self.path, self.config.same, config.same)
        self._check_sources(config.sources)
        begun, seeds = self.config.seeds, config.seeds
        if set(begun) - set(seeds):
            first, last = min(*begun, *seeds), max(*begun, *seeds)
            start = f"--seed_start={first} " * (first > 0)
            raise WorkdirError(
                f"--seeds: {self.path} already has seeds {_span(begun)}; seeds can be added but "
                f"not left out, got {_span(seeds)}; use {start}--seeds={last - first + 1}"
            )
        environment = {**config.environment, DATA: data}
        self._check_environment(self.config.environment, environment, allow_mixed)

    def _check_sources(self, sources: Sources) -> None:
        for kind, begun, now in (
            ("task", self.config.sources.tasks, sources.tasks),
            ("cell", self.config.sources.cells, sources.cells),
        ):
            for name in begun.keys() & now.keys():
                if "" not in (begun[name], now[name]) and begun[name] != now[name]:
                    raise WorkdirError(
                        f"--workdir: {self.path} has runs of another version of {kind} {name}: "
                        f"its code has digest {begun[name][:16]} there, {now[name]} here; choose "
                        "another workdir, or restore the code"
                    )

    def check_free(self) -> None:
        """Raise WorkdirError if the folder is not empty."""
        if not self.free:
            used = "is in use by something else; choose another"
            raise WorkdirError(f"--workdir: {self.path} {used}")

    def _check_environment(self, begun: Mapping, environment: Mapping, allow_mixed: bool) -> None:
        for name in SAME:
            there, here = begun.get(name), environment.get(name)
            if name == DATA and there != here:
                raise WorkdirError(
                    f"--workdir: {self.path} was started on other data: digest {there}, here "
                    f"{here}; restore the data, or choose another workdir"
                )
            if there != here and not allow_mixed:
                raise WorkdirError(
                    f"--workdir: {self.path} was started on {name} {there}, got {here}; choose "
                    "another workdir, or --allow_mixed, which marks the table"
                )

    def create(self) -> None:
        """Create the folder.

        Raises:
          WorkdirError: it cannot be created.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkdirError(f"--workdir: cannot create {self.path}: {error.strerror}") from None

    def open(self, config: WorkdirConfig, flags: str) -> None:
        """Start the workdir, or update its configuration.

        Args:
          config: configuration of this command. Environment, runs per device and digests of code
            stay those of the first command, but the data are those of all runs.
          flags: the command, as a flagfile.
        """
        with locks.exclusive(self.path):  # other shards may open it at the same time
            if begun := self._read():
                here, together = config.environment, begun.runs_per_device
                data = {DATA: here[DATA]} if DATA in here else {}
                together = together if isinstance(together, dict) else {}
                config = msgspec.structs.replace(
                    config,
                    environment={**begun.environment, **data},
                    runs_per_device={**config.runs_per_device, **together},
                    sources=Sources(
                        tasks={**config.sources.tasks, **begun.sources.tasks},
                        cells={**config.sources.cells, **begun.sources.cells},
                    ),
                )
            self._write_config(config)
        self.write("flags.txt", flags)
        self.write("environment.json", codec.dumps(self.config.environment, indent=1) + "\n")
        (self.path / "curves").mkdir(exist_ok=True)

    def _write_config(self, config: WorkdirConfig) -> None:
        self.config = config
        self.write(NAME, jsonl.to_text(config, indent=1))

    def runs_per_device(self, config: Config) -> int:
        """Number of runs of a structure that a device trains together."""
        together = self.config.runs_per_device
        if isinstance(together, dict) and (key := executor.structure_key(config)) in together:
            return together[key]
        return executor.runs_per_device(config, self.config.environment["platform"])

    def halve(self, group: int, runs: list[Run]) -> None:
        """Halve the number of runs of a group that a device trains together.

        Args:
          group: index of the group, for errors.
          runs: all runs of the group.

        Raises:
          WorkdirError: the number is 1, or a run of the group is recorded.
        """
        ids = {run.id for run in runs}
        with locks.exclusive(self.path):
            self.config = self._read()
            together = self.runs_per_device(runs[0].config)
            if together == 1:
                raise WorkdirError(f"not even one run of group {group + 1} fits in memory")
            if any(record.id in ids for record in self.records()):
                raise WorkdirError(
                    f"{together} runs of group {group + 1} no longer fit in memory, and training "
                    "fewer together would change recorded results; free some memory"
                )
            key = executor.structure_key(runs[0].config)
            halved = {**self.config.runs_per_device, key: together // 2}
            self._write_config(msgspec.structs.replace(self.config, runs_per_device=halved))

    def write(self, name: str, text: str | bytes, by: object = None) -> None:
        """Replace a file atomically; ``by`` differs between processes that may write it at once."""
        jsonl.write_file(self.path / name, text, by)

    def write_curve(self, run: str, trace: Trace, shard: tuple[int, int]) -> str:
        """Write every step of a run, the rows of a ``Trace``; return the path in the workdir."""
        name = f"curves/{hashlib.sha256(run.encode()).hexdigest()[:16]}.npy"
        array = io.BytesIO()
        np.save(array, np.stack(trace), allow_pickle=False)
        self.write(name, array.getvalue(), by="{}-of-{}".format(*shard))
        return name

    def checkpoints(self, shard: tuple[int, int]) -> pathlib.Path:
        """Folder of the checkpoints of shard (I, N)."""
        return self.path / "checkpoints" / "{}-of-{}".format(*shard)

    def model(self, run: str) -> pathlib.Path:
        """Folder of the trained model of the run with this id."""
        return self.path / "models" / folder_name(run)

    def records_file(self, shard: tuple[int, int]) -> pathlib.Path:
        """File with the records of shard (I, N)."""
        index, count = shard
        name = "records.jsonl" if count == 1 else f"records-{index}-of-{count}.jsonl"
        return self.path / name

    def plan(self) -> list[PlannedRun] | None:
        """The runs that were planned last; None if the workdir has no plan."""
        return plan.read(self.path)

    def write_plan(self, runs: Sequence[Run]) -> None:
        """Replace the plan."""
        plan.write(self.path, runs)

    def measurements(self) -> Measurements | None:
        """The stored measurements, or None."""
        path = self.path / MEASURED
        return jsonl.load_file(path, Measurements) if path.exists() else None

    def check_measurements(
        self,
        measurements: Measurements,
        same: MeasurementIdentity,
        environment: Mapping,
        allow_mixed: bool,
    ) -> None:
        """Raise WorkdirError unless stored measurements have this identity and environment."""
        if found := difference(measurements.same, same):
            raise WorkdirError(
                f"--workdir: {self.path} holds other measurements: {found}; choose another workdir"
            )
        self._check_environment(measurements.environment, environment, allow_mixed)

    def write_measurements(self, measurements: Measurements) -> None:
        """Write measurements.json."""
        self.write(MEASURED, jsonl.to_text(measurements))

    def recover(self, shard: tuple[int, int], log: Callable[[str], None]) -> None:
        """Move a torn last line of a shard's records to another file; its run is trained again."""
        path = self.records_file(shard)
        if torn := jsonl.move_torn_line(path):
            log(f"{path}: moved a torn last line of {torn} bytes; its run is trained again")

    def records(self) -> list[Record]:
        """Records of all shards; see ``jsonl.read_all``."""
        return jsonl.read_all(self.path)


def folder_name(run: str) -> str:
    """Name of the folder of the run with this id, which most file systems accept."""
    name = urllib.parse.quote(run, safe=" =+,")
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]} {hashlib.sha256(run.encode()).hexdigest()[:16]}"
    return name


def _unused(path: pathlib.Path) -> bool:
    """Return True if a folder has only remains of a command that stopped while it started."""
    return path.is_dir() and all(
        entry.name.startswith((f".{NAME}", f".{MEASURED}"))
        or entry.name == locks.FOLDER
        or (entry.name == "curves" and not any(entry.iterdir()))
        for entry in path.iterdir()
    )


def _span(seeds) -> str:
    return f"{min(seeds)} to {max(seeds)}"
