"""Layer descriptions made into a torch network."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from pipeline.models.layers import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    Pool,
    Shape,
    Skip,
    layer_table,
)

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


def build(layers: Sequence[Layer], input_shape: Shape) -> nn.Module:
    """A network for float32 N×C×H×W that returns logits N×units; raises DoesNotFit.

    Weights start as torch draws them by default (He et al., arXiv:1502.01852), from torch's global generator.
    """
    layer_table(layers, input_shape)
    return _sequence(layers, input_shape)


class _ChannelMean(nn.Module):
    """N×C×H×W → N×C."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))


class _Residual(nn.Module):
    """body(x) + x, where the middle of x passes the projection if the shapes differ."""

    def __init__(self, skip: Skip, shape: Shape) -> None:
        super().__init__()
        self.body = _sequence(skip.layers, shape)
        self.project: nn.Module | None = None
        if projection := skip.projection(shape):
            centre = skip.centre(shape)
            self.project = _sequence(projection, centre)
            self.rows, self.columns = map(_middle, shape[1:], centre[1:])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        straight = images if self.project is None else self.project(images[:, :, self.rows, self.columns])
        result: torch.Tensor = self.body(images) + straight
        return result


def _middle(side: int, part: int) -> slice:
    """The `part` pixels in the middle of a side."""
    start = (side - part) // 2
    return slice(start, start + part)


def _sequence(layers: Sequence[Layer], shape: Shape) -> nn.Sequential:
    modules = []
    for layer in _pool_first(layers):
        modules.append(_module(layer, shape))
        shape = layer.output(shape)
    return nn.Sequential(*modules)


def _pool_first(layers: Sequence[Layer]) -> list[Layer]:
    """Max pooling moved before a rising activation: the same values and gradients, with size² times fewer to activate."""
    ordered = list(layers)
    for index, pair in enumerate(itertools.pairwise(layers)):
        match pair:
            case Activation(name="relu" | "sigmoid" | "tanh"), Pool(kind="max"):
                ordered[index : index + 2] = reversed(pair)
    return ordered


def _module(layer: Layer, shape: Shape) -> nn.Module:
    match layer:
        case Conv():
            return _convolution(layer, shape[0])
        case Pool(kind="max"):
            return nn.MaxPool2d(layer.size)
        case Pool():
            return nn.AvgPool2d(layer.size)
        case BatchNorm():
            return nn.BatchNorm2d(shape[0])
        case Activation():
            return _ACTIVATIONS[layer.name]()
        case Dropout():
            return nn.Dropout(layer.probability)
        case Flatten():
            return nn.Flatten()
        case GlobalAveragePool():
            return _ChannelMean()
        case Dense():
            return nn.Linear(shape[0], layer.units)
        case Skip():
            return _Residual(layer, shape)
    raise TypeError(f"no torch module is written for {layer}")


def _convolution(layer: Conv, channels: int) -> nn.Module:
    convolution = nn.Conv2d(
        channels, layer.filters, layer.kernel, layer.stride, layer.pad, dilation=layer.dilation, bias=layer.bias
    )
    if not layer.extra_pad:
        return convolution
    return nn.Sequential(nn.ZeroPad2d((0, layer.extra_pad, 0, layer.extra_pad)), convolution)
