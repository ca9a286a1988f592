"""The family cnn: from hyperparameters to layers."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
import torch

from pipeline.errors import DoesNotFit, UnknownName
from pipeline.models import families, family
from pipeline.models.blocks import build
from pipeline.models.cnn import Hyperparameters, layers
from pipeline.models.shapes import Conv, Dense, Dropout, LayerRow, layer_table

TEXTBOOK = Hyperparameters(num_conv_layers=2, filters=32, kernel_size=3, padding="valid", num_dense_layers=1, dense_units=128)


def test_the_textbook_network_has_its_published_layer_table() -> None:
    assert layer_table(layers(TEXTBOOK, 10), (3, 64, 64)) == [
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


def test_the_textbook_network_has_1_626_442_trainable_parameters() -> None:
    network = build(layers(TEXTBOOK, 10), (3, 64, 64))
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 1_626_442


VARIANTS = [
    {"stride": 2, "pooling": "none"},
    {"padding": "valid", "kernel_size": 5, "pool_every": 2},
    {"dilation": 2, "pooling": "average"},
    {"kernel_size": 4, "activation": "gelu"},
    {"normalization": "batch", "skip": True, "head": "average"},
    {"skip": True, "padding": "valid", "activation": "silu", "num_conv_layers": 3, "pool_every": 3},
    {"filters": 300, "filters_growth": 1.7, "max_filters": 400, "head": "average"},
    {"num_conv_layers": 0, "num_dense_layers": 3, "dense_units": 16, "dropout": 0.3},
    {"num_dense_layers": 0, "pool_size": 3, "activation": "tanh", "dropout": 0.5},
]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 224, 224)], ids=str)
@pytest.mark.parametrize(("variant", "classes"), list(itertools.product(VARIANTS, (2, 10))), ids=str)
def test_every_configuration_is_built_as_computed_or_named_as_unfit(
    variant: dict[str, object], classes: int, shape: tuple[int, ...]
) -> None:
    described = layers(Hyperparameters.model_validate({"filters": 4, "dense_units": 8, **variant}), classes)
    try:
        rows = layer_table(described, shape)
    except DoesNotFit as error:
        assert shape == (1, 8, 8) and "×" in str(error)
        return
    network = build(described, shape).eval()
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in network.parameters())
    assert network(torch.zeros(2, *shape)).shape == (2, 1 if classes == 2 else classes)


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


def test_two_classes_share_one_logit() -> None:
    assert layers(Hyperparameters(), 2)[-1] == Dense(1)


def test_the_module_name_is_the_family() -> None:
    assert families() == ["cnn"]
    assert family("cnn").layers is layers


@pytest.mark.parametrize("name", ["cmm", "shapes", "blocks", "../cnn"])
def test_an_unknown_family_is_refused_with_the_names(name: str) -> None:
    with pytest.raises(UnknownName, match="cnn"):
        family(name)


def test_arithmetic_needs_no_torch() -> None:
    code = (
        "import sys; from pipeline.training import hyperparameters, metrics, settings; "
        "from pipeline.models.shapes import layer_table; "
        "layer_table(hyperparameters.parse('cnn', {}).layers(10), (1, 8, 8)); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
