"""The unfinished file of a download: what it holds, where that came from, and when it is complete."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xrv_core.errors import AssetError

if TYPE_CHECKING:
    import requests

__all__ = ["Failure", "PartFile", "public", "sha256_of", "writing"]

_PASSING = {408, 425, 429}  # refusals that may be over in a moment, as every 5xx
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def sha256_of(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Failure(Exception):
    """Why one address did not serve the file.

    Attributes:
        reason: Words that follow "ADDRESS:".
        again: Asking again may help.
        wrong: The address serves another file than the one wanted.
    """

    def __init__(self, reason: str, *, again: bool = False, wrong: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.again, self.wrong = reason, again, wrong


class PartFile:
    """The unfinished file ``NAME.part``, and a note beside it of where its bytes came from.

    It is the open file that pooch writes to, and its ``begin`` is the hook through which requests
    shows every answer before the body is read.

    Args:
        target: The final place of the file.
        sha256: The hash that the file must have, None where nobody knows it.
        size: The size in bytes that it must have, None where nobody knows it.
        progress: Whether to draw a progress bar on stderr.
    """

    def __init__(self, target: Path, *, sha256: str | None, size: int | None, progress: bool) -> None:
        self._target = target
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")
        self._sha256, self._wanted, self._progress = sha256, size, progress
        self._resumed = True  # until this process itself starts at the first byte
        self._url = ""
        self._validator: str | None = None
        self._start = 0
        self._total: int | None = None
        self._file: FileIO | None = None
        self._bar: Any = None

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def complete(self) -> bool:
        """Whether every byte is there already, from a process that was killed just before the end."""
        return self.path.exists() and self.size == self._read_note().get("total")

    @property
    def receiving(self) -> bool:
        """Whether an answer was accepted and its bytes are being written."""
        return self._file is not None

    def progress_words(self) -> str:
        """How far the download got."""
        of = "" if self._total is None else f" of {self._total:,}"
        return f"broke off after {self.size:,}{of} bytes"

    def headers(self, url: str) -> dict[str, str]:
        """Request headers; a Range only where a mix-up of two versions of the file would be noticed."""
        note = self._read_note()
        self._url, self._validator = public(url), note.get("validator") if note.get("url") == public(url) else None
        self._start = self.size if self._validator or self._sha256 else 0
        # Lengths and ranges must count bytes of the file, not of a compressed transfer.
        headers = {"Accept-Encoding": "identity"}
        if self._start:
            headers["Range"] = f"bytes={self._start}-"
            if self._validator:
                headers["If-Range"] = self._validator
        return headers

    def begin(self, response: requests.Response, **_: object) -> None:
        """Accept or refuse an answer, before its body is read."""
        if response.is_redirect:
            return
        # As curl does: a server that calls a stored .gz file an encoding sends the very bytes of the file.
        response.raw.headers.pop("Content-Encoding", None)
        try:
            start, total = self._range_of(response)
            self.open(start, total, _validator(response))
        except BaseException:
            response.close()
            raise

    def _range_of(self, response: requests.Response) -> tuple[int, int | None]:
        """First byte that an answer brings, and the length of the whole file."""
        status, headers = response.status_code, response.headers
        if status == 200:
            if self._sha256 is None and self._is_web_page(response):
                raise Failure("sent a web page instead of the file", wrong=True)
            length = headers.get("Content-Length", "")
            return 0, int(length) if length.isdecimal() else None
        if status == 206:
            found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
            same = self._validator is None or _validator(response) in (None, self._validator)
            if found and int(found[1]) == self._start and same:
                return self._start, None if found[2] == "*" else int(found[2])
        if status in (206, 416):
            self.discard()
            raise Failure("did not send the part of the file that was asked for", again=True)
        reason = f"answered {status} {response.reason or ''}".rstrip()
        raise Failure(reason, again=status >= 500 or status in _PASSING)

    def _is_web_page(self, response: requests.Response) -> bool:
        """Whether this is a login or error page, which must not become the bytes that count from first use on."""
        is_page = response.headers.get("Content-Type", "").lower().startswith("text/html")
        return is_page and not self._target.name.endswith((".html", ".htm"))

    def open(self, start: int, total: int | None, validator: str | None = None) -> None:
        """Get ready for the bytes from ``start`` on, of ``total`` in all."""
        if total is not None and self._wanted not in (None, total):
            raise Failure(f"offers a file of {total:,} bytes instead of {self._wanted:,}", wrong=True)
        self._total = self._wanted if total is None else total
        self._resumed = start > 0
        note = json.dumps({"url": self._url, "validator": validator, "total": self._total})
        with writing(self.path.parent):
            if not start:
                self.path.unlink(missing_ok=True)  # before the note: old bytes must not get a new note
            self._note.write_text(note)
            self._file = self.path.open("ab", buffering=0)
        if self._progress:
            from tqdm import tqdm

            name, total = self._target.name, self._total
            self._bar = tqdm(desc=name, total=total, initial=start, unit="B", unit_scale=True, file=sys.stderr)

    def write(self, chunk: bytes) -> None:
        """Append bytes that have arrived."""
        assert self._file is not None
        rest = memoryview(chunk)
        with writing(self.path.parent):
            while rest:
                rest = rest[self._file.write(rest) :]
        if self._bar is not None:
            self._bar.update(len(chunk))
        if self._wanted is not None and self.size > self._wanted:
            self.discard()
            raise Failure(f"sent more than the {self._wanted:,} bytes of the file", wrong=True)

    def flush(self) -> None:
        """Do nothing: pooch calls it, but nothing is buffered here."""

    def finish(self) -> None:
        """Put the bytes on the disk for good, and make sure that none is missing."""
        assert self._file is not None
        if self._total is not None and self.size < self._total:
            raise Failure(self.progress_words(), again=True)
        with writing(self.path.parent):
            os.fsync(self._file.fileno())

    def check(self) -> str:
        """The sha256 of the complete file; a wrong file is thrown away."""
        self.close()
        found = sha256_of(self.path)
        if self._sha256 in (None, found):
            return found
        size = self.size
        self.discard()
        raise Failure(f"sent {size:,} bytes with sha256 {found}", wrong=True, again=self._resumed)

    def deliver(self) -> None:
        """Put the complete file in its final place, in one step that cannot be seen half done."""
        self.path.replace(self._target)
        self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Close file and progress bar; may be called twice."""
        if self._file is not None:
            self._file.close()
        if self._bar is not None:
            self._bar.close()
        self._file = self._bar = None

    def discard(self) -> None:
        """Forget the bytes, so that the next try starts at the first one."""
        self.close()
        with writing(self.path.parent):
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def _read_note(self) -> dict[str, Any]:
        try:
            note = json.loads(self._note.read_text())
        except (OSError, ValueError):  # none, or killed while writing it
            return {}
        return note if isinstance(note, dict) else {}


def _validator(response: requests.Response) -> str | None:
    """What If-Range can tell two versions apart by; a weak ETag may not serve for that (RFC 9110, 13.1.5)."""
    etag: str | None = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified")


def public(url: str) -> str:
    """An address without its user name and password, for messages and notes."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a refusal of the file system into an error that names the cache folder."""
    try:
        yield
    except AssetError:
        raise
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise AssetError(
            f"Cannot write to the cache folder {folder}: {error.strerror or error}{where}. "
            "Mend that, or set XRV_CACHE_DIR to another folder."
        ) from error
