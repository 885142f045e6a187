"""Files that are fetched once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xrv_core.errors import SpecError
from xrv_core.specs.types import check_types

__all__ = ["Asset"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file that is fetched once and then kept in the cache.

    Attributes:
        name: Path inside the cache, ``folder/file.ext``, with forward slashes.
        urls: Addresses, tried in order. ``package://module/path`` is a file shipped inside
            an installed package.
        sha256: Published hash, 64 hex digits, or None where there is none: the asset is
            then *unverified*: its hash is recorded at first use and enforced afterwards.
        size: Size in bytes, or None.
        licence: Licence of the file, if it differs from that of its spec.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str | None = None
    size: int | None = None
    licence: str = ""

    def __post_init__(self) -> None:
        check_types(self)
        parts = self.name.split("/")
        if not self.name or "\\" in self.name or any(p in ("", ".", "..") for p in parts):
            raise SpecError(f"Asset name {self.name!r} is not a plain relative path.")
        if not self.urls:
            raise SpecError(f"Asset {self.name!r} has no urls.")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise SpecError(f"Asset {self.name!r}: sha256 must be 64 lower-case hex digits.")

    @property
    def verified(self) -> bool:
        """Whether there is a published hash."""
        return self.sha256 is not None
