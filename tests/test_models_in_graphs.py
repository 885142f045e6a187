"""What torch does with whole models: graphs, vmap, quantisation, half precision, changes in place."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from model_proofs import xrays
from right_models import AE, NET, SEG, ToyAutoencoder, ToyNet, ToySegmenter
from torch import nn
from torch.nn import functional as F

from xrv_core.models import BackboneClassifier

#: Each kind of model; the classifier has operating points and an untrained column.
KINDS = {"classifier": (ToyNet, NET), "autoencoder": (ToyAutoencoder, AE), "segmenter": (ToySegmenter, SEG)}
#: Images of another size than the models', so that they are resized.
X = xrays(2, 1, 48, 48)


def built(kind: str) -> Any:
    cls, spec = KINDS[kind]
    model = cls(spec).eval()
    if kind == "classifier":
        model.op_threshs, model.trained = [0.4, None, 0.6], [True, True, False]
    return model


def tensors(out: Any) -> list[torch.Tensor]:
    return list(out.values()) if isinstance(out, dict) else list(out) if isinstance(out, tuple) else [out]


def same(found: Any, expected: Any, **how: Any) -> None:
    for one, other in zip(tensors(found), tensors(expected), strict=True):
        torch.testing.assert_close(one, other, equal_nan=True, **how)


@pytest.mark.parametrize("kind", KINDS)
def test_graphs_give_the_same_and_need_no_values(kind: str) -> None:
    model = built(kind)
    expected = model(X)
    same(torch.compile(model, fullgraph=True, backend="eager")(X), expected)
    same(torch.fx.symbolic_trace(model)(X), expected)
    same(torch.jit.trace(model, X)(X), expected)
    same(torch.export.export(model, (X,)).module()(X), expected)


def test_a_traced_autoencoder_gives_a_pair() -> None:
    model = built("autoencoder")
    traced = torch.jit.trace(model, X)
    assert isinstance(traced(X), tuple)
    assert list(model(X)) == ["z", "out"]


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_vmap(kind: str) -> None:
    model = built(kind)

    def total(image: torch.Tensor) -> torch.Tensor:
        return sum(out.nansum() for out in tensors(model(image[None])))

    x = X.clone().requires_grad_()
    sum(out.nansum() for out in tensors(model(x))).backward()
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(total))(X), x.grad)


def test_noise_of_smoothgrad_passes() -> None:
    model = built("classifier")
    noise = 400 * torch.randn(X.shape, generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning, match="leave that scale"):
        assert model.predict(X + noise)
    for baseline in (-1024, 0, 1024):  # black, grey and white, and on the way there
        assert model.predict(noise + baseline)
        assert model.predict(0.6 * baseline + 0.4 * (X + noise))


def test_dynamic_quantisation() -> None:
    model = BackboneClassifier(nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU()), ["a", "b"], adapt=lambda x: x / 1024)
    quantization = pytest.importorskip("torch.ao.quantization")  # torch announces its removal
    small = quantization.quantize_dynamic(model.eval(), {nn.Linear})
    assert not isinstance(small.classifier, nn.Linear)
    same(small(X), model(X), atol=0.05, rtol=0.05)
    assert small.predict(X)[0].keys() == {"a", "b"}
    small.op_threshs = [0.4, 0.6]
    assert small.predict(X)[0] != model.predict(X)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_where_the_input_is_resized(kind: str, dtype: torch.dtype) -> None:
    model = built(kind)
    expected = model(X)
    small = copy.deepcopy(model).to(dtype)
    for x in (X, X.to(dtype)):
        for found, wanted in zip(tensors(small(x)), tensors(expected), strict=True):
            scale = float(wanted.detach().nan_to_num().abs().max())
            torch.testing.assert_close(found.float(), wanted, atol=0.03 * scale, rtol=0, equal_nan=True)
        if kind != "autoencoder":
            assert len(small.predict(x)) == 2


class LastIsRelu(ToyAutoencoder):
    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return super()._encode(x).relu()

    def _decode(self, z: torch.Tensor) -> torch.Tensor:
        return super()._decode(z).tanh()


def _maximum(backbone: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return backbone(x).amax((2, 3))


def handed_out() -> dict[str, Any]:
    net, code = ToyNet(NET).eval(), LastIsRelu(AE).eval()
    maximum = BackboneClassifier(net.backbone, ["a"], features=_maximum, num_features=8, adapt=net.adapt)
    sigmoid = BackboneClassifier(nn.Sequential(net.backbone, nn.Sigmoid()), ["a"], adapt=net.adapt)
    z = xrays(2, 4, 8, 8) / 1024
    return {
        "features": net.features,
        "features of a maximum": maximum.features,
        "feature_maps": net.feature_maps,
        "feature_maps of a sigmoid": sigmoid.feature_maps,
        "logits": net.logits,
        "forward": net,
        "encode": code.encode,
        "code of forward": lambda x: code(x)["z"],
        "image of forward": lambda x: code(x)["out"],
        "decode": lambda x: code.decode(z + x.mean(), clamp=False),
        "segmenter": ToySegmenter(SEG).eval(),
    }


@pytest.mark.parametrize("what", list(handed_out()))
def test_what_a_model_hands_out_may_be_changed_in_place(what: str) -> None:
    call = handed_out()[what]
    x, y = X.clone().requires_grad_(), X.clone().requires_grad_()
    F.relu(call(x), inplace=True).sum().backward()
    F.relu(call(y)).sum().backward()
    assert torch.equal(x.grad, y.grad)
    x.grad = None
    F.threshold(call(x).mul_(3), 0.1, 0.0, inplace=True).sum().backward()
    assert x.grad.isfinite().all()


def test_a_code_may_be_changed_before_the_image_is_trained_on() -> None:
    model = LastIsRelu(AE)
    out = model(X)
    out["z"].mul_(0)
    out["out"].square().mean().backward()
    assert model.encoder[0].weight.grad.any()


def test_logits_are_the_output_before_the_operating_points() -> None:
    model = built("classifier")
    found = model.logits(X)
    assert found.isnan().any(0).tolist() == [False, False, True]
    model.op_threshs = None
    same(model(X), found, atol=0, rtol=0)
    saturated = BackboneClassifier(
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), ["a"], adapt=lambda x: x / 1024, op_threshs=[0.5]
    )
    with torch.no_grad():
        saturated.classifier.bias.fill_(30)
    grads = []
    for call in (saturated, saturated.logits):
        x = X.clone().requires_grad_()
        call(x).sum().backward()
        grads.append(float(x.grad.abs().max()))
    assert grads[0] < 1e-6 * grads[1]
