"""Files that are fetched once, checked always, and kept in the cache.

``store`` decides what is needed and what may be trusted, ``download`` asks servers, ``partfile`` is an
unfinished download, ``shipped`` finds files that come inside installed packages.
"""

from xrv_core.assets.download import words
from xrv_core.assets.partfile import public
from xrv_core.assets.store import asset_path, asset_state, cache_dir, content_sha256, fetch, offline

__all__ = ["asset_path", "asset_state", "cache_dir", "content_sha256", "fetch", "offline", "public", "words"]
