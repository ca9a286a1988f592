"""Layers as plain descriptions, and their arithmetic: output sizes, parameters and multiply-adds without building anything."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pipeline.errors import DoesNotFit

Shape = tuple[int, ...]  # of one sample: (channels, height, width), or (features,) after the head


def output_size(size: int, kernel: int, padding: int, stride: int, dilation: int) -> int:
    """⌊(I + 2P − D(K−1) − 1)/S⌋ + 1 along one side, in pixels; below 1 when the kernel does not fit.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.
    """
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


VALUE_BYTES = 4  # of a float32
_INDEX_BYTES = 8  # of an int64, which is what torch remembers of each maximum


class Kept(NamedTuple):
    """What a layer's backward pass reads again: its input, its output, and `beside` them so many bytes a sample of its own."""

    input: bool
    output: bool
    beside: int = 0


class Layer:
    """What every layer knows of itself; as written here, one that keeps the shape and learns nothing."""

    name: str  # in the layer table, which numbers equal names
    stride: int = 1  # pixels of the input for each pixel of the output

    def output(self, shape: Shape) -> Shape:
        """Shape after the layer; a side below 1 means that it does not fit."""
        return shape

    def parameters(self, shape: Shape) -> int:
        """Number of trainable parameters for an input of `shape`."""
        return 0

    def multiply_adds(self, shape: Shape) -> int:
        """Multiply-adds for one sample of `shape`; pooling, activations and biases are not counted."""
        return 0

    def kept(self, shape: Shape) -> Kept:
        """What training keeps in memory for the backward pass; all there is, unless the layer knows better."""
        return Kept(input=True, output=True)


@dataclass(frozen=True)
class Conv(Layer):
    """A square convolution. "same" adds D(K−1) zeros, so that a side of I becomes ⌈I/stride⌉; "valid" adds none."""

    filters: int
    kernel: int
    stride: int = 1
    padding: Literal["same", "valid"] = "same"
    dilation: int = 1
    bias: bool = True
    name = "conv"

    @property
    def pad(self) -> int:
        """P, the zeros on every side."""
        return self.dilation * (self.kernel - 1) // 2 if self.padding == "same" else 0

    @property
    def extra_pad(self) -> int:
        """One row of zeros more below and at the right, which "same" needs when D(K−1) is odd."""
        return self.dilation * (self.kernel - 1) % 2 if self.padding == "same" else 0

    def output(self, shape: Shape) -> Shape:
        sides = (output_size(side + self.extra_pad, self.kernel, self.pad, self.stride, self.dilation) for side in shape[1:])
        return (self.filters, *sides)

    def parameters(self, shape: Shape) -> int:
        return self.filters * (shape[0] * self.kernel**2 + self.bias)

    def multiply_adds(self, shape: Shape) -> int:
        return math.prod(self.output(shape)) * shape[0] * self.kernel**2

    def kept(self, shape: Shape) -> Kept:
        if not self.extra_pad:
            return Kept(input=True, output=False)
        padded = shape[0] * math.prod(side + self.extra_pad for side in shape[1:])
        return Kept(input=False, output=False, beside=VALUE_BYTES * padded)

    def __str__(self) -> str:
        return f"a {self.kernel}×{self.kernel} kernel" + (f" with dilation {self.dilation}" if self.dilation > 1 else "")


