"""``python -m experiments.data get`` against a server on this machine."""

import urllib.parse

import pytest
from support.published import make_known, put
from support.served import BYTES, NAME, cut, get, redirect, status, whole, wrong

from experiments.cli import fetch


def present(place):
    return {path.name: path.read_bytes() for path in place.iterdir()}


@pytest.mark.parametrize(
    "failures",
    [[], [cut], [wrong], [status(503), cut], [redirect("/there/file")]],
    ids=["at once", "cut", "wrong", "twice", "redirect"],
)
def test_a_download_is_complete_and_repeats_failed_attempts(server, place, failures):
    server.answers = [*failures, whole]
    get()
    assert present(place) == {"file": BYTES} and len(server.asked) == len(failures) + 1
    assert get() == f"{place}/file: present" and len(server.asked) == len(failures) + 1


@pytest.mark.parametrize("answer", [cut, wrong, status(404), redirect("/here/file")])
def test_a_failed_download_is_an_error_with_its_address_and_leaves_nothing(server, place, answer):
    server.answers = [answer]
    assert f"{server.address}/here/file" in get(code=2)
    assert present(place) == {}


def test_a_server_that_does_not_answer_is_an_error(server, place, monkeypatch):
    monkeypatch.setattr(fetch, "RETRIES", 0)
    server.shutdown()  # the socket still accepts connections
    assert "127.0.0.1" in get(code=2) and present(place) == {}


@pytest.mark.parametrize("make", [lambda p: put(p, b"mine"), lambda p: p.symlink_to("nowhere")])
def test_another_file_of_the_name_is_not_replaced(server, place, make):
    place.mkdir()
    make(place / "file")
    assert f"{place}/file" in get(code=2) and not server.asked
    assert (place / "file").is_symlink() or (place / "file").read_bytes() == b"mine"


def test_names_in_other_scripts_are_quoted(server, place, monkeypatch):
    files = {"唐诗三百首.json": BYTES, "b c.txt": BYTES + b"2"}
    make_known(monkeypatch, NAME, files, f"{server.address}/全唐诗")
    server.answers = [whole, lambda request: request.answer(BYTES + b"2")]
    get()
    assert present(place) == files
    assert server.asked == [urllib.parse.quote(f"/全唐诗/{name}") for name in files]
