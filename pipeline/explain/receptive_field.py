"""Which pixels of the image a value of a feature map can see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.explain.steps import IMAGE, Step
from pipeline.models.layers import Conv, Pool


class Field(NamedTuple):
    """Value (y, x) of a map sees `size` pixels from `start` + y·`jump` downwards, and as many to the right; some may be padding.

    Source: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill 2019.
    """

    size: int
    jump: int
    start: int


def fields(found: Sequence[Step]) -> list[Field | None]:
    """Of each step; None where a value sees the whole image."""
    seen: list[Field | None] = []
    for step in found:
        source = step.source if step.inside is None else step.inside
        before = Field(1, 1, 0) if source == IMAGE else seen[source]
        seen.append(None if before is None or len(step.after) == 1 else _after(step, before))
    return seen


def _after(step: Step, before: Field) -> Field:
    match step.layer:
        case Conv(kernel=kernel, dilation=dilation, pad=pad, stride=stride):
            reach = dilation * (kernel - 1)
        case Pool(size=size):
            reach, pad, stride = size - 1, 0, size
        case _:
            return before
    return Field(before.size + reach * before.jump, before.jump * stride, before.start - pad * before.jump)
