"""Files inside an installed package: ``package://module/path`` addresses, found without importing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from xrv_core.errors import AssetError
from xrv_core.specs import Asset

__all__ = ["SCHEME", "missing", "reinstall", "shipped_path"]

SCHEME = "package://"


def shipped_path(asset: Asset) -> Path | None:
    """The file of an asset inside an installed package; None if there is none."""
    files = (folder / inner for module, inner in _places(asset) for folder in _folders(module))
    return next((file for file in files if file.is_file()), None)


def missing(asset: Asset) -> AssetError:
    """The error for an asset that comes only inside a package that lacks it."""
    module, inner = _places(asset)[0]
    lack = f"has no file {inner!r}" if _folders(module) else "is not installed"
    return AssetError(
        f"Asset {asset.name!r} comes inside the package {module!r}, which {lack}. Install it again: {reinstall(asset)}"
    )


def reinstall(asset: Asset) -> str:
    """The command that restores the package of an asset."""
    module, _ = _places(asset)[0]
    return f"pip install --force-reinstall {module.partition('.')[0].replace('_', '-')}"


def _places(asset: Asset) -> list[tuple[str, str]]:
    """Module and inner path of every ``package://`` address."""
    places = [url[len(SCHEME) :].partition("/") for url in asset.urls if url.startswith(SCHEME)]
    return [(module, inner) for module, _, inner in places]


def _folders(module: str) -> list[Path]:
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top) if top else None  # of a top-level name: imports nothing
    return [Path(root, *rest) for root in (spec and spec.submodule_search_locations) or ()]
