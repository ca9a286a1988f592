"""Networks made of layer descriptions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from pipeline.models.blocks import build
from pipeline.models.layers import Activation, Conv, Dense, Flatten, Layer, Pool, Skip


def _first(network: nn.Module) -> Any:
    return next(network.children())


def test_a_skip_adds_its_input() -> None:
    network = build([Skip((Conv(3, 3),))], (3, 5, 5))
    torch.nn.init.zeros_(_first(network).body[0].weight)
    torch.nn.init.zeros_(_first(network).body[0].bias)
    images = torch.rand(2, 3, 5, 5)
    assert torch.equal(network(images), images)


@pytest.mark.parametrize(
    ("conv", "pixels"),
    [
        (Conv(1, 3, padding="valid"), slice(1, 7)),
        (Conv(1, 3, stride=2, padding="valid"), slice(1, 6, 2)),
        (Conv(1, 3, stride=2), slice(0, 8, 2)),
    ],
)
def test_a_projection_sees_the_pixels_on_which_the_kernel_is_centred(conv: Conv, pixels: slice) -> None:
    network = build([Skip((conv,))], (1, 8, 8))
    for parameter in _first(network).body.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.ones_(_first(network).project[0].weight)
    images = torch.rand(1, 1, 8, 8)
    assert torch.equal(network(images), images[:, :, pixels, pixels])


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "gelu", "silu"])
def test_activations_are_torchs(name: str) -> None:
    images = torch.randn(2, 3, 4, 4)
    expected = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}.get(name) or getattr(torch.nn.functional, name)
    assert torch.equal(build([Activation(name)], (3, 4, 4))(images), expected(images))


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "gelu", "silu"])
def test_activation_and_max_pooling_give_the_values_and_gradients_of_the_order_described(name: str) -> None:
    layers = [Conv(4, 3), Activation(name), Pool("max", 2)]
    network = build(layers, (3, 9, 9))
    steps = [build([Activation(name)], (4, 9, 9)), build([Pool("max", 2)], (4, 9, 9))]
    images = torch.randn(2, 3, 9, 9)
    convolved = _first(network)(images)
    expected = steps[1](steps[0](convolved))
    found = network(images)
    assert torch.equal(found, expected)
    gradients = [
        torch.autograd.grad(out.square().sum(), _first(network).weight, retain_graph=True)[0] for out in (found, expected)
    ]
    torch.testing.assert_close(*gradients)


def test_an_unknown_layer_is_an_error_of_code() -> None:
    class Strange(Layer):
        name = "strange"

    with pytest.raises(TypeError, match="no torch module"):
        build([Strange()], (1, 4, 4))


def test_logits_have_one_row_a_sample() -> None:
    assert build([Flatten(), Dense(4)], (3, 2, 2))(torch.zeros(5, 3, 2, 2)).shape == (5, 4)
