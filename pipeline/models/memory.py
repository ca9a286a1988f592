"""How much memory the training of a network takes: estimated from its layers, without building anything."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.models.layers import VALUE_BYTES, Layer, Shape, Skip, layer_table


def training_bytes(layers: Sequence[Layer], input_shape: Shape, batch_size: int, copies: int) -> int:
    """Bytes at the peak of a training step in float32, beyond what an idle process takes; raises DoesNotFit.

    A batch of what the backward pass reads again, the images and their augmented copy, the gradients of the two largest
    neighbours, and `copies` of the parameters: weights, gradients and what the optimizer remembers. Workspace of the
    kernels is not in it. On a GPU most values take half as much.
    """
    rows = layer_table(layers, input_shape)
    widest = max([math.prod(input_shape), *(math.prod(row.output) for row in rows)])
    images = 2 * math.prod(input_shape)
    a_sample = kept_bytes(layers, input_shape) + VALUE_BYTES * (images + 2 * widest)
    return batch_size * a_sample + VALUE_BYTES * copies * sum(row.parameters for row in rows)


def kept_bytes(layers: Sequence[Layer], input_shape: Shape) -> int:
    """Bytes a sample that autograd keeps for the backward pass, the logits included; no tensor is counted twice."""
    shape = input_shape
    for layer in layers:
        shape = layer.output(shape)
    return _kept(layers, input_shape, counted=False) + VALUE_BYTES * math.prod(shape)


def _kept(layers: Sequence[Layer], shape: Shape, counted: bool) -> int:
    """`counted`: whether the tensor that enters the first layer is in the sum already."""
    total = 0
    for layer in layers:
        kept, after = layer.kept(shape), layer.output(shape)
        total += kept.beside
        if kept.input and not counted:
            total += VALUE_BYTES * math.prod(shape)
        if isinstance(layer, Skip):
            total += _kept(layer.layers, shape, counted=counted or kept.input)
        if kept.output:
            total += VALUE_BYTES * math.prod(after)
        shape, counted = after, kept.output
    return total
