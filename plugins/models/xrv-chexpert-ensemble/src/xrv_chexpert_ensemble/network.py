"""The parts of the ensemble: members that are read one at a time or kept, and the head that averages them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from xrv_core.models import load_state_dict
from xrv_core.torchvision_guard import import_timm

__all__ = ["WIDTH", "EnsembleHead", "Member", "Members", "ResidentMembers", "StreamedMembers", "member_keys"]

#: Feature maps of DenseNet-121.
WIDTH = 1024


class Member(nn.Module):
    """DenseNet-121 without its head: ``[B, 3, 320, 320]`` to maps ``[B, 1024, 10, 10]`` after the last ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.features = import_timm().create_model("densenet121", pretrained=False, num_classes=0).features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The maps."""
        maps: torch.Tensor = self.features(x)
        return maps


def member_keys(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by the names of ``Member``, its head left out."""
    own = {key.removeprefix("model."): tensor for key, tensor in state.items()}
    return {key: tensor for key, tensor in own.items() if not key.startswith("classifier.")}


class Members(nn.Module, ABC):
    """The members one after the other. In evaluation mode a backward pass computes each again, one at a time.

    So only the activations of one member are in memory, and only the weights of one where they are streamed.

    Args:
        count: Number of members.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    @abstractmethod
    def _maps(self, index: int, x: torch.Tensor) -> torch.Tensor:
        """Maps of one member."""

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, members * 1024, 10, 10]``."""
        return torch.cat(list(self._each(self._maps, x)), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features ``[B, members * 1024]``: the mean of each map."""
        return torch.cat(list(self._each(self._pooled, x)), 1)

    def _pooled(self, index: int, x: torch.Tensor) -> torch.Tensor:
        return self._maps(index, x).mean((2, 3))

    def _each(self, run: Callable[[int, torch.Tensor], torch.Tensor], x: torch.Tensor) -> Iterator[torch.Tensor]:
        tracing = torch.compiler.is_compiling() or torch.jit.is_tracing()
        again = torch.is_grad_enabled() and not self.training and not tracing
        for index in range(self.count):
            # there is no dropout, so no random state to keep; in training mode batch norms would count twice
            yield checkpoint(run, index, x, use_reentrant=False, preserve_rng_state=False) if again else run(index, x)


class ResidentMembers(Members):
    """Members in memory, as ordinary layers: they move, train and are saved with the model."""

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__(len(members))
        self.members = nn.ModuleList(members)

    def _maps(self, index: int, x: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.members[index](x)
        return maps


class StreamedMembers(Members):
    """Members read from the archive each time they are needed, always in evaluation mode.

    Args:
        path: The archive.
        names: Names of the checkpoints in it.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        super().__init__(len(names))
        self.path, self.names = path.resolve(), tuple(names)
        with torch.device("meta"):  # layers without numbers
            skeleton = Member().eval()
        self._skeleton = (
            skeleton,
        )  # in a tuple it is not a layer of the model: there is nothing to move, train or save

    def _maps(self, index: int, x: torch.Tensor) -> torch.Tensor:
        state = member_keys(load_state_dict(self.path, member=self.names[index]))
        state = {k: t.to(x.device, x.dtype if t.is_floating_point() else t.dtype) for k, t in state.items()}
        maps: torch.Tensor = torch.func.functional_call(self._skeleton[0], state, (x,))
        return maps


class EnsembleHead(nn.Linear):
    """The heads of all members, and the mean of their probabilities, as a logit.

    A finding's row of ``weight`` ``[findings, groups * members * 1024]`` holds the heads of its group
    side by side; the rest of the row is zero and not used, so it stays zero in training.

    Args:
        groups: The group of each finding.
        members: Number of members of each group.
    """

    def __init__(self, groups: Sequence[int], members: int) -> None:
        shape = (max(groups) + 1, members, WIDTH)
        super().__init__(shape[0] * members * WIDTH, len(groups))
        self.groups = list(groups)
        self._shape = shape
        self.bias = nn.Parameter(torch.zeros(len(groups), members))
        with torch.no_grad():
            self.weight.zero_()
            for row, group in zip(self.blocks, self.groups, strict=True):
                row[group].uniform_(-(WIDTH**-0.5), WIDTH**-0.5)  # as nn.Linear begins

    @property
    def blocks(self) -> torch.Tensor:
        """``weight`` as ``[findings, groups, members, 1024]``."""
        return self.weight.view(-1, *self._shape)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits ``[B, findings]`` of the mean probabilities, from ``[B, groups * members * 1024]``."""
        weight = torch.stack([row[group] for row, group in zip(self.blocks, self.groups, strict=True)])
        own = features.reshape(-1, *self._shape)[:, self.groups]
        logits = torch.einsum("bfmd,fmd->bfm", own, weight) + self.bias
        # log of the mean of p, less log of the mean of 1 - p: exact where a mean rounded to 1 would give infinity
        return F.logsigmoid(logits).logsumexp(-1) - F.logsigmoid(-logits).logsumexp(-1)
