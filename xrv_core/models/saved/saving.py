"""Save a classifier and its description in one file that opens without running its code."""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xrv_core.assets import within
from xrv_core.datasets import check_dataset
from xrv_core.datasets.leakage import SeenData, covered, dataset_names, seen_to_text
from xrv_core.errors import ArgumentError, OverLimit, PathMissing, SpecError, XrvError
from xrv_core.models.base import InputAdapter, in_eval_mode, timm_feature_maps
from xrv_core.models.saved.facts import NOT_STATED, checked
from xrv_core.models.saved.header import SEEN, SOURCES, to_metadata
from xrv_core.models.saved.opening import built, fill
from xrv_core.models.saved.plugin import SUFFIX
from xrv_core.models.saved.spec import SAVED_FACTORY, SavedClassifierSpec
from xrv_core.models.weights import write_safetensors
from xrv_core.protocols import Classifier, Dataset, missing_members
from xrv_core.specs import ClassifierSpec

__all__ = ["save_classifier"]

#: Facts that the user can state, because the model itself does not give them.
WORDS = (
    "name", "title", "licence", "citation", "homepage", "obtain", "description", "warning", "training_data", "task",
    "unit", "contact",
)  # fmt: skip

#: Largest allowed difference between the outputs of the model and of the network built from the file: kernels differ.
TOLERANCE = 1e-3


def save_classifier(
    model: Any,
    path: str | os.PathLike[str],
    *,
    factory: str | None = None,
    trained_on: Dataset | Sequence[Dataset] = (),
    tuned_on: Dataset | Sequence[Dataset] = (),
    **facts: Any,
) -> SavedClassifierSpec:
    """Save a classifier: tensors, labels, operating points, and how to build the network again.

    An existing file is replaced in one step. Before that, the network is built again from the new description
    and must give the same outputs. ``get_classifier(path)`` opens the file.

    Args:
        model: A ``BackboneClassifier`` built by a name of timm, or any classifier of ``get_classifier``, also
            after fine-tuning.
        path: File to write, ending in .safetensors.
        factory: ``"package.module:function"`` for a network that neither timm nor a registered name builds.
            ``function(spec, weights=None)`` must return a classifier of the same layers. To open the file,
            the user needs that package and must pass ``trust_factory=True``.
        trained_on: The dataset or datasets that the model was trained on, as they were: subsets, merges and all. The
            file keeps their images and patients as salted hashes (11 bytes each), and a later ``evaluate`` decides
            by image and patient whether test data was seen. The names go into ``training_data``.
        tuned_on: The same for data that operating points or settings were chosen on.
        **facts: ``name``, ``title``, ``licence``, ``citation``, ``homepage``, ``obtain``, ``description``, ``warning``,
            ``training_data``, ``task``, ``unit``, ``contact``. Default: a name from the file name; the facts of
            the registered model that this one was built from; else "not stated".

    Returns:
        The description in the file.

    Raises:
        ArgumentError: The network could not be built again from the file; a fact is invalid; the suffix is wrong; or
            the file cannot be written.
        PathMissing: The folder does not exist.
    """
    path = Path(path).expanduser()
    model = getattr(model, "_orig_mod", model)  # of torch.compile
    _check(model, path)
    build = {"factory": factory} if factory else _recipe(model)
    try:
        fields = _facts(model, path, build, facts)
        seen = _seen(model, fields, "training_data" in facts, trained_on, tuned_on)
        spec = SavedClassifierSpec(**fields)
        metadata = to_metadata(spec) | ({SEEN: seen_to_text(seen)} if seen else {})
        within("document", sum(map(len, metadata.values())))
    except (SpecError, OverLimit) as error:
        what = "its description " if isinstance(error, OverLimit) else ""
        raise ArgumentError(f"The classifier cannot be saved: {what}{error}") from error
    state = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in model.state_dict().items()}
    _prove(model, spec, state, path)
    write_safetensors(path, state, metadata)
    return spec


def _seen(model: Any, fields: dict[str, Any], given: bool, trained_on: Any, tuned_on: Any) -> list[SeenData]:
    """What the model has seen, earlier and now. The datasets' names are added to ``fields["training_data"]``.

    Args:
        model: The model.
        fields: All fields of the spec.
        given: The user stated ``training_data``: it stands for these datasets. Inherited names stand for data whose
            images are unknown.
        trained_on: See ``save_classifier``.
        tuned_on: The same.
    """
    seen, before = list(getattr(model, "seen", ())), tuple(fields.get("training_data", ()))
    for use, data in (("trained", trained_on), ("tuned", tuned_on)):
        several = list(data) if isinstance(data, list | tuple) else [data]
        for dataset in several:
            check_dataset(dataset, "record")
        if not several:
            continue
        now = SeenData.of(several, use)
        if use == "trained":
            names = before if given else [name for name in dataset_names(several) if name not in before]
            fields["training_data"] = before if given else (*before, *names)
            now = replace(now, covers=covered(names, now))
        seen.append(now)
    return seen


def _check(model: Any, path: Path) -> None:
    if path.suffix.lower() != SUFFIX:
        raise ArgumentError(f"{path}: the name of a saved classifier ends in {SUFFIX}.")
    if not path.parent.is_dir():
        raise PathMissing(f"{path.parent}: no such folder. Create it first.")
    lacking = missing_members(model, Classifier)
    if lacking:
        raise ArgumentError(f"A {type(model).__name__} is not a classifier: it has no {', '.join(lacking)}.")


