"""The model classes of torchxrayvision 1.5.7."""

from __future__ import annotations

from typing import Any

from xrv_compat.old import OldModel

__all__ = ["OLD_MODELS"]

_OWN = "its layers have the core's names"


def _classifier(name: str, prints: str, differs: str = "", **arguments: Any) -> OldModel:
    outputs = arguments.pop("outputs", "logits")
    return OldModel(
        name=name, new=f"xrv_core.get_classifier({name!r})", differs=differs, arguments=arguments, prints=prints,
        outputs=outputs,
    )  # fmt: skip


def _segmenter(name: str, prints: str, **arguments: Any) -> OldModel:
    new = f"xrv_core.get_segmenter({name!r})"
    return OldModel(name=name, new=new, differs=_OWN, arguments=arguments, prints=prints)


OLD_MODELS = {
    "models.DenseNet": OldModel(
        new="xrv_core.get_classifier(weights)",
        arguments={
            "growth_rate": 32,
            "block_config": (6, 12, 24, 16),
            "num_init_features": 64,
            "bn_size": 4,
            "drop_rate": 0,
            "num_classes": 18,
            "in_channels": 1,
            "weights": None,
            "cache_dir": None,
            "op_threshs": None,
            "apply_sigmoid": False,
        },
        prints="XRV-DenseNet121",
    ),
    "models.ResNet": OldModel(
        new="xrv_core.get_classifier(weights)",
        differs="0.5 is the operating point (torchxrayvision uses points of a double sigmoid; its numbers: "
        'xrv_core.get_classifier(weights, op_threshs="as-published"))',
        arguments={"weights": None, "apply_sigmoid": False, "cache_dir": None},
        prints="XRV-ResNet",
    ),
    "autoencoders.ResNetAE": OldModel(
        name="resnet101-elastic",
        new="xrv_core.get_autoencoder('resnet101-elastic')",
        differs="with weights, decode stays in [-1024, 1024]",
        arguments={"weights": None, "cache_dir": None},
        prints="XRV-ResNetAE",
    ),
    "baseline_models.ieee8023.VQGAN": OldModel(
        name="vqgan-768-sd",
        new="xrv_core.get_autoencoder('vqgan-768-sd')",
        differs="images larger than 768 x 768 are resized with anti-aliasing; yaml_path is ignored",
        arguments={"weights": "cxr2-vqgan-768-sd", "ckpt_path": None, "yaml_path": None, "cache_dir": None},
        prints="VQGAN",
    ),
    "baseline_models.jfhealthcare.DenseNet": _classifier(
        "jfhealthcare", "jfhealthcare-DenseNet121", _OWN, apply_sigmoid=True
    ),
    "baseline_models.chexpert.DenseNet": _classifier(
        "chexpert-ensemble",
        "CheXpert-DenseNet121-ensemble",
        f"stays on the chosen device, and reads its members from the archive one at a time; {_OWN}",
        weights_zip="",
        num_models=30,
        outputs="sigmoid",
    ),
    "baseline_models.chexpert.Tasks2Models": OldModel(
        new="xrv_core.get_classifier('chexpert-ensemble', weights, num_models=..., resident=...)",
        differs="config_path is ignored: the members are those of the ensemble",
        arguments={},
    ),
    "baseline_models.emory_hiti.RaceModel": _classifier("race", "Emory-HITI-RaceModel-resnet34", outputs="log_softmax"),
    "baseline_models.riken.AgeModel": _classifier("age", "riken-age-prediction", _OWN),
    "baseline_models.xinario.ViewModel": _classifier("view", "xinario-view-prediction"),
    "baseline_models.mira.SexModel": _classifier("sex", "MIRA-SexModel-resnet34", weights=True),
    "baseline_models.chestx_det.PSPNet": _segmenter("chestx-det", "chestx-det-pspnet", cache_dir=None),
    "baseline_models.chestx_anatomy.UNetResNet50": _segmenter(
        "cxas", "cxas-unet-resnet50", weights=True, cache_dir=None
    ),
}
