"""What this plugin offers: `ralo`."""

from xrv_core import DatasetSpec, hookimpl

RALO = DatasetSpec(
    name="ralo",
    title="Stony Brook COVID-19 RALO severity scores",
    factory="xrv_ralo.dataset:RALODataset",
    miniature="xrv_ralo.miniature:write_ralo",
    licence="That of the Zenodo record, which we have not seen: read it before use",
    citation=(
        "Cohen JP, Shen B, Abbasi A, Hoshmand-Kochi M, Glass S, Li H, Lungren MP, Chaudhari A, Duong TQ. Radiographic "
        "Assessment of Lung Opacity Score Dataset. Zenodo 2021. doi:10.5281/zenodo.4633999"
    ),
    homepage="https://doi.org/10.5281/zenodo.4633999",
    obtain=(
        "Download the record https://doi.org/10.5281/zenodo.4633999; pass its folder CXR_images_scored as imgpath and "
        "ralo-dataset-metadata.csv as csvpath."
    ),
    description=(
        "Portable X-rays of patients with COVID-19 of Stony Brook University Hospital. Two radiologists scored each "
        "lung: how far opacities extend (0 to 4 by quarters of the lung) and how opaque they are (0 to 4). A label is "
        "the sum of both lungs, 0 to 8, the mean of the two readers: a score, not a probability. JPEG."
    ),
    pathologies=("Geographic Extent", "Lung Opacity"),
    views=("AP",),
    images=2_373,
    images_frontal=2_373,
    region="Northeast USA",
    terms="Those of the Zenodo record.",
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [RALO]
