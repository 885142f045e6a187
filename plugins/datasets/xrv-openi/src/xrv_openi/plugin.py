"""What this plugin offers: `openi`."""

from xrv_core import Asset, DatasetSpec, hookimpl

_TABLES = (
    "https://raw.githubusercontent.com/mlmed/torchxrayvision/f4087a0b0d0cdc6a5877fb5456965b6d29adb1e5"
    "/torchxrayvision/data/"
)

OPENI = DatasetSpec(
    name="openi",
    title="Open-i: the Indiana University chest X-ray collection",
    factory="xrv_openi.dataset:OpeniDataset",
    miniature="xrv_openi.miniature:write_openi",
    licence="CC BY-NC-ND 4.0, as every report says",
    citation=(
        "Demner-Fushman D, Kohli MD, Rosenman MB, et al. Preparing a collection of radiology examinations for "
        "distribution and retrieval. Journal of the American Medical Informatics Association 2016;23(2):304-310. "
        "doi:10.1093/jamia/ocv080"
    ),
    homepage="https://openi.nlm.nih.gov/faq",
    obtain=(
        "Download NLMCXR_png.tgz (PNG images) from https://openi.nlm.nih.gov/faq or "
        "https://academictorrents.com/details/5a3a439df24931f410fac269b87b050203d9467d, unpack it (or gunzip it to "
        ".tar), and give the folder (or the .tar) as imgpath. The reports are fetched, or give NLMCXR_reports.tgz as "
        "csvpath."
    ),
    description=(
        "Frontal and lateral X-rays of 3,851 examinations from Indiana University hospitals, one a patient, with the "
        "radiologists' reports. People coded every report with MeSH terms, and a program found terms in its text. "
        "The labels belong to the report, so all its images share them. 8-bit PNG of many sizes."
    ),
    pathologies=(
        "Atelectasis",
        "Calcified Granuloma",
        "Cardiomegaly",
        "Edema",
        "Effusion",
        "Emphysema",
        "Fibrosis",
        "Fracture",
        "Granuloma",
        "Hernia",
        "Infiltration",
        "Lung Lesion",
        "Mass",
        "Nodule",
        "Lung Opacity",
        "Pleural_Thickening",
        "Pneumonia",
        "Pneumothorax",
    ),
    views=("AP", "L", "LL", "PA", "RL", "UNKNOWN"),
    images=7_470,
    images_frontal=4_014,
    patients=3_851,
    region="USA",
    tables=(
        Asset(
            name="openi/NLMCXR_reports.tgz",
            urls=(_TABLES + "NLMCXR_reports.tgz",),
            sha256="8fb6de7eec73d8c3665067ad4bb003ccd57f971ae316d2642e1627ac7268667a",
            size=1_112_632,
        ),
        Asset(
            name="openi/nlmcxr_dicom_metadata.csv.gz",
            urls=(_TABLES + "nlmcxr_dicom_metadata.csv.gz",),
            sha256="996c7d7a23b6bef51b1308dfa9671fb59b00e67c8928f7ff45cc002ca16ebf3e",
            size=955_593,
        ),
        Asset(
            name="openi/nlmcxr_tsne_pa.csv.gz",
            urls=(_TABLES + "nlmcxr_tsne_pa.csv.gz",),
            sha256="98d66188265a15f00038a5c894adeeaafcd78dbf82f687308f1443793805a253",
            size=16_976,
        ),
    ),
    terms="Name Indiana University and the National Library of Medicine as the source, and cite the paper.",
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [OPENI]
