"""What this plugin offers: `brax`."""

from xrv_core import DatasetSpec, hookimpl
from xrv_core.datasets import chexpert_pathologies

BRAX = DatasetSpec(
    name="brax",
    title="BRAX, Brazilian labeled chest x-ray dataset",
    factory="xrv_brax.dataset:BRAXDataset",
    miniature="xrv_brax.miniature:write",
    licence="PhysioNet Credentialed Health Data License 1.5.0",
    citation=(
        "Reis EP, de Paiva JPQ, da Silva MCB, et al. BRAX, Brazilian labeled chest x-ray dataset. Scientific Data "
        "2022;9:487. doi:10.1038/s41597-022-01608-8"
    ),
    homepage="https://physionet.org/content/brax/1.1.0/",
    obtain=(
        "Become a credentialed user of PhysioNet, complete the CITI training, sign the data use agreement and "
        "download images/ and master_spreadsheet_update.csv from https://physionet.org/content/brax/1.1.0/."
    ),
    description=(
        "13 findings of Portuguese reports by an adapted CheXpert labeler, which marks uncertain ones: see the "
        "arguments uncertain and blank. 24,959 studies of the Hospital Israelita Albert Einstein. Ages are in groups "
        "of five years, dates are fictitious, a quarter of the views is not given. PNG. 12 of the images are thin "
        "strips, left out unless max_aspect_ratio=None."
    ),
    pathologies=tuple(chexpert_pathologies),
    views=("AP", "LL", "LLD", "LLO", "PA", "RL", "RLD", "RLO", "UNKNOWN"),
    images=40_967,
    patients=19_351,
    region="Brazil",
    terms=(
        "Credentialed access: do not share the data or try to identify anybody, and do not send the data to services "
        "that keep it (PhysioNet Credentialed Health Data Use Agreement 1.5.0)."
    ),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [BRAX]