def _recipe(model: Any) -> dict[str, Any]:
    """How the model was built, as plain data."""
    recipe = getattr(model, "recipe", None)
    own = [
        part
        for part, known in (
            ("adapt", isinstance(getattr(model, "adapt", None), InputAdapter)),
            ("features", getattr(model, "_features", None) is None),
            ("feature_maps", getattr(model, "_feature_maps", None) is timm_feature_maps),
        )
        if recipe and "timm" in recipe and not known
    ]
    if recipe is None or own:
        what = f"has your own {own[0]}=..." if own else "was not built by a name of timm or by get_classifier"
        raise ArgumentError(
            f"The classifier {what}, so a file cannot describe how to build it. Put a function into your own "
            "package that builds it, (spec, weights=None) -> classifier, and give factory='package.module:function'."
        )
    options = {key: value for key, value in recipe.get("options", {}).items() if key not in SOURCES}
    return {**recipe, "options": options} if options else {k: v for k, v in recipe.items() if k != "options"}


def _facts(model: Any, path: Path, build: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of the spec."""
    strange = sorted(set(given) - set(WORDS))
    if strange:
        raise ArgumentError(f"save_classifier: unknown fact {strange[0]!r}; allowed: {', '.join(WORDS)}.")
    base: ClassifierSpec | None = model.spec if _is_of(model, build) else None
    points, adapt = model.op_threshs, getattr(model, "adapt", None)
    adapt = adapt if isinstance(adapt, InputAdapter) else None
    network = build.get("timm") or getattr(base, "architecture", "") or type(getattr(model, "backbone", model)).__name__
    found: dict[str, Any] = {
        "title": f"{network} for {_counted(len(model.pathologies))}",
        **dict.fromkeys(("licence", "citation", "homepage", "obtain"), NOT_STATED),
    }
    if base is not None:
        found |= {key: getattr(base, key) for key in (*WORDS[1:], "contact") if getattr(base, key, None)}
        if base.pathologies != tuple(model.pathologies):
            found["title"] = f"{base.title}; another classifier on top, for {_counted(len(model.pathologies))}"
    found |= {"name": _slug(path), **checked(given)}
    return {
        **found,
        "factory": SAVED_FACTORY,
        "build": build,
        "architecture": network,
        "parameters": sum(p.numel() for p in model.parameters()),
        "input_resolution": model.input_resolution,
        "pathologies": tuple(model.pathologies),
        "trained": tuple(map(bool, model.trained)),
        "op_threshs": () if points is None else tuple(None if math.isnan(p) else p for p in points.tolist()),
        "activation": getattr(model, "activation", base.activation if base else "sigmoid"),
        "mean": tuple(adapt.mean.flatten().tolist()) if adapt else (),
        "std": tuple(adapt.std.flatten().tolist()) if adapt else (),
        "origin": f"the file {path}",
        "weights_file": str(path),
    }


def _is_of(model: Any, build: Mapping[str, Any]) -> bool:
    """Whether the model's spec describes these weights, and not a whole family of networks."""
    spec = getattr(model, "spec", None)
    return isinstance(spec, ClassifierSpec) and (isinstance(spec, SavedClassifierSpec) or "timm" not in build)


def _counted(count: int) -> str:
    return f"{count} label{'s' * (count != 1)}"


def _slug(path: Path) -> str:
    """A registry name from a file name."""
    plain = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-.")
    return slug or "classifier"


def _prove(model: Any, spec: SavedClassifierSpec, state: dict[str, torch.Tensor], path: Path) -> None:
    """Build the network as ``get_classifier(path)`` will, and compare."""
    base: Any = getattr(model, "spec", None)
    registered = spec.build.get("registered")
    if registered and (isinstance(base, SavedClassifierSpec) or getattr(base, "name", None) != registered):
        return  # opened from a file: the plugin's spec is not available, and the tensors fitted when it was opened
    try:
        with torch.random.fork_rng(devices=[]):
            twin = built(spec, lambda _: base, trust=True)
        fill(twin, spec, state, path)
        difference = _difference(model, twin)
    except XrvError as error:
        raise ArgumentError(
            f"The classifier cannot be saved: {spec.build} builds another network. {error} {_advice()}"
        ) from error
    if not difference <= TOLERANCE:
        raise ArgumentError(
            f"The classifier cannot be saved: {spec.build} builds a network with other outputs for the same tensors "
            f"(they differ by {difference:.3g}). {_advice()}"
        )


def _advice() -> str:
    return (
        "Was the network changed after it was built? Then put a function into your own package that builds the "
        "changed network, (spec, weights=None) -> classifier, and give factory='package.module:function'."
    )


def _difference(model: nn.Module, twin: nn.Module) -> float:
    """Largest difference of the outputs for one image, in units of the largest output."""
    side: Any = getattr(model, "input_resolution", None) or 224
    like = next(model.parameters(), torch.empty(0))
    ramp = torch.linspace(-1000, 1000, side)
    image = ((ramp[:, None] + ramp.flip(0)[None, :] * torch.cos(ramp / 90)[:, None]) / 2)[None, None]
    with in_eval_mode(model), in_eval_mode(twin), torch.no_grad():
        try:
            ours = model(image.to(like.device)).cpu().double()
        except RuntimeError as error:  # torch raises it in a network that takes only one size
            raise ArgumentError(
                f"The model does not take an image of {side} x {side} pixels ({error}): set model.input_resolution."
            ) from error
        theirs = twin(image).double()
    if ours.shape != theirs.shape or not torch.equal(ours.isnan(), theirs.isnan()):
        return float("inf")
    scale = max(1.0, float(ours.nan_to_num().abs().max()))
    return float((ours - theirs).nan_to_num().abs().max()) / scale
