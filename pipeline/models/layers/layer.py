"""What every layer is: a plain description that knows its output size, its parameters and its multiply-adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

Shape = tuple[int, ...]  # of one sample: (channels, height, width), or (features,) after the head


def output_size(size: int, kernel: int, padding: int, stride: int, dilation: int) -> int:
    """⌊(I + 2P − D(K−1) − 1)/S⌋ + 1 along one side, in pixels; below 1 when the kernel does not fit.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.
    """
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


VALUE_BYTES = 4  # of a float32


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


def walk(layers: Sequence[Layer], shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """Each layer with the shape that enters it."""
    for layer in layers:
        yield layer, shape
        shape = layer.output(shape)
