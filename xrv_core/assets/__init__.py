"""Files that are fetched once, checked at each use, and kept in the cache; and helpers for all files.

``store`` decides whether a file is needed and may be trusted. ``download`` asks servers. ``shipped`` finds files
inside installed packages. ``files`` writes files and folders as a whole. ``locks`` lets one process write at a
time. ``settings`` limits what is read.
"""

from xrv_core.assets.download import Auth, network_reason, public
from xrv_core.assets.files import ResultFolder, alone, aside, beside, replacing, sha256_of, writing
from xrv_core.assets.locks import locked
from xrv_core.assets.settings import LIMITS, json_within, limit, read_within, unpacked_within, within
from xrv_core.assets.store import asset_path, asset_state, cache_dir, confirm, content_sha256, fetch, offline, switch

__all__ = [
    "LIMITS", "Auth", "ResultFolder", "alone", "aside", "asset_path", "asset_state", "beside", "cache_dir", "confirm",
    "content_sha256", "fetch", "json_within", "limit", "locked", "network_reason", "offline", "public", "read_within",
    "replacing", "sha256_of", "switch", "unpacked_within", "within", "writing",
]  # fmt: skip
