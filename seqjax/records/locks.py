"""Locks of a workdir: one process per shard, and one number of shards at a time.

The kernel releases locks of ``fcntl.flock`` when a process ends, so a dead process holds no lock.
The package filelock is not used, because on file systems without such locks it falls back to files
that outlive their process. A lock file names the process that holds it, for error messages.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import socket
from collections.abc import Iterator

FOLDER = ".locks"
SHARD_LOCK = re.compile(r"\d+-of-(\d+)\.lock")


class LockedError(ValueError):
    """Another process is running in this workdir."""


@contextlib.contextmanager
def hold(workdir: pathlib.Path, shard: tuple[int, int]) -> Iterator[None]:
    """Hold the lock of shard (I, N).

    Raises:
      LockedError: another process holds it, or runs with another number of shards.
      OSError: the folder cannot be written, or its file system has no locks.
    """
    index, count = shard
    folder = workdir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        with exclusive(workdir):  # so that two numbers of shards cannot start at once
            for path in sorted(folder.iterdir()):
                match = SHARD_LOCK.fullmatch(path.name)
                if match and int(match[1]) != count:
                    with _locked(path):
                        pass
            lock = folder / f"{index}-of-{count}.lock"
            stack.enter_context(_locked(lock))
            lock.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}))
        yield


@contextlib.contextmanager
def exclusive(workdir: pathlib.Path) -> Iterator[None]:
    """Wait for the lock of the entire workdir, and hold it."""
    with _locked(workdir / FOLDER / "door", wait=True):
        yield


@contextlib.contextmanager
def _locked(path: pathlib.Path, wait: bool = False) -> Iterator[None]:
    """Hold the lock on a file; raise LockedError if another process does, unless ``wait``."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise LockedError(_describe_holder(path)) from None
        yield
    finally:
        os.close(descriptor)  # releases the lock


def _describe_holder(path: pathlib.Path) -> str:
    try:
        holder = json.loads(path.read_bytes())
        name = f"process {holder['pid']} on {holder['host']!r}"
    except (ValueError, TypeError, KeyError):  # not written yet
        name = "another process"
    index, _, count = path.stem.partition("-of-")
    return f"{path.parent.parent}: {name} is running shard {index}/{count} of it"
