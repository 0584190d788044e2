"""Locks of a workdir: one process a shard, one number of shards, one plan."""

import json
import os
import socket
import subprocess
import sys

import pytest

from seqjax.records import locks


def test_shards_that_run_together_have_one_plan(tmp_path):
    with locks.hold(tmp_path, (0, 2), "a"):
        with locks.hold(tmp_path, (1, 2), "a"):
            pass
        refusal = pytest.raises(locks.LockedError, match=r"shard 0/2 of it, with other values")
        with refusal, locks.hold(tmp_path, (1, 2), "b"):
            pass
    with locks.hold(tmp_path, (1, 2), "b"):  # the first has ended
        pass


def test_a_shard_has_one_process_and_the_number_of_shards_is_fixed(tmp_path):
    held = f"process {os.getpid()} on {socket.gethostname()!r} is running shard 0/2"
    with locks.hold(tmp_path, (0, 2)):
        for other in ((0, 2), (0, 1), (2, 3)):
            with pytest.raises(locks.LockedError, match=held), locks.hold(tmp_path, other):
                pass
        with locks.hold(tmp_path, (1, 2)):
            pass
    with locks.hold(tmp_path, (0, 1)):
        pass


@pytest.mark.subprocess
def test_the_lock_of_a_dead_process_is_free(tmp_path):
    code = (
        "import os, pathlib, sys\n"
        "from seqjax.records import locks\n"
        "with locks.hold(pathlib.Path(sys.argv[1]), (0, 1)):\n"
        "    os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == 9
    (file,) = (tmp_path / locks.FOLDER).glob("*.lock")
    assert json.loads(file.read_text())["pid"] != os.getpid()
    with locks.hold(tmp_path, (0, 1)):
        assert json.loads(file.read_text())["pid"] == os.getpid()
