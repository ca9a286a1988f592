"""The layer table of a network: size, parameters and multiply-adds of each layer, and whether they all fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.errors import DoesNotFit
from pipeline.models.layers.layer import Layer, Shape, walk
from pipeline.models.layers.skip import Skip


@dataclass(frozen=True)
class LayerRow:
    """One line of the layer table: name with its number, shape of the output, trainable parameters, multiply-adds a sample."""

    name: str
    output: Shape
    parameters: int
    multiply_adds: int


def layer_table(layers: Sequence[Layer], input_shape: Shape) -> list[LayerRow]:
    """One row a layer, what is inside a skip before the skip itself; raises DoesNotFit naming the first that does not fit."""
    return list(_rows(layers, input_shape, Counter()))


def _rows(layers: Sequence[Layer], shape: Shape, seen: Counter[str]) -> Iterator[LayerRow]:
    for layer, before in walk(layers, shape):
        if isinstance(layer, Skip):
            yield from _rows(layer.layers, before, seen)
            cost = layer.projection_parameters(before), layer.projection_multiply_adds(before)
        else:
            cost = layer.parameters(before), layer.multiply_adds(before)
        seen[layer.name] += 1
        name, after = f"{layer.name} {seen[layer.name]}", layer.output(before)
        if min(after) < 1:
            raise _does_not_fit(name, layer, before)
        yield LayerRow(name, after, *cost)


def _does_not_fit(name: str, layer: Layer, shape: Shape) -> DoesNotFit:
    why = f"{layer} does not fit a {shape[1]}×{shape[2]} feature map"
    remedy = "choose a smaller kernel, fewer layers or poolings, or larger images"
    return DoesNotFit(name, why=why, remedy=remedy)
