"""What this plugin offers: `nih` and `nih-google`."""

from xrv_core import Asset, DatasetSpec, hookimpl

_TABLES = (
    "https://raw.githubusercontent.com/mlmed/torchxrayvision/f4087a0b0d0cdc6a5877fb5456965b6d29adb1e5"
    "/torchxrayvision/data/"
)
_LICENCE = (
    "Free to use without restriction for images and labels; NIH asks for a link to the download site, a citation of "
    "the CVPR 2017 paper, and an acknowledgement of the NIH Clinical Center as data provider"
)
_TERMS = (
    "Name the NIH Clinical Center as the data provider, link to https://nihcc.app.box.com/v/ChestXray-NIHCC and cite "
    "Wang et al. 2017."
)
_WANG = (
    "Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers RM. ChestX-ray8: Hospital-scale chest X-ray database and "
    "benchmarks on weakly-supervised classification and localization of common thorax diseases. CVPR 2017. "
    "doi:10.1109/CVPR.2017.369"
)
_OBTAIN = (
    "Download images_001.tar.gz to images_012.tar.gz from https://nihcc.app.box.com/v/ChestXray-NIHCC, unpack them, "
    "and give the folder that holds them as imgpath; PNGs may lie in it directly or in any sub-folder"
)

NIH = DatasetSpec(
    name="nih",
    title="NIH ChestX-ray14 (ChestX-ray8)",
    factory="xrv_nih.dataset:NIHDataset",
    miniature="xrv_nih.miniature:write_nih",
    licence=_LICENCE,
    citation=_WANG,
    homepage="https://nihcc.app.box.com/v/ChestXray-NIHCC",
    obtain=_OBTAIN + ".",
    description=(
        "14 findings mined from radiology reports by text processing, which the authors expect to be more than 90 % "
        "accurate; a finding that is not mentioned counts as absent. 984 boxes drawn by a radiologist on 880 images, "
        "for 8 of the findings, are given as pathology masks. 8-bit PNG, 1024 x 1024."
    ),
    pathologies=(
        "Atelectasis",
        "Cardiomegaly",
        "Consolidation",
        "Edema",
        "Effusion",
        "Emphysema",
        "Fibrosis",
        "Hernia",
        "Infiltration",
        "Mass",
        "Nodule",
        "Pleural_Thickening",
        "Pneumonia",
        "Pneumothorax",
    ),
    views=("AP", "PA"),
    images=112_120,
    images_frontal=112_120,
    patients=30_805,
    region="Northeast USA",
    masks=("boxes",),
    tables=(
        Asset(
            name="nih/Data_Entry_2017_v2020.csv.gz",
            urls=(_TABLES + "Data_Entry_2017_v2020.csv.gz",),
            sha256="9d4de640ee4f760215d8be98376b20387ca52f9c6b4d1b727cb588fb82f40b80",
            size=978_381,
        ),
        Asset(
            name="nih/BBox_List_2017.csv.gz",
            urls=(_TABLES + "BBox_List_2017.csv.gz",),
            sha256="cf9dc6029f65daa8b389415b0546af0eeeb91fbac7d63ec49d7f8de2fd8f40cd",
            size=22_040,
        ),
    ),
    terms=_TERMS,
    overlaps=("nih-google", "rsna", "siim"),
    positives={
        "Atelectasis": 11_559,
        "Cardiomegaly": 2_776,
        "Consolidation": 4_667,
        "Edema": 2_303,
        "Effusion": 13_317,
        "Emphysema": 2_516,
        "Fibrosis": 1_686,
        "Hernia": 227,
        "Infiltration": 19_894,
        "Mass": 5_782,
        "Nodule": 6_331,
        "Pleural_Thickening": 3_385,
        "Pneumonia": 1_431,
        "Pneumothorax": 5_302,
    },
)

GOOGLE = DatasetSpec(
    name="nih-google",
    title="Google's radiologist labels on NIH ChestX-ray14",
    factory="xrv_nih.dataset:NIHGoogleDataset",
    miniature="xrv_nih.miniature:write_google",
    licence=f"Images: {_LICENCE[0].lower()}{_LICENCE[1:]}. Labels: public download, no licence text found",
    citation=(
        "Majkowska A, Mittal S, Steiner DF, et al. Chest radiograph interpretation with deep learning models: "
        "assessment with radiologist-adjudicated reference standards and population-adjusted evaluation. Radiology "
        f"2020 (online 2019);294(2):421-431. doi:10.1148/radiol.2019191293. Images: {_WANG}"
    ),
    homepage="https://cloud.google.com/healthcare-api/docs/resources/public-datasets/nih-chest",
    obtain=f"The images are those of 'nih'. {_OBTAIN}.",
    description=(
        "4 findings on 4,376 NIH images, adjudicated by panels of three radiologists: the paper's validation set "
        "(2,414 images) and test set (1,962) together; the column 'Set Id' tells which (val, test). "
        "Every image is also an image of 'nih', with the same source_uid."
    ),
    pathologies=("Lung Opacity", "Fracture", "Nodule/Mass", "Pneumothorax"),
    views=("AP", "PA"),
    images=4_376,
    images_frontal=4_376,
    patients=1_695,
    region="Northeast USA",
    tables=(
        Asset(
            name="nih/google2019_nih-chest-xray-labels.csv.gz",
            urls=(_TABLES + "google2019_nih-chest-xray-labels.csv.gz",),
            sha256="1d1b846e463753ed0219f67e21b10c8aef381897dbd64865c8191aa5794e8048",
            size=45_090,
        ),
    ),
    terms=_TERMS,
    overlaps=("nih", "rsna", "siim"),
    positives={
        "Lung Opacity": 2_166,
        "Fracture": 186,
        "Nodule/Mass": 605,
        "Pneumothorax": 238,
    },
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [NIH, GOOGLE]
