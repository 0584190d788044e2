"""Files of data sets for tests: generated, or the published ones beside the checkout.

``needs("mnist")`` skips a test only if neither $SEQJAX_DATA_DIR nor the folder beside the checkout,
../shared/data, has the data set.
"""

import hashlib
import os
import pathlib

import pytest

from seqjax.data.folder import RELEASES
from seqjax.data.releases import File, Release

BESIDE = pathlib.Path(__file__).parents[2] / "shared" / "data"
HERE = pathlib.Path(os.environ.get("SEQJAX_DATA_DIR") or BESIDE)


def needs(*names: str) -> pytest.MarkDecorator:
    """Mark a test that reads published data sets; ``use_published`` sets their folder."""
    absent = [name for name in names if not (HERE / name).is_dir()]
    return pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)}: not in {HERE}")


def use_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the folder of data sets to the published ones."""
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(HERE))


def digest(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def put(place: pathlib.Path, content: bytes = b"abc") -> pathlib.Path:
    """Write a file, creating its folder."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


def make_known(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    contents: dict[str, bytes],
    address: str = "https://example.invalid/some where",
) -> None:
    """Add or replace a release of files with these names and contents."""
    known = (File(file, len(data), digest(data)) for file, data in contents.items())
    monkeypatch.setitem(
        RELEASES, name, Release(f"The set {name}", "no licence", address, tuple(known))
    )
