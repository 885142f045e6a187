"""What this plugin offers: `mimic`."""

from xrv_core import DatasetSpec, hookimpl
from xrv_core.datasets import chexpert_pathologies

MIMIC = DatasetSpec(
    name="mimic",
    title="MIMIC-CXR-JPG (MIT, Beth Israel Deaconess)",
    factory="xrv_mimic.dataset:MIMICDataset",
    miniature="xrv_mimic.miniature:write",
    licence="PhysioNet Credentialed Health Data License 1.5.0",
    citation=(
        "Johnson AEW, Pollard TJ, Greenbaum NR, et al. MIMIC-CXR-JPG, a large publicly available database of labeled "
        "chest radiographs. 2019. arXiv:1901.07042; Johnson A, Lungren M, Peng Y, et al. MIMIC-CXR-JPG (version "
        "2.1.0). PhysioNet 2024. doi:10.13026/jsn5-t979"
    ),
    homepage="https://physionet.org/content/mimic-cxr-jpg/",
    obtain=(
        "Become a credentialed user of PhysioNet, complete the CITI training, sign the data use agreement and "
        "download files/ and the tables from https://physionet.org/content/mimic-cxr-jpg/."
    ),
    description=(
        "13 findings of the report of a study, by the CheXpert labeler or by NegBio, on each of its images; uncertain "
        "ones are marked: see the arguments uncertain and blank. The official split comes with the argument splits. "
        "Dates are shifted into the future, by the same time for all studies of a patient. Neither age nor sex: they "
        "are in MIMIC-IV. 8-bit JPEG. images_frontal counts the images that have labels."
    ),
    pathologies=tuple(chexpert_pathologies),
    views=("AP", "LATERAL", "LL", "PA"),
    images=377_110,
    images_frontal=243_324,
    patients=65_379,
    region="Northeast USA",
    terms=(
        "Credentialed access: do not share the data or try to identify anybody, and do not send the data to services "
        "that keep it (PhysioNet Credentialed Health Data Use Agreement 1.5.0)."
    ),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [MIMIC]
