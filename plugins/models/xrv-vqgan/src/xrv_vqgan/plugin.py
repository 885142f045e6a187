"""What this plugin offers: the autoencoders `vqgan-768-sd` and `vqgan-768-msdd`."""

from xrv_core import Asset, AutoencoderSpec, hookimpl

_RELEASE = "https://github.com/mlmed/torchxrayvision/releases/download/v1/"

#: Model, then file, its size in words, shape of the code, entries of the codebook.
_FILES = {
    "sd": ("2023-07-04T06-25-02_cxr2_vqgan_768_sd.ckpt", "306 MB", (64, 24, 24), 256),
    "msdd": ("2023-07-29T17-34-14_cxr2_vqgan_768_msdd.ckpt", "1.23 GB", (128, 12, 12), 512),
}


def _spec(key: str) -> AutoencoderSpec:
    file, size, code_shape, codebook = _FILES[key]
    channels, side, _ = code_shape
    return AutoencoderSpec(
        name=f"vqgan-768-{key}",
        title=f"VQGAN of 768 x 768 pixels: {side} x {side} entries of a codebook of {codebook}",
        factory="xrv_vqgan.model:vqgan",
        licence=(
            "Apache-2.0 (of the TorchXRayVision repository, which publishes the weights; they have no licence text of "
            "their own, and the training images have their own terms)"
        ),
        citation=(
            "Esser P, Rombach R, Ommer B. Taming Transformers for High-Resolution Image Synthesis. CVPR 2021. "
            "arXiv:2012.09841. "
            "Cohen JP, Brooks R, En S, Zucker E, Pareek A, Lungren MP, Chaudhari A. Gifsplanation via Latent Shift: A "
            "Simple Autoencoder Approach to Counterfactual Generation for Chest X-rays. MIDL 2021. arXiv:2102.09475. "
            "Cohen JP, Viviano JD, Bertin P, Morrison P, Torabian P, Guarrera M, Lungren MP, Chaudhari A, Brooks R, "
            "Hashir M, Bertrand H. TorchXRayVision: A library of chest X-ray datasets and models. 2021. "
            "arXiv:2111.00595."
        ),
        homepage="https://github.com/mlmed/torchxrayvision",
        obtain=f"Fetched at first use ({size}) from the v1 release of TorchXRayVision on GitHub.",
        description=(
            f"Codes of {channels} x {side} x {side} numbers, each position one of {codebook} entries of a learned "
            "codebook; codes(x) gives their indices. Numbers and widths of layers are read off the tensors of the "
            "file: its YAML configuration is not needed. Resolution, shape of the code and size of the codebook are "
            "those of the documentation of torchxrayvision 1.5.7; the published file was not available to check them. "
            "Loading refuses a file with another code or codebook; the file does not show the resolution."
        ),
        warning="What it draws is plausible, not true: fine findings can be lost or invented.",
        aliases=(f"cxr2-vqgan-768-{key}",),
        architecture="vqgan",
        input_resolution=768,
        training_data=("mimic", "padchest", "vinbrain", "siim", "objectcxr", "chexpert"),
        weights=Asset(name=f"torchxrayvision/{file}", urls=(f"{_RELEASE}{file}",)),
        code_shape=code_shape,
        codebook=codebook,
    )


@hookimpl
def xrv_autoencoders() -> list[AutoencoderSpec]:
    """The autoencoders of this plugin."""
    return [_spec(key) for key in _FILES]
