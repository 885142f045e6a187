"""Files that are fetched once, checked at each use, and kept in the cache: ``fetch(asset) -> Path``.

Next to a file ``NAME`` the cache holds ``.NAME.json``, its *record*: the sha256 that was found, and the
size and modification time of the file then, so that an unchanged file is not hashed again. An asset
without a published hash must match its record at later uses, so the record stays if the file is deleted;
but only once a reader understood the file and called ``confirm``: half a file must not become the right one.
``NAME.part`` is an unfinished download, ``.NAME.lock`` the lock between processes and threads.

Environment: ``XRV_CACHE_DIR`` the folder; ``XRV_MIRRORS`` addresses of folders asked first, separated by spaces
or commas; ``XRV_OFFLINE=1`` asks no server; ``XRV_REQUIRE_HASH=1`` refuses assets without a published hash;
``XRV_TRUST_MIRRORS=1`` takes such assets from mirrors of ``file:`` and ``http:`` too, which anybody may have changed.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from xrv_core.assets import files, shipped
from xrv_core.assets.download import Auth, Download, Failure, public
from xrv_core.assets.locks import locked
from xrv_core.errors import ArgumentError, AssetError, DownloadError, HashMismatch, OfflineError, UnverifiedAsset
from xrv_core.specs import Asset

__all__ = [
    "asset_path",
    "asset_state",
    "cache_dir",
    "confirm",
    "content_sha256",
    "fetch",
    "known_sha256",
    "offline",
    "switch",
]


_UNTRUSTED = (
    "not asked: no sha256 is published, and who may change this mirror is unknown (XRV_TRUST_MIRRORS=1 asks it)"
)


def cache_dir() -> Path:
    """The folder that assets are kept in: ``XRV_CACHE_DIR``, else in the user's home; AssetError without one."""
    try:
        if chosen := os.environ.get("XRV_CACHE_DIR"):
            return Path(chosen).expanduser().absolute()
        from platformdirs import user_cache_path

        found = user_cache_path("xrv_core")
        if not found.is_absolute():  # some versions give a path that begins with ~
            raise RuntimeError("the home folder is not known")
        return found
    except (RuntimeError, OSError) as error:
        raise AssetError(
            f"There is no folder for fetched files: {error}. Set XRV_CACHE_DIR to the absolute path of one."
        ) from error


def offline() -> bool:
    """Whether ``XRV_OFFLINE`` forbids requests to servers; ArgumentError if it is neither yes nor no."""
    return switch("XRV_OFFLINE")


def asset_path(asset: Asset) -> Path:
    """Where an asset is, or will be once it is fetched; a file that comes inside a package is used in place."""
    return shipped.shipped_path(asset) or cache_dir() / asset.name


def asset_state(asset: Asset) -> str:
    """The state of an asset's file in one line; hashes nothing and asks no server.

    Returns:
        "shipped with the plugin", "missing from its package", "not fetched", "cached, verified" or
        "cached, checked at next use"; with ", unverified (no published sha256)" if there is no published hash.
    """
    doubt = ", unverified (no published sha256)" if asset.sha256 is None else ""
    try:
        path = asset_path(asset)
    except AssetError:  # there is no home
        return f"not fetched{doubt}"
    if shipped.shipped_path(asset):
        return f"shipped with the plugin{doubt}"
    if not os.path.isfile(path):  # noqa: PTH113 -- Path.is_file raises where a folder may not be entered
        return f"{'not fetched' if _addresses(asset) else 'missing from its package'}{doubt}"
    if doubt:
        return f"cached{doubt}"
    return "cached, verified" if known_sha256(path) == asset.sha256 else "cached, checked at next use"


def known_sha256(path: Path) -> str | None:
    """What ``fetch`` found when it hashed this file of the cache; None if it has changed since, or is another file."""
    with suppress(OSError, ValueError, TypeError):
        record = _Record(**json.loads(_beside(path).read_text()))
        if path.is_relative_to(cache_dir()) and record[:3] == _Record.of(path, record.sha256)[:3]:
            return record.sha256
    return None


def confirm(path: Path) -> None:
    """Say that a file could be read: from now on an asset without a published hash must have these bytes.

    A file that ``fetch`` did not write is none of our business.
    """
    with suppress(OSError, ValueError, TypeError, AssetError):
        record = path.is_relative_to(cache_dir()) and _Record(**json.loads(_beside(path).read_text()))
        if record and not record.confirmed and known_sha256(path):
            record._replace(confirmed=True).save(_beside(path))


