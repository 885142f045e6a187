"""What this plugin offers: the classifier `phantom-net` and the autoencoder `phantom-ae`."""

import json
from pathlib import Path
from typing import Any

from xrv_core import Asset, AutoencoderSpec, ClassifierSpec, hookimpl

#: What train.py wrote beside the weights: their hashes and sizes, the operating points, how well they do.
RECORD: dict[str, Any] = json.loads(Path(__file__).with_name("weights").joinpath("training.json").read_text("utf-8"))

_WARNING = "Knows drawn phantoms only: its output on real X-rays means nothing."
_ABOUT: dict[str, Any] = {
    "licence": "Apache-2.0",
    "citation": "xrv-core developers. phantom-net and phantom-ae, small networks for drawn phantoms (2026).",
    "homepage": "plugins/models/xrv-phantom-net in the repository of xrv-core",
    "obtain": "The weights come with the package; train.py in its source folder makes them again.",
    "warning": _WARNING,
    "training_data": ("phantom",),
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
    weights=_weights("classifier"),
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
    weights=_weights("autoencoder"),
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
