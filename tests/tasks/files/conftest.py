"""The task on a file that a test writes."""

import numpy as np
import pytest

from seqjax.tasks.files.file import File


@pytest.fixture
def npz(tmp_path):
    """Return a function that writes arrays and returns the task on their file."""

    def put(kind, arrays, name="own.npz", **fields):
        np.savez(tmp_path / name, **arrays)
        return File(path=str(tmp_path / name), kind=kind, **fields)

    return put


@pytest.fixture
def csv(tmp_path):
    """Return a function that writes columns and returns the task on their file."""

    def put(kind, table, name="own.csv", **fields):
        rows = zip(*table.values(), strict=True)
        lines = [",".join(table), *(",".join(map(str, row)) for row in rows)]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return File(path=str(tmp_path / name), kind=kind, **fields)

    return put
