"""A server on this machine that does what servers do, and ``experiments.data get`` against it.

Its fixtures, ``server`` and ``place``, are in conftest.py.
"""

import http.server
import re
import threading

from support.commands import command

from experiments.cli import fetch
from experiments.cli.commands import data

BYTES = bytes(range(256)) * 400
NAME = "set"
HALF = 3 * fetch.CHUNK


class Server(http.server.ThreadingHTTPServer):
    """Answers each request by the next of ``plan``, the last of which stays.

    Attributes:
      asked: the path and the range of every request.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan, self.asked, self.end = [], [], threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, *args):
        """A client that has gone is no error of the test."""

    def stop(self):
        self.end.set()
        self.shutdown()
        self.server_close()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers["Range"]))
        plan = server.plan
        (plan.pop(0) if len(plan) > 1 else plan[0])(self)

    def answer(self, content, status=200, **headers):
        """Headers as given, with - for _; without a length if that is None."""
        headers = {"Content_Length": len(content)} | headers
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(content)


def whole(request):
    request.answer(BYTES)


def ranges(request):
    """The rest, if that is asked for."""
    asked = re.fullmatch(r"bytes=(\d+)-", request.headers["Range"] or "")
    if asked is None:
        return whole(request)
    first, size = int(asked[1]), len(BYTES)
    return request.answer(BYTES[first:], 206, Content_Range=f"bytes {first}-{size - 1}/{size}")


def cut(request):
    request.answer(BYTES[:HALF], Content_Length=len(BYTES))


def stall(request):
    cut(request)
    request.wfile.flush()
    request.server.end.wait(5)


def silence(request):
    request.server.end.wait(5)


def wrong(request):
    request.answer(BYTES[::-1])


def another(request):
    request.answer(b"<html>please log in</html>")


def endless(request):
    request.answer(BYTES, Content_Length=None)
    for _ in range(1000):
        request.wfile.write(BYTES)


def middle(request):
    """Not what was asked for."""
    request.answer(BYTES[5:], 206, Content_Range=f"bytes 5-{len(BYTES) - 1}/{len(BYTES)}")


def status(number):
    return lambda request: request.answer(b"sorry", number)


def to(target):
    return lambda request: request.answer(b"", 302, Location=target)


def get(*names, code=0):
    result = command("get", *(names or (NAME,)), program=data)
    assert result.code == code, result.err
    if code:
        assert [line[:7] for line in result.err.splitlines()].count("error: ") == 1
        assert "Traceback" not in result.err
    return result.err.splitlines()[-1]
