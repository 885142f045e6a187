"""The VQGANs by the whole way (Lightning checkpoint, server, cache, safe reading), beside torchxrayvision's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from model_proofs import xrays

import xrv_core as xrv
from xrv_vqgan.plugin import xrv_autoencoders

SPECS = {spec.name.rpartition("-")[2]: spec for spec in xrv_autoencoders()}

#: Of pixels on the scale -1..1, and of codes of order 1.
TOLERANCE = {"atol": 1e-4, "rtol": 0}

pytestmark = pytest.mark.parity


# -- facts


@pytest.mark.parametrize("key", SPECS)
def test_facts_are_those_of_torchxrayvision(key):
    peer = pytest.importorskip("torchxrayvision.baseline_models.ieee8023")
    spec, facts = SPECS[key], peer.model_urls[f"cxr2-vqgan-768-{key}"]
    assert spec.aliases == (f"cxr2-vqgan-768-{key}",)
    assert spec.weights.urls == (facts["weights_url"],)
    assert spec.input_resolution == facts["resolution"]
    assert "mimic_ch pc vin siim objectcxr chex" in facts["description"]
    assert spec.training_data == ("mimic", "padchest", "vinbrain", "siim", "objectcxr", "chexpert")
    words = " ".join(peer.VQGAN.__doc__.split())
    channels, side, _ = spec.code_shape
    grid = f"{channels}-dimensional codes on a {side}x{side} grid ({spec.codebook}-entry codebook)"
    assert grid in words


# -- the proof without the published weights


def same(theirs: torch.nn.Module, ours: xrv.Autoencoder, x: torch.Tensor) -> None:
    with torch.no_grad():
        z = theirs.encode(x)
        image = theirs.decode(z)
        assert z.std() > 0.1
        assert image.std() > 200, "numbers that would show a difference"
        got = ours.encode(x)
        assert got.shape == (len(x), *ours.code_shape)
        torch.testing.assert_close(got, z, **TOLERANCE)
        torch.testing.assert_close(ours.decode(z) / 1024, image / 1024, **TOLERANCE)
        latents = theirs.model.quant_conv(theirs.model.encoder(theirs.upsample(x.repeat(1, 3, 1, 1) / 1024)))
        indices = theirs.model.quantize(latents)[2][2].view(len(x), *z.shape[2:])
        assert torch.equal(ours.codes(x), indices)
        assert len(indices.unique()) > 5


def same_whole(theirs: torch.nn.Module, ours: xrv.Autoencoder, x: torch.Tensor) -> None:
    """The whole way in float64: theirs rounds entries of the codebook, and a random decoder makes 1e-3 of that."""
    x = x.double()
    with torch.no_grad():
        got, expected = ours.double()(x), theirs.double()(x)
        torch.testing.assert_close(got["out"] / 1024, expected / 1024, atol=1e-8, rtol=0)
        torch.testing.assert_close(got["z"], theirs.encode(x), atol=1e-8, rtol=0)
    ours.float(), theirs.float()


def test_codes_and_images_are_those_of_torchxrayvision(pair):
    theirs, ours = pair
    x = xrays(2, 1, ours.input_resolution, ours.input_resolution)
    with torch.no_grad():
        assert theirs(x).abs().max() == 1024, "so that the cut is tested"
    same(theirs, ours, x)
    same_whole(theirs, ours, x[:1])


def test_smaller_images_are_resized_alike(pair):
    theirs, ours = pair
    same(theirs, ours, xrays(1, 1, 64, 64))


def test_larger_images_are_resized_with_antialiasing_where_theirs_skips_pixels(pair):
    theirs, ours = pair
    x = xrays(1, 1, 512, 512)
    size = (ours.input_resolution,) * 2
    with torch.no_grad():
        expected = theirs.model.quant_conv(
            theirs.model.encoder(
                torch.nn.functional.interpolate(x / 1024, size=size, mode="bilinear", antialias=True).repeat(1, 3, 1, 1)
            )
        )
        torch.testing.assert_close(ours.latents(x), expected, **TOLERANCE)


def test_gradients_pass_the_codebook_as_theirs_do(pair):
    theirs, ours = pair
    gradients = []
    for model in (theirs, ours):
        x = xrays(1, 1, ours.input_resolution, ours.input_resolution).requires_grad_()
        out = model(x)
        (out if model is theirs else out["out"]).mean().backward()
        gradients.append(x.grad)
    assert gradients[0].abs().max() > 0
    scale = gradients[0].std()
    torch.testing.assert_close(gradients[1] / scale, gradients[0] / scale, atol=1e-3, rtol=0)


def real_images(folder: Path, size: int) -> torch.Tensor:
    files = [folder / "reference_images" / name for name in ("00000001_000.png", "16747_3_1.jpg")]
    files.append(sorted((folder / "nih" / "images").glob("*.png"))[0])
    crop, resize = xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(size)
    return torch.stack([torch.as_tensor(resize(crop(xrv.datasets.load_image(file)))) for file in files]).float()


@pytest.mark.realdata
def test_of_real_images_too(pair, realdata):
    theirs, ours = pair
    x = real_images(realdata, ours.input_resolution)
    same(theirs, ours, x)
    same_whole(theirs, ours, x[:1])


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("key", SPECS)
def test_of_real_images_at_full_size(key: str, full_size: Callable, realdata: Path):
    theirs, ours = full_size(key)
    assert (ours.input_resolution, ours.code_shape) == (768, SPECS[key].code_shape)
    same(theirs, ours, real_images(realdata, 768))
