"""Download published files and verify their SHA-256.

pooch downloads to a temporary file in the same folder, checks the SHA-256, renames, and retries, so
a file with its final name is complete.
"""

import pathlib

from seqjax.data.releases import File

RETRIES = 3
TIMEOUT = 30.0
"""Seconds without a byte after which an attempt fails."""


class FetchError(Exception):
    """A file could not be downloaded; the message names the address and the reason."""


def fetch(file: File, address: str, folder: pathlib.Path) -> None:
    """Download a file into a folder.

    Args:
      file: name and SHA-256.
      address: address of the folder that holds the file.
      folder: destination; created if missing.

    Raises:
      FetchError: the file cannot be downloaded or has another SHA-256, or the destination has
        another file with this name.
      OSError: the destination cannot be written.
    """
    import pooch
    import requests

    path, url = folder / file.name, f"{address}/{file.name}"
    if path.exists() or path.is_symlink():
        raise FetchError(f"{path}: differs from the published file; remove it and run again")
    folder.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().setLevel("WARNING")
    source = pooch.create(
        path=folder,
        base_url=f"{address}/",
        registry={file.name: f"sha256:{file.sha256}"},
        retry_if_failed=RETRIES,
    )
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT)
    try:
        source.fetch(file.name, downloader=downloader)
    except requests.RequestException as error:
        raise FetchError(f"{url}: {error}") from None
    except ValueError:
        raise FetchError(f"{url}: SHA-256: expected {file.sha256}, got another") from None
