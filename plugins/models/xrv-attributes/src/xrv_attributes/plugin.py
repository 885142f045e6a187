"""What this plugin offers: four classifiers of other attributes than findings."""

from xrv_core import Asset, ClassifierSpec, ReferenceOutput, hookimpl

_RELEASE = "https://github.com/mlmed/torchxrayvision/releases/download/v1/"
_OBTAIN = (
    "Fetched at first use from the v1 release of TorchXRayVision on GitHub. No hash is published: the hash of the "
    "first download is recorded and enforced from then on."
)
_NOTEBOOKS = "torchxrayvision/scripts at f4087a0"
_IMAGENET = (
    "Pixels are scaled to 0..1, repeated on three channels, and normalised by the mean and deviation of ImageNet."
)
_FRONTAL = Asset(
    name="reference-images/00027426_000.png",
    urls=(
        "https://raw.githubusercontent.com/mlmed/torchxrayvision/f4087a0b0d0cdc6a5877fb5456965b6d29adb1e5/tests/"
        "00027426_000.png",
    ),
    sha256="c03ad7e574b14cf8442e61f9a4e849997b5e09f645ece069b714e5d4c5d8a2c2",
    licence="NIH ChestX-ray14: free use with link, acknowledgement and citation",
)


def _weights(file: str) -> Asset:
    """A file of the release; none of the four has a published hash or size."""
    return Asset(name=f"torchxrayvision/{file}", urls=(f"{_RELEASE}{file}",))


_VIEW = ClassifierSpec(
    name="view",
    title="Frontal or lateral, ResNet-50 of chestViewSplit",
    factory="xrv_attributes.model:view",
    licence="Apache-2.0 (put on the repository in August 2023 when asked for a licence of the weights, its issue 2)",
    citation="xinario. chestViewSplit. https://github.com/xinario/chestViewSplit.",
    homepage="https://github.com/xinario/chestViewSplit",
    obtain=_OBTAIN,
    description=(
        "The published network has 1000 outputs, of which the first two were trained; probabilities are the softmax "
        "of these two. 224 x 224 pixels: the text of torchxrayvision says 320, its code and the author's own take 224. "
        f"{_IMAGENET} The author cut the centre 224 out of 256 pixels; torchxrayvision and we shrink the whole image. "
        "The training data are not stated."
    ),
    warning=(
        "It has two classes: frontal (PA, and perhaps AP) and lateral. Every picture gets one of the two, also a "
        "picture without a chest. The training data are unknown: check a sample by eye before you sort a dataset "
        "with it."
    ),
    architecture="resnet50",
    parameters=23_512_130,
    input_resolution=224,
    weights=_weights("xinario_chestViewSplit_resnet-50.pt"),
    pathologies=("Frontal", "Lateral"),
    task="image view",
    activation="softmax",
    reported={
        f"share of correct answers, first 10 images of either view of PadChest (view_classifier.ipynb, {_NOTEBOOKS})": {
            "Frontal": 1.0,
            "Lateral": 1.0,
        }
    },
)

_AGE = ClassifierSpec(
    name="age",
    title="Age in years, SENet-154 of the X-ray age study",
    factory="xrv_attributes.age:age",
    licence="Apache-2.0 (of the repository of the authors, which once held the weights too)",
    citation=(
        "Ieki H, Ito K, Saji M, et al. Deep learning-based age estimation from chest X-rays indicates cardiovascular "
        "prognosis. Communications Medicine 2:159, 2022. doi:10.1038/s43856-022-00220-6."
    ),
    homepage="https://github.com/pirocv/xray_age",
    obtain=_OBTAIN,
    description=(
        f"One number, in years. 320 x 320 pixels. {_IMAGENET} The file is TorchScript: its tensors are taken, its code "
        "is not run. The network is SENet-154 under the head of fastai 1; that is inferred from the authors' script "
        "and from the size of their file, and has not been tried on the published file."
    ),
    warning=(
        "It estimates chronological age with a mean error of 3.7 years as published, and of up to 8.7 years on other "
        "data. For the study of groups, datasets and models. It says nothing about the health of a person, and must "
        "not be used to find out the age of a person."
    ),
    architecture="senet154",
    parameters=115_147_377,
    input_resolution=320,
    training_data=("nih",),
    weights=_weights("baseline_models_riken_xray_age_every_model_age_senet154_v2_tl_26_ft_7_fp32.pt"),
    pathologies=("Age",),
    task="patient age",
    activation="identity",
    unit="years",
    reference_outputs=(
        ReferenceOutput(
            image=_FRONTAL,
            outputs={"Age": 50.4033},
            source="docstring of torchxrayvision.baseline_models.riken.AgeModel, 1.5.7",
            tolerance=0.05,
            note="In years; the patient was 53. Printed without saying on which machine.",
        ),
    ),
    reported={
        "mean absolute error in years, Ieki et al. 2022 as quoted by torchxrayvision": {"Age": 3.67},
        f"mean absolute error in years on NIH (cxr_age_prediction.ipynb, {_NOTEBOOKS})": {"Age": 3.52},
        "mean absolute error in years on PadChest, same place; ages there were those of 2017, not of the study": {
            "Age": 6.04
        },
        "mean absolute error in years on CheXpert, same place": {"Age": 8.72},
    },
)

