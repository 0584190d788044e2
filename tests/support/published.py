"""Files of data sets for tests: made up and made known, or those beside the checkout.

``needs("mnist")`` leaves a test out only where neither $SEQJAX_DATA_DIR nor the folder beside the
checkout, ../shared/data, has the set; tests/test_data_folder.py fails if a set is there and unread.
"""

import hashlib
import os
import pathlib

import pytest

from seqjax.data.folder import RELEASES
from seqjax.data.releases import File, Release

BESIDE = pathlib.Path(__file__).parents[2] / "shared" / "data"
HERE = pathlib.Path(os.environ.get("SEQJAX_DATA_DIR") or BESIDE)


def needs(*names):
    """Marks a test that reads published sets; ``use_published`` has readers find them."""
    absent = [name for name in names if not (HERE / name).is_dir()]
    return pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)}: not in {HERE}")


def use_published(monkeypatch):
    """Has the readers look where the published sets are."""
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(HERE))


def digest(content):
    return hashlib.sha256(content).hexdigest()


def put(place, content=b"abc"):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


def make_known(monkeypatch, name, contents, address="https://example.invalid/some where"):
    """Has a release of this name hold these files: their names and bytes."""
    known = (File(file, len(data), digest(data)) for file, data in contents.items())
    made = Release(f"The set {name}", "no licence", address, tuple(known))
    monkeypatch.setitem(RELEASES, name, made)
    return made
