"""What this plugin offers: `rsna`."""

from xrv_core import Asset, DatasetSpec, hookimpl

_TABLES = (
    "https://raw.githubusercontent.com/mlmed/torchxrayvision/f4087a0b0d0cdc6a5877fb5456965b6d29adb1e5"
    "/torchxrayvision/data/"
)

RSNA = DatasetSpec(
    name="rsna",
    title="RSNA Pneumonia Detection Challenge (2018)",
    factory="xrv_rsna.dataset:RSNADataset",
    miniature="xrv_rsna.miniature:write_rsna",
    licence=(
        "Images and annotations: academic research and education, and other commercial or non-commercial purposes, "
        "under RSNA's terms of use and attribution. The images are NIH's: cite Wang et al. 2017, too"
    ),
    citation=(
        "Shih G, Wu CC, Halabi SS, et al. Augmenting the National Institutes of Health Chest Radiograph Dataset with "
        "Expert Annotations of Possible Pneumonia. Radiology: Artificial Intelligence 2019;1(1):e180041. "
        "doi:10.1148/ryai.2019180041"
    ),
    homepage=(
        "https://www.rsna.org/education/ai-resources-and-training/ai-image-challenge/"
        "rsna-pneumonia-detection-challenge-2018"
    ),
    obtain=(
        "Join https://www.kaggle.com/c/rsna-pneumonia-detection-challenge and download stage_2_train_images (DICOM), "
        "or get the JPEGs from https://academictorrents.com/details/95588a735c9ae4d123f3ca408e56570409bcf2a9; give "
        "the folder or zip that holds them as imgpath."
    ),
    description=(
        "Boxes drawn by radiologists around lung opacities that raise the suspicion of pneumonia, on NIH images. Both "
        "labels are the challenge's one Target. Boxes are given as pathology masks. 8-bit DICOM or JPEG, 1024 x 1024. "
        "Counts are of the training set of stage 2."
    ),
    pathologies=("Lung Opacity", "Pneumonia"),
    positives={"Lung Opacity": 6_012, "Pneumonia": 6_012},
    views=("AP", "PA"),
    images=26_684,
    images_frontal=26_684,
    region="Northeast USA",
    masks=("boxes",),
    tables=(
        Asset(
            name="rsna/kaggle_stage_2_train_labels.csv.zip",
            urls=(_TABLES + "kaggle_stage_2_train_labels.csv.zip",),
            sha256="73044dc075ffa05bde37b6c6165661a87d7c3fd0fdd277f909945e11263c06b0",
            size=679_790,
        ),
        Asset(
            name="rsna/kaggle_stage_2_train_images_dicom_headers.csv.gz",
            urls=(_TABLES + "kaggle_stage_2_train_images_dicom_headers.csv.gz",),
            sha256="600a2b388e0beddc1d32b8fc17de432c0559cfa6865238bdf83c916f42d86c72",
            size=842_474,
        ),
    ),
    terms="Keep RSNA's terms of use and attribution, and the rules of the Kaggle competition you downloaded from.",
    overlaps=("nih", "nih-google", "siim"),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [RSNA]
