"""Arguments, models and datasets that cannot be evaluated: the typed error and what its message names."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from xrv_core.errors import ArgumentError, InputError, MissingColumns, XrvError
from xrv_eval import evaluate


def refused(kind: type[XrvError], pattern: str, classifier: Any, dataset: Any, **options: Any) -> None:
    """Check that the error is of this type, and that its message matches."""
    with pytest.raises(kind, match=pattern) as error:
        evaluate(classifier, dataset, bootstrap=options.pop("bootstrap", 0), **options)
    assert type(error.value) is kind


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"batch_size": 0}, "^batch_size .* 1 or more, got 0"),
        ({"num_workers": -1}, "^num_workers .* 0 or more, got -1"),
        ({"bootstrap": 10.5}, "^bootstrap .* integer, .* got 10.5"),
        ({"examples": True}, "^examples .* integer, .* got True"),
        ({"seed": "x"}, "^seed .* integer, .* got 'x'"),
        ({"device": "gpu"}, "^device='gpu' .*'cpu'"),
    ],
)
def test_arguments(usual: SimpleNamespace, options: dict[str, Any], pattern: str) -> None:
    refused(ArgumentError, pattern, usual.classifier, usual.dataset, **options)


def test_nothing_in_common(usual: SimpleNamespace) -> None:
    usual.classifier.pathologies = ["effusion", "Fracture", "Mass", "Edema"]
    usual.classifier.trained = [True, True, False, True]
    pattern = "no pathology in common.* 'effusion', 'Fracture', 'Edema'.* 'Effusion', 'Nodule', 'Mass', 'Hernia'"
    refused(ArgumentError, pattern, usual.classifier, usual.dataset)


def test_ambiguous_names(usual: SimpleNamespace) -> None:
    usual.classifier.pathologies[1] = "Effusion"
    refused(ArgumentError, "trained heads .*'Effusion' more than once", usual.classifier, usual.dataset)
    usual.classifier.trained[1] = False
    evaluate(usual.classifier, usual.dataset, bootstrap=0)
    usual.dataset.pathologies[1] = "Mass"
    refused(ArgumentError, "dataset.*'Mass' more than once", usual.classifier, usual.dataset)


def test_what_is_no_classifier(usual: SimpleNamespace) -> None:
    refused(ArgumentError, "got str.*get_classifier", "densenet", usual.dataset)
    module: Any = nn.Linear(2, 2)
    module.pathologies = ["A"]
    refused(ArgumentError, "Linear.* no attribute 'trained', 'op_threshs'", module, usual.dataset)
    usual.classifier.trained.append(True)
    refused(ArgumentError, "4 pathologies but 5 values in trained", usual.classifier, usual.dataset)


def test_what_is_no_dataset(usual: SimpleNamespace) -> None:
    refused(ArgumentError, "list.* no 'pathologies', 'labels', 'csv'.*get_dataset", usual.classifier, [1, 2])
    del usual.dataset.csv["view"]
    refused(MissingColumns, "no column 'view'", usual.classifier, usual.dataset)
    usual.dataset.csv = usual.dataset.csv[:50]
    pattern = re.escape("60 items and 4 pathologies, but 50 rows in csv and labels of shape (60, 4)")
    refused(ArgumentError, pattern, usual.classifier, usual.dataset)
    usual.dataset.labels = usual.dataset.labels[:0]
    refused(ArgumentError, "no items", usual.classifier, usual.dataset)


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
    pattern = r"^Item 3 \('fake:3'\) is 20 x 20 pixels.* 16 x 16.* XRayResizer\(16\)"
    refused(InputError, pattern, usual.classifier, usual.dataset, batch_size=batch_size, num_workers=workers)


def test_images_that_are_not_square(usual: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    usual.classifier.input_resolution = None
    items(monkeypatch, usual.dataset, img=torch.zeros(1, 20, 30))
    pattern = r"^Item 3 \('fake:3'\) is 20 x 30 pixels .*not square.* XRayResizer\(224\)"
    refused(InputError, pattern, usual.classifier, usual.dataset)


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (np.zeros((1, 16, 16)), r"ndarray of \(1, 16, 16\)"),
        (torch.zeros(16, 16), r"Tensor of \(16, 16\)"),
    ],
)
def test_images_that_are_no_tensors(
    usual: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, image: Any, got: str
) -> None:
    items(monkeypatch, usual.dataset, img=image)
    refused(InputError, rf"^Item 3 \('fake:3'\): .*{got}, expected .*\(1, H, W\)", usual.classifier, usual.dataset)


def test_labels_that_contradict_the_matrix(usual: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    items(monkeypatch, usual.dataset, lab=1 - usual.dataset.labels[3])
    pattern = r"^Item 3 \('fake:3'\): its 'lab' is not row 3 of dataset\.labels"
    refused(InputError, pattern, usual.classifier, usual.dataset)


def test_nan_of_a_trained_head(usual: SimpleNamespace) -> None:
    usual.dataset.scores[17, 1] = np.nan
    refused(InputError, r"^Item 17 \('fake:17'\): .*'Nodule' is NaN", usual.classifier, usual.dataset)


def test_calibrated_output_outside_0_to_1(usual: SimpleNamespace) -> None:
    usual.dataset.scores[18, 2] = 3.25
    pattern = r"^Item 18 \('fake:18'\): .*'Mass' is 3\.25, .*0\.\.1.* op_threshs = None"
    refused(InputError, pattern, usual.classifier, usual.dataset)


def test_output_of_the_wrong_shape(usual: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(usual.classifier), "forward", lambda _self, x: torch.zeros(len(x), 3))
    expected = r"16 images and 4 pathologies, .*\(16, 4\)"
    refused(InputError, rf"gave \(16, 3\) for {expected}", usual.classifier, usual.dataset)
    monkeypatch.setattr(type(usual.classifier), "forward", lambda _self, _x: {"out": 1})
    refused(InputError, f"gave dict for {expected}", usual.classifier, usual.dataset)


def test_what_the_classifier_refuses_is_traced_to_the_item(
    usual: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.max() > 1024:
            raise InputError(f"The range of {len(x)} images goes up to {x.max():.0f}.")
        return torch.zeros(len(x), 4)

    monkeypatch.setattr(type(usual.classifier), "forward", forward)
    usual.dataset.scores[18, 2] = 4
    pattern = r"^Item 18 \('fake:18'\): The range of 1 images goes up to 4096\.$"
    refused(InputError, pattern, usual.classifier, usual.dataset)


def test_folders(usual: SimpleNamespace, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.tex").write_text("mine")
    for out, overwrite, pattern in (
        (full, False, "not empty.*'thesis.tex'.*--overwrite"),
        (full, True, "'thesis.tex'.* not replaced"),
        (full / "thesis.tex", False, "file: give a folder"),
        (full / "thesis.tex" / "x", False, "cannot be written .*File exists"),
    ):
        pattern = f"^out={re.escape(repr(str(out)))} .*{pattern}"
        refused(ArgumentError, pattern, usual.classifier, usual.dataset, out=out, overwrite=overwrite)
    assert (full / "thesis.tex").read_text() == "mine"
    assert [p.name for p in tmp_path.rglob("*")] == ["full", "thesis.tex"]
