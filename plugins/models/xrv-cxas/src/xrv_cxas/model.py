"""U-Net on timm's ResNet-50, with the weights of CXAS."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from xrv_core import SegmenterSpec
from xrv_core.models import IMAGENET, InputAdapter, NetworkSegmenter, load_into, load_state_dict, renamed_keys
from xrv_core.torchvision_guard import import_timm, import_torchvision

__all__ = ["AnatomyUNet", "anatomy_unet"]

#: Channels into, between and out of the two convolutions of each step up, from the deepest.
_STEPS = ((2048, 1024, 512), (1024, 512, 256), (512, 256, 64), (128, 64, 128))

#: Modules of the published network; other entries of the file are not part of it.
_PARTS = ("backbone.", "head.", "network.")

#: Names in the published file to names in ``AnatomyUNet``. CXAS and torchxrayvision nest the backbone differently.
_RENAMES = (
    (r"backbone\.(?:backbone\.)?layer0\.0\.", "backbone.conv1."),
    (r"backbone\.(?:backbone\.)?layer0\.1\.", "backbone.bn1."),
    (r"backbone\.(?:backbone\.)?layer([1-4])\.", r"backbone.layer\1."),
    (r"head\.up1\.conv1\.conv\.", "narrow."),
    *(
        (rf"head\.up{number}\.{double}\.double_conv\.{theirs}\.", f"up.{number - 1}.{ours}.")
        for number, double in ((1, "conv2"), (2, "conv"), (3, "conv"), (4, "conv"))
        for theirs, ours in ((0, "0.0"), (1, "0.1"), (3, "1.0"), (4, "1.1"))
    ),
    (r"head\.out\.conv\.", "classify."),
)


class AnatomyUNet(nn.Module):
    """U-Net (Ronneberger et al., MICCAI 2015, arXiv:1505.04597) whose encoder is a ResNet-50, as in CXAS.

    The first skip connection is taken after the max pooling, so the decoder ends at a quarter of the resolution.

    Args:
        structures: Number of masks.
    """

    def __init__(self, structures: int) -> None:
        super().__init__()
        self.backbone = import_timm().create_model("resnet50", pretrained=False, num_classes=0, global_pool="")
        layer = import_torchvision().ops.Conv2dNormActivation
        self.narrow = layer(2048, 1024, 3, bias=True)
        self.up = nn.ModuleList(
            nn.Sequential(layer(inside, between, 3, bias=True), layer(between, out, 3, bias=True))
            for inside, between, out in _STEPS
        )
        self.classify = nn.Conv2d(_STEPS[-1][-1], structures, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, 3, H, W]``, normalised, to logits ``[B, K, H, W]``."""
        net = self.backbone
        maps: list[torch.Tensor] = [net.maxpool(net.act1(net.bn1(net.conv1(x))))]
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            maps.append(stage(maps[-1]))
        out = self.narrow(maps.pop())
        for step in self.up:
            skip = maps.pop()
            out = step(torch.cat([skip, _upsampled(out, skip)], dim=1))
        # CXAS upsamples before this 1 x 1 convolution; the two commute, and this way it has a 16th of the pixels
        return _upsampled(self.classify(out), x)


def _upsampled(maps: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return F.interpolate(maps, size=like.shape[-2:], mode="bilinear")


def anatomy_unet(spec: SegmenterSpec, weights: Path | None = None) -> NetworkSegmenter:
    """Build the segmenter of a spec.

    Args:
        spec: Structures and resolution.
        weights: The published file, another state dict of that network, or one of this segmenter.
            Backbone and head must fit exactly; other entries are left out. None: random
            initialisation, in training mode.

    Raises:
        CheckpointError: The file cannot be read safely or does not fit.
    """
    model = NetworkSegmenter(
        AnatomyUNet(len(spec.structures)),
        spec.structures,
        input_resolution=spec.input_resolution,
        adapt=InputAdapter(*IMAGENET),
        spec=spec,
    )
    if weights is not None:
        state = {key: tensor for key, tensor in load_state_dict(weights).items() if key.startswith(_PARTS)}
        load_into(model, renamed_keys(state, _RENAMES, prefix="network."), weights)
        model.eval()
    return model
