"""What the page on a network needs to walk images through it: the values of its layers, as few as still tell everything."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pipeline.explain.receptive_field import Field, fields
from pipeline.explain.steps import IMAGE, Step, steps
from pipeline.explain.trace import Traced, trace
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
)

_MOST_VALUES = 1_000_000  # of feature maps, two bytes each in the page and a third more as text
# Images walked and channels shown of a layer: the first that the values allow, else the last.
_SHOWN = ((8, 32), (8, 24), (8, 16), (8, 12), (6, 12), (6, 8), (4, 8), (4, 6), (3, 6), (3, 4), (2, 4), (2, 3))
_MOST_UNITS = 512  # of a layer without height and width; more are counted and not shown
_MOST_WEIGHTS = 40_000  # of a dense layer
_GREATEST = 32767  # of an int16


def lesson(network: nn.Module, layers: Sequence[Layer], shape: Shape, images: torch.Tensor) -> dict[str, Any]:
    """As JSON, for standardized images N×C×H×W: `input`, and of each step its kind, numbers, maps and weights; `walked`: the rows
    of the images that these are of, fewer where the maps are large.

    Arrays are {scale, data}: base64 of little-endian int16, to be multiplied by scale. Of layers with many channels those are
    kept that differ most between pixels and images; what the others add shows in the sums.
    """
    found = steps(layers, shape)
    count, most = _affordable(found, shape, len(images))
    rows = np.linspace(0, len(images) - 1, count).round().astype(int).tolist()
    images = images[rows]
    traced = trace(network, layers, images)
    shown: list[list[int]] = []
    for step, one in zip(found, traced, strict=True):
        shown.append(_shown(step, one, shown, most))
    parts = zip(found, traced, shown, fields(found), strict=True)
    return {
        "walked": rows,
        "input": {"shape": list(shape), "values": _packed(images)},
        "steps": [_step(step, one, kept, field, _source(step, shown, shape)) for step, one, kept, field in parts],
    }


def _affordable(found: Sequence[Step], shape: Shape, available: int) -> tuple[int, int]:
    """How many images, and how many channels of a layer."""

    def values(images: int, most: int) -> int:
        maps = (min(most, step.after[0]) * math.prod(step.after[1:]) for step in found if len(step.after) == 3)
        return min(images, available) * (math.prod(shape) + sum(maps))

    count, most = next((pair for pair in _SHOWN if values(*pair) <= _MOST_VALUES), _SHOWN[-1])
    return min(count, available), most


def _shown(step: Step, traced: Traced, before: Sequence[list[int]], most: int) -> list[int]:
    """The channels kept of a step: those of its source where the layer works on each by itself, so that they can be compared."""
    count = step.after[0]
    if len(step.after) == 1:
        return list(range(count)) if count <= _MOST_UNITS else []
    source = step.source if step.inside is None else step.inside
    if not isinstance(step.layer, Conv) and source != IMAGE:
        return before[source]
    if count <= most:
        return list(range(count))
    spread = traced.output.transpose(0, 1).flatten(1).std(1)
    return sorted(spread.argsort(descending=True, stable=True)[:most].tolist())


def _source(step: Step, shown: Sequence[list[int]], shape: Shape) -> list[int]:
    """The channels kept of what enters a step."""
    return list(range(shape[0])) if step.source == IMAGE else shown[step.source]


def _step(step: Step, traced: Traced, kept: list[int], field: Field | None, before: list[int]) -> dict[str, Any]:
    return {
        "name": step.name,
        "kind": _KINDS[type(step.layer)],
        "depth": step.depth,
        "before": list(step.before),
        "after": list(step.after),
        "source": step.source,
        "inside": step.inside,
        "shown": kept,
        "field": None if field is None else list(field),
        "maps": None if isinstance(step.layer, Dropout) or not kept else _packed(traced.output[:, kept]),
        **_numbers(step.layer, traced.module, kept, before),
    }


_KINDS: dict[type[Layer], str] = {
    Conv: "conv",
    Pool: "pool",
    BatchNorm: "norm",
    Activation: "activation",
    Dropout: "dropout",
    Flatten: "flatten",
    GlobalAveragePool: "mean",
    Dense: "dense",
    Skip: "skip",
}


def _numbers(layer: Layer, module: nn.Module, kept: list[int], before: list[int]) -> dict[str, Any]:
    """What the page reckons with: sizes, weights, and the numbers of a normalization."""
    match layer:
        case Conv():
            convolution = next(part for part in module.modules() if isinstance(part, nn.Conv2d))
            weights = convolution.weight.detach()[kept][:, before]
            bias = convolution.bias.detach()[kept].tolist() if convolution.bias is not None else [0.0] * len(kept)
            sizes = {"kernel": layer.kernel, "stride": layer.stride, "pad": layer.pad, "dilation": layer.dilation}
            return {**sizes, "weights": _packed(weights), "bias": _rounded(bias)}
        case Pool():
            return {"pooling": layer.kind, "size": layer.size}
        case BatchNorm():
            assert isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None
            deviation = (module.running_var + module.eps).sqrt()
            parts = {"mean": module.running_mean, "deviation": deviation, "gain": module.weight, "shift": module.bias}
            return {name: _rounded(values.detach()[kept].tolist()) for name, values in parts.items()}
        case Activation():
            return {"function": layer.name}
        case Dense():
            assert isinstance(module, nn.Linear)
            weights, bias = module.weight.detach()[kept], _rounded(module.bias.detach()[kept].tolist())
            few = weights.numel() <= _MOST_WEIGHTS and len(before) == weights.shape[1]
            return {"weights": _packed(weights) if few else None, "bias": bias}
    return {}


def _packed(values: torch.Tensor) -> dict[str, Any]:
    array: npt.NDArray[np.float32] = values.detach().float().contiguous().numpy()
    scale = float(np.abs(array).max(initial=0.0)) / _GREATEST or 1.0
    data = np.round(array / scale).astype("<i2").tobytes()
    return {"scale": scale, "data": base64.b64encode(data).decode()}


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 6) for value in values]
