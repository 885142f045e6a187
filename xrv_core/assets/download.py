"""Bring one file from a server into ``NAME.part``: resumed after a break, tried again, and checked.

requests does the HTTP: proxies, ``.netrc``, redirects. pooch is not used: its downloads cannot resume, its temporary
files stay behind when it is killed, and its log shows the passwords of addresses.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xrv_core.assets import files
from xrv_core.errors import printable

if TYPE_CHECKING:
    import requests

__all__ = ["Auth", "Download", "Failure", "network_reason", "public"]

Auth = Callable[[str], Callable[[Any], Any] | None]  # an address -> an ``auth`` of requests, None: .netrc

CHUNK = 1 << 18  # bytes; with small chunks the copying sets the speed, not the network
TIMEOUT = (10.0, 60.0)  # seconds to connect, seconds without a byte
DELAYS = (0.5, 1.0, 2.0)  # seconds to wait before each further try at one address

_PASSING = {408, 425, 429}  # refusals that may be over in a moment, as every 5xx
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Failure(Exception):
    """Why one address did not serve the file; ``again``: a further try may help; ``wrong``: it is another file."""

    def __init__(self, reason: str, *, again: bool = False, wrong: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.again, self.wrong = reason, again, wrong


class Download:
    """The unfinished file ``NAME.part``, and a note next to it about the source of its bytes.

    A later process resumes from the two. Only one process or thread at a time may use them: the caller
    holds a lock. The file must have ``sha256`` and ``size``; None if they are not known.
    """

    def __init__(self, target: Path, sha256: str | None, size: int | None, progress: bool, auth: Auth | None) -> None:
        self.part = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f".{target.name}.part.json")
        self._target, self.sha256, self._wanted, self._progress, self._auth = target, sha256, size, progress, auth
        self._resumed = True  # until this process starts at the first byte

    def run(self, url: str) -> str:
        """Ask one address until the file is complete, or until further tries are pointless; its sha256.

        Raises:
            Failure: The address did not serve the file.
            OSError: The file cannot be written.
        """
        furthest, tries, fruitless = self._size(), 0, 0
        while True:
            try:
                # The file is complete if a process was killed just before the end.
                if not self.part.exists() or self._size() != self._read_note().get("total"):
                    tries += 1
                    self._ask(url)
                return self._check()
            except Failure as failure:
                fruitless = 0 if self._size() >= furthest + CHUNK else fruitless + 1
                furthest = max(furthest, self._size())
                if not failure.again:
                    raise
                if fruitless > len(DELAYS):
                    raise Failure(f"{failure.reason} ({tries} tries)", wrong=failure.wrong) from failure
                time.sleep(DELAYS[max(fruitless - 1, 0)])

    def _ask(self, url: str) -> None:
        scheme = url.partition("://")[0].lower()
        if scheme == "file":
            return self._copy(url)
        if scheme not in ("http", "https"):
            raise Failure("cannot be downloaded: use https://, http:// or file:///")
        note = self._read_note()
        version = note.get("validator") if note.get("url") == public(url) else None
        # Resume only where a mix of two versions of the file would be noticed.
        start = self._size() if version or self.sha256 else 0
        headers = {"Accept-Encoding": "identity"}  # lengths and ranges must count bytes of the file
        if start:
            headers |= {"Range": f"bytes={start}-"} | ({"If-Range": version} if version else {})
        with _get(url, headers, self._auth) as response:
            # As curl does: some servers send a stored .gz file with an encoding header; its bytes must stay unchanged.
            response.raw.headers.pop("Content-Encoding", None)
            start, total = self._range_of(response, start, version)
            origin = {"url": public(url), "validator": _validator(response)}
            return self._receive(response.iter_content(CHUNK), start, total, origin)

    def _range_of(self, response: requests.Response, asked: int, version: str | None) -> tuple[int, int | None]:
        """The first byte that a response brings, and the length of the whole file; a useless response is refused."""
        status, headers = response.status_code, response.headers
        if status == 200:
            is_page = headers.get("Content-Type", "").lower().startswith("text/html")
            if is_page and self.sha256 is None and not self._target.name.endswith((".html", ".htm")):
                # A login or error page must not be trusted at first use.
                raise Failure("sent a web page instead of the file", wrong=True)
            length = headers.get("Content-Length", "")
            return 0, int(length) if length.isdecimal() else None
        if status == 206:
            found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
            same = version is None or _validator(response) in (None, version)
            if found and int(found[1]) == asked and same:
                return asked, None if found[2] == "*" else int(found[2])
        if status in (206, 416):
            self._discard()
            raise Failure("did not send the requested part of the file", again=True)
        reason = f"answered {status} {response.reason or ''}".rstrip()
        raise Failure(reason, again=status >= 500 or status in _PASSING)

    def _copy(self, url: str) -> None:
        from urllib.request import url2pathname

        host, slash, path = url[len("file://") :].partition("/")
        if host not in ("", "localhost"):
            raise Failure(f"names the host {host!r}: write file:///path")
        try:
            source = Path(url2pathname(slash + path)).open("rb")  # noqa: SIM115 -- closed below
        except OSError as error:
            raise Failure(f"cannot be read: {network_reason(error)}") from error
        with source:
            self._receive(iter(lambda: source.read(CHUNK), b""), 0, os.fstat(source.fileno()).st_size, {})

    def _receive(self, chunks: Iterable[bytes], start: int, total: int | None, origin: dict[str, str | None]) -> None:
        """Write the bytes from ``start`` on, of ``total`` in all."""
        if total is not None and self._wanted not in (None, total):
            raise Failure(f"offers a file of {total:,} bytes instead of {self._wanted:,}", wrong=True)
        total = self._wanted if total is None else total
        self._resumed = start > 0
        if not start:
            self.part.unlink(missing_ok=True)  # before the note: old bytes must not get a new note
        self.note.write_text(json.dumps({**origin, "total": total}))
        with self.part.open("ab", buffering=0) as file, self._bar(start, total) as bar:
            for chunk in self._unbroken(chunks, total):
                if bar is not None:
                    bar.update(len(chunk))
                rest = memoryview(chunk)
                while rest:
                    rest = rest[file.write(rest) :]
                if self._wanted is not None and self._size() > self._wanted:
                    self._discard()
                    raise Failure(f"sent more than the {self._wanted:,} bytes of the file", wrong=True)
            os.fsync(file.fileno())

    def _unbroken(self, chunks: Iterable[bytes], total: int | None) -> Iterator[bytes]:
        """The chunks; an end before all bytes are written is a failure."""
        broken: OSError | None = None
        try:
            yield from chunks
        except OSError as error:  # every error of requests is one
            broken = error
        if broken or (total is not None and self._size() < total):
            of = "" if total is None else f" of {total:,}"
            raise Failure(f"broke off after {self._size():,}{of} bytes", again=True) from broken

    def _bar(self, start: int, total: int | None) -> Any:
        if not self._progress:
            return nullcontext()
        from tqdm import tqdm

        name = self._target.name
        return tqdm(desc=printable(name), total=total, initial=start, unit="B", unit_scale=True, file=sys.stderr)

    def _check(self) -> str:
        """The sha256 of the complete file; a wrong file is deleted."""
        found = files.sha256_of(self.part)
        if self.sha256 in (None, found):
            return found
        size = self._size()
        self._discard()
        raise Failure(f"sent {size:,} bytes with sha256 {found}", wrong=True, again=self._resumed)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _discard(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _read_note(self) -> dict[str, Any]:
        try:
            note = json.loads(self.note.read_text())
        except (OSError, ValueError):  # there is none, or the process was killed while it wrote the note
            return {}
        return note if isinstance(note, dict) else {}


def _get(url: str, headers: dict[str, str], auth: Auth | None) -> requests.Response:
    import requests

    credentials = auth(url) if auth else None
    try:
        return requests.get(url, headers=headers, stream=True, timeout=TIMEOUT, auth=credentials)
    except requests.ConnectTimeout as error:  # each further try would take as long again
        raise Failure(f"could not be reached within {TIMEOUT[0]:g} s") from error
    except requests.ReadTimeout as error:
        raise Failure(f"gave no answer within {TIMEOUT[1]:g} s", again=True) from error
    except requests.ConnectionError as error:
        raise Failure(f"could not be reached: {network_reason(error)}", again=True) from error
    except OSError as error:  # an unusable address, or certificates that cannot be read
        raise Failure(f"cannot be used: {network_reason(error)}") from error


def _validator(response: requests.Response) -> str | None:
    """The value by which If-Range distinguishes two versions; a weak ETag is not allowed (RFC 9110, 13.1.5)."""
    etag: str | None = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified")


def network_reason(error: BaseException) -> str:
    """The message of the system, such as "Connection refused", from inside the errors that wrap it.

    It contains no user name, password or query of an address.
    """
    link: BaseException | None = error
    deepest = error
    while link is not None:
        if isinstance(link, OSError) and (link.strerror or isinstance(link, ConnectionError)):
            return link.strerror or str(link)
        deepest = link if isinstance(link, OSError) else deepest
        link = link.__cause__ or link.__context__
    text = re.sub(r"\w+://[^\s'\"]*", lambda url: public(url[0]).partition("?")[0], str(deepest))
    text = re.sub(r"\?[^\s'\")]+", "?***", text)  # of a path alone, as urllib3 writes it
    return text or type(error).__name__


def public(url: str) -> str:
    """An address for messages and notes: without user name and password, and without the values of its query."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    place, query = re.fullmatch(r"([^?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    host, slash, path = place.partition("/")
    shown = re.sub(r"([?#&;])([^=?#&;]*=)?[^?#&;]+", r"\1\2***", query)  # tokens, keys, signatures
    return printable(f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}{shown}")
