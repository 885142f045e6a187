"""What model plugins build on, and the tools for people who use models. torch is loaded with the first name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xrv_core.factories import front_attribute

if TYPE_CHECKING:
    from xrv_core.models.base import (
        IMAGENET,
        BackboneClassifier,
        ImageAutoencoder,
        InputAdapter,
        NetworkSegmenter,
        apply_operating_points,
        check_input,
        choose_structures,
        resize_input,
        timm_feature_maps,
        timm_heads,
        timm_keys,
    )
    from xrv_core.models.running import (
        Batch,
        Loading,
        OperatingPoint,
        about_dataset,
        about_model,
        as_json,
        check_device,
        fit_operating_points,
        render_page,
        run_over,
        versions,
        write_record,
    )
    from xrv_core.models.saved import (
        FACTS,
        NOT_STATED,
        SAVED_FACTORY,
        SavedClassifierSpec,
        check_options,
        checked,
        is_model_file,
        plain,
        read_spec,
        save_classifier,
    )
    from xrv_core.models.weights import (
        is_safetensors,
        load_checkpoint,
        load_into,
        load_state_dict,
        open_source,
        renamed_keys,
        wrapped_keys,
        write_safetensors,
    )

_HOME = {
    "base": (
        "IMAGENET BackboneClassifier ImageAutoencoder InputAdapter NetworkSegmenter "
        "apply_operating_points check_input choose_structures resize_input "
        "timm_feature_maps timm_heads timm_keys"
    ),
    "running": (
        "Batch Loading OperatingPoint about_dataset about_model as_json check_device fit_operating_points render_page "
        "run_over versions write_record"
    ),
    "saved": (
        "FACTS SAVED_FACTORY SavedClassifierSpec NOT_STATED check_options checked "
        "is_model_file plain read_spec save_classifier "
    ),
    "weights": (
        "is_safetensors load_checkpoint load_into load_state_dict open_source renamed_keys "
        "wrapped_keys write_safetensors "
    ),
}
_WHERE = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = [
    "IMAGENET",
    "BackboneClassifier",
    "Batch",
    "FACTS",
    "ImageAutoencoder",
    "InputAdapter",
    "Loading",
    "NetworkSegmenter",
    "OperatingPoint",
    "SAVED_FACTORY",
    "SavedClassifierSpec",
    "NOT_STATED",
    "about_dataset",
    "about_model",
    "apply_operating_points",
    "as_json",
    "check_device",
    "check_input",
    "check_options",
    "checked",
    "choose_structures",
    "fit_operating_points",
    "is_model_file",
    "is_safetensors",
    "load_checkpoint",
    "load_into",
    "load_state_dict",
    "open_source",
    "plain",
    "read_spec",
    "renamed_keys",
    "render_page",
    "resize_input",
    "run_over",
    "save_classifier",
    "timm_feature_maps",
    "timm_heads",
    "timm_keys",
    "versions",
    "wrapped_keys",
    "write_record",
    "write_safetensors",
]


def __getattr__(name: str) -> Any:
    return front_attribute(__name__, _WHERE, name)


def __dir__() -> list[str]:
    return sorted(__all__)
