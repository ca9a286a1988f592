"""What each layer of a trained network makes of images: the outputs of all steps, in the order of the layer table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from pipeline.models.layers import Activation, Layer, Skip


@dataclass(frozen=True, eq=False)
class Traced:
    """The module that a step is, and its output: float32 N×C×H×W or N×features."""

    module: nn.Module
    output: torch.Tensor


def trace(network: nn.Module, layers: Sequence[Layer], images: torch.Tensor) -> list[Traced]:
    """Run the network that `build` made of these layers on standardized images; in evaluation mode."""
    with torch.inference_mode():
        return list(_walk(network, layers, images))


def _walk(network: nn.Module, layers: Sequence[Layer], images: torch.Tensor) -> Iterator[Traced]:
    for layer, module in zip(layers, _as_described(network, layers), strict=True):
        if isinstance(layer, Skip):
            body = module.get_submodule("body")
            yield from _walk(body, layer.layers, images)
        images = module(images)
        yield Traced(module, images)


def _as_described(network: nn.Module, layers: Sequence[Layer]) -> list[nn.Module]:
    """The modules in the order of the layers: `build` pools before it activates, which gives the same values."""
    modules = list(network.children())
    for index, layer in enumerate(layers):
        if isinstance(layer, Activation) and isinstance(modules[index], nn.MaxPool2d):
            modules[index : index + 2] = reversed(modules[index : index + 2])
    return modules
