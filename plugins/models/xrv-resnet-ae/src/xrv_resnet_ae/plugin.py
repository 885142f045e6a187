"""What this plugin offers: the autoencoder `resnet101-elastic`."""

from xrv_core import Asset, AutoencoderSpec, hookimpl

_FILE = "nihpcrsnamimic_ch-resnet101-2-ae-test2-elastic-e250.pt"

RESNET101_ELASTIC = AutoencoderSpec(
    name="resnet101-elastic",
    title="ResNet-101 autoencoder trained on NIH, PadChest, RSNA and MIMIC-CXR",
    factory="xrv_resnet_ae.model:resnet_autoencoder",
    licence=(
        "Apache-2.0 (of the TorchXRayVision repository, which publishes the weights; they have no licence text of "
        "their own, and the training images have their own terms)"
    ),
    citation=(
        "Cohen JP, Brooks R, En S, Zucker E, Pareek A, Lungren MP, Chaudhari A. Gifsplanation via Latent Shift: A "
        "Simple Autoencoder Approach to Counterfactual Generation for Chest X-rays. MIDL 2021. arXiv:2102.09475. "
        "Cohen JP, Viviano JD, Bertin P, Morrison P, Torabian P, Guarrera M, Lungren MP, Chaudhari A, Brooks R, "
        "Hashir M, Bertrand H. TorchXRayVision: A library of chest X-ray datasets and models. 2021. arXiv:2111.00595."
    ),
    homepage="https://github.com/mlmed/torchxrayvision",
    obtain="Fetched at first use from the v1 release of TorchXRayVision on GitHub.",
    description=(
        "A ResNet-101 with a narrow fourth stage turns an image of 224 x 224 pixels into a code of 512 x 3 x 3 "
        "numbers; a mirrored network makes the image from the code. The decoder has no bound of its own: decode cuts "
        "at [-1024, 1024], decode(z, clamp=False) does not. torchxrayvision refuses other sizes than 224 x 224; here "
        "they are resized. The training sets are those that the file name and its author (torchxrayvision issue 112) "
        "give."
    ),
    warning=(
        "Three accounts of its training sets contradict each other: the name of the file and its author (issue 112: "
        "not trained on CheXpert) say NIH, PadChest, RSNA and MIMIC-CXR; the description in torchxrayvision 1.5.7 adds "
        "CheXpert; its documentation says PadChest, NIH, CheXpert and MIMIC-CXR. Treat CheXpert as seen, too."
    ),
    aliases=("101-elastic",),
    architecture="resnet101-autoencoder",
    parameters=31_120_448,
    input_resolution=224,
    training_data=("nih", "padchest", "rsna", "mimic"),
    weights=Asset(
        name=f"torchxrayvision/{_FILE}",
        urls=(f"https://github.com/mlmed/torchxrayvision/releases/download/v1/{_FILE}",),
    ),
    code_shape=(512, 3, 3),
)


@hookimpl
def xrv_autoencoders() -> list[AutoencoderSpec]:
    """The autoencoder of this plugin."""
    return [RESNET101_ELASTIC]
