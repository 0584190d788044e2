"""A file server on this machine, and ``experiments.data get`` against it.

The fixtures ``server`` and ``place`` are in conftest.py.
"""

import http.server
import threading
from collections.abc import Callable

from support.commands import command

from experiments.cli.commands import data

BYTES = bytes(range(256)) * 400
NAME = "set"


class Server(http.server.ThreadingHTTPServer):
    """Answers each request with the next of ``answers``; the last one repeats.

    Attributes:
      asked: path of each request.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked = [whole], []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, *args):
        """Ignore clients that close the connection."""

    def __exit__(self, *args):
        self.shutdown()
        self.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def answer(self, content: bytes, status: int = 200, **headers: str) -> None:
        """Send content; header names have _ for -."""
        self.send_response(status)
        for name, value in ({"Content_Length": len(content)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(content)


def whole(request: Handler) -> None:
    request.answer(BYTES)


def cut(request: Handler) -> None:
    request.answer(BYTES[:999], Content_Length=len(BYTES))


def wrong(request: Handler) -> None:
    request.answer(BYTES[::-1])


def status(number: int) -> Callable[[Handler], None]:
    return lambda request: request.answer(b"sorry", number)


def redirect(target: str) -> Callable[[Handler], None]:
    return lambda request: request.answer(b"", 302, Location=target)


def get(*names: str, code: int = 0) -> str:
    """Run ``get`` and return the last line of standard error."""
    result = command("get", *(names or (NAME,)), program=data)
    assert result.code == code, result.err
    assert sum(line.startswith("error: ") for line in result.err.splitlines()) == bool(code)
    assert "Traceback" not in result.err
    return result.err.splitlines()[-1]
