"""PSPNet on timm's dilated ResNet-101, with the weights published with ChestX-Det."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from xrv_core import SegmenterSpec
from xrv_core.models import IMAGENET, InputAdapter, NetworkSegmenter, load_into, load_state_dict, renamed_keys
from xrv_core.torchvision_guard import import_timm, import_torchvision

__all__ = ["PSPNet", "pspnet"]

#: Rows and columns of the grids that the last maps are averaged over, in the order of the file.
_GRIDS = (6, 3, 2, 1)

#: A second head on the maps of stage 4, used for its loss during training only.
_AUXILIARY = ("convbnrelu4_aux.", "aux_cls.")

#: Names in the published file to names in ``PSPNet``; stages are counted from 2 there, from 1 in timm.
_RENAMES = (
    (r"convbnrelu1_1\.cbr_unit\.([01])\.", r"backbone.conv1.\1."),
    (r"convbnrelu1_2\.cbr_unit\.0\.", "backbone.conv1.3."),
    (r"convbnrelu1_2\.cbr_unit\.1\.", "backbone.conv1.4."),
    (r"convbnrelu1_3\.cbr_unit\.0\.", "backbone.conv1.6."),
    (r"convbnrelu1_3\.cbr_unit\.1\.", "backbone.bn1."),
    *(
        (rf"res_block{stage}\.layers\.(\d+)\.{theirs}\.", rf"backbone.layer{stage - 1}.\1.{ours}.")
        for stage in range(2, 6)
        for theirs, ours in (
            (r"cbr([12])\.cbr_unit\.0", r"conv\2"),
            (r"cbr([12])\.cbr_unit\.1", r"bn\2"),
            (r"cb3\.cb_unit\.0", "conv3"),
            (r"cb3\.cb_unit\.1", "bn3"),
            (r"cb4\.cb_unit\.([01])", r"downsample.\2"),
        )
    ),
    (r"pyramid_pooling\.path_module_list\.(\d)\.cbr_unit\.", r"pyramid.\1."),
    (r"cbr_final\.cbr_unit\.", "fuse."),
    (r"classification\.", "classify."),
)


class PSPNet(nn.Module):
    """Pyramid scene parsing network (Zhao et al., CVPR 2017, arXiv:1612.01105) at an eighth of the resolution.

    It differs from the usual PSPNet, as the published weights need: the grids leave out the rows and columns that
    do not fill a cell (at 64 x 64 the last four for the grid of 6), are upsampled without aligned corners,
    every block of stages 4 and 5 has the dilation of its stage, and the last convolution is 3 x 3.

    Args:
        structures: Number of masks.
    """

    def __init__(self, structures: int) -> None:
        super().__init__()
        # the stem of three convolutions is timm's "s"; strides of the last two stages become dilation
        self.backbone = import_timm().create_model(
            "resnet101s", pretrained=False, num_classes=0, global_pool="", output_stride=8
        )
        for stage, dilation in ((self.backbone.layer3, 2), (self.backbone.layer4, 4)):
            stage[0].conv2.dilation = stage[0].conv2.padding = (dilation, dilation)  # timm's have half of that
        layer = import_torchvision().ops.Conv2dNormActivation
        self.pyramid = nn.ModuleList(layer(2048, 512, 1, bias=False) for _ in _GRIDS)
        self.fuse = layer(4096, 512, 3, bias=False)
        self.dropout = nn.Dropout2d(0.1)
        self.classify = nn.Conv2d(512, structures, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, 3, H, W]``, normalised, to logits ``[B, K, H, W]``."""
        maps: torch.Tensor = self.backbone(x)
        height, width = maps.shape[-2:]
        levels = [maps]
        for grid, layer in zip(_GRIDS, self.pyramid, strict=True):
            means = layer(F.avg_pool2d(maps, (height // grid, width // grid)))
            levels.append(F.interpolate(means, size=(height, width), mode="bilinear"))
        logits = self.classify(self.dropout(self.fuse(torch.cat(levels, dim=1))))
        return F.interpolate(logits, size=x.shape[-2:], mode="bilinear")


def pspnet(spec: SegmenterSpec, weights: Path | None = None) -> NetworkSegmenter:
    """Build the segmenter of a spec.

    Args:
        spec: Structures and resolution.
        weights: The published file, another state dict of that network, or one of this segmenter. The
            auxiliary head in the published file is left out. None: random initialisation, in training mode.

    Raises:
        CheckpointError: The file cannot be read safely or does not fit.
    """
    model = NetworkSegmenter(
        PSPNet(len(spec.structures)),
        spec.structures,
        input_resolution=spec.input_resolution,
        adapt=InputAdapter(*IMAGENET),
        spec=spec,
    )
    if weights is not None:
        state = {key: tensor for key, tensor in load_state_dict(weights).items() if not key.startswith(_AUXILIARY)}
        load_into(model, renamed_keys(state, _RENAMES, prefix="network."), weights)
        model.eval()
    return model
