"""What cannot be evaluated: a typed error each, by its full text."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from xrv_core.errors import ArgumentError, InputError, MissingColumns, XrvError
from xrv_eval import evaluate


def told(kind: type[XrvError], classifier: Any, dataset: Any, **options: Any) -> str:
    with pytest.raises(kind) as error:
        evaluate(classifier, dataset, bootstrap=options.pop("bootstrap", 0), **options)
    assert type(error.value) is kind
    return str(error.value)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"batch_size": 0}, "batch_size must be an integer, 1 or more, got 0."),
        ({"num_workers": -1}, "num_workers must be an integer, 0 or more, got -1."),
        ({"bootstrap": 10.5}, "bootstrap must be an integer, 0 or more, got 10.5."),
        ({"examples": True}, "examples must be an integer, 0 or more, got True."),
        ({"seed": "x"}, "seed must be an integer, 0 or more, got 'x'."),
    ],
)
def test_arguments(usual: SimpleNamespace, options: dict[str, Any], text: str) -> None:
    assert told(ArgumentError, usual.classifier, usual.dataset, **options) == text


def test_device(usual: SimpleNamespace) -> None:
    text = told(ArgumentError, usual.classifier, usual.dataset, device="gpu")
    assert text.startswith("device='gpu' cannot be used here (")
    assert text.endswith("). Use 'cpu' or None.")


def test_nothing_in_common(usual: SimpleNamespace) -> None:
    usual.classifier.pathologies = ["effusion", "Fracture", "Mass", "Edema"]
    usual.classifier.trained = [True, True, False, True]
    assert told(ArgumentError, usual.classifier, usual.dataset) == (
        "The classifier and the dataset have no pathology in common, so there is nothing to evaluate. "
        "Trained heads of the classifier: 'effusion', 'Fracture', 'Edema'. "
        "Labels of the dataset: 'Effusion', 'Nodule', 'Mass', 'Hernia'. "
        "Names are compared as written: rename one side if they mean the same."
    )


def test_ambiguous_names(usual: SimpleNamespace) -> None:
    usual.classifier.pathologies[1] = "Effusion"
    assert told(ArgumentError, usual.classifier, usual.dataset) == (
        "The classifier's trained heads name 'Effusion' more than once: labels are matched by name."
    )
    usual.classifier.trained[1] = False
    evaluate(usual.classifier, usual.dataset, bootstrap=0)
    usual.dataset.pathologies[1] = "Mass"
    assert told(ArgumentError, usual.classifier, usual.dataset) == (
        "The dataset's pathologies name 'Mass' more than once: labels are matched by name."
    )


def test_what_is_no_classifier(usual: SimpleNamespace) -> None:
    assert told(ArgumentError, "densenet", usual.dataset) == (
        "classifier must be a torch.nn.Module, got str. Load one by name with xrv_core.get_classifier(name)."
    )
    module: Any = nn.Linear(2, 2)
    module.pathologies = ["A"]
    assert told(ArgumentError, module, usual.dataset) == (
        "The classifier (Linear) has no attribute 'trained', 'op_threshs'. Set pathologies (names of the output "
        "columns), trained (a bool for each) and op_threshs (None if the output is logits)."
    )
    usual.classifier.trained.append(True)
    assert told(ArgumentError, usual.classifier, usual.dataset) == (
        "The classifier has 4 pathologies but 5 values in trained: give one for each."
    )


def test_what_is_no_dataset(usual: SimpleNamespace) -> None:
    assert told(ArgumentError, usual.classifier, [1, 2]) == (
        "The dataset (list) has no 'pathologies', 'labels', 'csv'. It must keep the contract of xrv_core.Dataset; "
        "load one by name with xrv_core.get_dataset(name, ...)."
    )
    del usual.dataset.csv["view"]
    assert told(MissingColumns, usual.classifier, usual.dataset) == (
        "dataset.csv has no column 'view'. Every dataset has 'patientid', 'view', 'source_uid'; NA where unknown."
    )
    usual.dataset.csv = usual.dataset.csv[:50]
    assert told(ArgumentError, usual.classifier, usual.dataset) == (
        "The dataset contradicts itself: 60 items and 4 pathologies, but 50 rows in csv and labels of shape (60, 4). "
        "Row i of both must belong to item i."
    )
    usual.dataset.labels = usual.dataset.labels[:0]
    assert told(ArgumentError, usual.classifier, usual.dataset) == (
        "The dataset has no items, so there is nothing to evaluate."
    )


def items(monkeypatch: pytest.MonkeyPatch, dataset: Any, **changed: Any) -> None:
    """Give item 3 another value for some of its keys."""
    original = type(dataset).__getitem__

    def getitem(self: Any, idx: int) -> Any:
        return {**original(self, idx), **(changed if idx == 3 else {})}

    monkeypatch.setattr(type(dataset), "__getitem__", getitem)


@pytest.mark.parametrize(("batch_size", "workers"), [(16, 0), (1, 0), (16, 2)])
def test_images_of_several_sizes(
    usual: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, batch_size: int, workers: int
) -> None:
    items(monkeypatch, usual.dataset, img=torch.zeros(1, 20, 20))
    assert told(InputError, usual.classifier, usual.dataset, batch_size=batch_size, num_workers=workers) == (
        "Item 3 ('fake:3') is 20 x 20 pixels, the items before it are 16 x 16. "
        "Open the dataset with transform=Compose([XRayCenterCrop(), XRayResizer(16)])."
    )


def test_images_that_are_not_square(usual: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    usual.classifier.input_resolution = None
    items(monkeypatch, usual.dataset, img=torch.zeros(1, 20, 30))
    assert told(InputError, usual.classifier, usual.dataset) == (
        "Item 3 ('fake:3') is 20 x 30 pixels (height x width), not square. "
        "Open the dataset with transform=Compose([XRayCenterCrop(), XRayResizer(224)])."
    )


@pytest.mark.parametrize(
    ("image", "got"), [(np.zeros((1, 16, 16)), "ndarray of (1, 16, 16)"), (torch.zeros(16, 16), "Tensor of (16, 16)")]
)
def test_images_that_are_no_tensors(
    usual: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, image: Any, got: str
) -> None:
    items(monkeypatch, usual.dataset, img=image)
    assert told(InputError, usual.classifier, usual.dataset) == (
        f"Item 3 ('fake:3'): the image is a {got}, expected a float32 tensor of shape (1, H, W)."
    )


def test_labels_that_contradict_the_matrix(usual: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    items(monkeypatch, usual.dataset, lab=1 - usual.dataset.labels[3])
    assert told(InputError, usual.classifier, usual.dataset) == (
        "Item 3 ('fake:3'): its 'lab' is not row 3 of dataset.labels, so its output would stand beside the wrong "
        "labels. Mend the dataset."
    )


def test_nan_of_a_trained_head(usual: SimpleNamespace) -> None:
    usual.dataset.scores[17, 1] = np.nan
    assert told(InputError, usual.classifier, usual.dataset) == (
        "Item 17 ('fake:17'): the classifier's output for 'Nodule' is NaN, although that head is trained. "
        "Look for NaN in the pixels of this item, in the weights and in op_threshs."
    )


def test_calibrated_output_outside_0_to_1(usual: SimpleNamespace) -> None:
    usual.dataset.scores[18, 2] = 3.25
    assert told(InputError, usual.classifier, usual.dataset) == (
        "Item 18 ('fake:18'): the classifier's output for 'Mass' is 3.25, but with op_threshs set it must lie in 0..1. "
        "Set op_threshs = None if the output is logits."
    )


def test_output_of_the_wrong_shape(usual: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(usual.classifier), "forward", lambda _self, x: torch.zeros(len(x), 3))
    assert told(InputError, usual.classifier, usual.dataset) == (
        "The classifier gave (16, 3) for 16 images and 4 pathologies, expected a tensor of shape (16, 4)."
    )
    monkeypatch.setattr(type(usual.classifier), "forward", lambda _self, _x: {"out": 1})
    assert told(InputError, usual.classifier, usual.dataset) == (
        "The classifier gave dict for 16 images and 4 pathologies, expected a tensor of shape (16, 4)."
    )


def test_what_the_classifier_refuses_is_traced_to_the_item(
    usual: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.max() > 1024:
            raise InputError(f"The range of {len(x)} images goes up to {x.max():.0f}.")
        return torch.zeros(len(x), 4)

    monkeypatch.setattr(type(usual.classifier), "forward", forward)
    usual.dataset.scores[18, 2] = 4
    assert told(InputError, usual.classifier, usual.dataset) == (
        "Item 18 ('fake:18'): The range of 1 images goes up to 4096."
    )


def test_folders(usual: SimpleNamespace, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.tex").write_text("mine")
    assert told(ArgumentError, usual.classifier, usual.dataset, out=full) == (
        f"out='{full}' is not empty (it holds 'thesis.tex'). "
        "Give a new folder, or overwrite=True (--overwrite) to replace an earlier evaluation."
    )
    assert told(ArgumentError, usual.classifier, usual.dataset, out=full, overwrite=True) == (
        f"out='{full}' holds 'thesis.tex', which is no file of an evaluation, so the folder is not replaced. "
        "Give another folder."
    )
    assert told(ArgumentError, usual.classifier, usual.dataset, out=full / "thesis.tex") == (
        f"out='{full / 'thesis.tex'}' is a file: give a folder."
    )
    assert told(ArgumentError, usual.classifier, usual.dataset, out=full / "thesis.tex" / "x") == (
        f"out='{full / 'thesis.tex' / 'x'}' cannot be written (File exists). Give another folder."
    )
    assert (full / "thesis.tex").read_text() == "mine"
    assert [p.name for p in tmp_path.rglob("*")] == ["full", "thesis.tex"]
