"""Every piece of code in the paper (arXiv:2111.00595, sections 2 to 4), as printed, on miniatures.

The snippets stand here as they are printed; only what the paper leaves open is filled in: paths, ``...`` and
``# dataset1 ...``. What a snippet would download is on a shelf: tables of miniatures, and random weights under their
published names, since the published ones cannot be had here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from model_proofs import settle, xrays

import xrv_compat as xrv
import xrv_core
from xrv_core.models import BackboneClassifier

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

DENSENETS = ("densenet121-res224-all", "densenet121-res224-rsna")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random networks, saved by us, under the names of the published files."""
    folder, found = tmp_path_factory.mktemp("weights"), {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        models = [xrv_core.get_classifier(DENSENETS[0], weights=None)] * 2
        settle(models[0], xrays(2, 1, 224, 224))
        torch.nn.init.uniform_(models[0].backbone.features.norm5.weight, 0.05, 0.15)
        models += [xrv_core.get_classifier(name, weights=None) for name in ("resnet50-res512-all", "jfhealthcare")]
        models += [xrv_core.get_autoencoder("101-elastic", weights=None)]
    specs = [xrv_core.describe_classifier(name) for name in (*DENSENETS, "resnet50-res512-all", "jfhealthcare")]
    for model, spec in zip(models, [*specs, xrv_core.describe_autoencoder("101-elastic")], strict=True):
        found[spec.weights.name] = folder / Path(spec.weights.name).name
        torch.save(model.state_dict(), found[spec.weights.name])
    return found


@pytest.fixture
def _weights(weights: dict[str, Path], shelf: dict[str, Path]) -> None:
    shelf.update(weights)


@pytest.fixture
def img() -> torch.Tensor:
    return xrays(1, 1, 224, 224)


@pytest.fixture
def write(tmp_path: Path, shelf: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Write a miniature into the working folder; its tables are on the shelf under their published names."""
    monkeypatch.chdir(tmp_path)

    def put(name: str) -> dict[str, Any]:
        found = xrv_core.miniature(name, tmp_path / name)
        spec = xrv_core.describe_dataset(name)
        tables = [found.get(key) for key in ("csvpath", "boxes" if name == "nih" else "dicomcsvpath")]
        shelf.update({asset.name: path for asset, path in zip(spec.tables, tables, strict=False) if path is not None})
        return found

    return put


# -- 2.1 to 2.6


@pytest.mark.usefixtures("_weights")
def test_2_1_core_classifiers() -> None:
    # Generic function to load any core model
    model = xrv.models.get_model(weights="densenet121-res224-all")
    assert repr(model) == "XRV-DenseNet121-densenet121-res224-all"
    # DenseNet 224x224 model trained on multiple datasets
    model = xrv.models.DenseNet(weights="densenet121-res224-all")
    assert model.input_resolution == 224
    # DenseNet trained on just the RSNA Pneumonia dataset
    model = xrv.models.DenseNet(weights="densenet121-res224-rsna")
    assert [name for name in model.pathologies if name] == ["Pneumonia", "Lung Opacity"]
    # ResNet 512x512 model trained on multiple datasets
    model = xrv.models.ResNet(weights="resnet50-res512-all")
    assert model.input_resolution == 512


@pytest.mark.usefixtures("_weights")
def test_2_2_baseline_classifiers(tmp_path: Path) -> None:
    # DenseNet121 from JF Healthcare for the CheXpert competition
    model = xrv.baseline_models.jfhealthcare.DenseNet()
    assert model.pathologies == ["Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Effusion"]
    # Official Stanford CheXpert model
    with pytest.raises(ValueError, match="weights_zip"):  # torchxrayvision raises, too: 6 GB that it cannot fetch
        model = xrv.baseline_models.chexpert.DenseNet()


@pytest.mark.usefixtures("_weights")
def test_2_3_and_2_4_classifier_interface_and_features(img: torch.Tensor) -> None:
    model = xrv.models.DenseNet(weights="densenet121-res224-all")
    predictions = model(img)[0]  # 0 is first element of batch
    found = dict(zip(model.pathologies, predictions.detach().numpy(), strict=False))
    assert list(found) == xrv.datasets.default_pathologies
    assert all(0 <= p <= 1 for p in found.values())
    assert len(set(found.values())) == 18
    prediction = model(img)[:, model.pathologies.index("Consolidation")]
    assert prediction.item() == pytest.approx(found["Consolidation"])
    feats = model.features(img)
    assert feats.shape == (1, 1024, 7, 7)


@pytest.mark.usefixtures("_weights")
def test_2_6_autoencoders(img: torch.Tensor) -> None:
    image = img
    ae = xrv.autoencoders.ResNetAE(weights="101-elastic")
    z = ae.encode(image)
    image2 = ae.decode(z)
    assert (z.shape, image2.shape) == ((1, 512, 3, 3), image.shape)


# -- 3


def test_3_datasets(write: Callable[[str], dict[str, Any]], tmp_path: Path) -> None:
    found = write("vinbrain")
    Path(found["imgpath"]).rename(tmp_path / "train")
    Path(found["csvpath"]).rename(tmp_path / "train.csv")
    dataset = xrv.datasets.VinBrain_Dataset(imgpath="./train",
                                           csvpath="./train.csv")  # fmt: skip
    assert len(dataset) == 4
    transform = torchvision.transforms.Compose([xrv.datasets.XRayCenterCrop(),
                                               xrv.datasets.XRayResizer(224)])  # fmt: skip
    assert transform(dataset[0]["img"]).shape == (1, 224, 224)


def test_3_3_1_relabelling(write: Callable[[str], dict[str, Any]]) -> None:
    dataset = xrv.datasets.NIH_Google_Dataset(**write("nih-google"))
    # Note: dataset is directly changed, no return value
    xrv.datasets.relabel_dataset(xrv.datasets.default_pathologies, dataset)
    assert dataset.pathologies == xrv.datasets.default_pathologies
    assert dataset.labels.shape == (2, 18)
    assert dataset.totals()["Pneumothorax"] != {}
    assert dataset.totals()["Hernia"] == {}


def test_3_3_2_and_3_views_and_patients(write: Callable[[str], dict[str, Any]]) -> None:
    mini = write("padchest")
    dataset = xrv.datasets.PC_Dataset(**mini, views=["PA", "AP", "AP Supine"])
    assert set(dataset.csv["view"]) <= {"PA", "AP", "AP Supine"}
    dataset = xrv.datasets.PC_Dataset(**mini, unique_patients=True)
    assert dataset.csv["PatientID"].is_unique
    assert len(xrv.datasets.PC_Dataset(**mini, unique_patients=False)) > len(dataset)


def test_3_3_4_summary_statistics(
    write: Callable[[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    d_chex = xrv.datasets.CheX_Dataset(**write("chexpert"), views=["PA", "AP"], unique_patients=False)
    monkeypatch.setattr("xrv_compat.base.in_notebook", lambda: True)  # as in the paper's notebook
    print(d_chex)
    totals, head = re.fullmatch(r"(\{.*\})\n(.*)\n", capsys.readouterr().out, re.DOTALL).groups()
    assert head == "CheX_Dataset num_samples=4 views=['PA', 'AP'] data_aug=None"
    assert totals.startswith("{'Atelectasis': {0.0: ")
    assert totals.count("\n") == 12


def test_3_3_5_merging(write: Callable[[str], dict[str, Any]]) -> None:
    dataset1 = xrv.datasets.PC_Dataset(**write("padchest"), views=["PA", "AP"])
    dataset2 = xrv.datasets.NIH_Dataset(imgpath=write("nih")["imgpath"], views=["PA", "AP"])
    for dataset in (dataset1, dataset2):
        xrv.datasets.relabel_dataset(xrv.datasets.default_pathologies, dataset)
    dmerge = xrv.datasets.MergeDataset([dataset1, dataset2])
    assert str(dmerge) == (
        f"MergeDataset num_samples={len(dataset1) + len(dataset2)}\n"
        f"├0 PC_Dataset num_samples={len(dataset1)} views=['PA', 'AP'] data_aug=None\n"
        f"└1 NIH_Dataset num_samples={len(dataset2)} views=['PA', 'AP'] data_aug=None\n"
    )


def test_3_3_6_subsets(write: Callable[[str], dict[str, Any]]) -> None:
    dataset = xrv.datasets.PC_Dataset(**write("padchest"), views=["PA", "AP"], unique_patients=False)
    dsubset = xrv.datasets.SubsetDataset(dataset, [0, 1, 3])  # printed: [0,5,60]; a miniature is smaller
    below = f"PC_Dataset num_samples={len(dataset)} views=['PA', 'AP'] data_aug=None"
    assert str(dsubset) == f"SubsetDataset num_samples=3\n└ of {below}"
    idxs = np.where(dataset.csv.PatientSex_DICOM=="F")[0]  # fmt: skip
    dsubset = xrv.datasets.SubsetDataset(dataset, idxs)
    assert 0 < len(dsubset) < len(dataset)
    assert str(dsubset) == f"SubsetDataset num_samples={len(idxs)}\n└ of {below}"
    assert dsubset.csv.sex_female.all()


def test_3_4_masks(write: Callable[[str], dict[str, Any]], tmp_path: Path) -> None:
    from PIL import Image

    found = write("rsna")
    (tmp_path / "stage_2_train_images_jpg").mkdir()
    for path in Path(found["imgpath"]).rglob("*.dcm"):  # the competition has DICOM, the paper its JPEG copies
        grey = ((xrv_core.datasets.load_image(path)[0] + 1024) / 2048 * 255).round().astype(np.uint8)
        Image.fromarray(grey).save(tmp_path / "stage_2_train_images_jpg" / f"{path.stem}.jpg")
    dataset = xrv.datasets.RSNA_Pneumonia_Dataset(imgpath="stage_2_train_images_jpg",
                                                  views=["PA", "AP"],
                                                  pathology_masks=True)  # fmt: skip
    sample = dataset[int(np.flatnonzero(dataset.csv.has_masks)[0])]
    mask = sample["pathology_masks"][dataset.pathologies.index("Lung Opacity")]
    assert mask.shape == sample["img"].shape
    assert set(np.unique(mask)) == {0, 1}
    counts = dataset.csv.has_masks.value_counts()
    assert {True, False} == set(counts.index)
    assert counts.sum() == len(dataset)


def test_3_5_distribution_shift(write: Callable[[str], dict[str, Any]]) -> None:
    imgpath = write("nih")["imgpath"]
    sites = [xrv.datasets.NIH_Dataset(imgpath, views=[view], unique_patients=False) for view in ("PA", "AP")]
    # A miniature is too small for four cells in three modes: each image stands for twelve of as many patients.
    many = [Copies(site) for site in sites]
    d = xrv.datasets.CovariateDataset(d1 = many[0], # dataset1 with a specific condition.
                                      d1_target = np.arange(len(many[0])) % 2, # target label to predict.
                                      d2 = many[1], # dataset2 with a specific condition.
                                      d2_target = np.arange(len(many[1])) % 2, #target label to predict.
                                      mode="train", # train, valid, or test.
                                      ratio=0.75)  # fmt: skip
    assert str(d) == f"CovariateDataset num_samples={len(d)}"
    positive = d.labels[:, 0] == 1
    assert d.site[positive].mean() == pytest.approx(0.75, abs=0.1), "most positives are of the second dataset"
    assert d.site[~positive].mean() == pytest.approx(0.25, abs=0.1)
    assert set(d[0]) >= {"img", "lab", "lab-old", "site"}


class Copies(xrv.datasets.Dataset):
    """Twelve patients for each image of a dataset."""

    def __init__(self, dataset: Any) -> None:
        self.dataset, self.pathologies = dataset, dataset.pathologies
        self.labels = np.tile(dataset.labels, (12, 1))
        self.csv = pd.concat([dataset.csv] * 12, ignore_index=True)
        self.csv["patientid"] = self.csv.index.astype(str)
        self.csv["source_uid"] += "#" + self.csv["patientid"]

    def __getitem__(self, idx: int) -> Any:
        return self.dataset[idx % len(self.dataset)]


# -- 4


@pytest.mark.usefixtures("_weights")
def test_4_transfer_learning(write: Callable[[str], dict[str, Any]]) -> None:
    dataset_dir = write("nih-google")["imgpath"]
    torch.manual_seed(0)

    # Use XRV transforms to crop and resize the images
    transforms = torchvision.transforms.Compose([xrv.datasets.XRayCenterCrop(),
                                                 xrv.datasets.XRayResizer(224)])  # fmt: skip

    # Load Google dataset and PyTorch dataloader
    dataset = xrv.datasets.NIH_Google_Dataset(imgpath=dataset_dir,
                                               transform=transforms)  # fmt: skip
    dataloader = torch.utils.data.DataLoader(dataset, batch_size=8)

    # Load pre-trained model and erase classifier
    model = xrv.models.DenseNet(weights="densenet121-res224-all")
    model.op_threshs = None  # prevent pre-trained model calibration  # fmt: skip
    model.classifier = torch.nn.Linear(1024,1)  # reinitialize classifier  # fmt: skip

    before = model.classifier.weight.detach().clone()
    backbone = next(model.backbone.parameters()).detach().clone()

    optimizer = torch.optim.Adam(model.classifier.parameters())  # only train classifier  # fmt: skip
    criterion = torch.nn.BCEWithLogitsLoss()

    # training loop
    for batch in dataloader:
        outputs = model(batch["img"])
        targets = batch["lab"][:, dataset.pathologies.index("Lung Opacity"), None]
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()

    assert outputs.shape == targets.shape == (2, 1)
    assert loss.isfinite()
    assert not torch.equal(model.classifier.weight, before), "it has learned"
    assert torch.equal(next(model.backbone.parameters()), backbone), "the rest is as it was"
    assert isinstance(model, BackboneClassifier)
