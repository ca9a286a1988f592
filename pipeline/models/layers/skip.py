"""The skip connection: a layer that holds other layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.models.layers.layer import VALUE_BYTES, Kept, Layer, Shape, walk
from pipeline.models.layers.plain import BatchNorm, Conv


@dataclass(frozen=True)
class Skip(Layer):
    """Adds its input to the output of `layers`, which work on (C, H, W); He et al., arXiv:1512.03385.

    Where they change the shape, the input passes a 1×1 convolution without bias at the pixels on which they are centred, and
    batch normalization if it is `normalized`.
    """

    layers: tuple[Layer, ...]
    normalized: bool = False
    name = "skip"

    @property
    def stride(self) -> int:  # type: ignore[override]  # the product over the layers inside
        """Stride of the 1×1 convolution."""
        return math.prod(layer.stride for layer in self.layers)

    def output(self, shape: Shape) -> Shape:
        for layer in self.layers:
            shape = layer.output(shape)
        return shape

    def projection(self, shape: Shape) -> tuple[Layer, ...]:
        """What the centre of the input passes; nothing where it is added as it is."""
        after = self.output(shape)
        if after == shape:
            return ()
        convolution = Conv(after[0], 1, self.stride, bias=False)
        return (convolution, BatchNorm()) if self.normalized else (convolution,)

    def projection_parameters(self, shape: Shape) -> int:
        """Trainable parameters of the projection."""
        return sum(layer.parameters(before) for layer, before in walk(self.projection(shape), self.centre(shape)))

    def projection_multiply_adds(self, shape: Shape) -> int:
        """Multiply-adds of the projection."""
        return sum(layer.multiply_adds(before) for layer, before in walk(self.projection(shape), self.centre(shape)))

    def centre(self, shape: Shape) -> Shape:
        """The middle of the input, which a 1×1 convolution of the same stride turns into pixels of the output."""
        return (shape[0], *((side - 1) * self.stride + 1 for side in self.output(shape)[1:]))

    def parameters(self, shape: Shape) -> int:
        return self.projection_parameters(shape) + sum(layer.parameters(before) for layer, before in walk(self.layers, shape))

    def multiply_adds(self, shape: Shape) -> int:
        inside = sum(layer.multiply_adds(before) for layer, before in walk(self.layers, shape))
        return self.projection_multiply_adds(shape) + inside

    def kept(self, shape: Shape) -> Kept:
        """Of its own input and output; what the layers inside keep is theirs."""
        projection = self.projection(shape)
        normalized = VALUE_BYTES * math.prod(self.output(shape)) if len(projection) > 1 else 0  # the input of batch norm
        return Kept(input=bool(projection) or self.layers[0].kept(shape).input, output=False, beside=normalized)
