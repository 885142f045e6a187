"""What torchxrayvision's own tests and notebooks do, as far as it needs no network, with this facade in its place.

Written anew after its ``tests/`` (test_dataloaders, test_models, test_tbx11k, test_dicom_reader) and ``scripts/``.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision

import xrv_compat as xrv
import xrv_core

pytestmark = [pytest.mark.usefixtures("real_tables_at_hand"), pytest.mark.filterwarnings("ignore::FutureWarning")]

#: Classes whose tables are packaged, and the one image that torchxrayvision's tests make for each: of its first item.
CLASSES = {
    "NIH_Dataset": "00000001_000.png",
    "PC_Dataset": "100014625199913409730274754282179594842_0jycky.png",
    "NIH_Google_Dataset": "00000211_006.png",
    "Openi_Dataset": "CXR10_IM-0002-1001.png",
    "CheX_Dataset": "train/patient00004/study1/view1_frontal.jpg",
    "SIIM_Pneumothorax_Dataset": "a/b/1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm",
    "VinBrain_Dataset": "000434271f63a053c4128a0ba6352c7f.dicom",
}
SOURCES = {
    ".png": "reference_images/00000001_000.png",
    ".jpg": "reference_images/16747_3_1.jpg",
    ".dcm": "dicom/siim_1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm",
    ".dicom": "dicom/siim_1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm",
}
TRANSFORM = torchvision.transforms.Compose([xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(224)])


@pytest.mark.realdata
@pytest.mark.parametrize("cls", CLASSES)
def test_the_first_item_of_each(cls: str, realdata: Path, tmp_path: Path) -> None:
    file = tmp_path / CLASSES[cls]
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(realdata / SOURCES[file.suffix], file)
    dataset = getattr(xrv.datasets, cls)(imgpath=str(tmp_path), transform=TRANSFORM)
    position = 0
    if cls == "SIIM_Pneumothorax_Dataset":  # their first row is of another outline of the table here
        position = dataset.csv["ImageId"].tolist().index(file.stem)
    sample = dataset[position]
    assert sample["img"].shape == (1, 224, 224)
    assert {"img", "lab", "idx"} <= set(sample)


def test_merging_all_of_them_and_themselves(tmp_path: Path) -> None:
    aug = torchvision.transforms.Compose(
        [xrv.datasets.ToPILImage(), torchvision.transforms.RandomAffine(15), torchvision.transforms.ToTensor()]
    )
    names = ("NIH_Dataset", "NIH_Google_Dataset", "VinBrain_Dataset", "SIIM_Pneumothorax_Dataset")
    datasets = [getattr(xrv.datasets, n)(imgpath=str(tmp_path), transform=TRANSFORM, data_aug=aug) for n in names]
    with pytest.raises(Exception, match="incorrect pathology alignment"):
        xrv.datasets.Merge_Dataset(datasets[:2])
    for dataset in datasets:
        xrv.datasets.relabel_dataset(xrv.datasets.default_pathologies, dataset)
        twice = xrv.datasets.Merge_Dataset([dataset, dataset])
        assert len(xrv.datasets.Merge_Dataset([twice, twice])) == 4 * len(dataset)
    merged = xrv.datasets.MergeDataset(datasets)
    assert len(merged) == sum(map(len, datasets)) == merged.labels.shape[0] == len(merged.csv)
    xrv.datasets.relabel_dataset(xrv.datasets.default_pathologies[:-1], datasets[0])
    with pytest.raises(Exception, match="incorrect pathology alignment"):
        xrv.datasets.MergeDataset(datasets[:2])
    for view in (merged, xrv.datasets.SubsetDataset(datasets[0], [0, 1, 2])):
        for name in ("transform", "data_aug", "labels", "pathologies"):
            with pytest.raises(NotImplementedError):
                setattr(view, name, None)


def test_tbx11k(tmp_path: Path) -> None:
    dataset = xrv.datasets.TBX11K_Dataset(**xrv_core.miniature("tbx11k", tmp_path))
    sample = dataset[0]
    assert sample["img"] is not None
    assert sample["bbox"] is not None
    assert len(sample["lab"]) == 4
    assert np.isin(dataset.labels, [0, 1]).all()
    assert (dataset.csv["Tuberculosis"] == dataset.labels[:, -1]).all()
    with pytest.raises(ValueError, match="split='all' is not a split with labels"):
        xrv.datasets.TBX11K_Dataset(dataset.imgpath, split="all")


@pytest.mark.realdata
def test_an_image_through_a_model_as_their_scripts_do(realdata: Path) -> None:
    from imageio.v3 import imread

    image = xrv.datasets.normalize(imread(realdata / SOURCES[".png"]), 255, reshape=True)
    tensor = torch.from_numpy(TRANSFORM(image)).unsqueeze(0)
    model = xrv.models.DenseNet(num_classes=18, in_channels=1, **xrv.models.get_densenet_params("densenet")).eval()
    with torch.no_grad():
        maps = torch.nn.functional.relu(model.features(tensor), inplace=True)
        vector = torch.nn.functional.adaptive_avg_pool2d(maps, (1, 1)).flatten()
        torch.testing.assert_close(vector, model.features2(tensor)[0])
        assert dict(zip(xrv.datasets.default_pathologies, model(tensor)[0].numpy(), strict=True)).keys()


def test_folders_of_two_collections(tmp_path: Path) -> None:
    root: Any = xrv_core.miniature("nlmtb", tmp_path)["imgpath"]
    parts = [xrv.datasets.NLMTB_Dataset(f"{root}/{name}") for name in ("MontgomerySet", "ChinaSet_AllFiles")]
    both = xrv.datasets.MergeDataset(parts)
    assert both.pathologies == ["Tuberculosis"]
    assert both.which_dataset.tolist() == [0] * len(parts[0]) + [1] * len(parts[1])
    assert set(both.csv["view"]) == {"PA"}
