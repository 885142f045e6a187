"""What this plugin offers: `resnet50-res512-all`."""

import csv
import math
from pathlib import Path

from xrv_core import Asset, ClassifierSpec, ReferenceOutput, hookimpl

_FILE = "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt"

#: Images of TorchXRayVision's own tests, for which it publishes outputs: sha256.
_IMAGES = {
    "00000001_000.png": "c8cbe59e6b9b186060dc68e63965658fa6b5b3ada6648d25c189b8b69b43cd4c",
    "16747_3_1.jpg": "17dae3a0d41049d5582fb3c05fddaf57a854839f58bb89f55e888be262659d34",
}
_TESTS = "https://raw.githubusercontent.com/mlmed/torchxrayvision/f4087a0b0d0cdc6a5877fb5456965b6d29adb1e5/tests/"

_NOTE = (
    "Made with the operating points as they were published, on one sigmoid: a second one could give no output below "
    "0.46, and only operating points make the untrained outputs exactly 0.5, as they were."
)
_NOTES = {
    "00000001_000.png": _NOTE,
    "16747_3_1.jpg": _NOTE + " The model resized this image from 885 to 512 pixels; older releases did so "
    "without anti-aliasing, so if only this image differs, that is why (not verified: the weights were not available).",
}

_LICENCE = (
    "Apache-2.0 (of the TorchXRayVision repository, which publishes the weights; they have no licence text of their "
    "own, and the training images have their own terms)"
)
_CITATION = (
    "Cohen JP, Viviano JD, Bertin P, Morrison P, Torabian P, Guarrera M, Lungren MP, Chaudhari A, Brooks R, Hashir M, "
    "Bertrand H. TorchXRayVision: A library of chest X-ray datasets and models. 2021. arXiv:2111.00595."
)

#: BENCHMARKS.md of TorchXRayVision, the two collections that the model was not trained on; columns as in the CSV.
_REPORTED = {
    "CheXpert": {
        "Atelectasis": 0.63,
        "Consolidation": 0.74,
        "Pneumothorax": 0.61,
        "Edema": 0.79,
        "Effusion": 0.81,
        "Pneumonia": 0.67,
        "Cardiomegaly": 0.84,
        "Fracture": 0.58,
        "Lung Opacity": 0.71,
    },
    "MIMIC-CXR (CheXpert labels)": {
        "Atelectasis": 0.77,
        "Consolidation": 0.88,
        "Pneumothorax": 0.72,
        "Edema": 0.87,
        "Effusion": 0.90,
        "Pneumonia": 0.77,
        "Cardiomegaly": 0.78,
        "Fracture": 0.66,
        "Lung Opacity": 0.77,
    },
}


_DESCRIPTION = (
    "16 of the 18 outputs were trained; the other two are NaN. The operating points that were published with the "
    "weights (0.502 to 0.538) were fitted on sigmoid(sigmoid(x)), where nothing is below 0.5. Here they are mapped "
    "back through the logit (0.008 to 0.152), so that 0.5 is the operating point as for the other models; "
    'op_threshs="as-published" gives the numbers of TorchXRayVision 1.5.7, in which it is not. Operating points are '
    "not valid for other hospitals."
)


def _reference(image: str, table: list[dict[str, str]]) -> ReferenceOutput:
    return ReferenceOutput(
        image=Asset(name=f"reference-images/{image}", urls=(_TESTS + image,), sha256=_IMAGES[image]),
        outputs={row["pathology"]: float(row[image]) for row in table if row[image]},
        source="scripts/README.md of TorchXRayVision, process_image.py -weights resnet50-res512-all",
        note=_NOTES[image],
        options={"op_threshs": "as-published"},
    )


@hookimpl
def xrv_classifiers() -> list[ClassifierSpec]:
    """The classifier of this plugin."""
    # operating points of torchxrayvision 1.5.7, and published outputs; a head without one was never trained
    with Path(__file__).with_name("published.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    published = [float(row["op_thresh"]) if row["op_thresh"] else None for row in table]
    spec = ClassifierSpec(
        name="resnet50-res512-all",
        title="ResNet-50 at 512 x 512 pixels, trained on PadChest, NIH, RSNA, SIIM and VinDr together",
        factory="xrv_resnet.model:resnet50",
        licence=_LICENCE,
        citation=_CITATION,
        homepage="https://github.com/mlmed/torchxrayvision",
        obtain="Fetched at first use from the v1 release of TorchXRayVision on GitHub.",
        description=_DESCRIPTION,
        warning=(
            "Trained on PadChest, NIH, RSNA, SIIM and VinDr, and Google's labels show NIH patients: what it reaches "
            "there is not what it reaches on unseen patients."
        ),
        architecture="resnet50",
        parameters=23_538_642,
        input_resolution=512,
        training_data=("padchest", "nih", "rsna", "siim", "vinbrain"),
        weights=Asset(
            name=f"torchxrayvision/{_FILE}",
            urls=(f"https://github.com/mlmed/torchxrayvision/releases/download/v1/{_FILE}",),
        ),
        pathologies=tuple(row["pathology"] for row in table),
        trained=tuple(t is not None for t in published),
        op_threshs=tuple(None if t is None else math.log(t / (1 - t)) for t in published),
        reported={f"AUROC on 20 % of {on}, BENCHMARKS.md of TorchXRayVision": auc for on, auc in _REPORTED.items()},
        reference_outputs=tuple(_reference(image, table) for image in _IMAGES),
    )
    return [spec]
