"""The front door: names, errors that help, and registration without packaging."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
    with pytest.raises(UnknownName) as caught:
        xrv_core.get_dataset("nhi")
    assert str(caught.value) == "No dataset named 'nhi'. Did you mean 'nih'?"
    assert isinstance(caught.value, LookupError)
    assert not isinstance(caught.value, KeyError)


def test_a_name_like_no_other_lists_what_there_is() -> None:
    with pytest.raises(UnknownName) as caught:
        xrv_core.describe_autoencoder("zzzzzz")
    assert str(caught.value) == (
        f"No autoencoder named 'zzzzzz'. There are: {', '.join(xrv_core.list_autoencoders())}. "
        "xrv_core.list_autoencoders() lists them."
    )


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
    with pytest.raises(DuplicateName) as caught:
        xrv_core.register(dataset("other", aliases=("mine",)))
    assert str(caught.value) == (
        "The dataset name 'mine' of this session is taken: this session already offers it. "
        "Rename one of them, or limit which plugins load with XRV_PLUGINS."
    )
    assert "other" not in xrv_core.list_datasets()
    again = xrv_core.register(dataset("mine", title="New"), replace=True)
    assert xrv_core.describe_dataset("mine").title == "New"
    registration.undo()
    assert "mine" in xrv_core.list_datasets(), "the first registration was replaced, so its undo does nothing"
    again.undo()
    with pytest.raises(DuplicateName, match="The dataset name 'nih' of this session is taken: xrv-nih "):
        xrv_core.register(dataset("nih"), replace=True)


def test_only_specs_can_be_registered() -> None:
    with pytest.raises(ArgumentError) as caught:
        xrv_core.register("mine")  # type: ignore[arg-type]
    assert (
        str(caught.value)
        == "register() takes a DatasetSpec, ClassifierSpec, AutoencoderSpec or SegmenterSpec, got 'mine'."
    )


def test_weights_that_are_not_there() -> None:
    with (
        xrv_core.register(classifier("mine")),
        pytest.raises(PathMissing) as caught,
    ):
        xrv_core.get_classifier("mine", weights="/nowhere/w.pt")
    assert str(caught.value) == (
        "weights='/nowhere/w.pt': no such file. Give the path of a weights file, "
        '"default" for the published weights, or None for random initialisation.'
    )


def test_a_dataset_without_miniature_says_so(tmp_path: Path) -> None:
    with xrv_core.register(dataset("mine")), pytest.raises(ArgumentError) as caught:
        xrv_core.miniature("mine", tmp_path)
    assert str(caught.value) == "The dataset 'mine' has no miniature: its spec does not name one."


WRONG_SPECS = [
    ({"name": "Has Space"}, "'Has Space' is not a registry name: use lower case letters, digits, '.', '_' and '-'."),
    ({"licence": " "}, "Spec 'x': 'licence' must be a non-empty string, got ' '."),
    ({"factory": "nocolon"}, "Spec 'x': 'nocolon' is not a factory: give 'package.module:callable'."),
    ({"pathologies": "Mass"}, "Spec 'x': 'pathologies' must be a tuple, got the single string 'Mass'."),
    ({"pathologies": ["A", "B", "A"]}, "Spec 'x': 'pathologies' names 'A' more than once."),
    ({"pathologies": ["A"], "trained": [True, False]}, "Spec 'x': 'trained' has 2 values for 1 pathologies."),
    ({"pathologies": ["A"], "op_threshs": [1.5]}, "Spec 'x': every value of 'op_threshs' must be between 0 and 1."),
]


@pytest.mark.parametrize(("wrong", "text"), WRONG_SPECS)
def test_a_wrong_spec_says_what_is_wrong(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(SpecError) as caught:
        classifier("x", **{k: v for k, v in wrong.items() if k != "name"}) if "name" not in wrong else classifier(
            **wrong
        )
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"name": "../x"}, "Asset name '../x' is not a plain relative path."),
        ({"urls": ()}, "Asset 'a/b' has no urls."),
        ({"urls": "https://x"}, "Spec 'a/b': 'urls' must be a tuple, got the single string 'https://x'."),
        ({"sha256": "ABC"}, "Asset 'a/b': sha256 must be 64 lower-case hex digits."),
    ],
)
def test_a_wrong_asset_says_what_is_wrong(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(SpecError) as caught:
        xrv_core.Asset(**{"name": "a/b", "urls": ("https://example.org/b",), **wrong})
    assert str(caught.value) == text


def test_specs_are_frozen_and_lists_become_tuples() -> None:
    spec = dataset("x", pathologies=["A"])
    assert spec.pathologies == ("A",)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "y"  # type: ignore[misc]


def test_every_error_is_ours_and_a_built_in() -> None:
    for name in set(xrv_core.errors.__all__) - {"suggestion"}:
        error = getattr(xrv_core.errors, name)
        assert issubclass(error, XrvError)
        if error is not XrvError:
            builtin = [
                b for b in error.__mro__ if b.__module__ == "builtins" and b not in (Exception, BaseException, object)
            ]
            assert builtin, name
            assert not issubclass(error, KeyError), "its str() would quote the message"
