"""The front door: names, errors that help, and registration without packaging."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from messages import says

import xrv_core
from xrv_core.errors import ArgumentError, DuplicateName, PathMissing, SpecError, UnknownName, XrvError

FACTS = {
    "title": "A toy",
    "licence": "CC0",
    "citation": "none",
    "homepage": "https://example.org",
    "obtain": "Nothing to obtain.",
}


def dataset(name: str, **more: Any) -> xrv_core.DatasetSpec:
    return xrv_core.DatasetSpec(**{"name": name, "factory": "builtins:dict", **FACTS, **more})


def classifier(name: str, **more: Any) -> xrv_core.ClassifierSpec:
    return xrv_core.ClassifierSpec(**{"name": name, "factory": "builtins:dict", **FACTS, **more})


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    before = {kind: set(getattr(xrv_core, f"list_{kind}s")()) for kind in ("dataset", "classifier", "autoencoder")}
    yield
    after = {kind: set(getattr(xrv_core, f"list_{kind}s")()) for kind in before}
    assert after == before


def test_every_public_name_can_be_had() -> None:
    for name in xrv_core.__all__:
        assert getattr(xrv_core, name) is not None
    with pytest.raises(AttributeError, match=r"^module 'xrv_core' has no attribute 'nope'$"):
        xrv_core.nope  # noqa: B018


def test_an_unknown_name_suggests() -> None:
    with pytest.raises(UnknownName, match=says("dataset", "'nhi'", "Did you mean 'nih'?")) as caught:
        xrv_core.get_dataset("nhi")
    assert isinstance(caught.value, LookupError)
    assert not isinstance(caught.value, KeyError)


def test_a_name_like_no_other_lists_what_there_is() -> None:
    with pytest.raises(
        UnknownName,
        match=says("autoencoder", "'zzzzzz'", ", ".join(xrv_core.list_autoencoders()), "xrv_core.list_autoencoders()"),
    ):
        xrv_core.describe_autoencoder("zzzzzz")


def test_patterns_are_wildcards_or_parts_of_names() -> None:
    assert xrv_core.list_datasets("nih*") == ["nih", "nih-google"]
    assert xrv_core.list_datasets("google") == ["nih-google"]
    assert len(xrv_core.list_classifiers("densenet121-res224-*")) == 7


def test_register_and_undo() -> None:
    with xrv_core.register(dataset("mine", factory=lambda spec, **kw: (spec.name, kw))) as spec:
        assert xrv_core.describe_dataset("mine") is spec
        assert xrv_core.get_dataset("mine", "here", x=1) == ("mine", {"imgpath": "here", "x": 1})
    with pytest.raises(UnknownName):
        xrv_core.describe_dataset("mine")


def test_registrations_survive_a_reload_and_undo_twice_is_once() -> None:
    registration = xrv_core.register(dataset("mine"))
    xrv_core.reload_plugins()
    assert "mine" in xrv_core.list_datasets()
    registration.undo()
    registration.undo()
    assert "mine" not in xrv_core.list_datasets()


def test_the_decorator_registers_what_it_decorates() -> None:
    @xrv_core.registered(classifier("mine", factory="here:mine", pathologies=("A",)))
    def build(spec: xrv_core.ClassifierSpec, weights: Path | None, **options: Any) -> Any:
        return spec.pathologies, weights, options

    assert xrv_core.get_classifier("mine", weights=None, size=3) == (("A",), None, {"size": 3})
    assert callable(xrv_core.describe_classifier("mine").factory)
    xrv_core.register(xrv_core.describe_classifier("mine"), replace=True).undo()


def test_a_duplicate_is_refused_naming_both_and_replace_is_for_the_session_only() -> None:
    registration = xrv_core.register(dataset("mine"))
    with pytest.raises(DuplicateName, match=says("dataset name 'mine'", "taken", "XRV_PLUGINS")):
        xrv_core.register(dataset("other", aliases=("mine",)))
    assert "other" not in xrv_core.list_datasets()
    again = xrv_core.register(dataset("mine", title="New"), replace=True)
    assert xrv_core.describe_dataset("mine").title == "New"
    registration.undo()
    assert "mine" in xrv_core.list_datasets(), "the first registration was replaced, so its undo does nothing"
    again.undo()
    with pytest.raises(DuplicateName, match="The dataset name 'nih' of this session is taken: xrv-nih "):
        xrv_core.register(dataset("nih"), replace=True)


def test_only_specs_can_be_registered() -> None:
    with pytest.raises(
        ArgumentError,
        match=says("register()", "DatasetSpec, ClassifierSpec, AutoencoderSpec or SegmenterSpec", "'mine'"),
    ):
        xrv_core.register("mine")  # type: ignore[arg-type]


def test_weights_that_are_not_there() -> None:
    with (
        xrv_core.register(classifier("mine")),
        pytest.raises(PathMissing, match=says("weights='/nowhere/w.pt'", "no such file", '"default"', "None")),
    ):
        xrv_core.get_classifier("mine", weights="/nowhere/w.pt")


def test_a_dataset_without_miniature_says_so(tmp_path: Path) -> None:
    with xrv_core.register(dataset("mine")), pytest.raises(ArgumentError, match=says("dataset 'mine'", "no miniature")):
        xrv_core.miniature("mine", tmp_path)


WRONG_SPECS = [
    ({"name": "Has Space"}, ("'Has Space'", "lower case", "'.', '_' and '-'")),
    ({"licence": " "}, ("'x'", "'licence'", "non-empty", "' '")),
    ({"factory": "nocolon"}, ("'x'", "'nocolon'", "'package.module:callable'")),
    ({"pathologies": "Mass"}, ("'x'", "'pathologies'", "tuple", "'Mass'")),
    ({"pathologies": ["A", "B", "A"]}, ("'x'", "'pathologies'", "'A'", "more than once")),
    ({"pathologies": ["A"], "trained": [True, False]}, ("'x'", "'trained'", "2 values", "1 pathologies")),
    ({"pathologies": ["A"], "op_threshs": [1.5]}, ("'x'", "'op_threshs'", "between 0 and 1")),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG_SPECS)
def test_a_wrong_spec_says_what_is_wrong(wrong: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(SpecError, match=says(*words)):
        classifier("x", **{k: v for k, v in wrong.items() if k != "name"}) if "name" not in wrong else classifier(
            **wrong
        )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": "../x"}, ("'../x'", "plain relative path")),
        ({"urls": ()}, ("'a/b'", "no urls")),
        ({"urls": "https://x"}, ("'a/b'", "'urls'", "tuple", "'https://x'")),
        ({"sha256": "ABC"}, ("'a/b'", "sha256", "64 lower-case hex digits")),
    ],
)
def test_a_wrong_asset_says_what_is_wrong(wrong: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(SpecError, match=says(*words)):
        xrv_core.Asset(**{"name": "a/b", "urls": ("https://example.org/b",), **wrong})


def test_specs_are_frozen_and_lists_become_tuples() -> None:
    spec = dataset("x", pathologies=["A"])
    assert spec.pathologies == ("A",)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "y"  # type: ignore[misc]


def test_every_error_is_ours_and_a_built_in() -> None:
    classes = {n: getattr(xrv_core.errors, n) for n in xrv_core.errors.__all__ if n[0].isupper()}
    assert len(classes) > 20
    for name, error in classes.items():
        assert issubclass(error, XrvError)
        if error is not XrvError:
            builtin = [
                b for b in error.__mro__ if b.__module__ == "builtins" and b not in (Exception, BaseException, object)
            ]
            assert builtin, name
            assert not issubclass(error, KeyError), "its str() would quote the message"
