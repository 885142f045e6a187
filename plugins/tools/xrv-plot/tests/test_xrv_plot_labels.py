"""Pictures of labels: totals, and which occur together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from view_toys import Stranger, toy

from xrv_core.errors import ArgumentError
from xrv_plot import plot_label_cooccurrence, plot_totals
from xrv_plot.labels import _short

NAN = float("nan")
LABELS = [(1, 1, NAN), (1, 0, 0), (1, NAN, 2), (0, 1, 0)]


def rows(figure: Any) -> dict[str, list[float]]:
    """Widths of the pieces of each label's bar, by what they are called in the legend."""
    (axes,) = figure.axes
    return {box.get_label(): [bar.get_width() for bar in box] for box in axes.containers}


def test_bars_are_the_counts() -> None:
    figure = plot_totals(toy(labels=LABELS, names="Mass Nodule Score"))
    figure.canvas.draw()
    assert rows(figure) == {
        "positive": [3, 2, 0],
        "other value": [0, 0, 1],
        "negative": [1, 1, 2],
        "unknown": [0, 1, 1],
    }
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.texts] == ["3  (75.0 %)", "2  (66.7 %)", "0  (0.0 %)"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["Mass", "Nodule", "Score"]
    assert axes.get_ylim() == (2.5, -0.5), "the first label is on top"
    assert sum(bar.get_width() for bar in axes.patches) == 3 * 4


def test_labels_can_be_chosen_and_reordered() -> None:
    d = toy(labels=LABELS, names="Mass Nodule Score")
    assert rows(plot_totals(d, ["Nodule", "Mass"]))["positive"] == [2, 3]
    assert rows(plot_totals(d, "Nodule"))["positive"] == [2]


def test_no_image_is_opened() -> None:
    class Closed(Stranger):
        def __getitem__(self, idx: int, /) -> Any:
            raise AssertionError("an image was opened")

    assert rows(plot_totals(Closed(3)))["positive"] == [3, 0]
    assert plot_label_cooccurrence(Closed(3)).axes


def test_the_matrix_counts_pairs_and_shows_shares_of_what_is_known() -> None:
    figure = plot_label_cooccurrence(toy(labels=LABELS, names="Mass Nodule Score"))
    figure.canvas.draw()
    axes, bar = figure.axes
    assert [t.get_text() for t in axes.texts] == ["3", "1", "0", "1", "2", "0", "0", "0", "0"]
    shares = np.ma.filled(axes.images[0].get_array(), NAN)
    np.testing.assert_array_equal(shares, [[NAN, 0.5, 0], [0.5, NAN, 0], [NAN, NAN, NAN]])
    assert axes.images[0].get_clim() == (0, 0.5)
    assert [t.get_text() for t in axes.get_xticklabels()] == ["Mass", "Nodule", "Score"]
    assert bar.get_ylabel() == "share of the row's positives"


def test_labels_that_never_meet_have_a_scale_too() -> None:
    axes, _ = plot_label_cooccurrence(toy(labels=[(1, 0), (0, 1)])).axes
    assert axes.images[0].get_clim() == (0, 1)


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (999, "999"), (1000, "1.0k"), (9949, "9.9k"), (22770, "23k")])
def test_big_numbers_fit_into_their_square(number: int, text: str) -> None:
    assert _short(number) == text


@pytest.mark.parametrize("plot", [plot_totals, plot_label_cooccurrence])
def test_labels_that_are_none(plot: Any) -> None:
    with pytest.raises(ArgumentError, match=r"'Hernia'.* Mass, Nodule"):
        plot(toy(), ["Mass", "Hernia"])
