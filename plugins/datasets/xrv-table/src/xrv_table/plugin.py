"""What this plugin offers: `table`."""

from xrv_core import DatasetSpec, hookimpl

TABLE = DatasetSpec(
    name="table",
    title="Your own table and folder of images",
    factory="xrv_table.dataset:TableDataset",
    miniature="xrv_table.miniature:write_table",
    licence="That of your data",
    citation="Cite where your data are described.",
    homepage="plugins/datasets/xrv-table in the repository of xrv-core",
    obtain=(
        "Give a CSV or Parquet file with one row an image as csvpath, the folder of the images as imgpath, and say "
        "which column means what: image='file', labels=['Effusion', 'Mass'], patient='patient', ..., or in a "
        "table.toml next to the table."
    ),
    description=(
        "For data of your own hospital: no class to write. Labels are columns of 1/0/yes/no/blank, or one column of "
        "terms such as 'Effusion|Mass'. Masks are image files that columns name."
    ),
    masks=("image files",),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [TABLE]
