"""The VQGANs: indices and codebook, what is read of a checkpoint and what is refused, random networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from model_proofs import xrays

import xrv_core as xrv
from xrv_core.errors import ArgumentError, CheckpointError, InputError
from xrv_vqgan.model import VQGAN, default_layout, vqgan
from xrv_vqgan.network import Layout
from xrv_vqgan.plugin import xrv_autoencoders

SD, MSDD = xrv_autoencoders()
SMALL = replace(SD, input_resolution=64, code_shape=(8, 2, 2), codebook=16)
LAYOUT = Layout(stem=32, widths=(32, 64, 32, 32, 32, 64), blocks=1, attention=(4,), latent=16)


@pytest.fixture
def model() -> VQGAN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = vqgan(SMALL, layout=LAYOUT).eval()
        with torch.no_grad():
            latents = model.latents(xrays(4, 1, 64, 64))
            model.codebook.weight.normal_().mul_(latents.std()).add_(latents.mean((0, 2, 3)))
    return model


def test_the_front_door_leads_here():
    assert [SD.name, MSDD.name] == ["vqgan-768-sd", "vqgan-768-msdd"]
    assert {SD.name, MSDD.name} <= set(xrv.list_autoencoders())
    assert xrv.describe_autoencoder("cxr2-vqgan-768-msdd") == MSDD
    assert (SD.code_shape, SD.codebook, MSDD.code_shape, MSDD.codebook) == ((64, 24, 24), 256, (128, 12, 12), 512)
    assert [s.weights.sha256 for s in (SD, MSDD)] == [None, None], "nobody published them"


# -- indices and codebook


def test_a_code_is_entries_of_the_codebook(model):
    assert isinstance(model, xrv.Autoencoder)
    x = xrays(3, 1, 64, 64)
    with torch.no_grad():
        z, indices = model.encode(x), model.codes(x)
        assert (indices.dtype, indices.shape) == (torch.int64, (3, 2, 2))
        assert len(indices.unique()) > 2
        assert torch.equal(model.from_codes(indices), z)
        assert torch.equal(model.from_codes(indices.to(torch.uint8)), z)
        assert torch.equal(model.quantize(z), z)
        assert torch.equal(model.quantize(model.latents(x)), z)
        assert model.decode(z).shape == x.shape
        for b, i, j in [(0, 0, 0), (1, 0, 1), (2, 1, 0)]:
            distances = (model.codebook.weight - model.latents(x)[b, :, i, j]).norm(dim=1)
            assert distances.argmin() == indices[b, i, j]


def test_the_gradient_passes_the_choice_of_an_entry_unchanged(model):
    z = torch.randn(2, 8, 2, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    weights = torch.arange(64.0).view(2, 8, 2, 2)
    (model.quantize(z) * weights).sum().backward()
    assert torch.equal(z.grad, weights)
    assert model.codebook.weight.grad is None
    model.from_codes(torch.zeros(1, 2, 2, dtype=torch.int64)).sum().backward()
    assert model.codebook.weight.grad[0].tolist() == [4.0] * 8, "which is how a codebook is trained"


WANTED = "Indices of 'vqgan-768-sd' are integers [B, 2, 2] in 0..15; these "
HINT = " codes(images) gives the right ones."


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        (torch.zeros(1, 2, 2), "are of type torch.float32."),
        (np.zeros((1, 2, 2), dtype=np.int64), "are of type ndarray."),
        (torch.zeros(2, 2, dtype=torch.int64), "have the shape [2, 2]."),
        (torch.zeros(1, 2, 3, dtype=torch.int64), "have the shape [1, 2, 3]."),
        (torch.tensor([[[0, 1], [2, 16]]]), "go from 0 to 16."),
        (torch.tensor([[[0, 1], [2, -1]]]), "go from -1 to 2."),
    ],
)
def test_what_is_no_index(model, indices, message):
    with pytest.raises(InputError) as error:
        model.from_codes(indices)
    assert str(error.value) == WANTED + message + HINT


def test_what_is_no_code(model):
    for call in (model.quantize, model.decode):
        with pytest.raises(InputError) as error:
            call(torch.zeros(1, 8, 3, 3))
        assert str(error.value) == (
            "A code of 'vqgan-768-sd' has the shape [B, 8, 2, 2]; this one has [1, 8, 3, 3]. "
            "encode(images) gives the right ones."
        )


# -- random networks


def test_random_networks_have_the_documented_codes():
    for spec, levels in ((SD, 6), (MSDD, 7)):
        layout = default_layout(spec)
        assert layout.widths == (128,) * (levels - 3) + (256, 256, 512)
        with torch.device("meta"):
            model = vqgan(spec)
        assert model.training
        assert tuple(model.codebook.weight.shape) == (spec.codebook, spec.code_shape[0])
        image = model.decode(torch.empty(1, *spec.code_shape, device="meta"), clamp=False)
        assert image.shape == (1, 1, 768, 768)
        assert model.codes(torch.empty(1, 1, 768, 768, device="meta")).shape == (1, *spec.code_shape[1:])


def test_a_layout_that_does_not_lead_to_the_code():
    with pytest.raises(ArgumentError) as error:
        vqgan(SMALL, layout=replace(LAYOUT, widths=(32, 32)))
    assert str(error.value) == (
        "2 levels make 1 halvings, and 4 pixels of a code with side 2; the spec of 'vqgan-768-sd' says 64."
    )
    with pytest.raises(ArgumentError, match="'vqgan-768-sd' has no codebook"):
        vqgan(replace(SMALL, codebook=None), layout=LAYOUT)


# -- files


def published(model: VQGAN) -> dict[str, torch.Tensor]:
    """The state of ``model`` under the names of the published files."""
    return {
        "quantize.embedding.weight" if key == "codebook.weight" else key: tensor
        for key, tensor in model.state_dict().items()
    }


def test_the_layers_are_read_off_the_tensors(model, save_checkpoint: Callable, tmp_path: Path):
    training_only = {"loss.discriminator.main.0.weight": torch.zeros(4), "loss.logvar": torch.zeros(())}
    save_checkpoint(tmp_path / "theirs.ckpt", published(model) | training_only)
    torch.save(model.state_dict(), tmp_path / "own.pt")
    for file in ("theirs.ckpt", "own.pt"):
        loaded = vqgan(SMALL, tmp_path / file)
        assert not loaded.training
        assert loaded.state_dict().keys() == model.state_dict().keys()
        assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), model.parameters(), strict=True))
    assert Layout.of(published(model), tmp_path) == LAYOUT
    with pytest.raises(ArgumentError, match="layout= needs weights=None"):
        vqgan(SMALL, tmp_path / "own.pt", layout=LAYOUT)


def refusal(spec: xrv.AutoencoderSpec, state: dict[str, torch.Tensor], path: Path) -> str:
    torch.save(state, path)
    with pytest.raises(CheckpointError) as error:
        vqgan(spec, path)
    return str(error.value)


def test_everything_but_the_loss_must_fit(model, tmp_path):
    path = tmp_path / "w.ckpt"
    state = published(model)
    no_fit = f"Weights file {path} does not fit VQGAN: of {len(state)} tensors, "
    lacking = {key: tensor for key, tensor in state.items() if key != "decoder.up.0.block.1.conv2.bias"}
    assert refusal(SMALL, lacking | {"lossy": torch.zeros(1)}, path) == (
        f"{no_fit}1 missing (decoder.up.0.block.1.conv2.bias), 1 unexpected (lossy)."
    )
    assert refusal(replace(SMALL, codebook=32), state, path) == (
        f"{no_fit}1 of another shape (codebook.weight: [16, 8] in the file, [32, 8] in the model)."
    )
    assert refusal(replace(SMALL, code_shape=(8, 4, 4)), state, path) == (
        f"Weights file {path} has 6 levels, so its codes are not those of 'vqgan-768-sd', 8 x 4 x 4 for 64 pixels, "
        "which take 5."
    )


def test_files_of_other_networks(model, tmp_path):
    path = tmp_path / "w.ckpt"
    no_vqgan = f"Weights file {path} holds no VQGAN: "
    message = refusal(SMALL, torch.nn.Linear(2, 2).state_dict(), path)
    assert message.startswith(no_vqgan)
    assert "'encoder.conv_in'" in message
    state = published(model)
    claim = "encoder.down.2.block.0.conv2.weight"  # a small tensor that claims a width of 100,000
    message = refusal(SMALL, state | {claim: torch.zeros(100_000, 1, 1, 1)}, path)
    assert message.startswith(no_vqgan)
    assert "'encoder.down.2.block.0.conv2'" in message
    message = refusal(SMALL, state | {claim: torch.zeros(40, 40, 3, 3)}, path)
    assert message.startswith(no_vqgan)
    assert "[32, 32, 64, 40, 32, 32, 64] must be multiples of 32" in message
