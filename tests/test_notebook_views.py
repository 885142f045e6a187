"""What a notebook shows of models, leakage reports and evaluations: HTML that loads nothing and escapes every text."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from messages import says

import xrv_core
from xrv_core.datasets import LeakageReport, check_leakage
from xrv_core.errors import NotInstalled, UnknownName

EVIL = '<img src="http://x/y">&'


class Checked(HTMLParser):
    """Parses a page and refuses what it would load, run or leave open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.open = "", []
        self.feed(page)
        assert self.open == []
        assert len(page) < 20_000

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag not in ("img", "script", "link", "iframe", "style"), tag
        assert not {"src", "href", "onclick"} & {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("classifier", "phantom-net", ("phantom-net", "Effusion", "Not for medical use")),
        (
            "classifier",
            "densenet121-res224-rsna",
            ("Pneumonia", "224 x 224 pixels", "never trained", "Not for"),
        ),
        ("autoencoder", "phantom-ae", ("phantom-ae", "parameters", "Not for medical use")),
    ],
)
def test_models(kind: str, name: str, words: tuple[str, ...]) -> None:
    model: Any = getattr(xrv_core, f"get_{kind}")(name, weights=None)
    if "never trained" in words:
        model.trained = [name == "Pneumonia" for name in model.pathologies]
    text = Checked(model._repr_html_()).text
    assert all(word in text for word in words), text


def test_a_segmenter_of_many_structures_and_texts_that_are_html() -> None:
    import torch

    from xrv_core.models import NetworkSegmenter

    spec = replace(xrv_core.describe_segmenter("chestx-det"), title=EVIL, structures=(), warning=EVIL)
    model = NetworkSegmenter(torch.nn.Identity(), [f"{EVIL} {i}" for i in range(30)], input_resolution=None, spec=spec)
    text = Checked(model._repr_html_()).text
    assert "and 10 more" in text
    assert text.count('y">') == 22


def test_a_leakage_report() -> None:
    phantom = xrv_core.get_dataset("phantom", n=40)
    found = Checked(check_leakage(phantom, phantom)._repr_html_()).text
    assert re.search(says("Leakage: images, patients", "40 images"), found)
    rows = pd.DataFrame({"source_uid": [EVIL], "train": [0], "test": [0]})
    nothing = pd.DataFrame({"train": []})
    assert EVIL in Checked(LeakageReport(rows, nothing, [], nothing)._repr_html_()).text.replace("  ", "")
    assert "none found" in Checked(LeakageReport(nothing, nothing, [], nothing)._repr_html_()).text


def test_an_evaluation() -> None:
    xrv_eval: Any = pytest.importorskip("xrv_eval")
    data = xrv_core.get_dataset("phantom", n=12, size=64)
    found = xrv_eval.evaluate(xrv_core.get_classifier("phantom-net"), data, bootstrap=0, acknowledge_leakage=True)
    text = Checked(found._repr_html_()).text
    assert all(word in text for word in ("phantom-net on phantom", "auroc", "Effusion", "Not for medical use"))


def test_a_changed_variable_is_told_where_a_name_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("XRV_PLUGINS", "xrv-nih")
        xrv_core.reload_plugins()
        with pytest.raises(NotInstalled) as before:
            xrv_core.describe_dataset("siim")
        assert "reload_plugins" not in str(before.value)
        patch.setenv("XRV_PLUGINS", "xrv-nih,xrv-siim")
        with pytest.raises(NotInstalled, match=says("siim", "XRV_PLUGINS changed", "reload_plugins()")):
            xrv_core.describe_dataset("siim")
        patch.setenv("XRV_REGISTRIES", os.fspath("lab.toml"))
        with pytest.raises(UnknownName, match=says("XRV_PLUGINS and XRV_REGISTRIES changed", "reload_plugins()")):
            xrv_core.describe_classifier("lab/none")
    xrv_core.reload_plugins()
