"""Bring the bytes of one file into ``NAME.part``: address after address, resumed, and checked.

``assets`` decides what is needed and puts the file in its final place; this room only asks servers.
pooch does the HTTP (through requests: proxies, ``.netrc``, redirects). What pooch lacks is added
here: resuming, several addresses, and reasons that a person can read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from xrv_core.assets.partfile import Failure, PartFile, public
from xrv_core.errors import AssetError

__all__ = ["NoSource", "download", "words"]

CHUNK = 1 << 18  # bytes; with pooch's own 1024 the copying, not the network, sets the speed
TIMEOUT = (10.0, 60.0)  # seconds to connect, seconds without a byte
DELAYS = (0.5, 1.0, 2.0)  # seconds to wait before each further try at one address


#: Authentication of ``requests`` for an address, or None.
Auth = Callable[[str], Any]


class NoSource(Exception):
    """No address served the file; ``failures`` holds each address with its reason."""

    def __init__(self, failures: list[tuple[str, Failure]]) -> None:
        super().__init__()
        self.failures = failures


def download(part: PartFile, addresses: Sequence[str], auth: Auth | None = None) -> str:
    """Fill ``part`` from the first address that serves the right bytes.

    Only one process or thread at a time may fill one part: the caller holds its lock.

    Returns:
        The sha256 of the complete file.

    Raises:
        NoSource: No address served it.
        AssetError: The cache cannot be written.
    """
    failures = []
    for url in addresses:
        try:
            return _bring(part, url, auth)
        except Failure as failure:
            failures.append((public(url), failure))
    raise NoSource(failures)


def _bring(part: PartFile, url: str, auth: Auth | None) -> str:
    """Ask one address until the file is complete, or until it is clear that asking is useless."""
    furthest, tries, fruitless = part.size, 0, 0
    while True:
        try:
            if not part.complete:
                tries += 1
                _ask(part, url, auth)
            return part.check()
        except Failure as failure:
            fruitless = 0 if part.size >= furthest + CHUNK else fruitless + 1
            furthest = max(furthest, part.size)
            if not failure.again:
                raise
            if fruitless > len(DELAYS):
                raise Failure(f"{failure.reason} ({tries} tries)", wrong=failure.wrong) from failure
            time.sleep(DELAYS[max(fruitless - 1, 0)])
        finally:
            part.close()


def _ask(part: PartFile, url: str, auth: Auth | None) -> None:
    scheme = url.partition("://")[0].lower()
    if scheme in ("http", "https"):
        _ask_server(part, url, auth)
    elif scheme == "file":
        _copy(part, url)
    else:
        raise Failure("is no address to download from: use https://, http:// or file:///")
    part.finish()


def _ask_server(part: PartFile, url: str, auth: Auth | None) -> None:
    import pooch
    import requests

    fetch = pooch.HTTPDownloader(
        chunk_size=CHUNK,
        timeout=TIMEOUT,
        headers=part.headers(url),
        hooks={"response": part.begin},
        auth=auth(url) if auth else None,  # None: .netrc, as always
    )
    try:
        fetch(url, part, None)
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        if part.receiving:
            raise Failure(part.progress_words(), again=True) from error
        if isinstance(error, requests.ConnectTimeout):  # each further try would take as long again
            raise Failure(f"could not be reached within {TIMEOUT[0]:g} s") from error
        if isinstance(error, requests.ReadTimeout):
            raise Failure(f"gave no answer within {TIMEOUT[1]:g} s", again=True) from error
        raise Failure(f"could not be reached: {words(error)}", again=True) from error
    except requests.RequestException as error:
        raise Failure(f"cannot be used: {words(error)}") from error


def _copy(part: PartFile, url: str) -> None:
    host, slash, path = url[len("file://") :].partition("/")
    if host not in ("", "localhost"):
        raise Failure(f"names the host {host!r}: write file:///path")
    try:
        with Path(url2pathname(slash + path)).open("rb") as source:
            part.open(0, os.fstat(source.fileno()).st_size)
            while chunk := source.read(CHUNK):
                part.write(chunk)
    except AssetError:
        raise
    except OSError as error:
        raise Failure(f"cannot be read: {error.strerror or error}") from error


def words(error: BaseException) -> str:
    """The system's own words, such as "Connection refused", from inside several layers of wrapping."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and (link.strerror or isinstance(link, ConnectionError)):
            return link.strerror or str(link)
        link = link.__cause__ or link.__context__
    return str(error) or type(error).__name__
