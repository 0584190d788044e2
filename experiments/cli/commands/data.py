"""``python -m experiments.data``: list, download and verify published data sets."""

import functools
import pathlib
import sys
import time
from collections.abc import Iterator

from experiments.cli import flags
from experiments.cli.fetch import FetchError, Patience, fetch
from seqjax.data.folder import folder, place, sha256
from seqjax.data.releases import RELEASES, File, Release
from seqjax.types import unknown

parser = functools.partial(flags.parser, allow_words=True)
PATIENCE = Patience()
SECONDS_BETWEEN_LINES = 2


def main(argv: list[str]) -> None:
    """Run list, get or verify, the first word, on the data sets that the other words name."""
    commands = {"list": _list, "get": _get, "verify": _verify}
    word, *names = argv[1:] or [""]
    if word not in commands:
        flags.fail(f"expected list, get NAME or verify, got {word!r}")
    if word == "list" and names:
        flags.fail(f"list: unexpected {names[0]!r}")
    if word == "get" and not names:
        flags.fail(f"get: expected names of data sets; known: {', '.join(RELEASES)}")
    for name in names:
        if name not in RELEASES:
            flags.fail(unknown("data set", name, RELEASES))
    flags.set_data_dir(create=word == "get")
    try:
        commands[word](names)
    except FetchError as error:
        flags.fail(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        flags.fail(f"{error.filename or folder()}: {error.strerror or error}")


def _list(names: list[str]) -> None:
    del names
    print(f"in {folder()}:\nfiles are counted here; verify checks them")
    for name, release in RELEASES.items():
        size = sum(file.size for file in release.files)
        there = sum(path.is_file() for path, _ in _places(name, release))
        print(f"\n{name}: {release.title}")
        print(f"    {_megabytes(size)}, {there} of {len(release.files)} files are there")
        print(f"    licence: {release.licence}")
        if release.package:
            print(f"    the package {release.package} brings it")


def _places(name: str, release: Release) -> Iterator[tuple[pathlib.Path, File]]:
    """Yield the path of each file, present or not."""
    for file in release.files:
        yield place(f"{name}/{file.name}"), file


def _get(names: list[str]) -> None:
    for name in dict.fromkeys(names):
        release = RELEASES[name]
        if release.package:
            raise FetchError(f"{name}: not fetched from here; pip install {release.package}")
        for file in release.files:
            path = folder() / name / file.name
            if _state(path, file) == "ok":
                print(f"{path}: is there", file=sys.stderr)
                continue
            with _DownloadProgress(path, file.size) as progress:
                aside = fetch(file, release.address, path.parent, progress.show, PATIENCE)
            if aside is not None:
                print(f"{aside}: is what was there", file=sys.stderr)


class _DownloadProgress:
    """Progress of one download: a line that is updated on a terminal, plain lines elsewhere."""

    def __init__(self, path: pathlib.Path, size: int):
        self.path, self.size, self.last = path, size, -SECONDS_BETWEEN_LINES

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if sys.stderr.isatty():
            print(file=sys.stderr)
        elif kind is None:
            print(f"{self.path}: fetched, {_megabytes(self.size)}", file=sys.stderr)

    def show(self, here: int) -> None:
        line = f"{self.path}: {100 * here // self.size:3d} % of {_megabytes(self.size)}"
        if sys.stderr.isatty():
            print(f"\r{line}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self.last >= SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            print(line, file=sys.stderr, flush=True)


def _verify(names: list[str]) -> None:
    wrong = 0
    for name in dict.fromkeys(names or RELEASES):
        for path, file in _places(name, RELEASES[name]):
            state = _state(path, file)
            print(f"{state:10s} {path}")
            wrong += state != "ok" and (state != "missing" or bool(names))
    if wrong:
        flags.fail(f"{wrong} missing or not as published; python -m experiments.data get NAME")


def _state(path: pathlib.Path, file: File) -> str:
    try:
        return "ok" if sha256(path) == file.sha256 else "differs"
    except FileNotFoundError:
        return "unreadable" if path.is_symlink() else "missing"  # a broken link
    except OSError:
        return "unreadable"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
