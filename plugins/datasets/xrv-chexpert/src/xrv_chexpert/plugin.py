"""What this plugin offers: `chexpert` and `chexlocalize`."""

from xrv_core import Asset, DatasetSpec, hookimpl
from xrv_core.datasets import chexpert_pathologies

_TABLES = (
    "https://raw.githubusercontent.com/mlmed/torchxrayvision/f4087a0b0d0cdc6a5877fb5456965b6d29adb1e5"
    "/torchxrayvision/data/"
)
_IRVIN = (
    "Irvin J, Rajpurkar P, Ko M, et al. CheXpert: A large chest radiograph dataset with uncertainty labels and expert "
    "comparison. AAAI 2019. arXiv:1901.07031"
)
_TERMS = (
    "Personal, non-commercial research use only; no sharing, no redistribution, no re-identification, no clinical "
    "use: the Stanford University School of Medicine {} Dataset Research Use Agreement, which you accept when you "
    "register for the download."
)

CHEXPERT = DatasetSpec(
    name="chexpert",
    title="CheXpert (Stanford)",
    factory="xrv_chexpert.dataset:CheXpertDataset",
    miniature="xrv_chexpert.miniature:write_chexpert",
    licence="Stanford University School of Medicine CheXpert Dataset Research Use Agreement (non-commercial)",
    citation=_IRVIN,
    homepage="https://aimi.stanford.edu/datasets/chexpert-chest-x-rays",
    obtain=(
        "Register at https://stanfordaimi.azurewebsites.net, accept the agreement, download CheXpert-v1.0 or "
        "CheXpert-v1.0-small, and give the folder that holds train and valid, or the one above it, as imgpath."
    ),
    description=(
        "13 findings by the CheXpert labeler, which marks uncertain ones: see the arguments uncertain and blank. The "
        "counts are those of the training set, which is what is opened without csvpath; the validation set (valid.csv) "
        "has 234 images of 200 patients, labelled by three radiologists. 8-bit JPEG."
    ),
    pathologies=tuple(chexpert_pathologies),
    views=("AP", "L", "LL", "PA", "RL"),
    images=223_414,
    images_frontal=191_010,
    patients=64_540,
    region="Western USA",
    tables=(
        Asset(
            name="chexpert/chexpert_train.csv.gz",
            urls=(_TABLES + "chexpert_train.csv.gz",),
            sha256="cdd70817ac2f13e464d2e35de78cd6831b10382c869c3824c35b44f55928becb",
            size=1_936_142,
        ),
    ),
    terms=_TERMS.format("CheXpert"),
    overlaps=("chexlocalize",),
)

CHEXLOCALIZE = DatasetSpec(
    name="chexlocalize",
    title="CheXlocalize: CheXpert validation and test images with segmentations",
    factory="xrv_chexpert.localize:CheXlocalizeDataset",
    miniature="xrv_chexpert.miniature:write_chexlocalize",
    licence="Stanford University School of Medicine CheXlocalize Dataset Research Use Agreement (non-commercial)",
    citation=(
        "Saporta A, Gui X, Agrawal A, et al. Benchmarking saliency methods for chest X-ray interpretation. Nature "
        f"Machine Intelligence 2022;4:867-878. doi:10.1038/s42256-022-00536-x. Images: {_IRVIN}"
    ),
    homepage="https://github.com/rajpurkarlab/cheXlocalize",
    obtain=(
        "Register at https://stanfordaimi.azurewebsites.net/datasets/23c56a0d-15de-405b-87c8-99c30138950c, accept the "
        "agreement and download it; csvpath is CheXpert/val_labels.csv or test_labels.csv, segmentations is "
        "CheXlocalize/gt_segmentations_val.json or _test.json."
    ),
    description=(
        "The official validation set (234 images of 200 patients) and test set (668 images of 500 patients) of "
        "CheXpert, labelled by radiologists, with their pixel-wise segmentations of 10 of the 13 findings: all but "
        "Fracture, Pleural Other and Pneumonia. One of the two tables is opened at a time; the counts are of both."
    ),
    pathologies=tuple(chexpert_pathologies),
    views=("AP", "L", "PA"),
    images=902,
    patients=700,
    region="Western USA",
    masks=("segmentations",),
    terms=_TERMS.format("CheXlocalize"),
    overlaps=("chexpert",),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [CHEXPERT, CHEXLOCALIZE]
