"""What holds for every family: found by its name, described without torch, built as computed, complete in its limits."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from pipeline.errors import DoesNotFit, UnknownName
from pipeline.models import families, family
from pipeline.models.blocks import build
from pipeline.models.layers import Dense, layer_table

SHAPES = [(1, 8, 8), (3, 32, 32), (3, 224, 224)]
SMALL: dict[str, Any] = {"filters": 4, "dense_units": 8}  # where a family has them
# Besides every single hyperparameter at its lowest and at another value: what a family says together.
TOGETHER: dict[str, list[dict[str, Any]]] = {
    "cnn": [
        {"stride": 2, "pooling": "none"},
        {"padding": "valid", "kernel_size": 5, "pool_every": 2},
        {"dilation": 2, "pooling": "average"},
        {"kernel_size": 4, "activation": "gelu"},
        {"normalization": "batch", "skip": True, "head": "average"},
        {"skip": True, "padding": "valid", "activation": "silu", "num_conv_layers": 3, "pool_every": 3},
        {"filters": 300, "filters_growth": 1.7, "max_filters": 400, "head": "average"},
        {"num_conv_layers": 0, "num_dense_layers": 3, "dense_units": 16, "dropout": 0.3},
        {"num_dense_layers": 0, "pool_size": 3, "activation": "tanh", "dropout": 0.5},
    ],
    "resnet": [
        {"blocks_per_stage": 1, "pre_activation": True},
        {"blocks_per_stage": 2, "num_stages": 2, "bottleneck": True},
        {"blocks_per_stage": 2, "num_stages": 2, "bottleneck": True, "pre_activation": True},
        {"blocks_per_stage": 1, "num_stages": 6, "filters_growth": 1.3, "max_filters": 9},
        {"blocks_per_stage": 1, "stem_kernel_size": 7, "stem_stride": 2, "activation": "silu", "dropout": 0.5},
        {"blocks_per_stage": 2, "filters_growth": 1.0, "pre_activation": True},
    ],
}


def _lowest_and_others(name: str, known: FieldInfo) -> Iterator[Any]:
    """Values of a hyperparameter that must be possible, small enough to be built here."""
    choices = getattr(known.annotation, "__args__", None)
    if choices:
        yield from choices
    elif known.annotation is bool:
        yield from (False, True)
    else:
        yield next(limit.ge for limit in known.metadata if hasattr(limit, "ge"))


def variants(name: str) -> list[dict[str, Any]]:
    """Points of the family, each a small network."""
    fields = family(name).Hyperparameters.model_fields
    small = {key: value for key, value in SMALL.items() if key in fields}
    alone = [{key: value} for key, known in fields.items() for value in _lowest_and_others(key, known)]
    return [{**small, **each} for each in (*alone, *TOGETHER.get(name, ()))]


EVERY = [pytest.param(name, each, id=f"{name} {each}") for name in families() for each in variants(name)]


def test_the_modules_are_the_families() -> None:
    assert {"cnn", "resnet"} <= set(families()) and not {"layers", "blocks"} & set(families())


@pytest.mark.parametrize("name", ["cmm", "layers", "blocks", "../cnn"])
def test_an_unknown_family_is_refused_with_the_names(name: str) -> None:
    with pytest.raises(UnknownName, match="cnn"):
        family(name)


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_every_configuration_is_built_as_computed_or_named_as_unfit(name: str, variant: dict[str, Any]) -> None:
    hyperparameters = family(name).Hyperparameters.model_validate(variant)
    for classes, shape in itertools.product((2, 10), SHAPES):
        described = family(name).layers(hyperparameters, classes)
        try:
            rows = layer_table(described, shape)
        except DoesNotFit as error:
            assert shape == (1, 8, 8) and "×" in str(error)
            continue
        with torch.device("meta"):
            network = build(described, shape).eval()
            found = network(torch.zeros(2, *shape))
        assert sum(row.parameters for row in rows) == sum(p.numel() for p in network.parameters() if p.requires_grad)
        assert found.shape == (2, 1 if classes == 2 else classes)


@pytest.mark.parametrize("name", families())
def test_two_classes_share_one_logit(name: str) -> None:
    hyperparameters = family(name).Hyperparameters()
    assert [family(name).layers(hyperparameters, classes)[-1] for classes in (2, 3)] == [Dense(1), Dense(3)]


@pytest.mark.parametrize("name", families())
def test_every_number_has_a_default_and_limits_on_both_sides(name: str) -> None:
    known = family(name).Hyperparameters
    for key, field in known.model_fields.items():
        assert not field.is_required()
        if field.annotation in (int, float):
            for beyond in (-1, 10**9):
                with pytest.raises(ValidationError):
                    known.model_validate({key: beyond})


@pytest.mark.parametrize("name", families())
def test_arithmetic_needs_no_torch(name: str) -> None:
    code = (
        "import sys; from pipeline.training import hyperparameters, metrics, settings; "
        "from pipeline.models.layers import layer_table; "
        f"layer_table(hyperparameters.parse({name!r}, {{}}).layers(10), (1, 8, 8)); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
