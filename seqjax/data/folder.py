"""Folder of published data sets, and verification of their files.

``python -m experiments.data get`` downloads files into this folder; nothing here downloads.
"""

import hashlib
import os
import pathlib
import warnings

from seqjax.data.releases import RELEASES, File

BUNDLED = pathlib.Path(__file__).parent / "bundled"
"""Small data sets that are part of this package; LICENSES.md states their sources and licences."""


class DataError(ValueError):
    """A data set is missing or corrupt; the message names the file and the fix."""


class DataWarning(UserWarning):
    """Data are not what a user may expect; commands print the message as one line."""


def folder() -> pathlib.Path:
    """Return $SEQJAX_DATA_DIR, by default seqjax/data in the user's cache folder."""
    if given := os.environ.get("SEQJAX_DATA_DIR"):
        return pathlib.Path(given)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "seqjax/data"


def find(name: str, *, exact: bool = False) -> pathlib.Path:
    """Return the path of a data file after reading and hashing all its bytes.

    Args:
      name: path relative to ``folder()``: data set, slash, file.
      exact: accept only the released file. Otherwise a different file is accepted with a
        ``DataWarning`` that has its SHA-256.

    Raises:
      DataError: the file is missing or unreadable; or, if ``exact``, it differs from the released
        one.
    """
    path, known = folder() / name, released(name)
    try:
        digest = sha256(path)
    except OSError as error:
        raise DataError(f"{name}: cannot read {path}: {error.strerror}; {_hint(name)}") from None
    if known is not None and digest == known.sha256:
        return path
    if exact:
        expected = known.sha256 if known else "that of a known release"
        raise DataError(
            f"{name}: {path}: SHA-256: expected {expected}, got {digest}; {_hint(name)}"
        )
    warnings.warn(
        f"{path} differs from every known release: its SHA-256 is {digest}; {_hint(name)}",
        DataWarning,
        stacklevel=2,
    )
    return path


def sha256(path: pathlib.Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
      OSError: the file is unreadable.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()


def released(name: str) -> File | None:
    """Return the released file with this name (data set, slash, file), or None."""
    data_set, _, file_name = name.partition("/")
    known = RELEASES[data_set].files if data_set in RELEASES else ()
    return next((file for file in known if file.name == file_name), None)


def _hint(name: str) -> str:
    """Return advice: set the folder, or download the file."""
    where = "set the folder of data sets with --data_dir or $SEQJAX_DATA_DIR"
    if released(name) is None:
        return where
    if package := RELEASES[name.split("/")[0]].package:
        return f"{where}; {package}"
    return f"{where}; python -m experiments.data get {name.split('/')[0]} downloads the file"
