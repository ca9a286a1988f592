"""The family cnn: from hyperparameters to layers."""

from __future__ import annotations

import pytest

from pipeline.models.cnn import Hyperparameters, layers
from pipeline.models.layers import Conv, Dropout, LayerRow, layer_table

TEXTBOOK = Hyperparameters(num_conv_layers=2, filters=32, kernel_size=3, padding="valid", num_dense_layers=1, dense_units=128)


def test_the_textbook_network_has_its_published_layer_table() -> None:
    table = layer_table(layers(TEXTBOOK, 10), (3, 64, 64))
    assert table == [
        LayerRow("conv 1", (32, 62, 62), 896, 3_321_216),
        LayerRow("relu 1", (32, 62, 62), 0, 0),
        LayerRow("max pool 1", (32, 31, 31), 0, 0),
        LayerRow("conv 2", (64, 29, 29), 18_496, 15_501_312),
        LayerRow("relu 2", (64, 29, 29), 0, 0),
        LayerRow("max pool 2", (64, 14, 14), 0, 0),
        LayerRow("flatten 1", (12_544,), 0, 0),
        LayerRow("dense 1", (128,), 1_605_760, 1_605_632),
        LayerRow("relu 3", (128,), 0, 0),
        LayerRow("dense 2", (10,), 1_290, 1_280),
    ]
    assert sum(row.parameters for row in table) == 1_626_442


def test_widths_grow_up_to_the_largest() -> None:
    described = layers(Hyperparameters(num_conv_layers=4, filters=10, filters_growth=1.5, max_filters=30), 10)
    assert [layer.filters for layer in described if isinstance(layer, Conv)] == [10, 15, 22, 30]


def test_the_widest_growth_is_no_overflow() -> None:
    described = layers(Hyperparameters(num_conv_layers=32, filters_growth=8.0, pooling="none"), 10)
    assert max(layer.filters for layer in described if isinstance(layer, Conv)) == 512


@pytest.mark.parametrize(("hidden", "dropouts"), [(0, 1), (1, 1), (3, 3)])
def test_dropout_stands_before_every_dense_layer_but_a_hidden_first(hidden: int, dropouts: int) -> None:
    described = layers(Hyperparameters(num_dense_layers=hidden, dropout=0.5), 10)
    assert sum(isinstance(layer, Dropout) for layer in described) == dropouts
    assert isinstance(described[-2], Dropout)
