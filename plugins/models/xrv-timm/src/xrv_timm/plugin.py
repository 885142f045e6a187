"""What this plugin offers: `timm/<name>` for every network of timm."""

import re

from xrv_core import ClassifierSpec, hookimpl

_ARCHITECTURE = re.compile(r"timm/([a-z0-9._-]+)")


@hookimpl
def xrv_resolve(kind: str, name: str) -> ClassifierSpec | None:
    """The spec of `timm/<name>`; whether timm has that network shows when it is built, as timm takes long to import."""
    found = _ARCHITECTURE.fullmatch(name)
    if kind != "classifier" or not found:
        return None
    return ClassifierSpec(
        name=name,
        title=f"{found[1]} from timm, with your own classifier",
        factory="xrv_timm.model:timm_classifier",
        licence="timm: Apache-2.0. Pretrained weights: the licence on their page on the Hugging Face hub",
        citation="Wightman R. PyTorch Image Models. 2019. doi:10.5281/zenodo.4414861",
        homepage="https://github.com/huggingface/pytorch-image-models",
        obtain=(
            "Give pathologies=[...], and one of weights=PATH, weights_url=URL with sha256=HASH, or pretrained=True "
            "(timm's own weights, from the Hugging Face hub); none of them: random initialisation."
        ),
        description=(
            "The grey image is repeated on the channels of the network, and normalised as in its training. "
            "It is resized to input_resolution, default the size of timm's own weights."
        ),
        warning="Its outputs mean nothing until it was trained for these pathologies.",
        architecture=found[1],
    )
