"""What this plugin offers: `jfhealthcare`."""

from xrv_core import Asset, ClassifierSpec, hookimpl

_FILE = "baseline_models_jfhealthcare-DenseNet121_pre_train.pth"

#: In the order of the network's heads; names of TorchXRayVision, whose "Effusion" is CheXpert's "Pleural Effusion".
_PATHOLOGIES = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Effusion")

_REPORTED = {
    "AUROC on CheXpert valid (200 patients), README of jfhealthcare/Chexpert": (0.8703, 0.9436, 0.9334, 0.9029, 0.9166),
    "AUROC on 20 % of NIH ChestX-ray14, BENCHMARKS.md of TorchXRayVision": (0.85, 0.87, 0.78, 0.76, 0.87),
    "AUROC on 20 % of PadChest, BENCHMARKS.md of TorchXRayVision": (0.89, 0.94, 0.82, 0.78, 0.96),
    "AUROC on 20 % of MIMIC-CXR, BENCHMARKS.md of TorchXRayVision": (0.82, 0.93, 0.93, 0.90, 0.94),
    "AUROC on 20 % of VinDr, BENCHMARKS.md of TorchXRayVision": (0.81, None, 0.95, 0.79, 0.92),
}


@hookimpl
def xrv_classifiers() -> list[ClassifierSpec]:
    """The classifier of this plugin."""
    spec = ClassifierSpec(
        name="jfhealthcare",
        title="DenseNet-121 with pyramid attention at 512 x 512 pixels, trained on CheXpert by JF Healthcare",
        factory="xrv_jfhealthcare.model:jfhealthcare",
        licence="Apache-2.0 (jfhealthcare/Chexpert, code and weights; the training images have their own terms)",
        citation=(
            "Ye W, Yao J, Xue H, Li Y. Weakly Supervised Lesion Localization With Probabilistic-CAM Pooling. 2020. "
            "arXiv:2005.14480."
        ),
        homepage="https://github.com/jfhealthcare/Chexpert",
        obtain="Fetched at first use from the v1 release of TorchXRayVision on GitHub (config/pre_train.pth there).",
        description=(
            "Five findings, each with its own head on average and maximum of feature maps to which pyramid attention "
            "was applied once more than for the finding before. The published weights do not use the PCAM pooling of "
            "the paper. The network was trained on histogram-equalised, blurred images; like TorchXRayVision, we give "
            "it plain ones. There are no operating points: predict gives plain probabilities."
        ),
        warning="Trained on CheXpert: what it reaches there is not what it reaches on unseen patients.",
        architecture="densenet121",
        parameters=9_179_148,
        input_resolution=512,
        training_data=("chexpert",),
        weights=Asset(
            name=f"torchxrayvision/{_FILE}",
            urls=(f"https://github.com/mlmed/torchxrayvision/releases/download/v1/{_FILE}",),
        ),
        pathologies=_PATHOLOGIES,
        reported={
            where: {name: auc for name, auc in zip(_PATHOLOGIES, values, strict=True) if auc is not None}
            for where, values in _REPORTED.items()
        },
    )
    return [spec]
