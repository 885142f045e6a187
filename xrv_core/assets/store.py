"""Files that are fetched once, checked always, and kept in the cache: ``fetch(asset) -> Path``.

Beside a file ``NAME`` the cache holds ``.NAME.json``, its *record*: the sha256 that was found, and the
size and modification time that the file had then, so that an unchanged file is not hashed again. For
an asset without a published hash the record is what later uses are held to, so it outlives the file.
``NAME.part`` is an unfinished download, ``.NAME.lock`` the lock between processes and threads.

Environment: ``XRV_CACHE_DIR`` the folder; ``XRV_MIRRORS`` addresses of folders asked first, separated by spaces
or commas; ``XRV_OFFLINE=1`` asks no server; ``XRV_REQUIRE_HASH=1`` refuses assets without a published hash.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from xrv_core.assets import partfile, shipped
from xrv_core.assets.download import Auth, NoSource, download
from xrv_core.assets.partfile import Failure, PartFile, public, writing
from xrv_core.errors import ArgumentError, AssetError, DownloadError, HashMismatch, OfflineError, UnverifiedAsset
from xrv_core.specs import Asset

__all__ = ["asset_path", "asset_state", "cache_dir", "content_sha256", "fetch", "known_sha256", "offline"]


def cache_dir() -> Path:
    """The folder that assets are kept in: ``XRV_CACHE_DIR``, else the user's cache folder."""
    chosen = os.environ.get("XRV_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("xrv_core")


def offline() -> bool:
    """Whether ``XRV_OFFLINE`` forbids to ask servers.

    Raises:
        ArgumentError: It is set to something that is neither yes nor no.
    """
    return _switch("XRV_OFFLINE")


def asset_path(asset: Asset) -> Path:
    """Where an asset is, or will be once it is fetched.

    That is ``cache_dir() / asset.name``, but a file that comes inside an installed package is used in place.
    """
    return shipped.shipped_path(asset) or cache_dir() / asset.name


def asset_state(asset: Asset) -> str:
    """One line for people about what is there; hashes nothing and asks no server.

    Returns:
        "shipped with the plugin", "missing from its package", "not fetched", "cached, verified" or
        "cached, checked at next use"; with ", unverified (no published sha256)" where that is so.
    """
    path = asset_path(asset)
    doubt = ", unverified (no published sha256)" if asset.sha256 is None else ""
    if shipped.shipped_path(asset):
        return f"shipped with the plugin{doubt}"
    if not _there(path):
        return f"{'not fetched' if _addresses(asset) else 'missing from its package'}{doubt}"
    if doubt:
        return f"cached{doubt}"
    record = _Record.read(asset)
    known = record is not None and record.sha256 == asset.sha256 and record.fits(path)
    return "cached, verified" if known else "cached, checked at next use"


def known_sha256(path: Path) -> str | None:
    """What ``fetch`` found when it hashed this file of the cache; None if it has changed since, or is no such file."""
    try:
        record = _Record(**json.loads(_Record.beside(path).read_text()))
        return record.sha256 if path.is_relative_to(cache_dir()) and record.fits(path) else None
    except (OSError, ValueError, TypeError):
        return None


def content_sha256(path: Path) -> str:
    """The sha256 of any file; one that ``fetch`` hashed is not read again."""
    return known_sha256(path) or partfile.sha256_of(path)


def fetch(asset: Asset, *, progress: bool | None = None, auth: Auth | None = None) -> Path:
    """The path of an asset's file, downloaded if need be, and checked.

    The mirrors of ``XRV_MIRRORS`` are asked first (they are set where the published address is slow or
    blocked, and a blocked one takes long to fail), as ``MIRROR/asset.name``; then ``asset.urls`` in order.
    A download that broke off goes on where it stopped. Of many processes and threads that ask at once,
    one downloads and the others wait. Nothing is ever at the final path but the whole, checked file.

    A file that is there is hashed when its size or modification time has changed since the last check.
    An asset without a published hash is trusted at first use; from then on its bytes must stay the same.

    Args:
        asset: What to fetch.
        progress: Whether to draw a progress bar on stderr; None: only where stderr is a terminal.
        auth: Gives authentication of ``requests`` for an address, or None for ``.netrc``.

    Raises:
        OfflineError: It is not there, and ``XRV_OFFLINE`` is set.
        HashMismatch: The file that is there, or that came, is not the right one.
        UnverifiedAsset: It has no published hash, and ``XRV_REQUIRE_HASH`` is set.
        DownloadError: No address served the whole file; the message gives the reason of each.
        AssetError: The cache cannot be read or written, or a package lacks the file that it should bring.
    """
    if asset.sha256 is None and _switch("XRV_REQUIRE_HASH"):
        raise UnverifiedAsset(
            f"Asset {asset.name!r} has no published sha256, and XRV_REQUIRE_HASH is set, so it is not used. "
            "Ask its publisher for a hash to put into its Asset, or unset XRV_REQUIRE_HASH."
        )
    path = asset_path(asset)
    if not _there(path):
        _obtain(asset, path, progress, auth)
    _verify(asset, path)
    return path


@dataclass(frozen=True)
class _Record:
    """What was found when a file was hashed."""

    sha256: str
    size: int
    mtime_ns: int

    @staticmethod
    def path(asset: Asset) -> Path:
        return _Record.beside(cache_dir() / asset.name)

    @staticmethod
    def beside(file: Path) -> Path:
        return file.with_name(f".{file.name}.json")

    @classmethod
    def of(cls, file: Path, sha256: str | None = None) -> _Record:
        stat = file.stat()  # before the hashing: a change during it must not go unseen
        return cls(sha256 or partfile.sha256_of(file), stat.st_size, stat.st_mtime_ns)

    @classmethod
    def read(cls, asset: Asset) -> _Record | None:
        path = cls.path(asset)
        try:
            return cls(**json.loads(path.read_text()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError) as error:
            if asset.sha256 is not None:
                return None  # the published hash decides; the file is just hashed again
            raise AssetError(
                f"{path} cannot be read: {error}. It holds the sha256 of asset {asset.name!r} from its first use. "
                "Delete it to trust the file as it is now."
            ) from error

    def write(self, asset: Asset) -> None:
        path = self.path(asset)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        new.write_text(json.dumps(asdict(self)))
        new.replace(path)

    def fits(self, file: Path) -> bool:
        stat = file.stat()
        return (stat.st_size, stat.st_mtime_ns) == (self.size, self.mtime_ns)


def _there(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # a folder of somebody else; the attempt to write there says so
        return False


def _expected(asset: Asset) -> str | None:
    """The published hash, else the one written down at first use."""
    record = None if asset.sha256 else _Record.read(asset)
    return record.sha256 if record else asset.sha256


def _verify(asset: Asset, path: Path) -> None:
    record = _Record.read(asset)
    expected = _expected(asset)
    try:
        if record and record.sha256 == expected and record.fits(path):
            return
        found = _Record.of(path)
    except OSError as error:
        raise AssetError(f"{path} cannot be read: {error.strerror or error}. Mend its permissions.") from error
    if expected not in (None, found.sha256):
        raise _refusal(asset, path, found.sha256)
    try:
        found.write(asset)
    except OSError:
        if asset.sha256 is None:
            with writing(cache_dir()):
                raise
        # A shared, read-only cache: everything is checked, it is only hashed again next time.


def _obtain(asset: Asset, path: Path, progress: bool | None, auth: Auth | None) -> None:
    addresses = _addresses(asset)
    if not addresses:
        raise shipped.missing(asset)
    allowed = [url for url in addresses if url.startswith("file:") or not offline()]
    if not allowed:
        raise _not_obtained(asset, path, _expected(asset), [])
    with _lock(path):
        if path.is_file():
            return  # another process was faster
        if path.is_dir():
            raise AssetError(f"{path} is a folder; asset {asset.name!r} must be a file there. Move the folder away.")
        show = bool(sys.stderr and sys.stderr.isatty()) if progress is None else progress
        expected = _expected(asset)
        part = PartFile(path, sha256=expected, size=asset.size, progress=show)
        try:
            sha256 = download(part, allowed, auth)
        except NoSource as error:
            raise _not_obtained(asset, path, expected, error.failures) from error.failures[-1][1]
        with writing(path.parent):
            _Record.of(part.path, sha256).write(asset)  # first, so that no file is ever there without its hash
            part.deliver()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    from filelock import FileLock

    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _switch(name: str) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("", "0", "false", "no", "off"):
        return False
    raise ArgumentError(f"{name} is {value!r}: set it to 1 or 0.")


def _addresses(asset: Asset) -> list[str]:
    published = [url for url in asset.urls if not url.startswith(shipped.SCHEME)]
    if not published:
        return []
    mirrors = os.environ.get("XRV_MIRRORS", "").replace(",", " ").split()
    return [f"{base.rstrip('/')}/{quote(asset.name)}" for base in mirrors] + published


def _refusal(asset: Asset, path: Path, found: str) -> HashMismatch:
    """The error for a file that is there but is not the right one. It stays: it may be somebody's own."""
    record = None if asset.sha256 else _Record.read(asset)
    if record is None:
        what = f"the published one is {asset.sha256}"
    else:
        what = f"the one written down at first use is {record.sha256}"
    if path == shipped.shipped_path(asset):
        todo = f"Install its package anew: {shipped.reinstall(asset)}"
    else:
        todo = "The file was left as it is: delete it to have it fetched again, or put the right one there."
    accept = f" To trust the new file instead, delete {_Record.path(asset)}." if record else ""
    return HashMismatch(f"{path} is not asset {asset.name!r}: its sha256 is {found}, {what}. {todo}{accept}")


def _not_obtained(asset: Asset, path: Path, expected: str | None, failures: list[tuple[str, Failure]]) -> AssetError:
    """The error for a file that no address served."""
    size = "" if asset.size is None else f", {asset.size:,} bytes"
    by_hand = f"save the file as {path} ({f'sha256 {expected}' if expected else 'no sha256 is published'}{size})"
    asked = {url: failure.reason for url, failure in failures}
    lines = "".join(f"\n  {url}: {asked.get(url, 'not asked')}" for url in map(public, _addresses(asset)))
    if any(failure.wrong for _, failure in failures):
        pinned = expected and not asset.sha256
        record = f"; if it was changed on purpose, delete {_Record.path(asset)}" if pinned else ""
        return HashMismatch(
            f"Asset {asset.name!r}: what is served is not the right file, and was not kept.{lines}\n"
            f"Open the address in a browser (a login page or a new release?), {by_hand}{record}."
        )
    if offline():
        return OfflineError(
            f"Asset {asset.name!r} is not in the cache, and XRV_OFFLINE is set.{lines}\n"
            f"Unset XRV_OFFLINE, or {by_hand}."
        )
    return DownloadError(
        f"Asset {asset.name!r} could not be downloaded.{lines}\n"
        f"Try again (it goes on where it broke off), name a mirror in XRV_MIRRORS, or {by_hand}."
    )
