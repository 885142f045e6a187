"""What this plugin offers: `covid19`."""

from xrv_core import Asset, DatasetSpec, hookimpl

COVID19 = DatasetSpec(
    name="covid19",
    title="COVID-19 Image Data Collection (CIDC)",
    factory="xrv_covid19.dataset:COVID19Dataset",
    miniature="xrv_covid19.miniature:write_covid19",
    licence=(
        "Each image has its own, in the table's column 'license': Apache-2.0, CC BY, CC BY-SA, CC BY-NC-SA and "
        "others; blank where it is unknown. Table and code: CC BY-NC-SA 4.0"
    ),
    citation=(
        "Cohen JP, Morrison P, Dao L, Roth K, Duong TQ, Ghassemi M. COVID-19 Image Data Collection: Prospective "
        "predictions are the future. MELBA 2020. arXiv:2006.11988"
    ),
    homepage="https://github.com/ieee8023/covid-chestxray-dataset",
    obtain=(
        "git clone https://github.com/ieee8023/covid-chestxray-dataset; pass its folder images/ as imgpath and its "
        "metadata.csv as csvpath. The repository's zip, as GitHub gives it, also serves as imgpath, unopened."
    ),
    description=(
        "X-rays of COVID-19 and other pneumonias from publications and web collections all over the world, with "
        "clinical data for many patients. The labels are the steps of the path in the column 'finding': "
        "'Pneumonia/Viral/COVID-19' is Pneumonia, Viral and COVID-19. They depend on the table that is opened. "
        "Lung masks drawn for V7 Labs are given as semantic masks. CT rows are left out."
    ),
    views=("AP", "AP Supine", "L", "PA"),
    images=866,
    images_frontal=698,
    region="Earth",
    masks=("lungs",),
    tables=(
        Asset(
            name="covid19/metadata.csv",
            urls=(
                "https://raw.githubusercontent.com/ieee8023/covid-chestxray-dataset"
                "/6a4242344473ccb5ed0d2148d8c7bfb1691e4ed8/metadata.csv",
            ),
        ),
        Asset(
            name="covid19/semantic_masks_v7labs_lungs.zip",
            urls=(
                "https://raw.githubusercontent.com/mlmed/torchxrayvision/f4087a0b0d0cdc6a5877fb5456965b6d29adb1e5"
                "/torchxrayvision/data/semantic_masks_v7labs_lungs.zip",
            ),
            sha256="4ec292d919c2524032855fb071d3c0842b1ab5344357aaadc036b42d3ea0ded8",
            size=2_074_945,
        ),
    ),
    terms="Respect the licence of each image (column 'license'); a blank one grants nothing.",
    overlaps=("hannover",),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [COVID19]
