"""What this plugin offers: `hannover`."""

from xrv_core import Asset, DatasetSpec, hookimpl

HANNOVER = DatasetSpec(
    name="hannover",
    title="Hannover COVID-19 image repository",
    factory="xrv_hannover.dataset:HannoverDataset",
    miniature="xrv_hannover.miniature:write_hannover",
    licence="CC BY 3.0",
    citation=(
        "Winther HB, Laser H, Gerbel S, Maschke SK, Hinrichs JB, Vogel-Claussen J, Wacker FK, Hoeper MM, Meyer BC. "
        "COVID-19 image repository. figshare 2020. doi:10.6084/m9.figshare.12275009"
    ),
    homepage="https://github.com/ml-workgroup/covid-19-image-repository",
    obtain=(
        "git clone https://github.com/ml-workgroup/covid-19-image-repository; pass its folder png/ as imgpath. "
        "The repository's zip, as GitHub gives it, also serves as imgpath, unopened."
    ),
    description=(
        "X-rays of 71 patients with COVID-19 of Hannover Medical School, most of them in intensive care, with the days "
        "since admission, outcomes and laboratory values. Everybody has COVID-19: it is no set to learn COVID-19 from. "
        "8-bit grey PNG, about 600 x 600, scaled down."
    ),
    pathologies=("COVID-19", "ICU Admission", "Death"),
    views=("AP", "PA"),
    images=243,
    images_frontal=243,
    patients=71,
    region="Germany",
    tables=(
        Asset(
            name="hannover/data.csv",
            urls=("https://raw.githubusercontent.com/ml-workgroup/covid-19-image-repository/master/data.csv",),
            sha256="f49e0d93a3162d318475a640fa3274d9d852b781c05edcd4f7055575ecc0537b",
            size=21_975,
        ),
    ),
    terms="Name the authors in every publication: doi:10.6084/m9.figshare.12275009.",
    overlaps=("covid19",),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [HANNOVER]
