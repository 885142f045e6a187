"""Every supported name of torchxrayvision, and its replacement."""

from __future__ import annotations

from collections.abc import Mapping

from xrv_compat.old import Old
from xrv_compat.old_datasets import OLD_DATASETS
from xrv_compat.old_models import OLD_MODELS

__all__ = ["NAMES"]

_D, _M = "xrv_core.datasets", "xrv_core.models"

_TOOLS = {
    "datasets.MergeDataset": Old(
        new=f"{_D}.MergeDataset(datasets)",
        differs="the labels may be in another order; label_concat is refused; csv also has source and source_name",
    ),
    "datasets.SubsetDataset": Old(new=f"{_D}.SubsetDataset(dataset, idxs) or dataset.subset(idxs)"),
    "datasets.FilterDataset": Old(
        new=f"{_D}.FilterDataset(dataset, labels) or dataset.filter(labels)",
        differs="an item with two of the labels occurs once, and items keep their order; labels=None keeps all",
    ),
    "datasets.CovariateDataset": Old(
        new=f"{_D}.CovariateDataset(...)",
        differs="no patient is in two modes if there are enough patients; other items, in the same numbers if every "
        "patient has one image; splits need not sum to 1 exactly; labels are float32; csv has the common columns only",
    ),
    "datasets.relabel_dataset": Old(
        new=f"{_D}.relabel_dataset(pathologies, dataset)",
        differs="dropped labels come back if requested later",
    ),
    "datasets.ToPILImage": Old(
        new="torchvision.transforms.v2, which takes xrv_core's tensors and transforms masks too"
    ),
    "models.get_model": Old(new="xrv_core.get_classifier(weights)"),
    "models.get_weights": Old(
        new="xrv_core.fetch(xrv_core.describe_classifier(weights).weights)",
        differs="the hash of a file in the cache is checked; cache_dir is read, never written",
    ),
    "models.get_densenet_params": Old(new="xrv_core.get_classifier('timm/densenet169', pathologies=[...])"),
    "models.op_norm": Old(
        new=f"{_M}.apply_operating_points(probabilities, op_threshs)",
        differs="the replacement gives NaN if untrained",
    ),
    "utils.load_image": Old(
        new=f"{_D}.load_image(path)",
        differs="16-bit files and signed DICOM are read correctly; colour becomes luminance (torchxrayvision: red)",
    ),
    "utils.read_xray_dcm": Old(
        new=f"{_D}.load_image(path, recipe=PixelRecipe(voi_lut=..., fix_monochrome=...))[0]",
        differs="signed pixels are read correctly; voi_lut applies the modality LUT first and scales from the window; "
        "colour becomes luminance and is not refused",
    ),
    "utils.normalize": Old(
        new=f"{_D}.load_image(path), which knows the range of each file",
        differs="with reshape, colour becomes luminance (torchxrayvision takes red)",
    ),
    "utils.infer": Old(new="xrv_eval.evaluate(classifier, dataset), or a DataLoader"),
    "utils.fix_resolution": Old(new=f"{_M}.resize_input(x, resolution)", differs="prints nothing"),
    "utils.warn_normalization": Old(new=f"{_M}.check_input(x), which raises", differs="also warns by warnings.warn"),
}

#: By the name after ``xrv.``: ``"datasets.NIH_Dataset"``.
NAMES: Mapping[str, Old] = {**{f"datasets.{name}": old for name, old in OLD_DATASETS.items()}, **_TOOLS, **OLD_MODELS}