@dataclass(frozen=True)
class Pool(Layer):
    """Pooling of size×size windows side by side; what is left over at the border is dropped."""

    kind: Literal["max", "average"]
    size: int

    @property
    def name(self) -> str:  # type: ignore[override]  # a read-only name, made from the kind
        """ "max pool" or "average pool"."""
        return f"{self.kind} pool"

    @property
    def stride(self) -> int:  # type: ignore[override]  # the windows touch and do not overlap
        """The size of a window."""
        return self.size

    def output(self, shape: Shape) -> Shape:
        return (shape[0], *(output_size(side, self.size, 0, self.size, 1) for side in shape[1:]))

    def kept(self, shape: Shape) -> Kept:
        maxima = _INDEX_BYTES * math.prod(self.output(shape)) if self.kind == "max" else 0
        return Kept(input=True, output=False, beside=maxima)

    def __str__(self) -> str:
        return f"a {self.size}×{self.size} window"


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Batch normalization with a learned scale and shift for each channel; Ioffe and Szegedy, arXiv:1502.03167."""

    name = "batch norm"

    def parameters(self, shape: Shape) -> int:
        return 2 * shape[0]

    def multiply_adds(self, shape: Shape) -> int:
        return math.prod(shape)

    def kept(self, shape: Shape) -> Kept:
        return Kept(input=True, output=False)


@dataclass(frozen=True)
class Activation(Layer):
    """A non-linearity: relu, sigmoid, tanh, gelu or silu."""

    name: str

    def kept(self, shape: Shape) -> Kept:
        by_output = self.name in ("relu", "sigmoid", "tanh")  # their slope follows from their value
        return Kept(input=not by_output, output=by_output)


@dataclass(frozen=True)
class Dropout(Layer):
    """Zeroes each value with `probability` while training."""

    probability: float
    name = "dropout"

    def kept(self, shape: Shape) -> Kept:
        return Kept(input=False, output=False, beside=VALUE_BYTES * math.prod(shape))


@dataclass(frozen=True)
class Flatten(Layer):
    """(C, H, W) → (C·H·W,)."""

    name = "flatten"

    def output(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def kept(self, shape: Shape) -> Kept:
        return Kept(input=False, output=False)


@dataclass(frozen=True)
class GlobalAveragePool(Layer):
    """(C, H, W) → (C,): the mean of each channel; Lin et al., arXiv:1312.4400."""

    name = "global average pool"

    def output(self, shape: Shape) -> Shape:
        return (shape[0],)

    def kept(self, shape: Shape) -> Kept:
        return Kept(input=False, output=False)


@dataclass(frozen=True)
class Dense(Layer):
    """A fully connected layer with bias, on (features,)."""

    units: int
    name = "dense"

    def output(self, shape: Shape) -> Shape:
        return (self.units,)

    def parameters(self, shape: Shape) -> int:
        return self.units * (shape[0] + 1)

    def multiply_adds(self, shape: Shape) -> int:
        return self.units * shape[0]

    def kept(self, shape: Shape) -> Kept:
        return Kept(input=True, output=False)


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
        return sum(layer.parameters(before) for layer, before in _walk(self.projection(shape), self.centre(shape)))

    def projection_multiply_adds(self, shape: Shape) -> int:
        """Multiply-adds of the projection."""
        return sum(layer.multiply_adds(before) for layer, before in _walk(self.projection(shape), self.centre(shape)))

    def centre(self, shape: Shape) -> Shape:
        """The middle of the input, which a 1×1 convolution of the same stride turns into pixels of the output."""
        return (shape[0], *((side - 1) * self.stride + 1 for side in self.output(shape)[1:]))

    def parameters(self, shape: Shape) -> int:
        return self.projection_parameters(shape) + sum(layer.parameters(before) for layer, before in _walk(self.layers, shape))

    def multiply_adds(self, shape: Shape) -> int:
        inside = sum(layer.multiply_adds(before) for layer, before in _walk(self.layers, shape))
        return self.projection_multiply_adds(shape) + inside

    def kept(self, shape: Shape) -> Kept:
        """Of its own input and output; what the layers inside keep is theirs."""
        projection = self.projection(shape)
        normalized = VALUE_BYTES * math.prod(self.output(shape)) if len(projection) > 1 else 0  # the input of batch norm
        return Kept(input=bool(projection) or self.layers[0].kept(shape).input, output=False, beside=normalized)


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
    for layer, before in _walk(layers, shape):
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


def _walk(layers: Sequence[Layer], shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """Each layer with the shape that enters it."""
    for layer in layers:
        yield layer, shape
        shape = layer.output(shape)


def _does_not_fit(name: str, layer: Layer, shape: Shape) -> DoesNotFit:
    why = f"{layer} does not fit a {shape[1]}×{shape[2]} feature map"
    remedy = "choose a smaller kernel, fewer layers or poolings, or larger images"
    return DoesNotFit(name, why=why, remedy=remedy)
