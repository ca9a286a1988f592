"""A network as a list of steps, each with where its input comes from: the layers in the order of the layer table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.models.layers import Layer, Shape, Skip, layer_table

IMAGE = -1  # the source of the first step


@dataclass(frozen=True)
class Step:
    """One row of the layer table; `depth` counts the skips around it.

    `source` is the index of the step whose output enters it, IMAGE for the first; `inside`, of a skip alone, that of the last
    step within it, whose output is added to the source's.
    """

    name: str
    layer: Layer
    depth: int
    before: Shape
    after: Shape
    parameters: int
    multiply_adds: int
    source: int
    inside: int | None = None


def steps(layers: Sequence[Layer], shape: Shape) -> list[Step]:
    """Of images of this shape; raises DoesNotFit as the layer table does."""
    table = layer_table(layers, shape)
    walked = list(_walk(layers, shape, IMAGE, 0, 0))
    return [
        Step(row.name, layer, depth, before, row.output, row.parameters, row.multiply_adds, source, inside)
        for row, (layer, depth, before, source, inside) in zip(table, walked, strict=True)
    ]


_Walked = tuple[Layer, int, Shape, int, int | None]


def _walk(layers: Sequence[Layer], shape: Shape, source: int, index: int, depth: int) -> Iterator[_Walked]:
    """Each layer as steps needs it; `index` is that of the first of them."""
    for layer in layers:
        inside = None
        if isinstance(layer, Skip):
            within = list(_walk(layer.layers, shape, source, index, depth + 1))
            yield from within
            index += len(within)
            inside = index - 1
        yield layer, depth, shape, source, inside
        source, index, shape = index, index + 1, layer.output(shape)
