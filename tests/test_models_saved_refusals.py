"""What save_classifier refuses, and what it says to do instead."""

from __future__ import annotations

import re

import own_networks
import pytest
from torch import nn

from xrv_core.errors import ArgumentError, PathMissing
from xrv_core.models import BackboneClassifier, save_classifier

NAMES = ["Mass", "Nodule", "Edema"]

FUNCTION = "factory='package.module:function'"


def refused(model, path, **options) -> str:
    with pytest.raises(ArgumentError) as error:
        save_classifier(model, path, **options)
    assert not path.exists()
    return str(error.value)


def test_what_a_file_cannot_build_again_says_what_to_do(tmp_path):
    path, own = tmp_path / "m.safetensors", BackboneClassifier(own_networks.Tiny(), NAMES)
    message = refused(own, path)
    assert "not built by a name of timm or by get_classifier" in message
    assert FUNCTION in message
    adapted = BackboneClassifier("resnet10t", NAMES, adapt=lambda x: x.expand(-1, 3, -1, -1))
    message = refused(adapted, path)
    assert "your own adapt=..." in message
    assert FUNCTION in message
    replaced = BackboneClassifier("resnet10t", NAMES)
    replaced.backbone = own_networks.Tiny()
    assert "not built by a name of timm" in refused(replaced, path)
    changed = BackboneClassifier("resnet10t", NAMES, input_resolution=64)
    changed.backbone.act1 = nn.GELU()
    message = refused(changed, path)
    assert "cannot be saved: {'timm': 'resnet10t', 'options': {'in_chans': 3}}" in message
    assert re.search(r"other outputs for the same tensors .*differ by \d", message)
    assert "changed after it was built" in message
    assert FUNCTION in message


def test_a_factory_of_another_network_is_noticed(tmp_path):
    path, own = tmp_path / "m.safetensors", BackboneClassifier(own_networks.Tiny(), NAMES)
    assert "1 of another shape" not in refused(own, path, factory="own_networks:doubling")
    assert "{'factory': 'own_networks:wide'} builds another network" in refused(own, path, factory="own_networks:wide")
    message = refused(own, path, factory="own_networks:absent")
    assert "module 'own_networks' has no attribute 'absent'" in message
    message = refused(own, path, factory="own networks")
    assert re.search(r"cannot be saved: Spec 'm': 'own networks' .*'package.module:callable'", message)


def test_other_arguments_that_cannot_be(tmp_path):
    path, own = tmp_path / "m.safetensors", BackboneClassifier(own_networks.Tiny(), NAMES)
    message = refused(own, path, factory="own_networks:tiny", license="MIT")
    assert re.search(r"unknown fact 'license'; allowed: name, title, licence, .*, contact", message)
    assert refused(own, path, factory="own_networks:tiny", licence=7) == (
        "The classifier cannot be saved: 'licence' must be a text, got 7."
    )
    assert refused(own, path, factory="own_networks:tiny", name="Mein Netz") == (
        "The classifier cannot be saved: 'Mein Netz' is not a registry name: use lower case letters, digits, '.', '_' "
        "and '-'."
    )
    assert refused(own, tmp_path / "m.pt") == (
        f"{tmp_path / 'm.pt'}: the name of a saved classifier ends in .safetensors."
    )
    lacking = "feature_maps, features, input_resolution, op_threshs, pathologies, predict, trained"
    assert re.search(rf"Linear .*classifier.* {lacking}", refused(nn.Linear(1, 1), path))
    odd = BackboneClassifier("resnet10t", NAMES, act_layer=nn.SELU)
    assert refused(odd, path) == (
        "The classifier cannot be saved: 'build'.options.act_layer is <class 'torch.nn.modules.activation.SELU'>, "
        "which is not plain data (texts, numbers, lists and tables of them)."
    )
    with pytest.raises(PathMissing) as error:
        save_classifier(own, tmp_path / "no" / "m.safetensors", factory="own_networks:tiny")
    assert str(error.value) == f"{tmp_path / 'no'}: no such folder. Create it first."
