"""``evaluate`` from end to end, on a dataset whose pixels say what is predicted."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from messages import says
from sklearn.metrics import roc_auc_score

import xrv_eval
from xrv_core.errors import ImageError, InputError
from xrv_eval import evaluate


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, xrv_eval, xrv_eval.plugin, xrv_eval.cli; xrv_eval.plugin.xrv_commands(); "
        "print(sorted({'torch', 'numpy', 'pandas', 'sklearn', 'matplotlib', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_front_door_names_what_it_has() -> None:
    assert dir(xrv_eval) == ["Evaluation", "__version__", "evaluate"]
    assert xrv_eval.Evaluation.__name__ == "Evaluation"
    with pytest.raises(AttributeError, match=r"^module 'xrv_eval' has no attribute 'evalute'$"):
        _ = xrv_eval.evalute


def test_predictions_are_those_of_the_model_and_labels_those_of_the_dataset(usual: SimpleNamespace) -> None:
    found = evaluate(usual.classifier, usual.dataset)
    frame = found.predictions
    assert list(frame.columns) == [
        "idx", "source_uid", "patientid", "view",
        "label:Effusion", "prediction:Effusion", "label:Nodule", "prediction:Nodule",
        "label:Mass", "prediction:Mass", "label:Hernia", "prediction:Hernia",
    ]  # fmt: skip
    assert frame["idx"].tolist() == list(range(60))
    assert frame.loc[3, ["source_uid", "patientid", "view"]].tolist() == ["fake:3", "p1", "AP"]
    for p, name in enumerate(usual.dataset.pathologies):
        assert np.allclose(frame[f"prediction:{name}"], usual.dataset.scores[:, p], atol=1e-6)
        assert np.array_equal(frame[f"label:{name}"], usual.dataset.labels[:, p], equal_nan=True)


def test_unknown_labels_are_ignored_and_the_mean_is_over_scored_ones(usual: SimpleNamespace) -> None:
    found = evaluate(usual.classifier, usual.dataset)
    metrics = found.metrics.set_index("pathology")
    for p, name in enumerate(("Effusion", "Nodule")):
        known = ~np.isnan(usual.dataset.labels[:, p])
        expected = roc_auc_score(usual.dataset.labels[known, p], found.predictions[f"prediction:{name}"][known])
        assert metrics.at[name, "auroc"] == pytest.approx(expected, abs=1e-9)
        assert metrics.at[name, "n_unknown"] == (~known).sum() > 0
        assert metrics.at[name, "auroc_low"] < expected < metrics.at[name, "auroc_high"]
    assert metrics["status"].tolist() == ["scored", "scored", "one class only", "no labels"]
    assert found.mean_auroc == pytest.approx(metrics["auroc"][:2].mean(), abs=1e-12)
    assert found.run["results"]["scored"] == 2


def test_labels_are_matched_by_name_and_not_by_place(
    dataset: Callable[..., Any], classifier: Callable[..., Any]
) -> None:
    labels = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0]])
    # pixel rows are in the order of the classifier: x, Mass (untrained), Nodule, Effusion
    scores = np.array([[0.1, 0.5, 0.2, 0.9], [0.1, 0.5, 0.8, 0.3], [0.1, 0.5, 0.7, 0.6], [0.1, 0.5, 0.4, 0.2]])
    data = dataset(scores, labels, names=["Effusion", "Nodule", "Mass"])
    model = classifier(["Fracture", "Mass", "Nodule", "Effusion"], trained=[True, False, True, True])
    found = evaluate(model, data)
    assert found.metrics["pathology"].tolist() == ["Effusion", "Nodule"]
    assert np.allclose(found.predictions["prediction:Nodule"], scores[:, 2])
    assert found.metrics["auroc"].tolist() == [1.0, 1.0]
    assert found.run["labels"] == {
        "evaluated": ["Effusion", "Nodule"],
        "left_out": {
            "Mass": "this head of the classifier was never trained",
            "Fracture": "the dataset has no such label",
        },
    }
    again = evaluate(classifier(["Effusion", "Nodule"]), data)
    assert again.run["labels"]["left_out"] == {"Mass": "the classifier has no such output"}


def test_an_uncalibrated_model_gets_a_sigmoid_and_a_word(
    usual: SimpleNamespace, classifier: Callable[..., Any]
) -> None:
    found = evaluate(classifier(calibrated=False), usual.dataset)
    assert np.allclose(found.predictions["prediction:Effusion"], usual.dataset.scores[:, 0], atol=1e-5)
    text = found.run["classifier"]["output"]
    assert re.search("^Uncalibrated: .*no op_threshs.*sigmoid", text)
    assert found.run["classifier"]["calibrated"] is False
    assert text in str(found)
    assert text not in str(evaluate(usual.classifier, usual.dataset))


@pytest.mark.parametrize("workers", [0, 2])
def test_masks_and_workers_change_nothing(usual: SimpleNamespace, workers: int) -> None:
    plain = evaluate(usual.classifier, usual.dataset, bootstrap=0)
    usual.dataset.masks = True
    masked = evaluate(usual.classifier, usual.dataset, bootstrap=0, num_workers=workers, batch_size=7)
    assert plain.predictions.equals(masked.predictions)


def test_the_same_seed_gives_the_same_result(usual: SimpleNamespace) -> None:
    first, second, third = (evaluate(usual.classifier, usual.dataset, seed=seed) for seed in (1, 1, 2))
    assert first.metrics.equals(second.metrics)
    assert not first.metrics.equals(third.metrics)
    assert first.metrics["auroc"].equals(third.metrics["auroc"])


def test_the_model_is_left_as_it_was(usual: SimpleNamespace) -> None:
    model = usual.classifier.train()
    model.dropout.eval()
    evaluate(model, usual.dataset, bootstrap=0, device="cpu")
    assert (model.training, model.dropout.training) == (True, False)
    model.dropout.train()
    usual.dataset.scores[5, 0] = np.nan
    with pytest.raises(InputError):
        evaluate(model, usual.dataset, bootstrap=0)
    assert (model.training, model.dropout.training) == (True, True)


def test_no_global_random_state_is_touched(usual: SimpleNamespace) -> None:
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    evaluate(usual.classifier, usual.dataset, bootstrap=10, num_workers=1)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)


def test_progress_is_on_stderr_when_asked_for(usual: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(usual.classifier, usual.dataset, bootstrap=10)
    assert capsys.readouterr() == ("", "")
    evaluate(usual.classifier, usual.dataset, bootstrap=10, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "predict: 100%" in err
    assert "bootstrap: 100%" in err


def test_nothing_can_be_scored(dataset: Callable[..., Any], classifier: Callable[..., Any]) -> None:
    found = evaluate(classifier(), dataset(np.full((3, 2), 0.5), np.zeros((3, 2)), patients=[None] * 3))
    assert math.isnan(found.mean_auroc)
    assert str(found) == (
        "FakeClassifier on FakeDataset: 3 images, patients unknown\n"
        "\n"
        "pathology  N+  N-  N?  AUROC  95 % CI  AUPRC  sens  spec  ECE  Brier\n"
        "Effusion    0   3   0  not scored: one class only\n"
        "Nodule      0   3   0  not scored: one class only\n"
        "\n"
        "no mean AUROC: none of 2 labels could be scored\n"
        "\n"
        "left out: Mass (the dataset has no such label)\n"
        "left out: Hernia (the dataset has no such label)\n"
        "Not for medical use."
    )


def test_it_prints_a_table(dataset: Callable[..., Any], classifier: Callable[..., Any]) -> None:
    labels = np.array([[1, 0], [0, 0], [1, 1], [0, np.nan], [1, 0], [0, 0]])
    scores = np.array([[0.9, 0.2], [0.3, 0.1], [0.8, 0.9], [0.4, 0.3], [0.35, 0.2], [0.1, 0.3]])
    found = evaluate(classifier(["Effusion", "Nodule"]), dataset(scores, labels))
    assert repr(found) == str(found)
    assert str(found) == (
        "FakeClassifier on FakeDataset: 6 images, 3 patients\n"
        "\n"
        "pathology  N+  N-  N?  AUROC      95 % CI  AUPRC   sens   spec    ECE  Brier\n"
        "Effusion    3   3   0  0.889  0.778-1.000  0.917  0.667  1.000  0.292  0.122\n"
        "Nodule      1   4   1  1.000            -  1.000  1.000  1.000  0.180  0.038\n"
        "Nodule: no interval: fewer than 2 patients with or without the finding\n"
        "\n"
        "mean AUROC 0.944 (95 % CI 0.889-1.000) over 2 of 2 labels\n"
        "\n"
        "Not for medical use."
    )


def test_an_error_of_the_dataset_arrives_as_it_is(usual: SimpleNamespace) -> None:
    class Broken(type(usual.dataset)):  # type: ignore[misc]
        def __getitem__(self, idx: int, /) -> Any:
            if idx == 33:
                raise ImageError("x/33.png cannot be decoded: it is truncated.")
            return super().__getitem__(idx)

    broken = Broken(usual.dataset.scores, usual.dataset.labels)
    for workers in (0, 2):
        with pytest.raises(ImageError, match=says("x/33.png", "truncated")):
            evaluate(usual.classifier, broken, num_workers=workers)
