"""What this plugin offers: the seven `densenet121-res224-*` classifiers."""

import csv
import json
from pathlib import Path

from xrv_core import Asset, ClassifierSpec, ReferenceOutput, hookimpl

_RELEASE = "https://github.com/mlmed/torchxrayvision/releases/download/v1/"
_SUFFIX = "-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"

#: Model, then first part of the file name, size, sha256 (None where none is published), training sets, labels.
_FILES = {
    "all": (
        "nih-pc-chex-mimic_ch-google-openi-kaggle",
        28_382_008,
        "56524913dd16a906422e8d8b66a7a5c46be1d82eb7ac012d8103776f1aa68899",
        ("nih", "padchest", "chexpert", "mimic", "nih-google", "openi", "rsna"),
        "NIH, PadChest, CheXpert, MIMIC-CXR (CheXpert labeller), Google's labels on NIH, OpenI and RSNA together",
    ),
    "nih": ("nih", None, None, ("nih",), "NIH ChestX-ray14"),
    "pc": (
        "pc",
        28_381_804,
        "a9148ef62ae4e7a31a9bed8cef22811f39681cd61e4390398936efc6280af521",
        ("padchest",),
        "PadChest",
    ),
    "chex": (
        "chex",
        28_381_998,
        "1a914ae802170187a4852e594708206c12468eeeefd66aa4e8e26141649d61a4",
        ("chexpert",),
        "CheXpert",
    ),
    "rsna": (
        "kaggle",
        28_381_974,
        "906a59f48cf09638b745d66848a6c6f9d741368c66244717a81207329d140268",
        ("rsna",),
        "the RSNA Pneumonia Challenge",
    ),
    "mimic_nb": ("mimic_nb", None, None, ("mimic",), "MIMIC-CXR with NegBio labels"),
    "mimic_ch": (
        "mimic_ch",
        28_382_012,
        "23b13a04459684ffa41247d068207a7657b4e1b4dec2b02431f5026bd75b1189",
        ("mimic",),
        "MIMIC-CXR with CheXpert labels",
    ),
}

#: Images of TorchXRayVision's own tests, for which it publishes outputs: sha256.
_IMAGES = {
    "00000001_000.png": "c8cbe59e6b9b186060dc68e63965658fa6b5b3ada6648d25c189b8b69b43cd4c",
    "16747_3_1.jpg": "17dae3a0d41049d5582fb3c05fddaf57a854839f58bb89f55e888be262659d34",
}
_TESTS = "https://raw.githubusercontent.com/mlmed/torchxrayvision/f4087a0b0d0cdc6a5877fb5456965b6d29adb1e5/tests/"

_CITATION = (
    "Cohen JP, Viviano JD, Bertin P, Morrison P, Torabian P, Guarrera M, Lungren MP, Chaudhari A, Brooks R, Hashir M, "
    "Bertrand H. TorchXRayVision: A library of chest X-ray datasets and models. 2021. arXiv:2111.00595. "
    "Cohen JP, Hashir M, Brooks R, Bertrand H. On the limits of cross-domain generalization in automated X-ray "
    "prediction. MIDL 2020. arXiv:2002.02497."
)
_CONTAMINATED = (
    ", and by our reconstruction about half of the test images of TorchXRayVision's public benchmark show patients "
    "that it was trained on"
)


def _references(name: str) -> tuple[ReferenceOutput, ...]:
    published = json.loads(Path(__file__).with_name("reference_outputs.json").read_text("utf-8"))
    return tuple(
        ReferenceOutput(
            image=Asset(name=f"reference-images/{p['image']}", urls=(_TESTS + p["image"],), sha256=_IMAGES[p["image"]]),
            outputs=p["outputs"],
            source=p["source"],
            resize=p["resize"],
        )
        for p in published
        if p["model"] == name
    )


def _spec(key: str, table: list[dict[str, str]]) -> ClassifierSpec:
    file, size, sha256, training_data, words = _FILES[key]
    thresholds = tuple(float(row[key]) if row[key] else None for row in table)
    trained = sum(t is not None for t in thresholds)
    note = _CONTAMINATED if key == "all" else ""
    return ClassifierSpec(
        name=f"densenet121-res224-{key}",
        title=f"DenseNet-121 trained on {'seven sets of labels together' if key == 'all' else words}",
        factory="xrv_densenet.model:densenet121",
        licence=(
            "Apache-2.0 (of the TorchXRayVision repository, which publishes the weights; they have no licence text of "
            "their own, and the training images have their own terms)"
        ),
        citation=_CITATION,
        homepage="https://github.com/mlmed/torchxrayvision",
        obtain="Fetched at first use from the v1 release of TorchXRayVision on GitHub.",
        description=(
            f"{trained} of the 18 outputs were trained; the others are NaN. Trained on 224 x 224 pixels, with rotation "
            "by up to 45 degrees, and shift and scaling by up to 15 %. 0.5 is the operating point that was published "
            "with the weights; it is not valid for other hospitals."
        ),
        warning=(f"Trained on {words}: what it reaches there is not what it reaches on unseen patients{note}."),
        aliases=(key,),
        architecture="densenet121",
        parameters=6_966_034,
        input_resolution=224,
        training_data=training_data,
        weights=Asset(
            name=f"torchxrayvision/{file}{_SUFFIX}", urls=(f"{_RELEASE}{file}{_SUFFIX}",), sha256=sha256, size=size
        ),
        pathologies=tuple(row["pathology"] for row in table),
        trained=tuple(t is not None for t in thresholds),
        op_threshs=thresholds,
        reference_outputs=_references(f"densenet121-res224-{key}"),
    )


@hookimpl
def xrv_classifiers() -> list[ClassifierSpec]:
    """The classifiers of this plugin."""
    # operating points of torchxrayvision 1.5.7; a head without one was never trained
    with Path(__file__).with_name("op_threshs.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    return [_spec(key, table) for key in _FILES]
