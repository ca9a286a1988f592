"""The layers that work on their input alone: convolution, pooling, normalization, activation, dropout, dense layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pipeline.models.layers.layer import VALUE_BYTES, Kept, Layer, Shape, output_size

_INDEX_BYTES = 8  # of an int64, which is what torch remembers of each maximum


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
