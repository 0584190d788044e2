"""Checkpoints that are stored so that reading them may take any amount of memory are refused.

Each holds the right numbers, so that only the way they are stored is refused.
"""

import json
import shutil

import jax
import numpy as np
import pytest
import tensorstore

from seqjax.training import checkpoint
from seqjax.training.checkpoint import CheckpointError, Checkpoints

ARRAYS = {"w": np.arange(24, dtype=np.float32).reshape(2, 4, 3), "n": np.int32([7, 8])}
SHAPES = {name: jax.ShapeDtypeStruct(a.shape, a.dtype) for name, a in ARRAYS.items()}
KEY = "w/zarr.json"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "a folder %20"
    checkpoints = Checkpoints(folder)
    checkpoints.save(ARRAYS, {"step": 3})
    checkpoints.close()
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / saved.name)


def load(folder, shapes=SHAPES):
    arrays, _ = Checkpoints(folder).load(lambda metadata: shapes)
    return arrays


def database(folder, **options):
    """The key-value store in which the arrays of a checkpoint are."""
    spec = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{folder}/0/state/"}, **options}
    return tensorstore.KvStore.open(spec).result()


def rewrite(folder, change):
    """Store the first array in another way."""
    store = database(folder)
    metadata = json.loads(store.read(KEY).result().value)
    change(metadata)
    store.delete_range(tensorstore.KvStore.KeyRange("w/", "w0")).result()
    kvstore = {**store.spec().to_json(), "path": "w/"}
    spec = {"driver": "zarr3", "kvstore": kvstore, "metadata": metadata}
    array = tensorstore.open(spec, create=True).result()
    array[tuple(map(slice, (2, 4, 3)))].write(ARRAYS["w"]).result()


def in_larger_chunks(metadata):
    metadata["chunk_grid"]["configuration"]["chunk_shape"] = [2, 4, 3000]
    metadata["codecs"][0]["configuration"]["chunk_shape"] = [2, 4, 3000]


def in_smaller_chunks(metadata):
    metadata["codecs"][0]["configuration"]["chunk_shape"] = [1, 1, 1]


def in_larger_shape(metadata):
    metadata["shape"] = [2, 4, 3000]


def without_shards(metadata):
    metadata["codecs"] = metadata["codecs"][0]["configuration"]["codecs"]


def compressed_by_blosc(metadata):
    metadata["codecs"][0]["configuration"]["codecs"][1] = {"name": "blosc"}


def in_another_type(metadata):
    metadata["data_type"] = "float64"


@pytest.mark.parametrize(
    "change",
    [
        in_larger_chunks,
        in_smaller_chunks,
        in_larger_shape,
        without_shards,
        compressed_by_blosc,
        in_another_type,
    ],
)
def test_arrays_stored_otherwise_than_expected_are_refused(copy, change):
    rewrite(copy, lambda metadata: None)
    np.testing.assert_equal(load(copy), ARRAYS)
    rewrite(copy, change)
    with pytest.raises(CheckpointError, match=str(copy)) as refusal:
        load(copy)
    assert "\n" not in str(refusal.value)


def test_a_database_with_larger_nodes_is_refused(copy):
    """A node of 50 kB may decode to gigabytes, in which case Orbax takes 3 GB to read it."""
    store = database(copy)
    items = {key: store.read(key).result().value for key in store.list().result()}
    shutil.rmtree(copy / "0" / "state" / "ocdbt.process_0")
    (copy / "0" / "state" / "manifest.ocdbt").unlink()
    larger = database(copy, config={"max_decoded_node_bytes": 2 * checkpoint.MOST_NODE})
    for key, value in items.items():
        larger.write(key, value).result()
    with pytest.raises(CheckpointError, match=str(copy)):
        load(copy)


def test_arrays_that_the_files_cannot_hold_are_refused_before_they_are_opened(copy, monkeypatch):
    monkeypatch.setattr(checkpoint, "SMALL", 0)
    np.testing.assert_equal(load(copy), ARRAYS)
    larger = {**SHAPES, "w": jax.ShapeDtypeStruct((2**20, 2**20), np.float32)}
    with pytest.raises(CheckpointError, match=r"4,398,\d{3},\d{3},\d{3} bytes"):
        load(copy, larger)


def test_two_databases_or_none_are_refused(copy):
    shutil.copytree(copy / "0" / "state", copy / "0" / "other")
    with pytest.raises(CheckpointError, match="found 2"):
        load(copy)


def test_large_metadata_are_refused_unread(copy, monkeypatch):
    monkeypatch.setattr(checkpoint, "MOST_METADATA", 100)
    with pytest.raises(CheckpointError, match="100 bytes"):
        load(copy)
