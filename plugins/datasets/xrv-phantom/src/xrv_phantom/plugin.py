"""What this plugin offers: `phantom`."""

from xrv_core import DatasetSpec, hookimpl

PHANTOM = DatasetSpec(
    name="phantom",
    title="Chest X-ray phantoms, drawn by code",
    factory="xrv_phantom.dataset:PhantomDataset",
    miniature="xrv_phantom.dataset:miniature",
    licence="Apache-2.0",
    citation="xrv-core developers. Chest X-ray phantoms, drawn by code (2026).",
    homepage="plugins/datasets/xrv-phantom in the repository of xrv-core",
    obtain="Nothing to obtain: images are drawn when they are asked for, offline, as many as wanted.",
    description=(
        "Synthetic. Schematic chests are drawn from analytic shapes as path lengths of soft tissue, bone and air, and "
        "exposed by the Beer-Lambert law. Seven findings with masks, lung and heart masks, PA, AP and left lateral "
        "views, patients with several visits, and three sites that differ in exposure, contrast, noise, border and "
        "marker. For demonstrations, tests and the study of shortcuts; nothing in it was measured on patients, and "
        "results on it say nothing about real X-rays."
    ),
    warning="Drawn phantoms, no patients: results on them say nothing about real X-rays.",
    pathologies=("Atelectasis", "Cardiomegaly", "Effusion", "Lung Opacity", "Mass", "Nodule", "Pneumothorax"),
    views=("PA", "AP", "L"),
    masks=("findings", "lungs", "heart"),
    synthetic=True,
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [PHANTOM]
