"""The folder of data sets: where files are found, and errors about missing or changed ones."""

import os
import re

import pytest
from support.published import digest, make_known, put

from experiments.cli import flags
from seqjax.data import folder, releases


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    make_known(monkeypatch, "set", {"file": b"abc"})
    return tmp_path


def test_environment_variables_choose_the_folder(tmp_path, monkeypatch):
    make_known(monkeypatch, "set", {"file": b"abc"})
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("SEQJAX_DATA_DIR", raising=False)
    place = put(tmp_path / "home/.cache/seqjax/data/set/file")
    assert folder.find("set/file") == place
    for variable, value, under in [
        ("XDG_CACHE_HOME", tmp_path / "cache", "seqjax/data/set/file"),
        ("SEQJAX_DATA_DIR", tmp_path / "data", "set/file"),
    ]:
        monkeypatch.setenv(variable, str(value))
        with pytest.raises(folder.DataError):
            folder.find("set/file")
        place = put(value / under)
        assert folder.find("set/file") == folder.find("set/file", exact=True) == place


def test_a_missing_file_is_an_error_with_path_and_fix(data_dir):
    place = data_dir / "set" / "file"
    with pytest.raises(folder.DataError, match=rf"^set/file: .*{place}.*data get set") as error:
        folder.find("set/file")
    assert "--data_dir" in str(error.value) and "\n" not in str(error.value)


def test_a_changed_file_is_refused_or_used_with_a_warning(data_dir):
    place = put(data_dir / "set" / "file", b"abd")
    expected, found = digest(b"abc"), digest(b"abd")
    with pytest.raises(folder.DataError, match=f"{place}.*{expected}.*{found}.*data get set"):
        folder.find("set/file", exact=True)
    with pytest.warns(folder.DataWarning, match=re.escape(str(place)) + ".*" + found):
        assert folder.find("set/file") == place


def test_commands_print_the_warning_once(data_dir, capsys):
    place = put(data_dir / "set" / "file", b"abd")
    with flags.data_warnings_on_one_line():
        for _ in range(3):
            folder.find("set/file")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {place}") and digest(b"abd") in line


@pytest.mark.parametrize("name", ["set/other", "file"])
def test_a_file_of_no_release_is_read_with_a_warning(data_dir, name):
    with pytest.raises(folder.DataError) as error:
        folder.find(name)
    assert "--data_dir" in str(error.value) and "data get" not in str(error.value)
    place = put(data_dir / name)
    with pytest.warns(folder.DataWarning, match=digest(b"abc")):
        assert folder.find(name) == place


def test_releases_are_complete():
    for name, release in releases.RELEASES.items():
        assert re.fullmatch("[a-z0-9_]+", name) and release.title and release.licence
        assert release.address.startswith("https://")
        names = [file.name for file in release.files]
        assert len(set(names)) == len(names) > 0
        for file in release.files:
            assert re.fullmatch("[0-9a-f]{64}", file.sha256) and file.size > 0
            assert file.name == os.path.basename(file.name) and not file.name.startswith(".")
