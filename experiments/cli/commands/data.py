"""``python -m experiments.data``: list, download and verify published data sets."""

import functools
import pathlib
import sys

from experiments.cli import flags
from experiments.cli.fetch import FetchError, fetch
from seqjax.data.folder import folder, sha256
from seqjax.data.releases import RELEASES, File
from seqjax.types import unknown

parser = functools.partial(flags.parser, allow_words=True)


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
        commands[word](list(dict.fromkeys(names)))
    except FetchError as error:
        flags.fail(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        flags.fail(f"{error.filename or folder()}: {error.strerror or error}")


def _list(names: list[str]) -> None:
    del names
    print(f"in {folder()}; verify checks the content")
    for name, release in RELEASES.items():
        size = sum(file.size for file in release.files)
        present = sum((folder() / name / file.name).is_file() for file in release.files)
        print(f"\n{name}: {release.title}")
        print(f"    {_megabytes(size)}, {present} of {len(release.files)} files present")
        print(f"    licence: {release.licence}")
        if release.package:
            print(f"    not downloaded by get: it is read from {release.package}")


def _get(names: list[str]) -> None:
    for name in names:
        if package := RELEASES[name].package:
            flags.fail(f"get: {name} has no address; it is read from {package}")
        for file in RELEASES[name].files:
            path = folder() / name / file.name
            if _state(path, file) == "ok":
                print(f"{path}: present", file=sys.stderr)
                continue
            print(f"{path}: downloading {_megabytes(file.size)}", file=sys.stderr, flush=True)
            fetch(file, RELEASES[name].address, path.parent)


def _verify(names: list[str]) -> None:
    wrong = 0
    for name in names or RELEASES:
        for file in RELEASES[name].files:
            path = folder() / name / file.name
            state = _state(path, file)
            print(f"{state:10s} {path}")
            wrong += state != "ok" and (state != "missing" or bool(names))
    if wrong:
        flags.fail(f"{wrong} files missing or changed; python -m experiments.data get NAME")


def _state(path: pathlib.Path, file: File) -> str:
    """Return "ok", "differs", "missing" or "unreadable"."""
    try:
        return "ok" if sha256(path) == file.sha256 else "differs"
    except FileNotFoundError:
        return "unreadable" if path.is_symlink() else "missing"  # a broken link
    except OSError:
        return "unreadable"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
