"""What this plugin offers: the segmenter `cxas`."""

from pathlib import Path

from xrv_core import Asset, SegmenterSpec, hookimpl

_FILE = "baseline_models_cxas_UNet_ResNet50_default_repack.pth"

_CITATION = (
    "Seibold C, Reiß S, Sarfraz MS, Fink MA, Mayer V, Sellner J, Kim MS, Maier-Hein KH, Kleesiek J, Stiefelhagen R. "
    "Detailed Annotations of Chest X-Rays via CT Projection for Report Understanding. BMVC 2022. "
    "Seibold C, Jaus A, Fink MA, Kim M, Reiß S, Herrmann K, Kleesiek J, Stiefelhagen R. Accurate Fine-Grained "
    "Segmentation of Human Anatomy in Radiographs via Volumetric Pseudo-Labeling. 2023. arXiv:2306.03934."
)


@hookimpl
def xrv_segmenters() -> list[SegmenterSpec]:
    """The segmenter of this plugin."""
    return [
        SegmenterSpec(
            name="cxas",
            title="CXAS: U-Net on ResNet-50 for 159 anatomical structures",
            factory="xrv_cxas.model:anatomy_unet",
            licence="CC BY-NC-SA 4.0: no commercial use; what is made of it is shared under the same terms",
            citation=_CITATION,
            homepage="https://github.com/ConstantinSeibold/ChestXRayAnatomySegmentation",
            obtain="Fetched at first use from the v1 release of TorchXRayVision on GitHub.",
            description=(
                "159 structures of bones, lungs, mediastinum, heart, abdomen and breast. They overlap, and some "
                "contain others: 'spine' is the cervical, thoracic and lumbar spine, and those are their vertebrae. "
                "Trained on PAX-Ray++: projections of 10,021 thoracic CT scans, frontal and lateral, whose structures "
                "were labelled by networks for CT. Images are resized to 512 x 512 pixels."
            ),
            warning="Weights under CC BY-NC-SA 4.0: not for commercial use. Trained on projected CT scans.",
            architecture="unet-resnet50",
            parameters=73_380_191,
            input_resolution=512,
            weights=Asset(
                name=f"torchxrayvision/{_FILE}",
                urls=(f"https://github.com/mlmed/torchxrayvision/releases/download/v1/{_FILE}",),
            ),
            structures=tuple(Path(__file__).with_name("structures.txt").read_text("utf-8").splitlines()),
            reported={
                "mIoU of the models of the paper with two radiologists, abstract of arXiv:2306.03934": {
                    "frontal": 0.93,
                    "lateral": 0.85,
                }
            },
        )
    ]
