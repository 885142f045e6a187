"""Get the bytes of a registry: from a file, or from a server with the last good copy to fall back on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from xrv_core.assets import cache_dir, network_reason, offline, replacing
from xrv_core.errors import DownloadError, OfflineError, PathMissing, SpecError, XrvError
from xrv_labs.documents import most_bytes, read_bytes
from xrv_labs.places import TOKEN, bearer, is_address, is_safe_address, servers
from xrv_labs.trusted import SIGNATURE, WAITING, fitting

if TYPE_CHECKING:
    import requests

__all__ = ["Text", "keep_copy", "read_all", "write_signed"]

TIMEOUT = (3.0, 5.0)  # seconds to connect, seconds without a byte
DEADLINE = 8.0  # seconds for all registries together: a listing must not hang
LOOKS = 3  # how often a registry is read that does not fit its signature: it may be just being written


@dataclass
class Text:
    """What became of one registry.

    Attributes:
        place: Its path or address.
        data: TOML, None where there is none to be had.
        signature: Its signature file, None where there is none or none was asked for.
        copied: When the copy was made that stands in for the server's answer, else empty.
        problems: What went wrong.
        error: The reason why it cannot be had.
    """

    place: str
    data: bytes | None = None
    signature: bytes | None = None
    copied: str = ""
    problems: list[str] = field(default_factory=list)
    error: XrvError | None = None

    def fail(self, error: XrvError) -> None:
        """Note why it cannot be had."""
        self.problems.append(str(error))
        self.error = self.error or error

    def use_copy(self) -> None:
        """Take the last good copy, if there is one, and say so."""
        try:
            path = _copy_path(self.place)
            self.data, self.signature = _pair(lambda ending: _of_file(f"{path}{ending}"), signed=True)
            self.copied = datetime.fromtimestamp(path.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
        except (OSError, ValueError):
            self.data = None
            self.problems.append("there is no copy of it from earlier")
        else:
            self.error = None
            self.problems.append(f"its copy of {self.copied} is used")


def read_all(places: Sequence[str], *, signed: bool = False) -> list[Text]:
    """Read every registry; servers are asked at the same time, once, and not longer than ``DEADLINE``.

    Args:
        places: Paths and addresses.
        signed: Whether to ask for signatures, too.
    """
    texts = [Text(place) for place in places]
    threads = [threading.Thread(target=_read, args=(text, signed), daemon=True) for text in texts]
    for thread in threads:
        thread.start()
    end = time.monotonic() + DEADLINE
    for number, thread in enumerate(threads):
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():  # it writes to its own Text, which is no longer used
            late = texts[number] = Text(places[number])
            late.fail(DownloadError(f"gave no answer within {DEADLINE:g} s"))
            if is_address(late.place):
                late.use_copy()
    return texts


def keep_copy(text: Text) -> None:
    """Keep what a server sent for the time when it is away."""
    if text.data is None or text.copied or not is_address(text.place):
        return
    with contextlib.suppress(OSError):  # a shared, read-only cache, or no home: the registry is there all the same
        path = _copy_path(text.place)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_signed(path, text.data, text.signature)


def write_signed(path: Path, data: bytes, signature: bytes | None) -> None:
    """Write a registry and its signature so that a reader finds, at every moment, a signature that fits.

    The new signature waits beside the old one until the registry is written.
    """
    final, waiting = Path(f"{path}{SIGNATURE}"), Path(f"{path}{WAITING}")
    if signature is not None:
        with replacing(waiting) as new:
            new.write_bytes(signature)
    with replacing(path) as new:
        new.write_bytes(data)
    if signature is not None:
        waiting.replace(final)
    else:
        final.unlink(missing_ok=True)


def _pair(get: Callable[[str], bytes], signed: bool) -> tuple[bytes, bytes | None]:
    """A registry and the signature that was made for it. ``get`` reads what has this ending; OSError if there is none.

    One that fits neither of its signatures is read again: somebody may be writing.
    """
    for look in range(LOOKS if signed else 1):
        if look:
            time.sleep(0.05 * 4**look)
        data = get("")
        found: list[bytes] = []
        for ending in (SIGNATURE, WAITING) if signed else ():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found.append(get(ending))
            if (signature := fitting(data, found)) is not None:
                return data, signature
        if not found:
            break
    return data, found[0] if found else None


def _copy_path(place: str) -> Path:
    return cache_dir() / "registries" / f"{hashlib.sha256(place.encode()).hexdigest()[:16]}.toml"


def _read(text: Text, signed: bool) -> None:
    if is_address(text.place) and not is_safe_address(text.place):
        text.fail(SpecError("is not asked: give an https:// address or a path (http:// is for this machine only)"))
        return
    try:
        _get(text, signed)
        return
    except XrvError as error:
        text.fail(error)
    except BaseException as error:  # a thread would take it along unseen
        text.fail(SpecError(f"cannot be read: {type(error).__name__}: {error}"))
    if is_address(text.place):
        text.use_copy()


def _get(text: Text, signed: bool) -> None:
    if not is_address(text.place):
        _read_file(text, signed)
    elif offline():
        raise OfflineError("is not asked, since XRV_OFFLINE is set")
    else:
        text.data, text.signature = _pair(lambda ending: _ask(text.place, ending), signed)


def _read_file(text: Text, signed: bool) -> None:
    try:
        text.data, text.signature = _pair(lambda ending: _of_file(text.place + ending), signed)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PathMissing("no such file") from error
    except OSError as error:
        if isinstance(error, XrvError):
            raise
        raise SpecError(f"cannot be read: {error.strerror or error}") from error


def _of_file(path: str) -> bytes:
    with Path(path).open("rb") as stream:
        return read_bytes(stream)


class _Absent(DownloadError, FileNotFoundError):
    """A server has no such file."""


def _ask(place: str, ending: str) -> bytes:
    import requests

    url = _with_ending(place, ending)
    most, body, end = most_bytes(), bytearray(), time.monotonic() + DEADLINE
    try:
        with requests.get(url, timeout=TIMEOUT, auth=bearer(url), stream=True) as answer:
            _check(answer, url)
            for chunk in answer.iter_content(1 << 16):
                body += chunk
                if len(body) > most:
                    break
                if time.monotonic() > end:
                    raise DownloadError(f"gave no whole answer within {DEADLINE:g} s")
    except requests.Timeout as error:
        raise DownloadError(f"gave no answer within {sum(TIMEOUT):g} s") from error
    except requests.RequestException as error:
        raise DownloadError(f"could not be reached: {network_reason(error)}") from error
    return bytes(body)


def _with_ending(url: str, ending: str) -> str:
    """The address of a file beside: a query stays at the end."""
    path, mark, query = url.partition("?")
    return f"{path}{ending}{mark}{query}"


def _check(answer: requests.Response, url: str) -> None:
    if not all(is_safe_address(step.url) for step in [*answer.history, answer]):
        raise DownloadError("leads to an address that is not https://")
    if answer.status_code in (401, 403):
        several = len(servers()) > 1 and os.environ.get(TOKEN)
        hint = f"; {TOKEN} is not sent while XRV_REGISTRIES names several servers, so use ~/.netrc" if several else (
            f": set {TOKEN}, or write a line for the server into ~/.netrc"
        )  # fmt: skip
        raise DownloadError(f"answered {answer.status_code} {answer.reason}{hint}")
    if answer.status_code != 200:
        kind = _Absent if answer.status_code in (404, 410) else DownloadError
        raise kind(f"answered {answer.status_code} {answer.reason}".rstrip())
