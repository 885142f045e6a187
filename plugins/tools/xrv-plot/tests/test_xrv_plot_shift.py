"""Pictures of a covariate shift: bars are its counts, mean images are numpy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from view_toys import toy

from xrv_core.datasets import CovariateDataset
from xrv_core.errors import ArgumentError
from xrv_plot import plot_covariate_split, plot_mean_class_difference

PAIRS = ((1, 0), (0, 1), (1, 1), (0, 0)) * 6


def words(axes: Any) -> list[str]:
    return [t.get_text() for t in axes.texts]


def drawn(figure: Figure) -> Figure:
    """The figure, laid out: overlapping or impossible layouts would warn here."""
    figure.canvas.draw()
    return figure


def two_sites() -> list[Any]:
    """Two toys with one image a patient, and "Mass" as target."""
    sites = [toy(name, PAIRS) for name in ("a", "b")]
    for site in sites:
        site.csv["patientid"] = site.csv["source_uid"]
    return [thing for site in sites for thing in (site, site.labels[:, 0])]


@pytest.mark.parametrize("ratio", [0, 0.3, 1])
def test_bars_are_the_counts_of_the_covariate_shift(ratio: float) -> None:
    data = two_sites()
    figure = drawn(plot_covariate_split(*data, ratio, target="Mass"))
    assert [a.get_title() for a in figure.axes] == ["all items", "train", "valid", "test"]
    counts = CovariateDataset(*data, ratio=ratio).counts
    wanted = {"all items": dict.fromkeys([(0, 0), (1, 0), (0, 1), (1, 1)], 12), **counts}
    for axes in figure.axes:
        bars = {(i % 2, i // 2): bar.get_height() for i, bar in enumerate(axes.patches)}
        assert bars == wanted[axes.get_title()]
        assert sorted(words(axes)) == sorted(str(n) for n in wanted[axes.get_title()].values() if n)
        assert [t.get_text() for t in axes.get_xticklabels()] == ["no Mass", "Mass"]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["a", "b"]


def test_a_row_for_each_ratio_and_words_where_nothing_is_left() -> None:
    data = two_sites()
    figure = drawn(plot_covariate_split(*data, [0, 1], names=("one", "other"), splits=(1, 0, 0)))
    assert len(figure.axes) == 8
    assert [figure.axes[i].get_ylabel() for i in (0, 4)] == ["ratio 0\nimages", "ratio 1\nimages"]
    assert [words(a) for a in figure.axes[2:4]] == [["no images"]] * 2
    assert "from other" in figure.get_suptitle()


def means(cov: CovariateDataset) -> list[Any]:
    images = np.stack([cov[i]["img"][0].numpy() for i in range(len(cov))])
    return [images[cov.labels[:, 0] == value].mean(axis=0) for value in (0, 1)]


def test_mean_images_are_numpys() -> None:
    data = two_sites()
    figure = drawn(plot_mean_class_difference(*data, [0, 0.5, 0.8], seed=3))
    grid = np.array(figure.axes[:12]).reshape(4, 3)
    shown = [[np.asarray(a.images[0].get_array()) for a in row] for row in grid]
    base = means(CovariateDataset(*data, ratio=0.5, seed=3))
    for column, ratio in enumerate([0, 0.5, 0.8]):
        negative, positive = means(CovariateDataset(*data, ratio=ratio, seed=3))
        wanted = [negative, positive, positive - negative, positive - negative - (base[1] - base[0])]
        for row in range(4):
            np.testing.assert_allclose(shown[row][column], wanted[row], atol=1e-9)
    assert grid[0, 0].get_title() == "ratio 0"
    assert words(grid[3, 1]) == ["0 by\ndefinition"]
    scales = {a.images[0].get_clim() for a in grid[2:].ravel()}
    ((low, high),) = scales
    assert low == -high < 0, "one scale, and 0 is its middle"
    assert len({a.images[0].get_clim() for a in grid[:2].ravel()}) == 1


def test_every_image_is_opened_once_and_the_mode_and_number_are_passed_on() -> None:
    data = two_sites()
    opened: list[tuple[str, int]] = []
    for site in data[::2]:
        site.pixels = lambda row, site=site: opened.append((site.spec.name, row)) or np.zeros((1, 4, 4), np.float32)
    figure = plot_mean_class_difference(*data, [0.2, 0.7], mode="valid", nsamples=4, target="Mass")
    assert len(opened) == len(set(opened))
    assert figure.get_suptitle().startswith(
        "Mean images of valid, 2 of each class. The share “ratio” of the positives is from a"
    )
    assert [a.get_ylabel() for a in figure.axes[:4:2]] == ["mean image:\nno Mass", "mean image:\nMass"]


def test_images_of_several_sizes_have_no_mean() -> None:
    data = two_sites()
    data[2].pixels = lambda row: np.zeros((1, 4, 5), np.float32)
    with pytest.raises(ArgumentError, match=r"4x4, 4x5.*XRayResizer"):
        plot_mean_class_difference(*data)


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"ratio": 2}, "^ratios=2: .* 0 to 1"),
        ({"ratio": [0, 0]}, r"^ratios=\[0, 0\]: give different numbers"),
        ({"ratio": "half"}, "^ratios='half': .*numbers"),
        ({"names": ("a", "a")}, r"^names=\('a', 'a'\) .*different"),
        ({"nsamples": 4}, "'nsamples'.* seed, splits, by"),
    ],
)
def test_shifts_that_cannot_be_drawn(options: dict[str, Any], pattern: str) -> None:
    with pytest.raises(ArgumentError, match=pattern):
        plot_covariate_split(*two_sites(), **options)
