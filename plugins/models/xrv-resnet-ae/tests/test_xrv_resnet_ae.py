"""The ResNet autoencoder: facts and outputs equal to torchxrayvision's, weights file to reconstruction."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from model_proofs import published, served, settle, xrays

import xrv_core as xrv
from xrv_core.errors import CheckpointError, InputError
from xrv_resnet_ae.plugin import RESNET101_ELASTIC, xrv_autoencoders

#: Of pixels, on the scale -1..1, and of codes of order 1.
TOLERANCE = {"atol": 1e-4, "rtol": 0}


@pytest.fixture(scope="module")
def untrained() -> xrv.Autoencoder:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return xrv.get_autoencoder("101-elastic", weights=None)


# -- facts


def test_the_front_door_leads_here(untrained):
    assert xrv_autoencoders() == [RESNET101_ELASTIC]
    assert "resnet101-elastic" in xrv.list_autoencoders()
    assert xrv.describe_autoencoder("101-elastic") == RESNET101_ELASTIC
    assert isinstance(untrained, xrv.Autoencoder)
    assert untrained.training
    assert sum(p.numel() for p in untrained.parameters()) == RESNET101_ELASTIC.parameters == 31_120_448
    assert repr(untrained) == "<ResNetAutoencoder resnet101-elastic: input 224 x 224 pixels, code 512 x 3 x 3>"


@pytest.mark.parity
def test_address_and_resolution_are_those_of_torchxrayvision():
    facts = pytest.importorskip("torchxrayvision.autoencoders").model_urls["101-elastic"]
    assert RESNET101_ELASTIC.weights.urls == (facts["weights_url"],)
    assert RESNET101_ELASTIC.weights.sha256 is None, "nobody published one"
    assert RESNET101_ELASTIC.input_resolution == facts["resolution"]


@pytest.mark.parity
def test_the_warning_tells_what_the_three_accounts_say():
    peer = pytest.importorskip("torchxrayvision.autoencoders")
    name = Path(peer.model_urls["101-elastic"]["weights_url"]).name
    assert name.startswith("nihpcrsnamimic_ch-")
    assert "nih pc rsna mimic_ch chex" in peer.model_urls["101-elastic"]["description"]
    assert "trained on PadChest, NIH, CheXpert, and MIMIC" in peer.ResNetAE.__doc__
    for account in ("(issue 112: not trained on CheXpert) say NIH, PadChest, RSNA and MIMIC-CXR",
                    "adds CheXpert", "PadChest, NIH, CheXpert and MIMIC-CXR"):  # fmt: skip
        assert account in RESNET101_ELASTIC.warning
    assert RESNET101_ELASTIC.training_data == ("nih", "padchest", "rsna", "mimic")


# -- the proof without the published weights: torchxrayvision's own network, saved as it loads it, served, fetched


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    """A folder with the published name: a state dict of random weights, with batch statistics of plausible size."""
    peer = pytest.importorskip("torchxrayvision.autoencoders")
    folder = tmp_path_factory.mktemp("release")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        phantoms = xrv.get_dataset("phantom", n=2, size=224)  # near enough to real images for the statistics
        x = torch.cat([xrays(1, 1, 224, 224), *(phantoms[i]["img"][None] for i in range(2))])
        network = settle(peer.ResNetAE101(), x)
        with torch.no_grad():
            network.conv1_1.weight *= 600 / network(x)["out"].std()
    torch.save(network.state_dict(), folder / Path(peer.model_urls["101-elastic"]["weights_url"]).name)
    return folder


@pytest.fixture(scope="module")
def theirs(release) -> torch.nn.Module:
    """By their own constructor, which finds the file in its cache."""
    return pytest.importorskip("torchxrayvision.autoencoders").ResNetAE("101-elastic", cache_dir=str(release))


def fetched(file: Path) -> xrv.Autoencoder:
    """Our model of a file by the whole way: server, cache, safe reading."""
    with pytest.MonkeyPatch.context() as patch, served(file.parent) as address:
        patch.setenv("XRV_CACHE_DIR", str(file.parent / "cache"))
        with xrv.register(published(RESNET101_ELASTIC, file, address)):
            return xrv.get_autoencoder("proof")


@pytest.fixture(scope="module")
def ours(release) -> xrv.Autoencoder:
    (file,) = release.glob("*.pt")
    return fetched(file)


def same(ours: xrv.Autoencoder, theirs: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        expected, got = theirs(x), ours(x)
        assert got["z"].shape == (len(x), 512, 3, 3)
        assert got["out"].shape == x.shape
        assert expected["z"].std() > 0.05, "numbers that would show a difference"
        assert 200 < expected["out"].std() < 2000
        torch.testing.assert_close(got["z"], expected["z"], **TOLERANCE)
        raw = ours.decode(expected["z"], clamp=False)
        torch.testing.assert_close(raw / 1024, expected["out"] / 1024, **TOLERANCE)
        torch.testing.assert_close(got["out"] / 1024, expected["out"].clamp(-1024, 1024) / 1024, **TOLERANCE)
    return expected["out"]


@pytest.mark.parity
def test_codes_and_images_are_those_of_torchxrayvision(theirs, ours):
    x = xrays(2, 1, 224, 224)
    assert same(ours, theirs, x).abs().max() > 1024, "so that the cut is tested"


@pytest.mark.parity
@pytest.mark.realdata
def test_of_real_images_too(theirs, ours, realdata):
    files = [realdata / "reference_images" / name for name in ("00000001_000.png", "16747_3_1.jpg")]
    files.append(sorted((realdata / "nih" / "images").glob("*.png"))[0])
    prepare = [xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(224)]
    images = [prepare[1](prepare[0](xrv.datasets.load_image(file))) for file in files]
    same(ours, theirs, torch.stack([torch.as_tensor(image) for image in images]).float())


@pytest.mark.parity
def test_other_sizes_are_resized_where_torchxrayvision_refuses_them(theirs, ours):
    x = xrays(1, 1, 320, 320)
    with pytest.raises(ValueError, match="not the native resolution"):
        theirs.encode(x)
    resized = torch.nn.functional.interpolate(x, size=(224, 224), mode="bilinear", antialias=True)
    with torch.no_grad():
        torch.testing.assert_close(ours.encode(x), theirs.encode(resized), **TOLERANCE)


def test_the_format_before_torch_1_6_gives_the_same(ours, release, tmp_path):
    (file,) = release.glob("*.pt")
    torch.save(torch.load(file), tmp_path / file.name, _use_new_zipfile_serialization=False)
    state = fetched(tmp_path / file.name).state_dict()
    assert state.keys() == ours.state_dict().keys()
    assert all(torch.equal(tensor, state[key]) for key, tensor in ours.state_dict().items())


def test_a_loaded_model_is_ready_and_differentiable(ours):
    assert not ours.training
    assert ours.spec.name == "proof"
    x = xrays(1, 1, 224, 224).requires_grad_()
    ours.decode(ours.encode(x), clamp=False).sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.abs().sum() > 0


# -- other weights and other codes


def test_own_files(untrained, tmp_path):
    torch.save(untrained.state_dict(), tmp_path / "own.pt")
    loaded = xrv.get_autoencoder("resnet101-elastic", weights=tmp_path / "own.pt")
    assert not loaded.training
    for (key, value), other in zip(loaded.state_dict().items(), untrained.state_dict().values(), strict=True):
        assert torch.equal(value, other), key


def test_a_file_of_another_network(tmp_path):
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7), "fc.weight": torch.zeros(1000, 2048)}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError) as error:
        xrv.get_autoencoder("resnet101-elastic", weights=tmp_path / "w.pt")
    assert str(error.value) == (
        f"Weights file {tmp_path / 'w.pt'} does not fit ResNetAutoencoder: of 1231 tensors, 1025 missing "
        "(encoder.bn1.weight, encoder.bn1.bias, encoder.bn1.running_mean, encoder.bn1.running_var, and 1021 more), "
        "1 unexpected (encoder.fc.weight), 1 of another shape (encoder.conv1.weight: [64, 3, 7, 7] in the file, "
        "[64, 1, 7, 7] in the model)."
    )


def test_what_is_no_code(untrained):
    with pytest.raises(InputError) as error:
        untrained.decode(torch.zeros(1, 512, 7, 7))
    assert str(error.value) == (
        "A code of 'resnet101-elastic' has the shape [B, 512, 3, 3]; this one has [1, 512, 7, 7]. "
        "encode(images) gives the right ones."
    )