_SEX = ClassifierSpec(
    name="sex",
    title="Male or female, ResNet-34 of chexploration (MIRA)",
    factory="xrv_attributes.model:sex",
    licence="Apache-2.0 (of the repository of the authors; no text mentions the weights, which were hosted elsewhere)",
    citation=(
        "Glocker B, Jones C, Bernhardt M, Winzeck S. Algorithmic encoding of protected characteristics in chest X-ray "
        "disease detection models. eBioMedicine 89:104467, 2023. doi:10.1016/j.ebiom.2023.104467."
    ),
    homepage="https://github.com/biomedia-mira/chexploration",
    obtain=_OBTAIN,
    description=(
        "224 x 224 pixels. Grey levels are scaled to 0..255 and repeated on three channels, without any normalisation, "
        "as in training."
    ),
    warning=(
        "It predicts the sex that CheXpert records, male or female, and nothing else. It was made to show that X-rays "
        "carry this information and that models may use it. For auditing datasets and models only: do not assign sex "
        "or gender to people with it, and do not fill in missing records with it."
    ),
    architecture="resnet34",
    parameters=21_285_698,
    input_resolution=224,
    training_data=("chexpert",),
    weights=_weights("mira_sex_resnet-all_epoch_13-step_7125.ckpt"),
    pathologies=("Male", "Female"),
    task="patient sex",
    activation="softmax",
    reference_outputs=(
        ReferenceOutput(
            image=_FRONTAL,
            outputs={"Male": 0.9999995231628418, "Female": 4.3521771431187517e-07},
            source=f"sex_prediction.ipynb, cell 6, {_NOTEBOOKS}",
            resize=224,
            tolerance=2e-7,  # with 1e-3, every network that is sure would pass
            note="In log-odds, the tolerance is about one half.",
        ),
    ),
    reported={f"accuracy on 300 images of PadChest (sex_prediction.ipynb, {_NOTEBOOKS})": {"Male or Female": 0.973}},
)

_RACE = ClassifierSpec(
    name="race",
    title="Self-reported race, ResNet-34 of the Emory HITI lab",
    factory="xrv_attributes.model:race",
    licence=(
        "Unknown: no licence text was found in the repository of the authors (TorchXRayVision, which publishes the "
        "file, is Apache-2.0)"
    ),
    citation=(
        "Gichoya JW, Banerjee I, Bhimireddy AR, et al. AI recognition of patient race in medical imaging: a modelling "
        "study. The Lancet Digital Health 4(6):e406-e414, 2022. doi:10.1016/S2589-7500(22)00063-2."
    ),
    homepage="https://github.com/Emory-HITI/AI-Vengers",
    obtain=_OBTAIN,
    description=f"320 x 320 pixels. {_IMAGENET} forward gives logits; the published network gives their log-softmax.",
    warning=(
        "A network can predict self-reported race from an X-ray. This shows what models may use as a shortcut "
        "(Gichoya et al. 2022); race is a social category, not a property of the image. For auditing datasets and "
        "models only. It must not be used to assign race to people, or to fill in missing records. It puts every "
        "person into one of three groups."
    ),
    architecture="resnet34",
    parameters=21_286_211,
    input_resolution=320,
    training_data=("mimic",),
    weights=_weights("resnet_race_detection_val-loss_0.157_mimic_public.pt"),
    pathologies=("Asian", "Black", "White"),
    task="patient race",
    activation="softmax",
    reference_outputs=(
        ReferenceOutput(
            image=_FRONTAL,
            outputs={"Asian": 8.456485375063494e-06, "Black": 0.00020567238971125335, "White": 0.999785840511322},
            source=f"race_prediction.ipynb, cell 11, {_NOTEBOOKS}",
            resize=320,
            tolerance=5e-6,  # as for sex
        ),
    ),
)


@hookimpl
def xrv_classifiers() -> list[ClassifierSpec]:
    """The classifiers of this plugin."""
    return [_VIEW, _AGE, _SEX, _RACE]
