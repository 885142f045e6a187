"""The CheXpert ensemble, read from its archive."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xrv_chexpert_ensemble.network import (
    WIDTH,
    EnsembleHead,
    Member,
    Members,
    ResidentMembers,
    StreamedMembers,
    member_keys,
)
from xrv_core import ClassifierSpec
from xrv_core.errors import ArgumentError, CheckpointError
from xrv_core.models import BackboneClassifier, InputAdapter, load_checkpoint, load_into, load_state_dict

#: Policy for uncertain labels, which names the group's checkpoints: its findings, by their names in the checkpoints.
GROUPS = {
    "ones": {"Atelectasis": "Atelectasis", "Edema": "Edema"},
    "3-class": {"Cardiomegaly": "Cardiomegaly", "Effusion": "Pleural Effusion"},
    "self-train": {"Consolidation": "Consolidation"},
}
#: The policy whose members have three outputs for each finding: uncertain, absent, present.
THREE_CLASS = "3-class"
#: Members of each group.
SIZE = 30


def member_names() -> dict[str, list[str]]:
    """The checkpoints of each group by their names in the archive, in the order in which ``num_models`` takes them."""
    names: dict[str, list[str]] = {policy: [] for policy in GROUPS}
    with Path(__file__).with_name("members.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            folder = f"saved/DenseNet121_320_1e-04_uncertainty_{row['policy']}_{row['run']}"
            names[row["policy"]].append(f"{folder}/iter_{row['iteration']}.pth.tar")
    return names


def ensemble(
    spec: ClassifierSpec, weights: Path | None = None, *, num_models: int | None = None, resident: bool = False
) -> BackboneClassifier:
    """Build the ensemble.

    ``forward`` gives the logit of the mean probability of a finding's group, so that its sigmoid is the
    probability. ``features`` is ``[B, 3 * num_models * 1024]``: group after group (ones, 3-class,
    self-training), member after member. ``feature_maps`` are those of all members in the same order.

    Args:
        spec: Labels and resolution.
        weights: The archive as it was published, which is neither unpacked nor copied; or a state dict of this
            model, saved with ``resident=True``. None: random initialisation.
        num_models: Number of members of each group, counted from the first. None: all 30 of the archive, as many
            as a state dict has, or one that is initialised at random.
        resident: False reads a member from the archive whenever it is needed, for every batch and once more in
            a backward pass: no more than one is in memory (28 MB), and ``train()`` does not reach them. True
            reads them once and keeps them (2.5 GB for all 90), as layers that can be trained and saved.

    Raises:
        ArgumentError: Another number of members.
        PathMissing, CheckpointError, UnsafeCheckpoint: The archive or a checkpoint in it cannot be read, or is
            another one. All are read once when the model is built, so such an error comes here.
    """
    whole = isinstance(num_models, int) and not isinstance(num_models, bool)
    if num_models is not None and not (whole and 1 <= num_models <= SIZE):
        raise ArgumentError(f"num_models={num_models!r}: each group has 1 to {SIZE} members.")
    if weights is None:
        count = num_models or 1
        members = ResidentMembers([Member() for _ in range(len(GROUPS) * count)])
        return _classifier(spec, members, _head(spec, count))
    if _is_own(weights):
        return _of_state_dict(spec, weights, num_models)
    return _of_archive(spec, weights, num_models or SIZE, resident)


def _head(spec: ClassifierSpec, count: int) -> EnsembleHead:
    groups = [next(g for g, findings in enumerate(GROUPS.values()) if name in findings) for name in spec.pathologies]
    return EnsembleHead(groups, count)


def _classifier(spec: ClassifierSpec, members: Members, head: EnsembleHead) -> BackboneClassifier:
    model = BackboneClassifier(
        members,
        spec.pathologies,
        num_features=head.in_features,
        feature_maps=_feature_maps,
        input_resolution=spec.input_resolution,
        adapt=InputAdapter((0.5,) * 3, (0.25,) * 3),  # x / 512
        spec=spec,
    )
    model.classifier = head
    return model.to(memory_format=torch.channels_last)


def _feature_maps(backbone: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """``[B, 3 * num_models * 1024, 10, 10]``."""
    assert isinstance(backbone, Members)
    return backbone.maps(x)


# -- a state dict of this model


def _is_own(path: Path) -> bool:
    """Not the archive: anything but a zip file, or a zip file of ``torch.save``."""
    if not zipfile.is_zipfile(path):
        return True
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/data.pkl") for name in archive.namelist())


def _of_state_dict(spec: ClassifierSpec, path: Path, num_models: int | None) -> BackboneClassifier:
    state = load_state_dict(path)
    weight = state.get("classifier.weight", torch.empty(0, 0))
    count, rest = divmod(weight.shape[-1], len(GROUPS) * WIDTH)
    if not count or rest:
        raise CheckpointError(
            f"Weights file {path} is neither the archive of the CheXpert ensemble nor a state dict of this model, "
            f"whose 'classifier.weight' would have a multiple of {len(GROUPS) * WIDTH} columns. {spec.obtain}"
        )
    if num_models not in (None, count):
        raise ArgumentError(f"num_models={num_models}: weights file {path} has {count} members in each group.")
    members = ResidentMembers([Member() for _ in range(len(GROUPS) * count)])
    model = _classifier(spec, members, _head(spec, count))
    load_into(model, state, path)
    return model.eval()


# -- the archive


def _of_archive(spec: ClassifierSpec, path: Path, count: int, resident: bool) -> BackboneClassifier:
    names = {policy: members[:count] for policy, members in member_names().items()}
    flat = [name for members in names.values() for name in members]
    _check_names(spec, path, flat)
    head, member, kept = _head(spec, count), Member(), []
    for group, (policy, members) in enumerate(names.items()):
        for number, name in enumerate(members):
            rows = _read(path, name, policy, member)
            with torch.no_grad():
                for finding, (weight, bias) in rows.items():
                    row = spec.pathologies.index(finding)
                    head.blocks[row, group, number] = weight
                    head.bias[row, number] = bias
            if resident:
                kept.append(member)
                member = Member()
    return _classifier(spec, ResidentMembers(kept) if resident else StreamedMembers(path, flat), head).eval()


def _check_names(spec: ClassifierSpec, path: Path, names: list[str]) -> None:
    with zipfile.ZipFile(path) as archive:
        missing = set(names) - set(archive.namelist())
    if missing:
        first = next(name for name in names if name in missing)
        raise CheckpointError(
            f"Weights file {path} is not the whole archive of the CheXpert ensemble: it lacks {len(missing)} of the "
            f"{len(names)} checkpoints wanted, such as {first!r}. {spec.obtain}"
        )


def _read(path: Path, name: str, policy: str, member: Member) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Fill ``member``, and give the row of weights and the bias of each finding of its group."""
    source = f"{path}!{name}"
    state, entries = load_checkpoint(path, ("task_sequence",), member=name)
    load_into(member, member_keys(state), source)
    tasks = _tasks(entries.get("task_sequence"), policy, source)
    outputs = 3 if policy == THREE_CLASS else 1
    weight, bias = (state.get(f"model.classifier.{kind}", torch.empty(0)) for kind in ("weight", "bias"))
    wanted = (outputs * len(tasks), WIDTH)
    if weight.shape != wanted or bias.shape != wanted[:1]:
        raise CheckpointError(
            f"Weights file {source} has a head of shape {list(weight.shape)}, not {list(wanted)}: {outputs} for each "
            f"of the {len(tasks)} tasks that it names."
        )
    rows = {finding: tasks[task] * outputs for finding, task in GROUPS[policy].items()}
    if outputs == 1:
        return {finding: (weight[i], bias[i]) for finding, i in rows.items()}
    # a softmax over absent and present is the sigmoid of their difference
    return {finding: (weight[i + 2] - weight[i + 1], bias[i + 2] - bias[i + 1]) for finding, i in rows.items()}


def _tasks(found: Any, policy: str, source: str) -> Mapping[str, int]:
    """The output of each task, checked, because the file is not trusted."""
    tasks = dict(found) if isinstance(found, dict) else {}
    numbered = all(isinstance(i, int) and 0 <= i < len(tasks) for i in tasks.values())
    if not numbered or not set(GROUPS[policy].values()) <= set(tasks):
        raise CheckpointError(
            f"Weights file {source} does not say which output is which finding: 'task_sequence' must number its tasks, "
            f"and name {', '.join(GROUPS[policy].values())}."
        )
    return tasks
