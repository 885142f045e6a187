"""What ``describe`` counts, and how a terminal and a notebook show it."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from messages import says
from PIL import Image
from view_toys import Stranger, spec, table, toy

from xrv_core.datasets import Description, FileDataset, Index, XrayDataset, describe
from xrv_core.datasets.description.description import LabelCount, Spread
from xrv_core.errors import ArgumentError

NAN = float("nan")


class Blind(XrayDataset):
    """A dataset whose images must not be opened."""

    def pixels(self, row: int) -> Any:
        raise AssertionError("an image was opened")


def blind(labels: Any, patients: list[str | None], names: str = "Mass Nodule", **columns: Any) -> Blind:
    matrix = np.array(labels, dtype=np.float32)
    csv = table("blind", patients)
    for name, values in columns.items():
        csv[name] = values
    return Blind(spec("blind", tuple(names.split())), csv, matrix)


def usual() -> Blind:
    return blind(
        [(1, 0), (0, NAN), (0.5, NAN), (NAN, NAN)],
        ["p1", "p1", "p2", None],
        view=["PA", "AP", "PA", "PA"],
        sex=["F", None, "M", "F"],
        age_years=[4.0, 31.0, 39.5, NAN],
        offset_day_int=pd.array([0, 10, None, -3], dtype="Int64"),
        has_masks=[True, False, True, False],
    )


def test_everything_is_counted() -> None:
    found = describe(usual())  # type: ignore[arg-type]
    assert found == Description(
        name="Blind num_samples=4 views=['AP', 'PA']",
        n=4,
        patients=2,
        of_unknown_patients=1,
        views={"PA": 3, "AP": 1},
        sex={"F": 2, "M": 1, "unknown": 1},
        age=Spread(3, 4.0, 17.5, 31.0, 35.25, 39.5),
        ages={0: 1, 10: 0, 20: 0, 30: 2},
        offset=Spread(3, -3.0, -1.5, 0.0, 5.0, 10.0),
        labels=(LabelCount("Mass", 1, 1, 1, 1), LabelCount("Nodule", 0, 1, 3, 0)),
        with_masks=2,
        skipped=0,
    )
    assert [label.share for label in found.labels] == [0.5, 0.0]
    assert LabelCount("Mass", 0, 0, 4, 0).share is None


def test_the_terminal_shows_a_table() -> None:
    assert str(usual().describe()).split("\n") == [  # type: ignore[misc]
        "Blind num_samples=4 views=['AP', 'PA']",
        "images    4 of 2 patients, 1 of unknown patients",
        "views     PA 3, AP 1",
        "sex       F 2, M 1, unknown 1",
        "age       median 31 (quartiles 17.5 to 35.2, range 4 to 39.5) years, 1 unknown",
        "          0 ▄  █ 39",
        "day       median 0 (quartiles -1.5 to 5, range -3 to 10) days, 1 unknown",
        "masks     2 images",
        "label   positive  % of known  negative  unknown  other",
        "Mass           1        50.0         1        1      1",
        "Nodule         0         0.0         1        3      0",
    ]


def test_a_stranger_is_described_with_what_it_has() -> None:
    found = describe(Stranger(3))
    assert (found.n, found.patients, found.of_unknown_patients) == (3, 3, 0)
    assert (found.views, found.sex, found.age, found.ages, found.offset) == ({"PA": 3}, {"unknown": 3}, None, {}, None)
    assert found.with_masks is None
    assert found.labels == (LabelCount("Mass", 3, 0, 0, 0), LabelCount("Nodule", 0, 3, 0, 0))
    assert str(found).startswith("Stranger with two lines\nthe second\nimages    3 of 3 patients\n")
    assert "\nage       unknown\nday       unknown\nlabel " in str(found)
    assert "<svg" in found._repr_html_()


class Bare:
    """The least that the contract allows, and no repr."""

    def __init__(self) -> None:
        self.pathologies: list[str] = []
        self.labels = np.zeros((0, 0), dtype=np.float32)
        self.csv = pd.DataFrame()

    def __len__(self) -> int:
        return 0


def test_nothing_is_described_too_and_no_memory_address_is_shown() -> None:
    found = describe(Bare(), thumbnails=3)  # type: ignore[arg-type]
    assert (found.name, found.n, found.patients, found.labels, found.thumbnails) == ("Bare", 0, None, (), ())
    assert "<div" in found._repr_html_()


def test_patients_of_two_collections_are_two_patients() -> None:
    merged = toy("a").merge(toy("b", names="Mass Nodule"))
    for part in merged.datasets:
        part.csv["patientid"] = ["1", "1", "2", "2"]
    again = merged.datasets[0].merge(merged.datasets[1])  # type: ignore[attr-defined]
    assert again.describe().patients == 4
    assert again.csv["patientid"].nunique() == 2


def test_rows_that_were_skipped_are_told_through_views(tmp_path: Any) -> None:
    class Files(FileDataset):
        def build(self, table: pd.DataFrame) -> Index:
            labels = table[["Mass"]].to_numpy(np.float32)
            return Index.of(table, images=table["file"], labels=labels, source_uid="files:" + table["file"])

    (tmp_path / "table.csv").write_text("file,Mass\na.png,1\nb.png,0\nc.png,0\n")
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    d = Files(spec("files", ("Mass",)), tmp_path, tmp_path / "table.csv", on_error="skip")
    assert d.describe().skipped == 2
    both = d.merge(d.subset([0]))
    assert both.describe().skipped == 4
    assert "\nleft out  2 rows without an image\n" in str(d.describe())


# -- pictures


def test_thumbnails_are_taken_evenly_and_only_when_asked_for() -> None:
    d = toy()
    found = d.describe(thumbnails=2)
    assert [(t.idx, t.title) for t in found.thumbnails] == [(0, "toy:0 UNKNOWN"), (3, "toy:3 UNKNOWN")]
    kind, _, data = found.thumbnails[1].uri.partition(",")
    assert kind == "data:image/png;base64"
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))).tolist() == [[128] * 4] * 4
    assert len(d.describe(thumbnails=99).thumbnails) == 4
    assert found._repr_html_().count("<img ") == 2
    assert usual()._repr_html_().count("<img ") == 0  # type: ignore[misc]


@pytest.mark.parametrize("wanted", [-1, 1.5, "3", True])
def test_a_number_of_thumbnails_that_is_none(wanted: Any) -> None:
    with pytest.raises(ArgumentError, match=says(f"thumbnails={wanted!r}", "0 or more")):
        describe(toy(), thumbnails=wanted)


# -- HTML


class Checked(HTMLParser):
    """Every tag that is opened is closed, and nothing is loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.seen.append(tag)
        assert not {"href", "onerror", "onload"} & dict(attributes).keys()
        assert dict(attributes).get("src", "data:").startswith("data:")
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def test_what_the_data_says_is_text_in_the_html() -> None:
    evil = "<script>alert('x')</script>\"&"
    d = blind([[1], [0]], ["p1", "p2"], names="Mass", view=[evil, evil], sex=["F", "M"])
    d.pathologies = [evil]
    page = Checked(d._repr_html_())  # type: ignore[misc]
    assert not {"script", "style", "link"} & set(page.seen)
    assert page.words.count(evil) == 2, "as the view and as the label, word for word"


def test_titles_of_thumbnails_are_escaped() -> None:
    d = toy()
    d.csv["source_uid"] = '"><img src=x onerror=alert(1)>'
    page = Checked(d.describe(thumbnails=1)._repr_html_())
    assert page.seen.count("img") == 1


def test_bars_are_as_long_as_the_shares() -> None:
    html = describe(usual())._repr_html_()  # type: ignore[arg-type]
    bar = re.search(r'aria-label="1 of 4 positive".*?</svg>', html)
    assert bar is not None
    assert re.findall(r'<rect x="([\d.]+)" y="0" width="([\d.]+)" height="10" fill="([^"]+)"', bar[0]) == [
        ("0.0", "45.0", "#2f8fd0"),
        ("45.0", "45.0", "#d9822b"),
        ("90.0", "45.0", "currentColor"),
    ]
