"""Get the text of a registry: from a file, or from a server with the last good copy to fall back on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from xrv_core.assets import cache_dir, network_reason, offline, replacing
from xrv_core.errors import XrvError
from xrv_labs.places import TOKEN, bearer, is_address, is_safe_address, servers

if TYPE_CHECKING:
    import requests

__all__ = ["Text", "keep_copy", "read_all"]

TIMEOUT = (3.0, 5.0)  # seconds to connect, seconds without a byte
DEADLINE = 8.0  # seconds for all registries together: a listing must not hang
MAX_BYTES = 10_000_000


@dataclass
class Text:
    """What became of one registry.

    Attributes:
        place: Its path or address.
        text: TOML, None where there is none to be had.
        copied: When the copy was made that stands in for the server's answer, else empty.
        problems: What went wrong.
    """

    place: str
    text: str | None = None
    copied: str = ""
    problems: list[str] = field(default_factory=list)

    def use_copy(self) -> None:
        """Take the last good copy, if there is one, and say so."""
        try:
            path = _copy_path(self.place)
            self.text = path.read_text("utf-8")
            self.copied = datetime.fromtimestamp(path.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
        except (OSError, ValueError):
            self.text = None
            self.problems.append("there is no copy of it from earlier")
        else:
            self.problems.append(f"its copy of {self.copied} is used")


class _Refused(Exception):
    """Why a server's answer is no registry."""


def read_all(places: Sequence[str]) -> list[Text]:
    """Read every registry; servers are asked at the same time, once, and not longer than ``DEADLINE``."""
    texts = [Text(place) for place in places]
    threads = [threading.Thread(target=_read, args=(text,), daemon=True) for text in texts]
    for thread in threads:
        thread.start()
    end = time.monotonic() + DEADLINE
    for number, thread in enumerate(threads):
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():  # it writes to its own Text, which is no longer used
            late = texts[number] = Text(places[number])
            late.problems.append(f"gave no answer within {DEADLINE:g} s")
            late.use_copy()
    return texts


def keep_copy(text: Text) -> None:
    """Keep what a server sent for the time when it is away."""
    if text.text is None or text.copied or not is_address(text.place):
        return
    with contextlib.suppress(OSError):  # a shared, read-only cache, or no home: the registry is there all the same
        path = _copy_path(text.place)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new:
            new.write_text(text.text, "utf-8")


def _copy_path(place: str) -> Path:
    return cache_dir() / "registries" / f"{hashlib.sha256(place.encode()).hexdigest()[:16]}.toml"


def _read(text: Text) -> None:
    if not is_address(text.place):
        _read_file(text)
        return
    if not is_safe_address(text.place):
        text.problems.append("is not asked: give an https:// address or a path (http:// is for this machine only)")
        return
    try:
        if offline():
            text.problems.append("is not asked, since XRV_OFFLINE is set")
        else:
            text.text = _ask(text.place)
            return
    except (_Refused, XrvError) as error:
        text.problems.append(str(error))
    except Exception as error:  # a thread would take it along unseen
        text.problems.append(f"cannot be asked: {type(error).__name__}: {error}")
    text.use_copy()


def _read_file(text: Text) -> None:
    try:
        text.text = Path(text.place).read_text("utf-8")
    except FileNotFoundError:
        text.problems.append("no such file")
    except UnicodeDecodeError:
        text.problems.append("is not UTF-8 text")
    except OSError as error:
        text.problems.append(f"cannot be read: {error.strerror or error}")


def _ask(url: str) -> str:
    import requests

    try:
        with requests.get(url, timeout=TIMEOUT, auth=bearer(url), stream=True) as answer:
            _check(answer, url)
            body = b""
            for chunk in answer.iter_content(1 << 16):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise _Refused(f"sends more than {MAX_BYTES:,} bytes")
    except requests.Timeout as error:
        raise _Refused(f"gave no answer within {sum(TIMEOUT):g} s") from error
    except requests.RequestException as error:
        raise _Refused(f"could not be reached: {network_reason(error)}") from error
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Refused("does not send UTF-8 text") from error


def _check(answer: requests.Response, url: str) -> None:
    if not all(is_safe_address(step.url) for step in [*answer.history, answer]):
        raise _Refused("leads to an address that is not https://")
    if answer.status_code in (401, 403):
        several = len(servers()) > 1 and os.environ.get(TOKEN)
        hint = f"; {TOKEN} is not sent while XRV_REGISTRIES names several servers, so use ~/.netrc" if several else (
            f": set {TOKEN}, or write a line for the server into ~/.netrc"
        )  # fmt: skip
        raise _Refused(f"answered {answer.status_code} {answer.reason}{hint}")
    if answer.status_code != 200:
        raise _Refused(f"answered {answer.status_code} {answer.reason}".rstrip())