def content_sha256(path: Path) -> str:
    """The sha256 of any file; one that ``fetch`` hashed is not read again."""
    return known_sha256(path) or files.sha256_of(path)


def fetch(asset: Asset, *, progress: bool | None = None, auth: Auth | None = None) -> Path:
    """The path of an asset's file, downloaded if necessary, and checked.

    The mirrors of ``XRV_MIRRORS`` are asked first (they are set where the published address is slow or
    blocked, and a blocked one takes long to fail), as ``MIRROR/asset.name``; then ``asset.urls`` in order.
    A download that broke off resumes. Of many processes and threads that ask at once, one downloads and the
    others wait. The final path only ever holds the whole, checked file.

    An existing file is hashed when its size or modification time has changed since the last check.
    An asset without a published hash is trusted once its reader understood it (``confirm``); from then on its bytes
    must stay the same.

    Args:
        asset: What to fetch.
        progress: Whether to draw a progress bar on stderr; None: only where stderr is a terminal.
        auth: Gives the ``auth`` of requests for an address; None, or its None: the login in ``.netrc``, if any.

    Raises:
        OfflineError: The file is not in the cache, and ``XRV_OFFLINE`` is set.
        HashMismatch: The existing or the downloaded file is not the right one.
        UnverifiedAsset: It has no published hash, and ``XRV_REQUIRE_HASH`` is set.
        DownloadError: No address served the whole file; the message gives the reason of each.
        AssetError: The cache cannot be read or written, or a package lacks its file.
    """
    if asset.sha256 is None and switch("XRV_REQUIRE_HASH"):
        raise UnverifiedAsset(
            f"Asset {asset.name!r} has no published sha256, and XRV_REQUIRE_HASH is set, so it is not used. "
            "Ask its publisher for a hash to put into its Asset, or unset XRV_REQUIRE_HASH."
        )
    path = asset_path(asset)
    if not os.path.isfile(path):  # noqa: PTH113
        _obtain(asset, path, progress, auth)
    _verify(asset, path)
    return path


class _Record(NamedTuple):
    """What was found when a file was hashed."""

    sha256: str
    size: int
    mtime_ns: int
    confirmed: bool = True

    @classmethod
    def of(cls, file: Path, sha256: str | None = None) -> _Record:
        stat = file.stat()  # before the hashing: a change during it must be noticed later
        return cls(sha256 or files.sha256_of(file), stat.st_size, stat.st_mtime_ns)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as new:
            new.write_text(json.dumps({key: value for key, value in self._asdict().items() if value is not True}))


def _place(asset: Asset) -> Path:
    """Where the record of an asset is: in the cache even if the file comes inside a package."""
    return _beside(cache_dir() / asset.name)


def _beside(file: Path) -> Path:
    return file.with_name(f".{file.name}.json")


