"""What this plugin offers: `chexpert-ensemble`."""

from xrv_core import ClassifierSpec, hookimpl

_ADDRESS = "https://academictorrents.com/details/5c7ee21e6770308f2d2b4bd829e896dbd9d3ee87"

_PATHOLOGIES = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion")

_REPORTED = {
    # the best policy of each finding, which is the one that the ensemble uses for it
    "AUROC on CheXpert valid (200 studies), Table 3 of the CheXpert paper (read second-hand)": (
        0.858,
        0.854,
        0.939,
        0.941,
        0.936,
    ),
    "AUROC on 20 % of NIH ChestX-ray14, BENCHMARKS.md of TorchXRayVision": (0.80, 0.88, 0.79, 0.88, 0.87),
    "AUROC on 20 % of PadChest, BENCHMARKS.md of TorchXRayVision": (0.82, 0.92, 0.88, 0.97, 0.97),
    "AUROC on 20 % of MIMIC-CXR, BENCHMARKS.md of TorchXRayVision": (0.88, 0.84, 0.93, 0.93, 0.94),
    "AUROC on 20 % of VinDr, BENCHMARKS.md of TorchXRayVision": (0.74, 0.89, 0.97, None, 0.93),
}


@hookimpl
def xrv_classifiers() -> list[ClassifierSpec]:
    """The classifier of this plugin."""
    spec = ClassifierSpec(
        name="chexpert-ensemble",
        title="Ensemble of 90 DenseNet-121 by the CheXpert authors, at 320 x 320 pixels",
        factory="xrv_chexpert_ensemble.model:ensemble",
        licence=(
            "Weights: none stated where they are published (not verified); CheXpert itself is for research under the "
            "agreement of Stanford"
        ),
        citation=(
            "Irvin J, Rajpurkar P, Ko M, et al. CheXpert: A Large Chest Radiograph Dataset with Uncertainty Labels and "
            "Expert Comparison. AAAI 2019. arXiv:1901.07031."
        ),
        homepage="https://stanfordmlgroup.github.io/competitions/chexpert/",
        obtain=f"A zip archive of about 6 GB, by torrent: {_ADDRESS} . It is used as it is, do not unpack it.",
        description=(
            "Three groups of 30 checkpoints, each group with the policy for uncertain labels that served its findings "
            "best: ones (Atelectasis, Edema), 3-class (Cardiomegaly, Effusion), self-training (Consolidation). The "
            "output is the mean probability of a group, as a logit. By default every batch reads the checkpoints from "
            "the archive, one in memory at a time; resident=True keeps them all, num_models=N takes the first N of "
            "each group."
        ),
        warning="Trained on CheXpert: what it reaches there is not what it reaches on unseen patients.",
        architecture="densenet121",
        input_resolution=320,
        training_data=("chexpert",),
        weights_given=True,
        pathologies=_PATHOLOGIES,
        reported={
            where: {name: auc for name, auc in zip(_PATHOLOGIES, values, strict=True) if auc is not None}
            for where, values in _REPORTED.items()
        },
    )
    return [spec]
