"""Where data sets lie that do not arrive with a package, and the check that they are as published.

Nothing is fetched from here: ``python -m experiments.data get`` does that, or who wants a set puts
its files there.
"""

import hashlib
import importlib.util
import os
import pathlib
import warnings

from seqjax.data import files
from seqjax.data.releases import RELEASES, File

LARGEST = 2**26
"""Bytes: no file of a data set here is as large, and none larger is read."""


class DataError(ValueError):
    """A data set that is missing or damaged, worded for the person who can put it right."""


class DataWarning(UserWarning):
    """A data set that is used though nobody knows it."""


def folder() -> pathlib.Path:
    """$SEQJAX_DATA_DIR, or seqjax/data in the user's cache folder."""
    if given := os.environ.get("SEQJAX_DATA_DIR"):
        return pathlib.Path(given)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "seqjax/data"


def find(
    name: str,
    *,
    exact: bool = False,
    also: pathlib.Path | None = None,
    known: File | None = None,
) -> pathlib.Path:
    """The path of a file of which every byte has been read.

    Args:
      name: relative to ``folder()``: the data set, a slash, the file.
      exact: refuse all but the file that ``RELEASES`` has under this name; otherwise another file
        is used with a warning that names its digest.
      also: where it may be if it is not in the folder; by default where a package brings it.
      known: the file as it is published, where it is in no release that can be fetched.

    Raises:
      DataError: it is not there, cannot be read, is larger than ``LARGEST``, or is another file.
    """
    path = place(name, also)
    try:
        found = sha256(path)
    except OSError as error:
        raise DataError(f"{name}: cannot read {path}: {error.strerror}; {_hint(name)}") from None
    known = known or released(name)
    if known is not None and found == known.sha256:
        return path
    if exact:
        said = f"its SHA-256 is {found}, expected {known and known.sha256}"
        raise DataError(f"{name}: {path} is another file: {said}; {_hint(name)}")
    said = f"{path} is no known release: its SHA-256 is {found}"
    if source := _source(name):
        said += f"; {source} the published file"
    warnings.warn(said, DataWarning, stacklevel=2)
    return path


def place(name: str, also: pathlib.Path | None = None) -> pathlib.Path:
    """Where the file of this name is, or should be: what ``find`` reads.

    A link to nothing in the folder is read, and found to lead nowhere, rather than passed over.
    """
    path, also = folder() / name, also or packaged(name)
    return path if also is None or os.path.lexists(path) else also


def sha256(path: pathlib.Path) -> str:
    """In hexadecimal, of a file of at most ``LARGEST`` bytes; raises OSError as ``content``."""
    return hashlib.sha256(files.content(path, LARGEST)).hexdigest()


def released(name: str) -> File | None:
    """What is known of the file of this name, the data set, a slash, the file."""
    data_set, _, own = name.partition("/")
    known = RELEASES[data_set].files if data_set in RELEASES else ()
    return next((file for file in known if file.name == own), None)


def packaged(name: str) -> pathlib.Path | None:
    """Where the package of a release, which is not imported, brings the file of this name.

    None if no package brings it, or it is not installed.
    """
    data_set, _, own = name.partition("/")
    release = RELEASES.get(data_set)
    place = installed(release.package) if release and release.package else None
    return place / release.inside / own if place else None


def installed(module: str) -> pathlib.Path | None:
    """The folder of a package, which is not imported; None if it is not installed."""
    spec = importlib.util.find_spec(module)
    places = spec.submodule_search_locations if spec else None
    return pathlib.Path(places[0]) if places else None


def _hint(name: str) -> str:
    """How to get the file, and where it is looked for."""
    where = "--data_dir or $SEQJAX_DATA_DIR says where data sets are"
    source = _source(name)
    return f"{where}; {source} it" if source else where


def _source(name: str) -> str | None:
    """What fetches or brings the published file of this name, up to the verb; None: nothing."""
    if released(name) is None:
        return None
    data_set = name.split("/")[0]
    if package := RELEASES[data_set].package:
        return f"pip install {package} brings"
    return f"python -m experiments.data get {data_set} fetches"
