"""Options of datasets and models: unknown and ill-typed ones, from Python and from the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from click.testing import CliRunner
from messages import says
from view_toys import toy

import xrv_core
from xrv_core import DatasetSpec
from xrv_core.cli import main
from xrv_core.errors import ArgumentError, PathMissing

WORDS = dict.fromkeys(("title", "licence", "citation", "homepage", "obtain"), "-")

DATASETS = [name for name in xrv_core.list_datasets() if xrv_core.describe_dataset(name).miniature]


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_suggests_the_nearest_option(name: str, tmp_path: Path) -> None:
    given = xrv_core.miniature(name, tmp_path)
    with pytest.raises(ArgumentError, match=says(repr(name), "'viws'", "Did you mean 'views'", "on_error")):
        xrv_core.get_dataset(name, **given, viws="PA")
    with pytest.raises(ArgumentError, match=says("unique_patients='maybe'", repr(name), "True or False")):
        xrv_core.get_dataset(name, **given, unique_patients="maybe")
    with pytest.raises(ArgumentError, match=says("labels=3", repr(name), "text")):
        xrv_core.get_dataset(name, **given | {"labels": 3})


@pytest.mark.parametrize("name", [*xrv_core.list_classifiers(), "timm/resnet18"])
def test_every_classifier_refuses_an_option_that_it_does_not_take(name: str) -> None:
    options = {"pathologies": ["A"]} if name.startswith("timm/") else {}
    with pytest.raises(ArgumentError, match=says(repr(name), "'foo'")):
        xrv_core.get_classifier(name, weights=None, foo=1, **options)


@pytest.mark.parametrize("kind", ["autoencoder", "segmenter"])
def test_other_models_refuse_it_too(kind: str) -> None:
    for name in xrv_core.api.names(kind):
        with pytest.raises(ArgumentError, match=says(repr(name), "'foo'")):
            getattr(xrv_core, f"get_{kind}")(name, weights=None, foo=1)


def test_an_option_is_checked_before_a_file_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xrv_core.api.fetch", lambda *_, **__: pytest.fail("fetched"))
    with pytest.raises(ArgumentError, match=says("'test_list'")):
        xrv_core.get_dataset("nih", test_lst="x")
    with pytest.raises(ArgumentError, match=says("'foo'")):
        xrv_core.get_classifier("densenet121-res224-all", foo=1)
    with pytest.raises(PathMissing, match="/nosuch"):
        xrv_core.get_dataset("nih", imgpath="/nosuch")


class Typed:
    """A dataset with an option of each kind."""

    accepts: ClassVar = {"more": "int"}

    def __init__(
        self,
        spec: DatasetSpec,
        *,
        number: int = 1,
        share: float = 0.5,
        flag: bool = False,
        names: Sequence[str] | None = None,
        side: Literal["left", "right"] = "left",
        table: str | Path | None = None,
        rows: Callable[..., Any] | None = None,
        odd: NotThere = None,  # type: ignore[name-defined]  # noqa: F821
        **options: Any,
    ) -> None:
        self.given = dict(options)


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        ("number", "abc", "a whole number"),
        ("number", True, "a whole number"),
        ("number", 1.5, "a whole number"),
        ("number", None, "a whole number"),
        ("share", "half", "a number"),
        ("flag", "maybe", "True or False"),
        ("flag", 2, "True or False"),
        ("names", "Mass", "a list of texts"),
        ("names", ["Mass", 3], "a list of texts"),
        ("side", "lft", "'left'"),
        ("table", 3, "a path"),
        ("rows", "x", "a function"),
    ],
)
def test_values_of_another_kind(option: str, value: Any, accepted: str) -> None:
    with (
        xrv_core.register(DatasetSpec(name="typed", factory=Typed, **WORDS)),
        pytest.raises(ArgumentError, match=says(f"{option}={value!r}", "'typed'", accepted)),
    ):
        xrv_core.get_dataset("typed", **{option: value})


def test_values_of_the_kind_and_names_that_are_declared() -> None:
    np = pytest.importorskip("numpy")
    given: dict[str, Any] = {
        "number": np.int64(3), "share": 1, "flag": np.bool_(True), "names": ("a",), "side": "right",
        "table": Path("x"), "rows": len, "odd": 5, "more": 1, "extra": object(),
    }  # fmt: skip
    with xrv_core.register(DatasetSpec(name="typed", factory=Typed, **WORDS)):
        assert xrv_core.get_dataset("typed", **given).given.keys() == {"more", "extra"}
        assert xrv_core.get_dataset("typed", names=np.array(["a"]), flag=0)


def test_a_type_error_of_another_cause_stays_what_it_is() -> None:
    def broken(spec: DatasetSpec, **options: Any) -> Any:
        return toy(wrong=1)

    def passing(spec: DatasetSpec, **options: Any) -> Any:
        return toy(**options)

    with xrv_core.register(DatasetSpec(name="b", factory=broken, **WORDS)), pytest.raises(TypeError, match="wrong"):
        xrv_core.get_dataset("b", other=1)
    with (
        xrv_core.register(DatasetSpec(name="p", factory=passing, **WORDS)),
        pytest.raises(ArgumentError, match=says("'p'", "'other'")) as caught,
    ):
        xrv_core.get_dataset("p", other=1)
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["phantom", "-o", "splt=test"], "'split'"),
        (["phantom", "-o", "split=tset"], "train, valid, test"),
        (["phantom", "-o", "n=abc"], "a whole number"),
        (["phantom", "-o", "unique_patients=maybe"], "True or False"),
        (["phantom", "-o", "labels=3"], "torchxrayvision"),
        (["phantom", "-o", "pathologies=Mass,Fractre"], "Fractre"),
        (["phantom", "-o", "n=4", "--views", "PA,XX", "--limit", "2", "-o", "order=3"], "'order'"),
    ],
)
def test_the_command_line_says_it_in_one_line(words: list[str], told: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["plot", "totals", *words, "--out", str(tmp_path / "a.png")])
    assert done.exit_code == 1, done.output
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_lists_on_the_command_line_take_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Listed:
        def __init__(
            self, spec: DatasetSpec, *, names: list[str] | None = None, both: Sequence[str] | str = (),
            text: str = "", number: int = 0, **options: Any,
        ) -> None:  # fmt: skip
            seen.append((names, both, text, number, options))

    from xrv_core.cli import open_dataset, parse_options

    pairs = ("names=A, B", "both=A,B", "text=1,2", "number=5", "more=1,2", "other=7")
    options = {"imgpath": None, "csvpath": None, "views": None, "limit": None}
    with xrv_core.register(DatasetSpec(name="listed", factory=Listed, **WORDS)):
        open_dataset("listed", options | {"options": parse_options(pairs)})
        open_dataset("listed", options | {"options": parse_options(["names=A", "both=A", "text=1e3"])})
        open_dataset("listed", options | {"options": parse_options(['names=["A,B"]', "text=true", "names2=x"])})
    assert seen == [
        (["A", "B"], ["A", "B"], "1,2", 5, {"more": "1,2", "other": 7}),
        (["A"], ["A"], "1e3", 0, {}),
        (["A,B"], (), "true", 0, {"names2": "x"}),
    ]
