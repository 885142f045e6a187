"""What save_classifier refuses, and what it says to do instead."""

from __future__ import annotations

import re

import own_networks
import pytest
from messages import says
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
    assert re.search(says("name of timm", "get_classifier", FUNCTION), refused(own, path))
    adapted = BackboneClassifier("resnet10t", NAMES, adapt=lambda x: x.expand(-1, 3, -1, -1))
    assert re.search(says("adapt=", FUNCTION), refused(adapted, path))
    replaced = BackboneClassifier("resnet10t", NAMES)
    replaced.backbone = own_networks.Tiny()
    assert re.search(says("name of timm", FUNCTION), refused(replaced, path))
    changed = BackboneClassifier("resnet10t", NAMES, input_resolution=64)
    changed.backbone.act1 = nn.GELU()
    message = refused(changed, path)
    assert re.search(
        says("cannot be saved", "{'timm': 'resnet10t', 'options': {'in_chans': 3}}", "other outputs"), message
    )
    assert re.search(says("changed after it was built", FUNCTION), message)


def test_a_factory_of_another_network_is_noticed(tmp_path):
    path, own = tmp_path / "m.safetensors", BackboneClassifier(own_networks.Tiny(), NAMES)
    assert "1 of another shape" not in refused(own, path, factory="own_networks:doubling")
    assert "{'factory': 'own_networks:wide'} builds another network." in refused(own, path, factory="own_networks:wide")
    assert re.search(
        says(
            "{'factory': 'own_networks:absent'}",
            "'m'",
            "own_networks:absent",
            "module 'own_networks' has no attribute 'absent'",
        ),
        refused(own, path, factory="own_networks:absent"),
    )
    assert re.search(
        says("'m'", "'own networks'", "'package.module:callable'"), refused(own, path, factory="own networks")
    )


def test_other_arguments_that_cannot_be(tmp_path):
    path, own = tmp_path / "m.safetensors", BackboneClassifier(own_networks.Tiny(), NAMES)
    assert re.search(
        says("'license'", "name, title, licence, citation", "unit, contact"),
        refused(own, path, factory="own_networks:tiny", license="MIT"),
    )
    assert re.search(says("'licence'", "text", "got 7"), refused(own, path, factory="own_networks:tiny", licence=7))
    assert re.search(
        says("'Mein Netz'", "lower case", "'.', '_' and '-'"),
        refused(own, path, factory="own_networks:tiny", name="Mein Netz"),
    )
    assert re.search(says(tmp_path / "m.pt", ".safetensors"), refused(own, tmp_path / "m.pt"))
    assert re.search(
        says("Linear", "feature_maps, features, input_resolution, op_threshs, pathologies, predict, trained"),
        refused(nn.Linear(1, 1), path),
    )
    odd = BackboneClassifier("resnet10t", NAMES, act_layer=nn.SELU)
    assert re.search(
        says("'build'.options.act_layer", "torch.nn.modules.activation.SELU", "plain data"), refused(odd, path)
    )
    with pytest.raises(PathMissing, match=says(tmp_path / "no", "no such folder", "Create it")):
        save_classifier(own, tmp_path / "no" / "m.safetensors", factory="own_networks:tiny")
