"""What this plugin offers: `tbx11k`."""

from xrv_core import DatasetSpec, hookimpl

TBX11K = DatasetSpec(
    name="tbx11k",
    title="TBX11K: tuberculosis with boxes",
    factory="xrv_tbx11k.dataset:TBX11KDataset",
    miniature="xrv_tbx11k.miniature:write_tbx11k",
    licence="CC BY-NC-SA 2.0; parts from other collections under their own (DA, DB: CC BY 4.0)",
    citation=(
        "Liu Y, Wu YH, Ban Y, Wang H, Cheng MM. Rethinking computer-aided tuberculosis diagnosis. CVPR 2020. "
        "doi:10.1109/CVPR42600.2020.00272"
    ),
    homepage="https://github.com/yun-liu/Tuberculosis",
    obtain=(
        "Download TBX11K.zip from the links of https://github.com/yun-liu/Tuberculosis; give the zip, or the folder "
        "TBX11K that it unpacks to (it holds imgs/ and annotations/), as imgpath."
    ),
    description=(
        "Healthy people, people who are sick without tuberculosis, and patients with tuberculosis, whose active and "
        "healed (obsolete) lesions are boxed. The labels of the test set are not public. 8-bit PNG, 512 x 512."
    ),
    pathologies=(
        "ActiveTuberculosis",
        "ObsoletePulmonaryTuberculosis",
        "PulmonaryTuberculosis",
        "Tuberculosis",
    ),
    views=("UNKNOWN",),
    images=11_200,
    region="China",
    masks=("boxes",),
    terms="For research and education only, not for commercial use; share what you build on it alike; cite the paper.",
    overlaps=("nlmtb",),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [TBX11K]
