"""Hostile labels, file names and titles in pages and pictures: nothing of them is markup, script or a formula."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xrv_core.datasets import describe
from xrv_plot import plot_label_cooccurrence, plot_sample, plot_totals
from xrv_plot.canvas import save

EVIL = (
    "<script>document.title='pwned'</script>",
    "\"><img src=x onerror=document.title='pwned'>",
    "]]></text></svg><svg onload=document.title='pwned'>",
    "--><script>document.title='pwned'</script>",
    "$\\frac{",
    "a\x1b[31m\n&amp;",
)


class Evil:
    """A dataset whose every text is hostile."""

    def __init__(self) -> None:
        self.pathologies = list(EVIL)
        self.labels = np.eye(len(EVIL), dtype=np.float32)
        self.csv = pd.DataFrame({"patientid": EVIL, "source_uid": EVIL, "view": EVIL, "sex": EVIL, "age_years": 5.0})
        self.csv["offset_day_int"], self.csv["has_masks"] = 0, True
        self.views, self.transform = list(EVIL), None
        self.spec = SimpleNamespace(name=EVIL[0])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, idx: int) -> dict[str, Any]:
        mask = np.zeros((1, 16, 16), np.float32)
        mask[0, 2:9, 3:11] = 1
        image = np.linspace(-1024, 1024, 256, dtype=np.float32).reshape(1, 16, 16)
        return {"idx": idx, "img": image, "lab": self.labels[idx], "pathology_masks": {idx: mask}}

    def __repr__(self) -> str:
        return EVIL[0]


class Tags(HTMLParser):
    """All tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_description_of_a_dataset() -> None:
    page = Tags(describe(Evil(), thumbnails=6)._repr_html_())
    assert {"pre", "table", "img", "figcaption"} <= {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert tag != "script"
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "img" or str(attributes["src"]).startswith("data:image/png;base64,")


@pytest.mark.parametrize("draw", [plot_totals, plot_label_cooccurrence, lambda d: plot_sample(d, 3)])
@pytest.mark.filterwarnings("ignore:Glyph")
def test_pictures(draw: Any, tmp_path: Path) -> None:
    save(draw(Evil()), tmp_path / "a.svg")
    root = ET.fromstring((tmp_path / "a.svg").read_text())
    for element in root.iter():
        assert not element.tag.endswith("script")
        assert not [name for name in element.attrib if name.startswith("on")]
