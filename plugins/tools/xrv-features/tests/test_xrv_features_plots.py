"""What colours mean, what lies on top, and what the picture and the page show."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xrv_features import Projection, plot_projection
from xrv_features.colours import OTHER, UNKNOWN, colour_column, colouring, default_colour
from xrv_features.page import render
from xrv_features.plots import draw_order

N = 60


@pytest.fixture
def items() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "idx": range(N),
            "source_uid": [f"<a>&{i}" for i in range(N - 1)] + [None],
            "view": ["PA", "AP", "UNKNOWN"] * 20,
            "hospital": ["big"] * 40 + [f"h{i}" for i in range(9)] * 2 + [None, ""],
            "age_years": [np.nan, *np.linspace(1, 80, N - 1)],
            "visits": [1, 2, 3] * 20,
            "source": [0] * 20 + [1] * 40,
            "source_name": "nih",
            "label:Mass": np.float32([1.0] + [0.0] * 39 + [np.nan] * 20),
            "label:Severity": np.float32(np.arange(N) / 7),
        }
    )


@pytest.fixture
def pca() -> Projection:
    points = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
    return Projection(points, "pca", (0.6, 0.25))


def test_labels_are_present_absent_or_unknown(items: pd.DataFrame) -> None:
    found = colouring(items, "Mass")
    assert (found.title, found.names) == ("Mass", ["present", "absent"])
    assert found.codes.tolist() == [0] + [1] * 39 + [UNKNOWN] * 20
    assert found.legend() == [(0, "present (1)"), (1, "absent (39)"), (UNKNOWN, "unknown (20)")]
    assert found.texts[0] == "present"
    assert found.rare.tolist() == [True] + [False] * 59


def test_texts_are_categories_the_most_frequent_if_they_are_many(items: pd.DataFrame) -> None:
    assert colouring(items, "view").legend() == [(0, "AP (20)"), (1, "PA (20)"), (UNKNOWN, "unknown (20)")]
    found = colouring(items, "hospital")
    assert found.names == ["big", "h0", "h1", "h2", "h3", "h4"]
    assert found.legend()[-2:] == [(OTHER, "other (8)"), (UNKNOWN, "unknown (2)")]
    assert found.texts[-3] == "h8"
    assert colouring(items, "source").names == ["0: nih", "1: nih"], "two datasets of one name are told apart"
    assert colouring(items, "source").legend(4) == [(0, "0: … (20)"), (1, "1: … (40)")]
    other = items.assign(source_name=["nih"] * 20 + ["hannover"] * 40)
    assert colouring(other, "source").names == ["nih", "hannover"]


def test_numbers_are_shown_on_a_scale_unless_they_are_few(items: pd.DataFrame) -> None:
    found = colouring(items, "age_years")
    assert found.values is not None
    assert found.legend() == [(UNKNOWN, "unknown (1)")]
    assert (found.texts[0], found.texts[1]) == ("unknown", "1")
    assert not found.rare.any()
    assert colouring(items, "Severity").values is not None
    assert colouring(items, "visits").legend() == [(0, "1 (20)"), (1, "2 (20)"), (2, "3 (20)")]


def test_columns_and_defaults(items: pd.DataFrame) -> None:
    assert colour_column(items, "Mass") == colour_column(items, "label:Mass") == "label:Mass"
    assert default_colour(items) == ["source"]
    assert default_colour(items.drop(columns="source")) == ["view"]


def test_the_unknown_lie_below_and_the_rare_on_top(items: pd.DataFrame) -> None:
    found = colouring(items, "Mass")
    order = draw_order(found)
    assert sorted(order) == list(range(N))
    assert set(order[:20]) == set(range(40, 60))
    assert order[-1] == 0
    assert order[20:-1].tolist() != sorted(order[20:-1]), "shuffled"
    assert np.array_equal(order, draw_order(found))


def test_the_figure(items: pd.DataFrame, pca: Projection, tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    figure = plot_projection(pca, items, ["Mass", "view", "age_years", "source"], title="net on nih", subtitle="PCA")
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["Mass", "view", "age_years", "source"]
    assert figure.get_suptitle() == "net on nih\nPCA"
    assert (panels[0].get_xlabel(), panels[0].get_ylabel()) == ("PC 1, 60 % of variance", "PC 2, 25 % of variance")
    words = [text.get_text() for text in panels[0].get_legend().get_texts()]
    assert words == ["present (1)", "absent (39)", "unknown (20)"]
    (dots,) = panels[0].collections
    np.testing.assert_allclose(dots.get_offsets(), pca.points[draw_order(colouring(items, "Mass"))])
    assert {tuple(np.round(c[:3] * 255)) for c in dots.get_facecolors()} == {
        (213, 94, 0),
        (0, 114, 178),
        (195, 199, 204),
    }
    assert dots.get_sizes()[-1] == 2 * dots.get_sizes()[0]
    assert dict(mpl.rcParams) == before
    figure.savefig(tmp_path / "a.png")
    umap = plot_projection(Projection(pca.points, "umap"), items)
    assert (umap.axes[0].get_title(), umap.axes[0].get_xlabel(), umap.axes[0].get_ylabel()) == ("source", "", "")


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.titles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "title" and data.strip():
            self.titles.append(data)


RUN: dict[str, Any] = {
    "notice": "Not for medical use.",
    "model": {"name": "net", "class": "a.B", "warning": "Knows <nothing>.", "state_dict_sha256": "0"},
    "dataset": {"name": "d", "class": "a.D", "warning": "W", "datasets": [], "fingerprint": "1", "items": N},
    "features": {"dimension": 8, "method": "encode", "pool": "flatten", "shape": [2, 2, 2]},
    "image_size": [4, 4], "started": "2026-01-01T00:00:00+00:00", "versions": {"python": "3"},
}  # fmt: skip
WORDS = {"title": "net on d", "subtitle": "PCA", "note": ""}


def page(items: pd.DataFrame, projection: Projection, names: list[str], png: Path) -> tuple[str, Page]:
    png.write_bytes(b"a picture")
    text = render(projection, items, [colouring(items, n) for n in names], words=WORDS, run=RUN, png=png)
    found = Page()
    found.feed(text)
    return text, found


def test_the_page_has_a_dot_for_each_image(items: pd.DataFrame, pca: Projection, tmp_path: Path) -> None:
    text, found = page(items, pca, ["Mass", "age_years"], tmp_path / "p.png")
    dots = [attributes for tag, attributes in found.tags if tag == "circle"]
    assert len(dots) == 2 * N
    titles = found.titles[1:]
    assert titles[:N][-1] == "<a>&0 · Mass: present"
    assert f"item {N - 1} · Mass: unknown" in titles
    assert [d["class"] for d in dots[:20]] == ["unknown"] * 20
    assert {d["class"] for d in dots[N:]} <= {"unknown", *(f"s{i}" for i in range(32))}
    order = draw_order(colouring(items, "Mass"))
    x = np.array([float(d["cx"] or 0) for d in dots[:N]])
    assert np.corrcoef(x, pca.points[order, 0])[0, 1] > 0.999
    y = np.array([float(d["cy"] or 0) for d in dots[:N]])
    assert np.corrcoef(y, pca.points[order, 1])[0, 1] < -0.999, "up is up"
    assert "Knows &lt;nothing&gt;." in text
    assert "→ PC 1, 60 % of variance" in text


def test_the_page_loads_nothing(items: pd.DataFrame, pca: Projection, tmp_path: Path) -> None:
    text, found = page(items, pca, ["view"], tmp_path / "p.png")
    assert not {"script", "link", "iframe"} & {tag for tag, _ in found.tags}
    assert not re.findall(r'(?:src|href)="(?!data:)|url\(|@import', text)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert "Not for medical use." in text


def test_many_dots_become_a_picture(
    items: pd.DataFrame, pca: Projection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrv_features.page.MAX_DOTS", N - 1)
    text, found = page(items, Projection(pca.points, "umap"), ["view"], tmp_path / "p.png")
    assert not [tag for tag, _ in found.tags if tag == "circle"]
    (image,) = [attributes for tag, attributes in found.tags if tag == "img"]
    assert image["src"] == "data:image/png;base64,YSBwaWN0dXJl"
    assert "distances between clusters, their sizes and the axes mean little" in text
