"""``python -m experiments.data``: listing, verification, and mistakes in the command."""

import pytest
from support.commands import command
from support.published import put
from support.served import BYTES, NAME, get

from experiments.cli.commands import data


def test_sets_are_listed(server, place):
    result = command("list", program=data)
    assert result.code == 0 and not server.asked
    assert str(place.parent) in result.out and "mnist: MNIST" in result.out
    assert "\nset: The set set\n    0.1 MB, 0 of 1 files" in result.out
    (place / "file").mkdir(parents=True)
    assert "0.1 MB, 0 of 1 files" in command("list", program=data).out
    (place / "file").rmdir()
    put(place / "file")
    assert "0.1 MB, 1 of 1 files" in command("list", program=data).out


STATES = {
    "ok": lambda path: put(path, BYTES),
    "differs": lambda path: put(path, BYTES + b"\0"),
    "missing": lambda path: None,
    "unreadable": lambda path: (path.parent.mkdir(), path.symlink_to("nowhere")),
}


@pytest.mark.parametrize("state", STATES)
def test_files_are_verified(server, place, state):
    STATES[state](place / "file")
    for names in ((NAME,), ()):
        result = command("verify", *names, program=data)
        wrong = state != "ok" and (state != "missing" or bool(names))
        assert result.code == 2 * wrong and not server.asked
        assert f"{state:10s} {place}/file\n" in result.out
        assert ("error: 1 file" in result.err) == wrong


def test_get_creates_the_folder(server, tmp_path, place):
    new = tmp_path / "not" / "yet"
    for word in ("list", "verify"):
        assert command(word, f"--data_dir={new}", program=data).code == 2
    result = command("get", NAME, f"--data_dir={new}", program=data)
    assert result.code == 0 and (new / NAME / "file").read_bytes() == BYTES


MISTAKES = {
    (): "list, get NAME or verify",
    ("fetch", "mnist"): "'fetch'",
    ("get", "mnits"): "'mnits' (did you mean 'mnist'?)",
    ("verify", "mnist", "x"): "'x'",
    ("list", "mnist"): "'mnist'",
    ("list", "--data_dir=/nowhere/at/all"): "--data_dir",
    ("get", "mnist", f"--data_dir={__file__}"): "--data_dir",
    ("list", "--speed=1"): "--speed",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_a_mistake_is_one_line_that_names_the_word(place, server, arguments):
    result = command(*arguments, program=data)
    assert result.code == 2 and not result.out and not server.asked
    assert result.err.startswith("error: ") and result.err.count("\n") == 1
    assert MISTAKES[arguments] in result.err


def test_a_folder_that_cannot_be_created_is_an_error(server, tmp_path, monkeypatch, place):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(put(tmp_path / "a file")))
    assert "a file" in get(code=2)
