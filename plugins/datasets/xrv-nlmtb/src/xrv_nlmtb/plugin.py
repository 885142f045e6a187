"""What this plugin offers: `nlmtb`."""

from xrv_core import DatasetSpec, hookimpl

NLMTB = DatasetSpec(
    name="nlmtb",
    title="NLM tuberculosis sets: Montgomery County and Shenzhen",
    factory="xrv_nlmtb.dataset:NLMTBDataset",
    miniature="xrv_nlmtb.miniature:write_nlmtb",
    licence=(
        "Public domain, as far as the National Library of Medicine can tell; the lung masks of Shenzhen, by others: "
        "CC BY-NC-SA 4.0"
    ),
    citation=(
        "Jaeger S, Candemir S, Antani S, Wang YX, Lu PX, Thoma G. Two public chest X-ray datasets for computer-aided "
        "screening of pulmonary diseases. Quantitative Imaging in Medicine and Surgery 2014;4(6):475-477. "
        "doi:10.3978/j.issn.2223-4292.2014.11.20"
    ),
    homepage="https://lhncbc.nlm.nih.gov/LHC-downloads/downloads.html#tuberculosis-image-data-sets",
    obtain=(
        "Download NLM-MontgomeryCXRSet.zip "
        "(https://academictorrents.com/details/ac786f74878a5775c81d490b23842fd4736bfe33) and ChinaSet_AllFiles.zip "
        "(https://academictorrents.com/details/462728e890bd37c05e9439c885df7afc36209cc8); give one of the zips, the "
        "folder MontgomerySet or ChinaSet_AllFiles, or a folder that holds both, as imgpath."
    ),
    description=(
        "138 X-rays of the tuberculosis programme of Montgomery County, USA (58 with tuberculosis), and 662 of a "
        "hospital in Shenzhen, China (336 with tuberculosis), with short readings by radiologists. Lung masks: all of "
        "Montgomery (left, right), 566 of Shenzhen in a separate download. PNG of about 4000 x 4900 and 3000 x 3000."
    ),
    pathologies=("Tuberculosis",),
    views=("PA",),
    images=800,
    images_frontal=800,
    region="USA and China",
    masks=("lungs",),
    terms="Name the National Library of Medicine as the source, and cite the paper.",
    overlaps=("tbx11k",),
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [NLMTB]
