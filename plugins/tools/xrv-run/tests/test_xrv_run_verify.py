"""Published outputs: what `xrv verify` says when they are met, and when they are not."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from messages import says

import xrv_core
from xrv_core.assets import asset_state
from xrv_core.cli import main
from xrv_core.errors import ArgumentError, HashMismatch, PathMissing, SpecError
from xrv_core.specs import ClassifierSpec, ModelSpec
from xrv_run.verify import verify_model

HOME_CACHE = os.environ.get("XRV_CACHE_DIR")  # before a test gets a cache of its own
MODELS = [
    (kind, name)
    for kind in ("classifier", "autoencoder", "segmenter")
    for name in getattr(xrv_core, f"list_{kind}s")()
    if getattr(xrv_core, f"describe_{kind}")(name).reference_outputs
]


def spec_of(kind: str, name: str) -> ModelSpec:
    found: ModelSpec = getattr(xrv_core, f"describe_{kind}")(name)
    return found


def verify(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["verify", *arguments])


@pytest.mark.parametrize(("kind", "name"), MODELS)
def test_a_model_gives_what_was_published_wherever_its_weights_are_at_hand(
    kind: str, name: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    spec = spec_of(kind, name)
    if HOME_CACHE is None:
        monkeypatch.delenv("XRV_CACHE_DIR")
    else:
        monkeypatch.setenv("XRV_CACHE_DIR", HOME_CACHE)
    assert spec.weights is not None
    if asset_state(spec.weights).startswith("not fetched"):
        pytest.skip(f"the weights of {name} are not in the cache")
    shipped = all(r.image.urls[0].startswith("package://") for r in spec.reference_outputs)
    images = None if shipped else request.getfixturevalue("realdata") / "reference_images"
    for comparison in verify_model(name, kind=kind, images=images):
        assert comparison.equal, comparison.differences


def test_the_mechanism_is_always_tested() -> None:
    assert {("classifier", "phantom-net"), ("autoencoder", "phantom-ae")} <= set(MODELS)


def test_what_it_prints_when_all_is_well() -> None:
    done = verify("phantom-net")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "reference.png"
    assert lines[1] == "Published in: reference.py in the source folder of xrv-phantom-net"
    assert lines[2].split() == ["NAME", "EXPECTED", "GOT", "DIFFERENCE"]
    assert [line.rsplit(maxsplit=3)[0] for line in lines[3:-1]] == list(
        xrv_core.describe_classifier("phantom-net").pathologies
    )
    assert lines[-1] == "equal within 0.0001"


def other(tmp_path: Path, **changes: object) -> ClassifierSpec:
    """phantom-net, with something changed about its published output."""
    spec = xrv_core.describe_classifier("phantom-net")
    reference = replace(spec.reference_outputs[0], **changes)  # type: ignore[arg-type]
    return replace(spec, name="other", reference_outputs=(reference,))


def test_a_difference_is_told_and_fails(tmp_path: Path) -> None:
    with xrv_core.register(other(tmp_path, outputs={"Mass": 0.5, "Nodule": 0.314596}, note="Ask the author.")):
        done = verify("other")
    assert done.exit_code == 1
    assert [line.split() for line in done.output.splitlines()[3:5]] == [
        ["Mass", "0.500000", "0.078442", "-4.2e-01"],
        ["Nodule", "0.314596", "0.314596", done.output.splitlines()[4].split()[-1]],
    ]
    assert done.output.splitlines()[5:] == ["DIFFERENT within 0.0001", "Note: Ask the author."]


def test_no_number_is_published(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=says("outputs", "nan")):
        other(tmp_path, outputs={"Mass": float("nan")})


def test_a_name_that_the_model_does_not_give(tmp_path: Path) -> None:
    with (
        xrv_core.register(other(tmp_path, outputs={"Scoliosis": 0.5})),
        pytest.raises(
            ArgumentError,
            match=says(
                "'other'", "phantom-net/reference.png", "'Scoliosis'", "Atelectasis, Cardiomegaly", "Pneumothorax"
            ),
        ),
    ):
        verify_model("other")


def test_nothing_published() -> None:
    done = verify("densenet121-res224-nih")
    assert done.exit_code == 1
    assert re.search(says("Error: ", "'densenet121-res224-nih'", "published", "compared"), done.stderr)


def test_own_copies_of_the_images(tmp_path: Path) -> None:
    shipped = xrv_core.fetch(xrv_core.describe_classifier("phantom-net").reference_outputs[0].image)
    with pytest.raises(
        PathMissing,
        match=says(tmp_path / "reference.png", "no such file", "package://xrv_phantom_net/weights/reference.png"),
    ):
        verify_model("phantom-net", images=tmp_path)
    shutil.copy(shipped, tmp_path)
    assert verify_model("phantom-net", images=tmp_path)[0].equal


def test_another_image_of_that_name_is_refused(tmp_path: Path) -> None:
    shipped = xrv_core.fetch(xrv_core.describe_classifier("phantom-net").reference_outputs[0].image)
    (tmp_path / "reference.png").write_bytes(shipped.read_bytes() + b"x")
    with pytest.raises((HashMismatch, xrv_core.errors.AssetError)) as caught:
        verify_model("phantom-net", images=tmp_path)
    assert "verify/reference.png" in str(caught.value)
