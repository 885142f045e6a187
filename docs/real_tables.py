"""Put metadata tables that are at hand where ``fetch`` would, so that datasets open without a network.

The torchxrayvision package carries the real tables of eight datasets in its ``data`` folder. Their
published hashes are checked at first use, as if they had been downloaded.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import xrv_core
from xrv_core.assets import asset_path

#: Datasets whose real tables are in the torchxrayvision package.
EIGHT = ("nih", "nih-google", "rsna", "padchest", "chexpert", "openi", "siim", "vinbrain")


def packaged_tables() -> Path:
    """The ``data`` folder of an installed torchxrayvision; it is not imported."""
    spec = importlib.util.find_spec("torchxrayvision")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("torchxrayvision is not installed: make install")
    return Path(spec.submodule_search_locations[0]) / "data"


def seed_cache(folder: Path) -> None:
    """Copy every table that a spec names from ``folder`` to its place in the cache."""
    for name in xrv_core.list_datasets():
        for asset in xrv_core.describe_dataset(name).tables:
            source, target = folder / asset.name.rsplit("/", 1)[-1], asset_path(asset)
            if source.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
