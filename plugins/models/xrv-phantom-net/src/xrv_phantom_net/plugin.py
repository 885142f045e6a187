"""What this plugin offers: the classifier `phantom-net` and the autoencoder `phantom-ae`."""

import json
from pathlib import Path
from typing import Any

from xrv_core import Asset, AutoencoderSpec, ClassifierSpec, ReferenceOutput, hookimpl

_WEIGHTS = Path(__file__).with_name("weights")
#: The record that train.py wrote with the weights: hashes, sizes, operating points and results.
RECORD: dict[str, Any] = json.loads(_WEIGHTS.joinpath("training.json").read_text("utf-8"))
#: The outputs of both networks for one drawn phantom, written by reference.py.
REFERENCE: dict[str, dict[str, float]] = json.loads(_WEIGHTS.joinpath("reference.json").read_text("utf-8"))

_WARNING = "Trained on drawn phantoms only: its output on real X-rays means nothing."
_ABOUT: dict[str, Any] = {
    "licence": "Apache-2.0",
    "citation": "xrv-core developers. phantom-net and phantom-ae, small networks for drawn phantoms (2026).",
    "homepage": "plugins/models/xrv-phantom-net in the repository of xrv-core",
    "obtain": "The weights come with the package; train.py in its source folder trains them again.",
    "warning": _WARNING,
    "training_data": ("phantom:train",),
    "input_resolution": 128,
}


def _weights(part: str) -> Asset:
    file = RECORD[part]["file"]
    return Asset(
        name=f"phantom-net/{file}",
        urls=(f"package://xrv_phantom_net/weights/{file}",),
        sha256=RECORD[part]["sha256"],
        size=RECORD[part]["size"],
    )


def _reference(part: str, tolerance: float) -> tuple[ReferenceOutput, ...]:
    image = Asset(
        name="phantom-net/reference.png",
        urls=("package://xrv_phantom_net/weights/reference.png",),
        sha256="8edcbae0bc536125c6bc94674b0ad3f11340ccfff9c0aad87b0e0ee051fc1058",
        size=21_637,
    )
    source = "reference.py in the source folder of xrv-phantom-net"
    return (ReferenceOutput(image=image, outputs=REFERENCE[part], source=source, tolerance=tolerance),)


PHANTOM_NET = ClassifierSpec(
    name="phantom-net",
    title="Small convolutional classifier of drawn phantoms",
    factory="xrv_phantom_net.model:phantom_classifier",
    description=(
        f"Eight convolutions, {RECORD['classifier']['parameters']:,} parameters, trained for some CPU minutes on the "
        "training split of 'phantom', for demonstrations and tests. Mean AUROC on its test split: "
        f"{RECORD['classifier']['test_auroc_mean']:.3f}."
    ),
    architecture="convnet8",
    pathologies=tuple(RECORD["classifier"]["pathologies"]),
    op_threshs=tuple(RECORD["classifier"]["op_threshs"]),
    parameters=RECORD["classifier"]["parameters"],
    weights=_weights("classifier"),
    reference_outputs=_reference("classifier", 1e-4),
    **_ABOUT,
)

PHANTOM_AE = AutoencoderSpec(
    name="phantom-ae",
    title="Small convolutional autoencoder of drawn phantoms",
    factory="xrv_phantom_net.model:phantom_autoencoder",
    description=(
        f"{RECORD['autoencoder']['parameters']:,} parameters, a code of 16 x 8 x 8 numbers. Mean absolute error on the "
        f"test split of 'phantom': {RECORD['autoencoder']['test_mae']:.0f} of 2048."
    ),
    architecture="convnet-autoencoder",
    code_shape=(16, 8, 8),
    parameters=RECORD["autoencoder"]["parameters"],
    weights=_weights("autoencoder"),
    reference_outputs=_reference("autoencoder", 0.01),  # its numbers are pixels of [-1024, 1024]
    **_ABOUT,
)


@hookimpl
def xrv_classifiers() -> list[ClassifierSpec]:
    """The classifiers of this plugin."""
    return [PHANTOM_NET]


@hookimpl
def xrv_autoencoders() -> list[AutoencoderSpec]:
    """The autoencoders of this plugin."""
    return [PHANTOM_AE]
