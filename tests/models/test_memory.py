"""What training keeps in memory, as computed and as torch reports it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

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
)
from pipeline.models.memory import kept_bytes, training_bytes
from pipeline.search.spaces.space import Space, load
from pipeline.training.loss import cross_entropy

SHIPPED = sorted((Path(__file__).parents[2] / "search_spaces").glob("*.yaml"))
BATCH = 8
FACTOR = (0.85, 1.02)  # of computed over measured: a copy that channels_last makes of a small tensor is not in it


def saved_bytes(layers: tuple[Layer, ...], shape: Shape) -> int:
    """Bytes a sample that autograd saves in a forward pass, without the parameters; a storage saved twice is counted once."""
    network = build(layers, shape).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    parameters = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    saved: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    images = torch.rand(BATCH, *shape).contiguous(memory_format=torch.channels_last)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = cross_entropy(network(images), torch.zeros(BATCH, dtype=torch.long))
    assert loss.requires_grad
    return sum(tensor.untyped_storage().nbytes() for place, tensor in saved.items() if place not in parameters) // BATCH


HEAD = (GlobalAveragePool(), Dense(10))
STACKS: dict[str, tuple[Layer, ...]] = {
    "relu keeps its output, which the next convolution reads": (Conv(8, 3), Activation("relu"), Conv(8, 3), *HEAD),
    "gelu keeps its input": (Conv(8, 3), Activation("gelu"), Conv(8, 3), *HEAD),
    "maximum pooling remembers where": (Conv(8, 3), Activation("silu"), Pool("max", 2), *HEAD),
    "average pooling": (Conv(8, 3), Activation("tanh"), Pool("average", 2), *HEAD),
    "batch norm": (Conv(8, 3, bias=False), BatchNorm(), Activation("relu"), *HEAD),
    "padding is a copy": (Conv(8, 4), Activation("relu"), *HEAD),
    "dropout keeps its mask": (Flatten(), Dense(64), Activation("relu"), Dropout(0.5), Dense(10)),
    "skip": (Conv(8, 3), Activation("relu"), Skip((Conv(8, 3, bias=False), BatchNorm())), Activation("relu"), *HEAD),
    "skip with a normalized projection": (
        Conv(8, 3),
        Activation("relu"),
        Skip((Conv(16, 3, stride=2, bias=False), BatchNorm()), normalized=True),
        Activation("relu"),
        *HEAD,
    ),
    "skip with a projection": (Skip((Conv(8, 3, stride=2),)), Activation("gelu"), Skip((Pool("average", 2),)), *HEAD),
}


@pytest.mark.parametrize("name", STACKS)
def test_what_autograd_keeps_of_each_kind_of_layer_is_known_from_arithmetic(name: str) -> None:
    shape = (3, 16, 16)
    assert kept_bytes(STACKS[name], shape) == pytest.approx(saved_bytes(STACKS[name], shape), rel=0.01)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_random_networks_of_every_space_keep_what_is_computed(path: Path) -> None:
    for layers, shape in random_networks(load(path), 30):
        ratio = kept_bytes(layers, shape) / saved_bytes(layers, shape)
        assert FACTOR[0] <= ratio <= FACTOR[1], (ratio, layers)


def random_networks(space: Space, count: int) -> list[tuple[tuple[Layer, ...], Shape]]:
    """Networks that fit 3×16×16 images of 10 classes."""
    fit: list[tuple[tuple[Layer, ...], Shape]] = []
    shape = (3, 16, 16)
    for point in space.draws(count):
        layers = space.parse(point).layers(10)
        try:
            layer_table(layers, shape)
        except DoesNotFit:
            continue
        fit.append((layers, shape))
    assert len(fit) > count / 3
    return fit


def test_memory_grows_with_the_batch_and_with_what_the_optimizer_remembers() -> None:
    layers, shape = STACKS["batch norm"], (3, 16, 16)
    parameters = 4 * sum(row.parameters for row in layer_table(layers, shape))
    one, two = (training_bytes(layers, shape, batch, copies=2) for batch in (1, 2))
    assert training_bytes(layers, shape, 1, copies=4) - one == 2 * parameters
    assert two - one == one - 2 * parameters >= kept_bytes(layers, shape) + 4 * math.prod((8, 16, 16))


def test_a_layer_that_says_nothing_is_taken_to_keep_all() -> None:
    class Strange(Layer):
        name = "strange"

    assert kept_bytes((Strange(), Strange()), (2, 4, 4)) == 4 * 32 * (1 + 2 + 1)  # the input, both outputs, the loss
