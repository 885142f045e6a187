"""What dataset plugins are built on, and the tools for people who use datasets."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xrv_core.datasets.augment import apply_transform
    from xrv_core.datasets.files import FileDataset
    from xrv_core.datasets.images import PixelRecipe, decode_image, load_image
    from xrv_core.datasets.index import XrayDataset
    from xrv_core.datasets.labels import substring_labels, term_labels
    from xrv_core.datasets.masks import boxes_mask, fit_mask
    from xrv_core.datasets.sources import ImageSource
    from xrv_core.datasets.splits import split
    from xrv_core.datasets.tables import common_columns, read_table
    from xrv_core.datasets.transforms import XRayCenterCrop, XRayResizer
    from xrv_core.datasets.views import SubsetDataset

_HOME = {
    "augment": "apply_transform",
    "files": "FileDataset",
    "images": "PixelRecipe decode_image load_image",
    "index": "XrayDataset",
    "labels": "substring_labels term_labels",
    "masks": "boxes_mask fit_mask",
    "sources": "ImageSource",
    "splits": "split",
    "tables": "common_columns read_table",
    "transforms": "XRayCenterCrop XRayResizer",
    "views": "SubsetDataset",
}
_WHERE = {name: module for module, names in _HOME.items() for name in names.split()}

#: The 18 labels of torchxrayvision's core models, in the paper's order.
default_pathologies = [
    "Atelectasis",
    "Consolidation",
    "Infiltration",
    "Pneumothorax",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Effusion",
    "Pneumonia",
    "Pleural_Thickening",
    "Cardiomegaly",
    "Nodule",
    "Mass",
    "Hernia",
    "Lung Lesion",
    "Fracture",
    "Lung Opacity",
    "Enlarged Cardiomediastinum",
]

__all__ = [
    "FileDataset",
    "ImageSource",
    "PixelRecipe",
    "SubsetDataset",
    "XRayCenterCrop",
    "XRayResizer",
    "XrayDataset",
    "apply_transform",
    "boxes_mask",
    "common_columns",
    "decode_image",
    "default_pathologies",
    "fit_mask",
    "load_image",
    "read_table",
    "split",
    "substring_labels",
    "term_labels",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"xrv_core.datasets.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'xrv_core.datasets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
