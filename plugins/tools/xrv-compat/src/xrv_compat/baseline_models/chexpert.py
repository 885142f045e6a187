"""Stanford's CheXpert ensemble."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

import xrv_core
from xrv_compat.adopted import baseline
from xrv_compat.notes import warn_once

__all__ = ["DenseNet", "Tasks2Models"]

DenseNet = baseline("chexpert.DenseNet")

#: The tasks of each group of members, in the core's order of groups, and their names in the core.
_GROUPS = {
    ("Atelectasis", "Edema"): ("Atelectasis", "Edema"),
    ("Cardiomegaly", "Pleural Effusion"): ("Cardiomegaly", "Effusion"),
    ("Consolidation",): ("Consolidation",),
}


class Tasks2Models:
    """The members of the ensemble by the tasks that they were trained for; iterates over tuples of tasks.

    Args:
        config_path: Ignored: the members are those of the core.
        weights_zip: The archive.
        num_models: Members of each group.
        dynamic: Read a member whenever it is needed; else keep all.
        use_gpu: Compute on the first GPU.
    """

    def __init__(
        self, config_path: Any, weights_zip: str, num_models: int = 1, dynamic: bool = True, use_gpu: bool = False
    ) -> None:
        warn_once("baseline_models.chexpert.Tasks2Models")
        options: Any = {"weights": weights_zip, "num_models": num_models, "resident": not dynamic}
        self._model: Any = xrv_core.get_classifier("chexpert-ensemble", **options)
        if use_gpu:
            self._model.to("cuda:0")
        self.tasks = sorted(task for tasks in _GROUPS for task in tasks)

    @property
    def module(self) -> Tasks2Models:
        """Itself."""
        return self

    def infer(self, img: torch.Tensor, tasks: tuple[str, ...]) -> dict[str, torch.Tensor]:
        """The mean probability of each of ``tasks``, for one image ``[1, 3, 320, 320]`` in -2..2."""
        probabilities = self._model.classifier(self._model.backbone(img)).sigmoid()[0]
        columns = [self._model.pathologies.index(name) for name in _GROUPS[tasks]]
        return {task: probabilities[column] for task, column in zip(tasks, columns, strict=True)}

    def features(self, img: torch.Tensor, tasks: tuple[str, ...]) -> torch.Tensor:
        """The feature vectors of the members for ``tasks``, ``[members, B, 1024]``."""
        vectors: torch.Tensor = self._model.backbone(img).unflatten(1, (len(_GROUPS), -1, 1024))
        return vectors[:, list(_GROUPS).index(tasks)].transpose(0, 1)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return iter(_GROUPS)
