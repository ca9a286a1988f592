"""A rectangle of each image is wiped out: random erasing (Zhong et al., arXiv:1708.04896), cutout (arXiv:1708.04552)."""

from __future__ import annotations

import math

import torch

from pipeline.data.augmentation.numbers import uniform

_FLATTEST = 0.3  # height/width of a rectangle, and the inverse of the most upright; as in the paper


def erase(images: torch.Tensor, largest: float, generator: torch.Generator) -> torch.Tensor:
    """Each image with one rectangle inside it, of up to `largest` of its area (sides rounded to pixels), in its mean colour."""
    area, shape, top, left = uniform(images, 4, generator)
    ratio = torch.exp((2 * shape - 1) * -math.log(_FLATTEST))
    side = images.shape[-1]
    height, width = (sides(area * largest, stretch, side) for stretch in (ratio, 1 / ratio))
    box = rectangle((top * (side + 1 - height)).floor(), (left * (side + 1 - width)).floor(), height, width, side)
    return torch.where(box.unsqueeze(1), images.mean((2, 3), keepdim=True), images)


def sides(area: torch.Tensor, stretch: torch.Tensor, side: int) -> torch.Tensor:
    """float N: whole pixels of one side of rectangles with these shares of the area, at most all."""
    return ((area * stretch).sqrt() * side).round().clamp(max=side)


def rectangle(top: torch.Tensor, left: torch.Tensor, height: torch.Tensor, width: torch.Tensor, side: int) -> torch.Tensor:
    """bool N×S×S: true inside; corners and sides in pixels, N each."""
    places = torch.arange(side, device=top.device)
    rows = (places >= top.unsqueeze(1)) & (places < (top + height).unsqueeze(1))
    columns = (places >= left.unsqueeze(1)) & (places < (left + width).unsqueeze(1))
    return rows.unsqueeze(2) & columns.unsqueeze(1)
