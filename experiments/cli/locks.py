"""Who works on a workdir: one process for each shard, and one number of shards at a time.

The kernel holds the locks and drops them with the process that held them, so a lock file that a
dead process left behind is no lock. What the file says is for people.
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
NAME = re.compile(r"\d+-of-(\d+)\.lock")


class LockedError(ValueError):
    """Somebody else is at work here."""


@contextlib.contextmanager
def hold(workdir: pathlib.Path, shard: tuple[int, int]) -> Iterator[None]:
    """Holds the lock of a shard.

    Raises:
      LockedError: another process holds it, or one works with another number of shards.
      OSError: the folder cannot be written, or its file system has no locks.
    """
    index, count = shard
    folder = workdir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        # Of two processes with different numbers of shards one must come first.
        with exclusive(workdir):
            for path in sorted(folder.iterdir()):
                match = NAME.fullmatch(path.name)
                if match and int(match[1]) != count:
                    with _locked(path):
                        pass
            stack.enter_context(_locked(folder / f"{index}-of-{count}.lock", name=True))
        yield


@contextlib.contextmanager
def exclusive(workdir: pathlib.Path) -> Iterator[None]:
    """Waits until no other process is in here."""
    with _locked(workdir / FOLDER / "door", wait=True):
        yield


@contextlib.contextmanager
def _locked(path: pathlib.Path, wait: bool = False, name: bool = False) -> Iterator[None]:
    """Holds the lock on a file, or raises LockedError if another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise LockedError(_held(path, descriptor)) from None
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror} (locking it)", str(path)) from None
        if name:
            os.truncate(descriptor, 0)
            holder = {"host": socket.gethostname(), "pid": os.getpid()}
            os.write(descriptor, json.dumps(holder).encode())
        yield
    finally:
        os.close(descriptor)  # which drops the lock


def _held(path: pathlib.Path, descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 1000, 0))
        who = f"process {int(holder['pid'])} on {str(holder['host'])!r}"
    except (ValueError, TypeError, KeyError):
        who = "another process"
    index, _, count = path.stem.partition("-of-")
    return f"--workdir: {path.parent.parent}: {who} is running shard {index}/{count} of it"
