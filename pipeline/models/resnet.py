"""The family `resnet`: stages of residual blocks, each stage half the size and wider.

Sources: He et al., arXiv:1512.03385, and with `pre_activation` arXiv:1603.05027.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from pipeline.config import Section
from pipeline.models.layers import Activation, BatchNorm, Conv, Dense, Dropout, GlobalAveragePool, Layer, Skip

_EXPANSION = 4  # output of a bottleneck block over its width inside


class Hyperparameters(Section):
    """`model.*` of the family `resnet`; as it stands, ResNet-20 for 32×32 pixels."""

    num_stages: int = Field(3, ge=1, le=6)
    blocks_per_stage: int = Field(3, ge=1, le=48)
    filters: int = Field(16, ge=1, le=4096)  # of the first convolution and stage
    filters_growth: float = Field(2.0, ge=1.0, le=8.0)  # stage i, from 0, has filters · growthⁱ
    max_filters: int = Field(512, ge=1, le=4096)
    stem_kernel_size: int = Field(3, ge=1, le=31)
    stem_stride: int = Field(1, ge=1, le=8)  # 2 for images of 64 pixels and more: a quarter of the work
    bottleneck: bool = False  # blocks of 1×1, 3×3 and 1×1 with a fourfold output, instead of two of 3×3
    pre_activation: bool = False  # normalization and activation before each convolution, not after it
    activation: Literal["relu", "gelu", "silu"] = "relu"
    dropout: float = Field(0.0, ge=0.0, lt=1.0)  # before the output layer


def layers(hyperparameters: Hyperparameters, num_classes: int) -> tuple[Layer, ...]:
    """The network's layers; the last has one unit (a logit) for two classes and `num_classes` units for more."""
    h = hyperparameters
    drop = (Dropout(h.dropout),) if h.dropout else ()
    return (*_features(h), GlobalAveragePool(), *drop, Dense(1 if num_classes == 2 else num_classes))


def _features(h: Hyperparameters) -> Iterator[Layer]:
    act = (BatchNorm(), Activation(h.activation))
    yield Conv(h.filters, h.stem_kernel_size, h.stem_stride, bias=False)
    if not h.pre_activation:
        yield from act
    channels = h.filters
    for stage in range(h.num_stages):
        width = round(min(h.max_filters, h.filters * h.filters_growth**stage))
        for block in range(h.blocks_per_stage):
            stride = 2 if stage and not block else 1
            yield from _block(h, channels, width, stride)
            channels = width * (_EXPANSION if h.bottleneck else 1)
    if h.pre_activation:
        yield from act


def _block(h: Hyperparameters, channels: int, width: int, stride: int) -> Iterator[Layer]:
    act = (BatchNorm(), Activation(h.activation))
    first, *others = _convolutions(h, width, stride)
    body: list[Layer] = [first]
    for conv in others:
        body += [*act, conv]
    if not h.pre_activation:
        yield Skip((*body, BatchNorm()), normalized=True)
        yield Activation(h.activation)
    elif stride == 1 and channels == others[-1].filters:
        yield Skip((*act, *body))
    else:
        yield from act  # before the block, so that the projection sees it too
        yield Skip(tuple(body))


def _convolutions(h: Hyperparameters, width: int, stride: int) -> list[Conv]:
    if not h.bottleneck:
        return [Conv(width, 3, stride, bias=False), Conv(width, 3, bias=False)]
    return [Conv(width, 1, bias=False), Conv(width, 3, stride, bias=False), Conv(_EXPANSION * width, 1, bias=False)]
