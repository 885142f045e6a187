"""What this plugin offers. Imported at every listing: nothing heavy here."""

from xrv_core import DatasetSpec, hookimpl

TOY = DatasetSpec(
    name="toy",
    title="A toy dataset",
    factory="xrv_toy.dataset:ToyDataset",
    miniature="xrv_toy.dataset:miniature",
    licence="CC0-1.0",
    citation="None needed.",
    homepage="https://example.org/toy",
    obtain="Draw a few images and write a table with the columns file, patient, view and findings.",
    pathologies=("Effusion", "Mass"),
    views=("AP", "PA"),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The toy."""
    return [TOY]
