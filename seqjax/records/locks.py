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
def hold(workdir: pathlib.Path, shard: tuple[int, int], plan: str = "") -> Iterator[None]:
    """Hold the lock of shard (I, N).

    Args:
      workdir: the folder.
      shard: (I, N).
      plan: digest of what the process trains, in which all running shards must agree, since each
        takes its part of the whole.

    Raises:
      LockedError: another process holds it, or runs with another number of shards or another plan.
      OSError: the folder cannot be written, or its file system has no locks.
    """
    index, count = shard
    folder = workdir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / f"{index}-of-{count}.lock"
    with contextlib.ExitStack() as stack:
        with exclusive(workdir):  # so that two numbers of shards cannot start at once
            for path in sorted(folder.iterdir()):
                match = SHARD_LOCK.fullmatch(path.name)
                if match and int(match[1]) != count:
                    with _locked(path):
                        pass
                elif match and path != lock and _holder(path).get("plan") != plan:
                    with _locked(path, ", with other values, arms or seeds"):
                        pass
            stack.enter_context(_locked(lock))
            holder = {"host": socket.gethostname(), "pid": os.getpid(), "plan": plan}
            lock.write_text(json.dumps(holder))
        yield


@contextlib.contextmanager
def exclusive(workdir: pathlib.Path) -> Iterator[None]:
    """Wait for the lock of the entire workdir, and hold it."""
    with _locked(workdir / FOLDER / "door", wait=True):
        yield


@contextlib.contextmanager
def _locked(path: pathlib.Path, how: str = "", wait: bool = False) -> Iterator[None]:
    """Hold the lock on a file; raise LockedError if another process does, unless ``wait``.

    Args:
      path: the file.
      how: end of the error.
      wait: wait for the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise LockedError(_describe_holder(path) + how) from None
        yield
    finally:
        os.close(descriptor)  # releases the lock


def _holder(path: pathlib.Path) -> dict:
    """Host, process and plan of the last holder of a lock; empty if they are not written yet."""
    try:
        holder = json.loads(path.read_bytes())
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _describe_holder(path: pathlib.Path) -> str:
    holder = _holder(path)
    name = "another process"
    if holder.keys() >= {"pid", "host"}:
        name = f"process {holder['pid']} on {holder['host']!r}"
    index, _, count = path.stem.partition("-of-")
    return f"{path.parent.parent}: {name} is running shard {index}/{count} of it"
