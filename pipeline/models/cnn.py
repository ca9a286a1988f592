"""The family `cnn`: convolutions, poolings and dense layers one after the other, from a handful of hyperparameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from pipeline.config import Section
from pipeline.models.layers import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, GlobalAveragePool, Layer, Pool, Skip


class Hyperparameters(Section):
    """`model.*` of the family `cnn`; sizes in pixels, `dropout` a probability."""

    num_conv_layers: int = Field(2, ge=0, le=32)
    filters: int = Field(32, ge=1, le=4096)  # of the first convolution
    filters_growth: float = Field(2.0, ge=1.0, le=8.0)  # layer i, from 0, has filters · growthⁱ
    max_filters: int = Field(512, ge=1, le=4096)
    kernel_size: int = Field(3, ge=1, le=31)
    stride: int = Field(1, ge=1, le=8)
    padding: Literal["same", "valid"] = "same"
    dilation: int = Field(1, ge=1, le=16)
    normalization: Literal["none", "batch"] = "none"
    activation: Literal["relu", "sigmoid", "tanh", "gelu", "silu"] = "relu"
    pooling: Literal["none", "max", "average"] = "max"
    pool_size: int = Field(2, ge=1, le=16)
    pool_every: int = Field(1, ge=1, le=32)  # convolutions for one pooling
    skip: bool = False  # a skip connection around each convolution
    head: Literal["flatten", "average"] = "flatten"
    num_dense_layers: int = Field(1, ge=0, le=16)  # hidden ones; the output layer comes on top
    dense_units: int = Field(128, ge=1, le=16384)
    dropout: float = Field(0.0, ge=0.0, lt=1.0)  # after each hidden dense layer; without any, before the output layer


def layers(hyperparameters: Hyperparameters, num_classes: int) -> tuple[Layer, ...]:
    """The network's layers; the last has one unit (a logit) for two classes and `num_classes` units for more."""
    return (*_features(hyperparameters), *_head(hyperparameters), Dense(1 if num_classes == 2 else num_classes))


def _features(h: Hyperparameters) -> Iterator[Layer]:
    for index in range(h.num_conv_layers):
        yield from _conv(h, index)
        yield Activation(h.activation)
        if h.pooling != "none" and (index + 1) % h.pool_every == 0:
            yield Pool(h.pooling, h.pool_size)


def _conv(h: Hyperparameters, index: int) -> tuple[Layer, ...]:
    plain = h.normalization == "none"  # batch normalization has a shift of its own
    filters = round(min(h.max_filters, h.filters * h.filters_growth**index))
    conv = Conv(filters, h.kernel_size, h.stride, h.padding, h.dilation, bias=plain)
    block: tuple[Layer, ...] = (conv,) if plain else (conv, BatchNorm())
    return (Skip(block),) if h.skip else block


def _head(h: Hyperparameters) -> Iterator[Layer]:
    yield Flatten() if h.head == "flatten" else GlobalAveragePool()
    drop = (Dropout(h.dropout),) if h.dropout else ()
    for _ in range(h.num_dense_layers):
        yield Dense(h.dense_units)
        yield Activation(h.activation)
        yield from drop
    if not h.num_dense_layers:
        yield from drop
