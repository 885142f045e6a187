"""What save_classifier refuses, and what it says to do instead."""

from __future__ import annotations

import own_networks
import pytest
from torch import nn

from xrv_core.errors import ArgumentError, PathMissing
from xrv_core.models import BackboneClassifier, save_classifier

NAMES = ["Mass", "Nodule", "Edema"]

FUNCTION = (
    "Put a function into a package of yours that builds it{}, (spec, weights=None) -> classifier, and give "
    "factory='package.module:function'."
)


def refused(model, path, **options) -> str:
    with pytest.raises(ArgumentError) as error:
        save_classifier(model, path, **options)
    assert not path.exists()
    return str(error.value)


def test_what_a_file_cannot_build_again_says_what_to_do(tmp_path):
    path, own = tmp_path / "m.safetensors", BackboneClassifier(own_networks.Tiny(), NAMES)
    assert refused(own, path) == (
        "The classifier was not built by a name of timm or by get_classifier, so a file cannot say how to build it "
        "again. " + FUNCTION.format("")
    )
    adapted = BackboneClassifier("resnet10t", NAMES, adapt=lambda x: x.expand(-1, 3, -1, -1))
    assert refused(adapted, path) == (
        "The classifier has adapt=... of your own, so a file cannot say how to build it again. " + FUNCTION.format("")
    )
    replaced = BackboneClassifier("resnet10t", NAMES)
    replaced.backbone = own_networks.Tiny()
    assert refused(replaced, path).startswith("The classifier was not built by a name of timm")
    changed = BackboneClassifier("resnet10t", NAMES, input_resolution=64)
    changed.backbone.act1 = nn.GELU()
    message = refused(changed, path)
    assert message.startswith(
        "The classifier cannot be saved: what {'timm': 'resnet10t', 'options': {'in_chans': 3}} builds gives other "
        "outputs with the same tensors (they differ by "
    )
    assert message.endswith("Was the network changed after it was built? Then p" + FUNCTION.format(" as it is")[1:])


def test_a_factory_of_another_network_is_noticed(tmp_path):
    path, own = tmp_path / "m.safetensors", BackboneClassifier(own_networks.Tiny(), NAMES)
    assert "1 of another shape" not in refused(own, path, factory="own_networks:doubling")
    assert "what {'factory': 'own_networks:wide'} builds is another network." in refused(
        own, path, factory="own_networks:wide"
    )
    assert refused(own, path, factory="own_networks:absent").startswith(
        "The classifier cannot be saved: what {'factory': 'own_networks:absent'} builds is another network. The code "
        "of 'm', own_networks:absent, cannot be imported: module 'own_networks' has no attribute 'absent'"
    )
    assert refused(own, path, factory="own networks") == (
        "The classifier cannot be saved: Spec 'm': 'own networks' is no factory: give 'package.module:callable'."
    )


def test_other_arguments_that_cannot_be(tmp_path):
    path, own = tmp_path / "m.safetensors", BackboneClassifier(own_networks.Tiny(), NAMES)
    assert refused(own, path, factory="own_networks:tiny", license="MIT") == (
        "save_classifier takes no 'license'; facts are: name, title, licence, citation, homepage, obtain, description, "
        "warning, training_data, task, unit, contact."
    )
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
    assert refused(nn.Linear(1, 1), path) == (
        "A Linear is no classifier: it has no feature_maps, features, input_resolution, op_threshs, pathologies, "
        "predict, trained."
    )
    odd = BackboneClassifier("resnet10t", NAMES, act_layer=nn.SELU)
    assert refused(odd, path) == (
        "The classifier cannot be saved: 'build'.options.act_layer is <class 'torch.nn.modules.activation.SELU'>, "
        "which is not plain data (texts, numbers, lists and tables of them)."
    )
    with pytest.raises(PathMissing) as error:
        save_classifier(own, tmp_path / "no" / "m.safetensors", factory="own_networks:tiny")
    assert str(error.value) == f"{tmp_path / 'no'}: no such folder. Create it first."
