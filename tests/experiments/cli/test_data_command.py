"""``python -m experiments.data``: what is listed and verified, and mistakes."""

import pytest
from support.commands import command
from support.published import put
from support.served import BYTES, NAME, get, whole

from experiments.cli.commands import data
from seqjax.data.elnino import elnino
from seqjax.data.folder import DataError


def test_sets_are_listed(server, place, monkeypatch):
    result = command("list", program=data)
    assert result.code == 0 and not server.asked
    assert f"in {place.parent}:" in result.out
    assert "\nset: The set set\n    0.1 MB, 0 of 1 files are there\n    licence: no" in result.out
    assert "mnist: MNIST" in result.out and "the package sktime brings it" in result.out
    put(place / "file")
    assert "0.1 MB, 1 of 1 files are there" in command("list", program=data).out


def test_what_has_the_name_of_a_file_and_is_none_is_not_counted(place):
    (place / "file").mkdir(parents=True)
    assert "0.1 MB, 0 of 1 files are there" in command("list", program=data).out
    (place / "file").rmdir()
    (place / "file").symlink_to("nowhere")
    assert "0.1 MB, 0 of 1 files are there" in command("list", program=data).out


@pytest.mark.parametrize(
    ("content", "said", "named", "unnamed"),
    [(BYTES, "ok", 0, 0), (BYTES + b"\0", "differs", 2, 2), (None, "missing", 2, 0)],
)
def test_files_are_verified(server, place, content, said, named, unnamed):
    if content is not None:
        put(place / "file", content)
    for names, code in (((NAME,), named), ((), unnamed)):
        result = command("verify", *names, program=data)
        assert result.code == code and not server.asked
        assert f"{said:10s} {place}/file\n" in result.out
        assert ("error: 1 missing or not as published" in result.err) == bool(code)


def test_what_cannot_be_read_is_neither_right_nor_missing(place):
    (place / "file").mkdir(parents=True)
    result = command("verify", NAME, program=data)
    assert result.code == 2 and f"unreadable {place}/file" in result.out
    assert "it is a folder" in get(code=2)


def test_a_link_that_leads_nowhere_is_told_and_put_aside(server, place):
    place.mkdir()
    (place / "file").symlink_to("gone")
    for names in ((NAME,), ()):
        result = command("verify", *names, program=data)
        assert result.code == 2 and f"unreadable {place}/file\n" in result.out
    server.plan = [whole]
    assert get().endswith("file.link: is what was there")
    assert (place / "file").read_bytes() == BYTES
    assert (place / "file.link").readlink().name == "gone"


def test_what_is_verified_is_what_is_read(tmp_path, monkeypatch):
    """The reader takes what lies in the folder, before what a package brings."""
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    assert command("verify", "elnino", program=data).code == 0
    own = tmp_path / "elnino" / "elnino.csv"
    own.parent.mkdir()
    own.symlink_to("nowhere")
    result = command("verify", "elnino", program=data)
    assert result.code == 2 and f"unreadable {own}\n" in result.out
    with pytest.raises(DataError, match="No such file"):
        elnino()


def test_a_folder_that_is_not_there_is_made(server, tmp_path, place):
    new = tmp_path / "not" / "yet"
    for word in ("list", "verify"):
        assert command(word, f"--data_dir={new}", program=data).code == 2
    server.plan = [whole]
    result = command("get", NAME, f"--data_dir={new}", program=data)
    assert result.code == 0 and (new / NAME / "file").read_bytes() == BYTES


MISTAKES = {
    (): "expected list, get NAME or verify, got ''",
    ("fetch", "mnist"): "expected list, get NAME or verify, got 'fetch'",
    ("get",): "get: expected names of data sets; known: mnist",
    ("get", "mnits"): "unknown data set 'mnits' (did you mean 'mnist'?)",
    ("verify", "mnist", "x"): "unknown data set 'x'",
    ("list", "mnist"): "list: unexpected 'mnist'",
    ("get", "japanese_vowels"): "japanese_vowels: not fetched from here; pip install sktime",
    ("list", "--data_dir=/nowhere/at/all"): "--data_dir: expected a folder",
    ("list", "--data_dir="): "--data_dir: expected a folder, got ''",
    ("get", "mnist", "--data_dir="): "--data_dir: expected a folder, got ''",
    ("get", "mnist", f"--data_dir={__file__}"): "--data_dir: expected a folder, got",
    ("list", "--speed=1"): "unknown flag --speed",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes_are_told_in_one_line(place, server, arguments):
    result = command(*arguments, program=data)
    assert result.code == 2 and not result.out and not server.asked
    assert result.err.startswith(f"error: {MISTAKES[arguments]}") and result.err.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_told(server, tmp_path, monkeypatch, place):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(put(tmp_path / "a file")))
    assert "Not a directory" in get(code=2)
