"""Image files in folders and in .zip and .tar archives."""

from __future__ import annotations

from xrv_core.datasets.sources.archives import image_extension
from xrv_core.datasets.sources.documents import JsonElement, parse_xml, read_json
from xrv_core.datasets.sources.folders import read_file, walk
from xrv_core.datasets.sources.images import ImageSource, choose_extension, release_folder

__all__ = [
    "ImageSource",
    "JsonElement",
    "choose_extension",
    "image_extension",
    "parse_xml",
    "read_file",
    "read_json",
    "release_folder",
    "walk",
]
