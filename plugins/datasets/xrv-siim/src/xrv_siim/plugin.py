"""What this plugin offers: `siim`."""

from xrv_core import Asset, DatasetSpec, hookimpl

SIIM = DatasetSpec(
    name="siim",
    title="SIIM-ACR Pneumothorax Segmentation (2019)",
    factory="xrv_siim.dataset:SIIMDataset",
    miniature="xrv_siim.miniature:write_siim",
    licence=(
        "Annotations: the rules of the Kaggle competition; we found no other licence text. The images are NIH's: cite "
        "Wang et al. 2017, too"
    ),
    citation=(
        "Filice RW, Stein A, Wu CC, et al. Crowdsourcing pneumothorax annotations using machine learning annotations "
        "on the NIH chest X-ray dataset. Journal of Digital Imaging 2020;33(2):490-496. doi:10.1007/s10278-019-00299-9"
    ),
    homepage="https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation",
    obtain=(
        "Get dicom-images-train from https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation or "
        "https://academictorrents.com/details/6ef7c6d039e85152c4d0f31d83fa70edc4aba088, and give the folder or archive "
        "that holds it as imgpath; files may lie in any sub-folders."
    ),
    description=(
        "Pneumothorax, outlined by radiologists on NIH images; the union of an image's outlines is its mask. 8-bit "
        "DICOM, 1024 x 1024. The table has 12,954 rows, one an outline, for 12,047 images, which are the items here."
    ),
    pathologies=("Pneumothorax",),
    positives={"Pneumothorax": 2_669},
    views=("AP", "PA"),
    images=12_047,
    images_frontal=12_047,
    region="Northeast USA",
    masks=("segmentations",),
    tables=(
        Asset(
            name="siim/siim-pneumothorax-train-rle.csv.gz",
            urls=(
                "https://raw.githubusercontent.com/mlmed/torchxrayvision/f4087a0b0d0cdc6a5877fb5456965b6d29adb1e5"
                "/torchxrayvision/data/siim-pneumothorax-train-rle.csv.gz",
            ),
            sha256="f3663a1ae9d11067b7a37a3c4fb69e22eb3c7a960d4118c47235e0e1cab64489",
            size=1_111_312,
        ),
    ),
    terms="Keep the rules of the Kaggle competition.",
    overlaps=("nih", "nih-google", "rsna"),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [SIIM]
