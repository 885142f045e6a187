"""What this plugin offers: the segmenter `chestx-det`."""

from xrv_core import Asset, SegmenterSpec, hookimpl

_FILE = "pspnet_chestxray_best_model_4.pth"

_STRUCTURES = (
    "Left Clavicle",
    "Right Clavicle",
    "Left Scapula",
    "Right Scapula",
    "Left Lung",
    "Right Lung",
    "Left Hilus Pulmonis",
    "Right Hilus Pulmonis",
    "Heart",
    "Aorta",
    "Facies Diaphragmatica",
    "Mediastinum",
    "Weasand",
    "Spine",
)

_CITATION = (
    "Lian J, Liu J, Zhang S, Gao K, Liu X, Zhang D, Yu Y. A Structure-Aware Relation Network for Thoracic Diseases "
    "Detection and Segmentation. IEEE Transactions on Medical Imaging 40(8), 2021, 2042-2052. arXiv:2104.10326. "
    "Network: Zhao H, Shi J, Qi X, Wang X, Jia J. Pyramid Scene Parsing Network. CVPR 2017. arXiv:1612.01105."
)


@hookimpl
def xrv_segmenters() -> list[SegmenterSpec]:
    """The segmenter of this plugin."""
    return [
        SegmenterSpec(
            name="chestx-det",
            title="PSPNet for 14 anatomical structures, published with ChestX-Det",
            factory="xrv_chestx_det.model:pspnet",
            licence=(
                "None stated (neither the ChestX-Det repository, which publishes the weights, nor their file has one; "
                "TorchXRayVision, which hosts a copy, is Apache-2.0)"
            ),
            citation=_CITATION,
            homepage="https://github.com/Deepwise-AILab/ChestX-Det-Dataset",
            obtain="Fetched at first use from the v1 release of TorchXRayVision on GitHub.",
            description=(
                "14 structures, which overlap: the heart is in the mediastinum. Images are resized to 512 x 512 "
                "pixels. It was made to give a detector of findings the position of the anatomy. Its "
                "authors do not state on which images it was trained, or how well it segments."
            ),
            warning="It is not published how well it segments, or on which images it was trained.",
            architecture="pspnet-resnet101",
            parameters=65_704_910,
            input_resolution=512,
            weights=Asset(
                name=f"torchxrayvision/{_FILE}",
                urls=(f"https://github.com/mlmed/torchxrayvision/releases/download/v1/{_FILE}",),
                sha256="019b167eac6b729fc1bb92bbbc185fc1730aaa65819f4e3fe718186cadc044fc",
                size=272_988_989,
            ),
            structures=_STRUCTURES,
        )
    ]
