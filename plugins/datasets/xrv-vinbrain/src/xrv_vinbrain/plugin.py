"""What this plugin offers: `vinbrain`, also called `vindr`."""

from xrv_core import Asset, DatasetSpec, hookimpl

VINBRAIN = DatasetSpec(
    name="vinbrain",
    aliases=("vindr",),
    title="VinDr-CXR (VinBrain, VinBigData)",
    factory="xrv_vinbrain.dataset:VinBrainDataset",
    miniature="xrv_vinbrain.miniature:write_vinbrain",
    licence=(
        "PhysioNet Credentialed Health Data License 1.5.0; on Kaggle the competition's rules. For scientific research "
        "and education only, not to be shared"
    ),
    citation=(
        "Nguyen HQ, Lam K, Le LT, et al. VinDr-CXR: An open dataset of chest X-rays with radiologist's annotations. "
        "Scientific Data 2022;9:429. doi:10.1038/s41597-022-01498-w. arXiv:2012.15029. Data: PhysioNet 2021, version "
        "1.0.0. doi:10.13026/3akn-b287"
    ),
    homepage="https://physionet.org/content/vindr-cxr/1.0.0/",
    obtain=(
        "As a credentialed user of https://physionet.org/content/vindr-cxr/1.0.0/ (train, test), or from "
        "https://www.kaggle.com/c/vinbigdata-chest-xray-abnormalities-detection (train); give the folder of .dicom "
        "files as imgpath."
    ),
    description=(
        "Findings and boxes of 17 radiologists on frontal X-rays of two hospitals in Hanoi. Each of the 15,000 images "
        "of the training set was read by three of them independently: readers= says how many must agree. The test set "
        "of 3,000 images is a consensus of five. 14 of PhysioNet's 22 local labels, those of the Kaggle challenge, are "
        "labels here. DICOM of up to 16 bits, shown through its window. Counts are of the training set."
    ),
    pathologies=(
        "Aortic enlargement",
        "Atelectasis",
        "Calcification",
        "Cardiomegaly",
        "Consolidation",
        "Effusion",
        "ILD",
        "Infiltration",
        "Lung Opacity",
        "Nodule/Mass",
        "Other Lesion",
        "Pleural_Thickening",
        "Pneumothorax",
        "Pulmonary Fibrosis",
    ),
    positives={  # for any of three readers
        "Aortic enlargement": 3_067,
        "Atelectasis": 186,
        "Calcification": 452,
        "Cardiomegaly": 2_300,
        "Consolidation": 353,
        "Effusion": 1_032,
        "ILD": 386,
        "Infiltration": 613,
        "Lung Opacity": 1_322,
        "Nodule/Mass": 826,
        "Other Lesion": 1_134,
        "Pleural_Thickening": 1_981,
        "Pneumothorax": 96,
        "Pulmonary Fibrosis": 1_617,
    },
    views=("PA",),
    images=15_000,
    images_frontal=15_000,
    region="Vietnam",
    masks=("boxes",),
    tables=(
        Asset(
            name="vinbrain/vinbigdata-train.csv.gz",
            urls=(
                "https://raw.githubusercontent.com/mlmed/torchxrayvision/f4087a0b0d0cdc6a5877fb5456965b6d29adb1e5"
                "/torchxrayvision/data/vinbigdata-train.csv.gz",
            ),
            sha256="3de944071c7178f6187e669a12795ba5fed2bfdc77481437ae587d8c077215c2",
            size=1_884_933,
        ),
    ),
    terms=(
        "Be a credentialed PhysioNet user who has signed the data use agreement, or keep the rules of the Kaggle "
        "competition; do not share the data."
    ),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [VINBRAIN]
