"""Where data sets lie that do not arrive with a package, and the check that they are as published.

Nothing is fetched: who wants a set puts its files there.
"""

import hashlib
import os
import pathlib

from seqjax import files

LARGEST = 2**26
"""Bytes: no file of a data set here is as large, and none larger is read."""


class DataError(ValueError):
    """A data set that is missing or damaged, worded for the person who can put it right."""


def folder() -> pathlib.Path:
    """$SEQJAX_DATA_DIR, or seqjax/data in the user's cache folder."""
    if given := os.environ.get("SEQJAX_DATA_DIR"):
        return pathlib.Path(given)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "seqjax/data"


def find(name: str, sha256: str, source: str) -> pathlib.Path:
    """The path of a file of which every byte has been checked.

    Args:
      name: relative to ``folder()``: the data set, a slash, the file.
      sha256: its digest, hexadecimal.
      source: where to get it, for the error.

    Raises:
      DataError: it is not there, cannot be read, is larger than ``LARGEST``, or is another file.
    """
    path = folder() / name
    try:
        found = hashlib.sha256(files.content(path, LARGEST)).hexdigest()
    except OSError as error:
        hint = "--data_dir or $SEQJAX_DATA_DIR says where data sets are"
        said = f"cannot read {path}: {error.strerror}; {hint}, the file comes from {source}"
        raise DataError(f"{name}: {said}") from None
    if found != sha256:
        said = f"{path} is damaged: its SHA-256 is {found}, expected {sha256}; get it from {source}"
        raise DataError(f"{name}: {said}")
    return path
