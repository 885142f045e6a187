"""Where images lie: folders, .zip and .tar files, and how a release names its files."""

from __future__ import annotations

from xrv_core.datasets.sources.extensions import choose_extension
from xrv_core.datasets.sources.images import ImageSource
from xrv_core.datasets.sources.layout import release_folder

__all__ = ["ImageSource", "choose_extension", "release_folder"]
