"""A release as torchxrayvision finds it: a random network of its own in a Lightning checkpoint, and the YAML file.

From it, torchxrayvision's own constructor makes its model, and our asset path makes ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from model_proofs import published, served, xrays

import xrv_core as xrv
from xrv_vqgan.plugin import xrv_autoencoders

SPECS = {spec.name.rpartition("-")[2]: spec for spec in xrv_autoencoders()}

CONFIG = """model:
  base_learning_rate: 4.5e-06
  target: taming.models.vqgan.VQModel
  params:
    embed_dim: {embed_dim}
    n_embed: {n_embed}
    ddconfig:
      double_z: false
      z_channels: {z_channels}
      resolution: {resolution}
      in_channels: 3
      out_ch: 3
      ch: {ch}
      ch_mult:
{ch_mult}
      num_res_blocks: {num_res_blocks}
      attn_resolutions:
{attn_resolutions}
      dropout: 0.0
    lossconfig:
      target: taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator
      params:
        disc_start: 10000
"""


@dataclass(frozen=True)
class Config:
    """What the YAML file says."""

    embed_dim: int
    n_embed: int
    z_channels: int
    resolution: int
    ch: int
    ch_mult: tuple[int, ...]
    num_res_blocks: int
    attn_resolutions: tuple[int, ...]

    def text(self) -> str:
        facts = dict(vars(self))
        for key in ("ch_mult", "attn_resolutions"):
            facts[key] = "\n".join(f"      - {value}" for value in facts[key])
        return CONFIG.format(**facts)


#: As many levels, channels and entries as documented, but narrow and for a grid of 3 x 3, so that it is quick.
SMALL = {
    "sd": Config(64, 256, 64, 96, 32, (1, 1, 2, 2, 1, 2), 2, (3, 6)),
    "msdd": Config(128, 512, 32, 192, 32, (1, 1, 1, 1, 2, 2, 1), 1, (12,)),
}

Pair = tuple[torch.nn.Module, xrv.Autoencoder]


def both(key: str, folder: Path, scale: int = 1) -> Pair:
    """torchxrayvision's own class on a release that it finds in its cache, and ours on the same file, fetched.

    With ``scale``, the side of images and grid is that many times that of ``SMALL``.
    """
    small = SMALL[key]
    attention = tuple(scale * side for side in small.attn_resolutions)
    config = replace(small, resolution=scale * small.resolution, attn_resolutions=attention)
    peer = pytest.importorskip("torchxrayvision.baseline_models.ieee8023")
    file = write_release(folder, key, config)
    theirs = peer.VQGAN(f"cxr2-vqgan-768-{key}", cache_dir=str(folder))
    side = config.resolution >> len(config.ch_mult) - 1
    spec = replace(SPECS[key], input_resolution=config.resolution, code_shape=(config.embed_dim, side, side))
    with pytest.MonkeyPatch.context() as patch, served(folder) as address:
        patch.setenv("XRV_CACHE_DIR", str(folder / "cache"))
        with xrv.register(published(spec, file, address)):
            return theirs, xrv.get_autoencoder("proof")


@pytest.fixture(scope="module", params=SMALL)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Theirs and ours, narrow and small, for both models."""
    return both(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def full_size(tmp_path: Path) -> Callable[[str], Pair]:
    """``full_size("sd")``: theirs and ours, narrow, for 768 x 768 pixels."""
    return lambda key: both(key, tmp_path, scale=768 // SMALL[key].resolution)


@pytest.fixture
def save_checkpoint() -> Callable[[Path, dict[str, torch.Tensor]], None]:
    """``save_checkpoint(path, state)`` saves it as Lightning does."""
    return save_lightning


def write_release(folder: Path, key: str, config: Config) -> Path:
    """Write checkpoint and YAML file under their published names; returns the checkpoint."""
    peer = pytest.importorskip("torchxrayvision.baseline_models.ieee8023")
    urls = peer.model_urls[f"cxr2-vqgan-768-{key}"]
    path, settings = (folder / urls[kind].rpartition("/")[2] for kind in ("weights_url", "config_url"))
    settings.write_text(config.text())
    facts = peer._load_yaml(settings)["model"]["params"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = peer.VQModel(facts["ddconfig"], facts["n_embed"], facts["embed_dim"])
        enliven(network, xrays(2, 1, config.resolution, config.resolution) / 1024)
        state = dict(network.state_dict())
        state["loss.logvar"] = torch.zeros(())
        state["loss.discriminator.main.0.weight"] = torch.randn(4, 3, 4, 4)
        state["loss.perceptual_loss.net.slice1.0.weight"] = torch.randn(4, 3, 3, 3)
    save_lightning(path, state)
    return path


def enliven(network: torch.nn.Module, x: torch.Tensor) -> None:
    """Random scales and offsets, a codebook among the latents of ``x``, and pixels beyond the range here and there."""
    for norm in (m for m in network.modules() if isinstance(m, torch.nn.GroupNorm)):
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, std=0.1)
    with torch.no_grad():
        latents = network.quant_conv(network.encoder(x.repeat(1, 3, 1, 1)))
        entries = network.quantize.embedding.weight
        mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
        entries.copy_(mean + torch.randn_like(entries) * std)
        image = network.decode(network.quantize(latents)[0])[:, :1]
        network.decoder.conv_out.weight /= 2 * image.std()
        network.decoder.conv_out.bias.copy_((network.decoder.conv_out.bias - image.mean()) / (2 * image.std()))


def save_lightning(path: Path, state: dict[str, torch.Tensor]) -> None:
    """``state`` as Lightning 1 saves it: callbacks under their class, settings as objects of OmegaConf."""
    classes: dict[str, type] = {}
    with pytest.MonkeyPatch.context() as patch:
        for full in (
            "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
            "omegaconf.listconfig.ListConfig",
            "taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator",
        ):
            module, _, name = full.rpartition(".")
            parts = module.split(".")
            for i in range(1, len(parts) + 1):
                patch.setitem(sys.modules, ".".join(parts[:i]), ModuleType(".".join(parts[:i])))
            classes[name] = type(name, (), {"__module__": module})
            setattr(sys.modules[module], name, classes[name])
        settings = classes["ListConfig"]()
        settings.content = [1, 2]
        checkpoint = {
            "epoch": 12,
            "global_step": 345,
            "pytorch-lightning_version": "1.9.5",
            "state_dict": state,
            "callbacks": {
                classes["ModelCheckpoint"]: {"best_model_score": torch.tensor(0.5), "monitor": "val/rec_loss"}
            },
            "hyper_parameters": {"ch_mult": settings, "loss": classes["VQLPIPSWithDiscriminator"]},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-5}]}],
            "lr_schedulers": [],
        }
        torch.save(checkpoint, path)