def _record(asset: Asset) -> _Record | None:
    place = _place(asset)
    try:
        return _Record(**json.loads(place.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        if asset.sha256 is not None:
            return None  # the published hash decides; the file is hashed again
        raise AssetError(
            f"{place} cannot be read: {error}. It holds the sha256 of asset {asset.name!r} from its first use. "
            "Delete it to trust the file as it is now."
        ) from error


def _expected(asset: Asset) -> str | None:
    """The published hash, else the one that was recorded when the file was first read."""
    record = None if asset.sha256 else _record(asset)
    return record.sha256 if record and record.confirmed else asset.sha256


def _verify(asset: Asset, path: Path) -> None:
    record, expected = _record(asset), _expected(asset)
    try:
        if record and record[:3] == _Record.of(path, expected or record.sha256)[:3]:
            return
        found = _Record.of(path)
    except OSError as error:
        raise AssetError(f"{path} cannot be read: {error.strerror or error}. Fix its permissions.") from error
    if expected not in (None, found.sha256):
        raise _refusal(asset, path, found.sha256)
    # A shared, read-only cache is fine where a hash is published: the file is hashed again next time.
    with _writing(cache_dir()) if asset.sha256 is None else suppress(OSError):
        found._replace(confirmed=bool(asset.sha256 or shipped.shipped_path(asset))).save(_place(asset))


def _obtain(asset: Asset, path: Path, progress: bool | None, auth: Auth | None) -> None:
    addresses = _addresses(asset)
    if not addresses:
        raise shipped.missing(asset)
    allowed = [url for url in addresses if url.startswith("file:") or not offline()]
    if not allowed:
        raise _not_obtained(asset, path, {})
    with _writing(path.parent, asset.size):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
            if path.is_dir():
                raise AssetError(f"{path} is a folder, but asset {asset.name!r} must be a file. Move the folder away.")
            if not path.is_file():  # no other process was faster
                show = bool(sys.stderr and sys.stderr.isatty()) if progress is None else progress
                _download(asset, path, Download(path, _expected(asset), asset.size, show, auth), allowed)


def _download(asset: Asset, path: Path, download: Download, addresses: list[str]) -> None:
    failures: dict[str, Failure] = {}
    for url in addresses:
        try:
            mirrored = url not in asset.urls and not url.startswith("https:") and not download.sha256
            if mirrored and not switch("XRV_TRUST_MIRRORS"):
                raise Failure(_UNTRUSTED)
            sha256 = download.run(url)
        except Failure as failure:
            failures[public(url)] = failure
        else:
            record = _Record.of(download.part, sha256)._replace(confirmed=download.sha256 is not None)
            record.save(_place(asset))  # first: no file is ever there without its hash
            download.part.replace(path)
            return download.note.unlink(missing_ok=True)
    raise _not_obtained(asset, path, failures)


@contextmanager
def _writing(folder: Path, size: int | None = None) -> Iterator[None]:
    """Turn an error of the file system into one that names the cache folder and says what to do."""
    try:
        yield
    except AssetError:
        raise
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            needed = f"the file needs {size:,} bytes, and " if size else ""
            where += f"; {needed}{shutil.disk_usage(folder).free:,} are free"
        raise AssetError(
            f"Cannot write to the cache folder {folder}: {error.strerror or error}{where}. "
            "Fix the cause, or set XRV_CACHE_DIR to another folder."
        ) from error


def switch(name: str, default: bool = False) -> bool:
    """Whether an environment variable is set to yes; ArgumentError if it is neither yes nor no."""
    value = os.environ.get(name, "").strip().lower()
    if value not in ("1", "true", "yes", "on", "", "0", "false", "no", "off"):
        raise ArgumentError(f"{name} is {value!r}: set it to 1 or 0.")
    return value in ("1", "true", "yes", "on") if value else default


def _addresses(asset: Asset) -> list[str]:
    published = [url for url in asset.urls if not url.startswith(shipped.SCHEME)]
    mirrors = os.environ.get("XRV_MIRRORS", "").replace(",", " ").split() if published else []
    return [f"{base.rstrip('/')}/{quote(asset.name)}" for base in mirrors] + published


def _refusal(asset: Asset, path: Path, found: str) -> HashMismatch:
    """The error for an existing file that is not the right one. It stays: it may be the user's own."""
    origin = "published one" if asset.sha256 else "one recorded at first use"
    todo = "The file was left as it is: delete it to have it fetched again, or put the right one there."
    if path == shipped.shipped_path(asset):
        todo = f"Install its package again: {shipped.reinstall(asset)}"
    accept = "" if asset.sha256 else f" To trust the new file instead, delete {_place(asset)}."
    return HashMismatch(
        f"{path} is not asset {asset.name!r}: its sha256 is {found}, the {origin} is {_expected(asset)}. {todo}{accept}"
    )


def _not_obtained(asset: Asset, path: Path, failures: Mapping[str, Failure]) -> AssetError:
    """The error for a file that no address served."""
    expected = _expected(asset)
    size = "" if asset.size is None else f", {asset.size:,} bytes"
    by_hand = f"save the file as {path} ({f'sha256 {expected}' if expected else 'no sha256 is published'}{size})"
    reasons = {url: failure.reason for url, failure in failures.items()}
    lines = "".join(f"\n  {url}: {reasons.get(url, 'not asked')}" for url in map(public, _addresses(asset)))
    if any(failure.wrong for failure in failures.values()):
        accept = f"; if it was changed on purpose, delete {_place(asset)}" if expected and not asset.sha256 else ""
        return HashMismatch(
            f"Asset {asset.name!r}: no address sent the right file, and what came was not kept.{lines}\n"
            f"Open the address in a browser (a login page or a new release?), {by_hand}{accept}."
        )
    if offline():
        return OfflineError(
            f"Asset {asset.name!r} is not in the cache, and XRV_OFFLINE is set.{lines}\n"
            f"Unset XRV_OFFLINE, or {by_hand}."
        )
    return DownloadError(
        f"Asset {asset.name!r} could not be downloaded.{lines}\n"
        f"Try again (the download resumes), name a mirror in XRV_MIRRORS, or {by_hand}."
    )
