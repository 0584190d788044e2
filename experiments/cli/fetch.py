"""Fetches a published file into the folder of data sets: whole and checked, or not at all.

What has come is kept in ``.partial`` beside it, under its digest, and the next attempt asks the
server for the rest alone. Under its own name a file appears once its digest is right, by a rename.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import time
import urllib.parse
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from seqjax.data.folder import sha256
from seqjax.data.releases import File

if TYPE_CHECKING:
    import requests

PARTIAL = ".partial"
CHUNK = 2**14
MOST_REDIRECTS = 5
AGAIN = {408, 425, 429, 500, 502, 503, 504}
"""Answers after which another attempt may succeed."""


class FetchError(Exception):
    """A file that could not be had, worded for the person who asked for it."""


class _AgainError(Exception):
    """What went wrong with an attempt, and may go right with the next."""


class Patience(NamedTuple):
    """What a server may ask of us.

    Attributes:
      attempts: at one file.
      timeout: seconds in which no byte comes, after which an attempt ends.
      pause: seconds before the second attempt; each later one waits twice as long.
    """

    attempts: int = 4
    timeout: float = 30.0
    pause: float = 1.0


def fetch(
    file: File,
    address: str,
    folder: pathlib.Path,
    told: Callable[[int], None],
    patience: Patience,
) -> pathlib.Path | None:
    """Puts a file into a folder.

    Args:
      file: its name, size and digest.
      address: of the folder that has it.
      told: called with the number of bytes that are here, whenever some have come.

    Returns:
      Where a file of its name that was there has been put aside, or None.

    Raises:
      FetchError: it cannot be had, is not what was published, or is being fetched already.
      OSError: it cannot be written.
    """
    import pooch

    url = urllib.parse.quote(f"{address}/{file.name}", safe=":/")
    own = folder / file.name
    aside = _aside(own)
    place = folder.absolute() / PARTIAL / file.sha256
    place.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().setLevel("ERROR")
    with _alone(place, url):
        transfer = _Transfer(file, place / "part", told, patience)
        while True:
            try:
                pooch.retrieve(url, f"sha256:{file.sha256}", "whole", place, downloader=transfer)
                break
            except ValueError:  # of the digest: pooch has deleted what had come
                if not transfer.resumed:
                    said = "its bytes are not those that were published"
                    raise FetchError(f"{url}: {said}") from None
        if aside is not None:
            os.replace(own, aside)
        os.replace(place / "whole", own)
    return aside


def _aside(own: pathlib.Path) -> pathlib.Path | None:
    """Where what has the name of the file will be put; None if nothing has."""
    if not os.path.lexists(own):
        return None
    try:
        return own.with_name(f"{own.name}.{sha256(own)[:8]}")
    except FileNotFoundError:  # a link that leads nowhere
        return own.with_name(f"{own.name}.link")


@contextlib.contextmanager
def _alone(place: pathlib.Path, url: str) -> Iterator[None]:
    """Holds the folder of what has come; in the end nothing is left of it but that."""
    lock, part = place / "lock", place / "part"
    with open(lock, "w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = os.path.samestat(os.fstat(held.fileno()), os.stat(lock))
        except (BlockingIOError, FileNotFoundError):  # who had it may have deleted it since
            alone = False
        if not alone:
            raise FetchError(f"{url}: another process is fetching it")
        try:
            yield
        finally:
            if not (part.exists() and part.stat().st_size):
                shutil.rmtree(place)
                with contextlib.suppress(OSError):  # another file of the set is on its way
                    place.parent.rmdir()


class _Transfer:
    """A downloader for pooch: a file in attempts, each of which goes on where the last one ended.

    Attributes:
      resumed: some of the bytes had been there before the first attempt.
    """

    def __init__(
        self, file: File, part: pathlib.Path, told: Callable[[int], None], patience: Patience
    ):
        self.file, self.part, self.told, self.patience = file, part, told, patience
        self.resumed = False

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        import requests

        del pooch
        for attempt in range(self.patience.attempts):
            if attempt:
                time.sleep(self.patience.pause * 2 ** (attempt - 1))
            with requests.Session() as session, open(self.part, "ab") as part:
                if attempt == 0:
                    self.resumed = part.tell() > 0
                try:
                    self._attempt(session, url, part)
                except _AgainError as error:
                    said = error
                    continue
                os.fsync(part.fileno())
            os.replace(self.part, output_file)
            return
        raise FetchError(f"{url}: {said}, in {self.patience.attempts} attempts")

    def _attempt(self, session: "requests.Session", url: str, part: BinaryIO) -> None:
        """Appends what is missing; returns if nothing is missing any more."""
        import urllib3

        if part.tell() > self.file.size:
            part.truncate(0)
        if (here := part.seek(0, os.SEEK_END)) == self.file.size:
            return
        with _answer(session, url, here, self.patience.timeout) as answer:
            begin = _begins(url, answer, here, self.file.size)
            if begin != here:
                part.truncate(0)
                here = 0
            if begin is None:
                raise _AgainError("the server cannot go on in the middle")
            try:
                for chunk in answer.raw.stream(CHUNK, decode_content=False):
                    here += len(chunk)
                    if here > self.file.size:
                        part.truncate(0)
                        raise FetchError(f"{url}: it has more than {self.file.size:,} bytes")
                    part.write(chunk)
                    part.flush()
                    self.told(here)
            except urllib3.exceptions.HTTPError as error:
                raise _AgainError(_said(error)) from None
        if here < self.file.size:
            raise _AgainError(f"it ended after {here:,} of {self.file.size:,} bytes")


def _begins(url: str, answer: "requests.Response", here: int, size: int) -> int | None:
    """At which byte of the file the answer begins: ``here``, or 0, or None if it is of no use."""
    status = answer.status_code
    if here and status in (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
        fits = answer.headers.get("Content-Range") == f"bytes {here}-{size - 1}/{size}"
        return here if fits and status == HTTPStatus.PARTIAL_CONTENT else None
    if status in AGAIN:
        raise _AgainError(f"the server answers {status} {answer.reason}")
    if status != HTTPStatus.OK:
        raise FetchError(f"{url}: the server answers {status} {answer.reason}")
    length = answer.headers.get("Content-Length", str(size))
    if length != str(size):
        raise FetchError(f"{url}: another file, of {length:.20} bytes and not of {size}")
    return 0


def _answer(
    session: "requests.Session", url: str, here: int, timeout: float
) -> "requests.Response":
    """The answer to a request for all but the first bytes, redirects followed."""
    import requests

    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={here}-"} if here else {})
    for _ in range(MOST_REDIRECTS + 1):
        try:
            answer = session.get(
                url, headers=headers, timeout=timeout, stream=True, allow_redirects=False
            )
        except requests.RequestException as error:
            raise _AgainError(_said(error)) from None
        target = session.get_redirect_target(answer)
        if target is None:
            return answer
        answer.close()
        url = redirected(url, target)
    raise FetchError(f"{url}: over {MOST_REDIRECTS} redirects")


def redirected(url: str, target: str) -> str:
    """The address that a redirect leads to.

    Raises:
      FetchError: it leads from HTTPS to anything else.
    """
    found = urllib.parse.urljoin(url, target)
    schemes = ("https",) if urllib.parse.urlsplit(url).scheme == "https" else ("https", "http")
    if urllib.parse.urlsplit(found).scheme not in schemes:
        raise FetchError(f"{url}: redirected to {found!r:.200}, which is not {schemes[0].upper()}")
    return found


def _said(error: Exception) -> str:
    """What requests and urllib3 say, without the connection that they name."""
    inner = error.args[0] if error.args else error
    said = str(getattr(inner, "reason", inner))
    return re.sub(r"^\S*\(.*?\): ", "", said) or type(error).__name__
