"""``python -m experiments.data get`` against a server on this machine that does what servers do."""

import signal
import subprocess
import sys
import time
import urllib.parse

import pytest
from support.commands import ROOT
from support.published import digest, make_known, put
from support.served import (
    BYTES,
    HALF,
    NAME,
    another,
    cut,
    endless,
    get,
    middle,
    ranges,
    silence,
    stall,
    status,
    to,
    whole,
    wrong,
)

from experiments.cli import fetch
from experiments.cli.fetch import FetchError, redirected


def left(place):
    """The files that are there, but for locks and empty ones, which pooch makes."""
    files = {path for path in place.rglob("*") if path.is_file() and path.stat().st_size}
    return {path.name: path.read_bytes() for path in files}


ONE = {"file": BYTES}
PART = {"part": BYTES[:HALF]}
GOING = {
    "at once": ([whole], [None]),
    "with ranges": ([ranges], [None]),
    "cut, then the rest": ([cut, ranges], [None, f"bytes={HALF}-"]),
    "cut, then all again": ([cut, whole], [None, f"bytes={HALF}-"]),
    "cut, then from elsewhere": ([cut, middle, ranges], [None, f"bytes={HALF}-", None]),
    "cut, then no such range": ([cut, status(416), ranges], [None, f"bytes={HALF}-", None]),
    "silent at first": ([silence, whole], [None, None]),
    "out of order at first": ([status(500), status(503), whole], [None] * 3),
    "from elsewhere": ([to("/there/file"), whole], [None, None]),
}


@pytest.mark.parametrize(("plan", "ranges_asked"), GOING.values(), ids=GOING)
def test_a_file_is_fetched_in_the_end(server, place, plan, ranges_asked):
    server.plan = list(plan)
    assert get().endswith("fetched, 0.1 MB")
    assert left(place) == ONE and [path.name for path in place.iterdir()] == ["file"]
    assert [asked for _, asked in server.asked] == ranges_asked
    assert get().endswith("is there") and len(server.asked) == len(ranges_asked)


STOPPED = {
    "cut ever again": ([cut], "in 3 attempts", PART, 3),
    "stalled": ([stall, silence], "Read timed out", PART, 3),
    "silent": ([silence], "Read timed out", {}, 3),
    "out of order": ([status(500)], "the server answers 500", {}, 3),
    "not there": ([status(404)], "the server answers 404", {}, 1),
    "forbidden": ([status(403)], "the server answers 403", {}, 1),
    "wrong bytes": ([wrong], "are not those that were published", {}, 1),
    "another file": ([another], "another file, of 26 bytes and not of 102400", {}, 1),
    "without end": ([endless], "it has more than 102,400 bytes", {}, 1),
    "in a circle": ([to("/here/file")], "over 5 redirects", {}, 6),
    "to a file here": ([to("file:///etc/passwd")], "redirected to 'file:///etc/passwd'", {}, 1),
}


@pytest.mark.parametrize(("plan", "said", "kept", "requests"), STOPPED.values(), ids=STOPPED)
def test_what_cannot_be_had_is_told_in_one_line(server, place, plan, said, kept, requests):
    server.plan = list(plan)
    line = get(code=2)
    assert said in line and f"{server.address}/here/file" in line
    assert left(place) == kept and len(server.asked) == requests
    assert kept or not list(place.iterdir())
    server.plan, server.asked = [ranges], []
    get()
    assert left(place) == ONE
    assert [asked for _, asked in server.asked] == [f"bytes={HALF}-" if kept else None]


def test_a_server_that_is_not_there_is_told(server, place):
    server.shutdown()
    server.server_close()
    assert "Connection refused" in get(code=2) and left(place) == {}


def part_of(place):
    return place / fetch.PARTIAL / digest(BYTES) / "part"


@pytest.mark.parametrize("stale", [b"x" * HALF, b"x" * len(BYTES), b"x" * len(BYTES) * 2])
def test_a_wrong_beginning_is_thrown_away(server, place, stale):
    put(part_of(place), stale)
    server.plan = [ranges]
    get()
    assert left(place) == ONE


def test_what_was_whole_needs_no_server(server, place):
    put(part_of(place), BYTES)
    get()
    assert left(place) == ONE and not server.asked


def test_another_file_of_the_name_is_put_aside_once_the_right_one_is_there(server, place):
    own = b"my own"
    put(place / "file", own)
    server.plan = [status(404)]
    get(code=2)
    assert left(place) == {"file": own}
    server.plan = [whole]
    assert get().endswith(f"file.{digest(own)[:8]}: is what was there")
    assert left(place) == ONE | {f"file.{digest(own)[:8]}": own}


def test_names_in_other_scripts_are_quoted(server, place, monkeypatch):
    files = {"唐诗三百首.json": BYTES, "b c?.txt": BYTES + b"2"}
    make_known(monkeypatch, NAME, files, f"{server.address}/全唐诗")
    server.plan = [whole, lambda request: request.answer(BYTES + b"2")]
    get()
    assert left(place) == files
    asked = [urllib.parse.quote(f"/全唐诗/{name}") for name in files]
    assert [path for path, _ in server.asked] == asked


def test_two_do_not_fetch_the_same_file_at_once(server, place):
    put(part_of(place), BYTES[:9])
    with fetch._alone(part_of(place).parent, "elsewhere"):
        assert "another process is fetching it" in get(code=2)
    assert not server.asked and left(place) == {"part": BYTES[:9]}


def test_redirects_never_leave_https():
    assert redirected("https://a.b/c/d", "../e") == "https://a.b/e"
    assert redirected("https://a.b/c", "https://d.e/f") == "https://d.e/f"
    assert redirected("http://a.b/c", "https://d.e/f") == "https://d.e/f"
    for target in ("http://a.b/c", "//user@a.b:80/", "ftp://a.b/c", "file:///c", "HTTP://a.b/c"):
        if target.startswith("//"):
            assert redirected("https://a.b/c", target).startswith("https://")
            continue
        with pytest.raises(FetchError, match=r"redirected to .*, which is not HTTPS$"):
            redirected("https://a.b/c", target)


PROGRAM = """
import resource, runpy, signal, sys
from seqjax.data import releases
name, size, sha256, address, limit = sys.argv[1:6]
files = (releases.File(name, int(size), sha256),)
releases.RELEASES["set"] = releases.Release("", "", address, files)
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
sys.argv = ["data", "get", "set"]
runpy.run_module("experiments.data", run_name="__main__")
"""


def started(server, limit=0):
    facts = ("file", str(len(BYTES)), digest(BYTES), f"{server.address}/here", str(limit))
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *facts], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.subprocess
def test_a_signal_keeps_what_has_come(server, place):
    server.plan = [stall]
    process = started(server)
    deadline = time.monotonic() + 60
    while left(place) != PART and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 75, said
    assert "run the same command again" in said
    assert "Traceback" not in said and left(place) == PART
    server.plan = [ranges]
    get()
    assert left(place) == ONE


@pytest.mark.subprocess
def test_a_full_disk_is_told_and_keeps_what_has_come(server, place):
    server.plan = [whole]
    process = started(server, limit=70_000)
    said = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == 2
    assert said[-1] == f"error: {place.parent}: File too large"
    assert left(place) == {"part": BYTES[:70_000]}
