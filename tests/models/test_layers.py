"""The arithmetic of layers equals what torch builds, and what does not fit is named."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from pipeline.errors import DoesNotFit
from pipeline.models.blocks import build
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
    output_size,
)

CASES = [(1, 8, 8), (3, 32, 32), (3, 224, 224)]
HEAD = (GlobalAveragePool(), Dense(10))
STACKS: dict[str, tuple[Layer, ...]] = {
    "valid": (Conv(4, 3, padding="valid"), Activation("relu"), Flatten(), Dense(10)),
    "same": (Conv(4, 5), Activation("sigmoid"), *HEAD),
    "even kernel, same": (Conv(4, 4), Conv(4, 2, stride=2), *HEAD),
    "even kernel, valid": (Conv(4, 4, padding="valid"), *HEAD),
    "kernel one": (Conv(6, 1), Activation("tanh"), *HEAD),
    "stride two, same": (Conv(4, 3, stride=2), Conv(4, 3, stride=2), *HEAD),
    "stride three, valid": (Conv(4, 3, stride=3, padding="valid"), *HEAD),
    "dilation two, same": (Conv(4, 3, dilation=2), *HEAD),
    "dilation three, even kernel, same": (Conv(4, 2, dilation=3), *HEAD),
    "dilation two, stride two, valid": (Conv(4, 3, stride=2, padding="valid", dilation=2), *HEAD),
    "no bias, batch norm": (Conv(4, 3, bias=False), BatchNorm(), Activation("gelu"), *HEAD),
    "max pool": (Conv(4, 3), Pool("max", 3), Flatten(), Dropout(0.5), Dense(10)),
    "average pool": (Conv(4, 3), Pool("average", 2), Pool("average", 2), Flatten(), Dense(7), Activation("silu"), Dense(1)),
    "skip, same shape": (Conv(4, 3), Skip((Conv(4, 3), BatchNorm())), *HEAD),
    "skip, more channels": (Skip((Conv(4, 3),)), Activation("relu"), Skip((Conv(8, 3),)), *HEAD),
    "skip, stride two": (Skip((Conv(4, 3, stride=2),)), Skip((Conv(4, 5, stride=2),)), *HEAD),
    "skip, valid": (Skip((Conv(4, 3, padding="valid"),)), *HEAD),
    "skip, valid, stride two": (Skip((Conv(4, 3, stride=2, padding="valid"),)), *HEAD),
    "skip, normalized, stride two": (Skip((Conv(4, 3, stride=2, bias=False), BatchNorm()), normalized=True), *HEAD),
    "skip, normalized, same shape": (Conv(4, 3), Skip((Conv(4, 3),), normalized=True), *HEAD),
    "skip over two": (Skip((Conv(4, 3), Activation("relu"), Conv(4, 3, stride=2, bias=False), BatchNorm())), *HEAD),
    "skip over a pooling": (Skip((Conv(4, 3), Pool("max", 2))), *HEAD),
    "skip in a skip": (Skip((Conv(4, 3), Skip((Conv(6, 3, stride=2),)))), *HEAD),
    "no convolution": (Flatten(), Dense(16), Activation("relu"), Dense(10)),
}


@pytest.mark.parametrize("shape", CASES, ids=str)
@pytest.mark.parametrize("name", STACKS)
def test_arithmetic_equals_what_torch_builds(name: str, shape: Shape) -> None:
    layers = STACKS[name]
    rows = [layer_table(layers[: count + 1], shape)[-1] for count in range(len(layers))]
    for count, row in enumerate(rows):
        network = build(layers[: count + 1], shape).eval()
        assert tuple(network(torch.zeros(1, *shape)).shape[1:]) == row.output
    assert sum(row.parameters for row in layer_table(layers, shape)) == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", STACKS)
def test_multiply_adds_equal_those_of_the_modules(name: str) -> None:
    shape = (3, 32, 32)
    counted = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal counted
        if isinstance(module, nn.Conv2d | nn.Linear):
            counted += output.numel() * math.prod(module.weight.shape[1:])
        if isinstance(module, nn.BatchNorm2d):
            counted += output.numel()

    network = build(STACKS[name], shape).eval()
    for module in network.modules():
        module.register_forward_hook(count)
    network(torch.zeros(1, *shape))
    assert sum(row.multiply_adds for row in layer_table(STACKS[name], shape)) == counted


@pytest.mark.parametrize("size", [1, 2, 7, 8, 32])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize(("stride", "dilation", "padding"), [(1, 1, 0), (2, 1, 1), (3, 2, 0), (2, 3, 4)])
def test_output_size_is_torchs(size: int, kernel: int, stride: int, dilation: int, padding: int) -> None:
    expected = output_size(size, kernel, padding, stride, dilation)
    convolution = nn.Conv2d(1, 1, kernel, stride, padding, dilation)
    if expected < 1:
        with pytest.raises(RuntimeError):
            convolution(torch.zeros(1, 1, size, size))
    else:
        assert convolution(torch.zeros(1, 1, size, size)).shape[2:] == (expected, expected)


def test_the_rows_of_a_skip_add_up_to_the_skip() -> None:
    skip = Skip((Conv(4, 3, stride=2), BatchNorm(), Activation("relu")))
    rows = layer_table([skip], (3, 8, 8))
    assert [row.name for row in rows] == ["conv 1", "batch norm 1", "relu 1", "skip 1"]
    assert sum(row.parameters for row in rows) == skip.parameters((3, 8, 8))
    assert sum(row.multiply_adds for row in rows) == skip.multiply_adds((3, 8, 8))


@pytest.mark.parametrize(
    ("layers", "sizes", "names"),
    [
        ((Conv(4, 9, padding="valid"),), (1, 8, 8), ("conv 1", "9×9", "8×8")),
        ((Conv(4, 3, padding="valid", dilation=4),), (1, 8, 8), ("conv 1", "dilation 4", "8×8")),
        ((Pool("max", 2),) * 4, (1, 8, 8), ("max pool 4", "2×2", "1×1")),
        ((Conv(4, 3), Conv(4, 3, padding="valid"), Pool("average", 7)), (1, 8, 8), ("average pool 1", "7×7", "6×6")),
        ((Skip((Conv(4, 3), Conv(4, 5, padding="valid"))),), (3, 4, 4), ("conv 2", "5×5", "4×4")),
    ],
)
def test_what_does_not_fit_is_named_with_its_sizes(layers: tuple[Layer, ...], sizes: Shape, names: tuple[str, ...]) -> None:
    with pytest.raises(DoesNotFit) as caught:
        layer_table(layers, sizes)
    assert all(name in str(caught.value) for name in names)
    with pytest.raises(DoesNotFit):
        build(layers, sizes)
