"""The family resnet: the published networks, and what its hyperparameters say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.models.blocks import build
from pipeline.models.layers import Activation, BatchNorm, Conv, LayerRow, Skip, layer_table
from pipeline.models.resnet import Hyperparameters, layers


@pytest.mark.parametrize(("blocks", "parameters"), [(3, 272_474), (5, 466_906), (7, 661_338), (9, 855_770), (18, 1_730_714)])
def test_the_networks_of_the_paper_for_32x32_have_their_published_sizes(blocks: int, parameters: int) -> None:
    """ResNet-20, 32, 44, 56 and 110 of arXiv:1512.03385, table 6 (0.27 to 1.7 M), with projections where the shape changes."""
    described = layers(Hyperparameters(blocks_per_stage=blocks), 10)
    table = layer_table(described, (3, 32, 32))
    assert sum(row.parameters for row in table) == parameters
    assert sum(row.name.startswith(("conv", "dense")) for row in table) == 6 * blocks + 2


def test_a_stage_halves_the_size_in_its_first_block() -> None:
    table = layer_table(layers(Hyperparameters(blocks_per_stage=1), 10), (3, 32, 32))
    assert [row for row in table if row.name.startswith("skip")] == [
        LayerRow("skip 1", (16, 32, 32), 0, 0),
        LayerRow("skip 2", (32, 16, 16), 16 * 32 + 2 * 32, 16 * 32 * 256 + 32 * 256),
        LayerRow("skip 3", (64, 8, 8), 32 * 64 + 2 * 64, 32 * 64 * 64 + 64 * 64),
    ]


def test_a_bottleneck_works_inside_at_a_quarter_of_its_output() -> None:
    described = layers(Hyperparameters(num_stages=1, blocks_per_stage=2, bottleneck=True), 10)
    blocks = [layer for layer in described if isinstance(layer, Skip)]
    kernels = [[(layer.filters, layer.kernel) for layer in block.layers if isinstance(layer, Conv)] for block in blocks]
    assert kernels == [[(16, 1), (16, 3), (64, 1)]] * 2


def test_pre_activation_leaves_the_way_of_the_skips_free() -> None:
    described = layers(Hyperparameters(num_stages=2, blocks_per_stage=2, pre_activation=True), 10)
    act = [BatchNorm(), Activation("relu")]
    assert [type(layer) for layer in described[:2]] == [Conv, Skip], "nothing is activated outside the first block"
    same, changing = described[1], described[5]
    assert isinstance(same, Skip) and list(same.layers[:2]) == act
    assert list(described[3:5]) == act and isinstance(changing, Skip), "body and projection read what is activated"
    assert isinstance(changing.layers[0], Conv) and not changing.normalized
    assert list(described[7:9]) == act, "the last sum is activated before the head"


def test_a_block_adds_its_input_to_what_its_body_makes_of_it() -> None:
    network = build(layers(Hyperparameters(num_stages=1, blocks_per_stage=1, pre_activation=True), 10), (3, 8, 8)).eval()
    stem, block = list(network.children())[:2]
    images = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        before = stem(images)
        assert isinstance(block.body, nn.Sequential)
        torch.testing.assert_close(block(before), before + block.body(before))
