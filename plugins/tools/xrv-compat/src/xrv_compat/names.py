"""Every name of torchxrayvision that is offered here, and what to write instead."""

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
        differs="the labels may be in another order; label_concat is refused; csv has source and source_name besides",
    ),
    "datasets.SubsetDataset": Old(
        new=f"{_D}.SubsetDataset(dataset, idxs) or dataset.subset(idxs)",
        differs="idxs are integers from 0, not booleans or negative numbers",
    ),
    "datasets.FilterDataset": Old(
        new=f"{_D}.FilterDataset(dataset, labels) or dataset.filter(labels)",
        differs="an item with two of the labels is there once, and items keep their order; labels=None keeps all",
    ),
    "datasets.CovariateDataset": Old(
        new=f"{_D}.CovariateDataset(...)",
        differs="no patient is in two modes; another selection of the same sizes where everybody has one image; splits "
        "need not sum to 1 exactly; labels are float32; csv has the common columns only",
    ),
    "datasets.relabel_dataset": Old(
        new=f"{_D}.relabel_dataset(pathologies, dataset)", differs="labels that are dropped come back when asked for"
    ),
    "datasets.ToPILImage": Old(
        new="torchvision.transforms.v2, which takes xrv_core's tensors and moves masks along, without it"
    ),
    "models.get_model": Old(new="xrv_core.get_classifier(weights)"),
    "models.get_weights": Old(
        new="xrv_core.fetch(xrv_core.describe_classifier(weights).weights)",
        differs="a file in the cache is hashed; cache_dir is looked into, and not written to",
    ),
    "models.get_densenet_params": Old(new="xrv_core.get_classifier('timm/densenet169', pathologies=[...])"),
    "models.op_norm": Old(
        new=f"{_M}.apply_operating_points(probabilities, op_threshs)", differs="there untrained columns are NaN"
    ),
    "utils.load_image": Old(
        new=f"{_D}.load_image(path)",
        differs="16 bits and signed DICOM are read right; colour is luminance (torchxrayvision takes red)",
    ),
    "utils.read_xray_dcm": Old(
        new=f"{_D}.load_image(path, recipe=PixelRecipe(voi_lut=..., fix_monochrome=...))[0]",
        differs="signed pixels are read right; voi_lut applies the modality LUT first and scales from the window; "
        "colour is luminance; MONOCHROME1 is inverted without a warning",
    ),
    "utils.normalize": Old(
        new=f"{_D}.load_image(path), which knows what a file can hold",
        differs="with reshape, colour becomes luminance (torchxrayvision takes red)",
    ),
    "utils.infer": Old(new="xrv_eval.evaluate(classifier, dataset), or a DataLoader"),
    "utils.fix_resolution": Old(new=f"{_M}.resize_input(x, resolution)", differs="prints nothing"),
    "utils.warn_normalization": Old(
        new=f"{_M}.check_input(x), which raises", differs="warns on every call, by warnings.warn"
    ),
}

#: By what stands behind ``xrv.``: ``"datasets.NIH_Dataset"``.
NAMES: Mapping[str, Old] = {**{f"datasets.{name}": old for name, old in OLD_DATASETS.items()}, **_TOOLS, **OLD_MODELS}
