"""torch's antialiased bilinear resize of uint8 in plain arithmetic: the same pixels wherever there is a matrix multiplication.

torch computes it in whole numbers, on the CPU alone and in a way of its own. A program for other engines carries this instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

_LARGEST_PRECISION = 22  # bits of a weight's fraction, as torch's UpSampleKernel.cpp has it
_WEIGHT_LIMIT = 2.0**15  # weights are 16-bit integers there


def resize(images: torch.Tensor, size: Sequence[int], align_corners: bool, scale_factors: None = None) -> torch.Tensor:
    """`aten._upsample_bilinear2d_aa.vec` of uint8 N×C×H×W, bit for bit; float64 holds such sums exactly."""
    assert not align_corners and scale_factors is None
    across, unit_across = _weights(images.shape[3], size[1], images.device)
    down, unit_down = _weights(images.shape[2], size[0], images.device)
    rows = _pixels(torch.matmul(images.to(torch.float64), across.t()), unit_across)
    return _pixels(torch.matmul(down, rows), unit_down).to(torch.uint8)


def _pixels(sums: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    return ((sums + unit / 2) / unit).floor().clamp(0.0, 255.0)


def _weights(length: int, side: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """float64 side×length of whole numbers, and the power of two that stands for 1.

    The order of operations is torch's, also in sums (cumsum adds one after the other): a last bit decides how a half is rounded.
    """
    numbers = torch.float64
    cells = torch.arange(length, dtype=numbers, device=device)
    end = torch.scalar_tensor(length, dtype=numbers, device=device)
    scale = end / torch.scalar_tensor(side, dtype=numbers, device=device)
    support = scale.clamp(min=1.0)
    shrink = torch.where(scale >= 1.0, 1.0 / scale, torch.ones_like(scale))
    centres = (scale * (torch.arange(side, dtype=numbers, device=device) + 0.5)).unsqueeze(1)
    first = (centres - support + 0.5).floor().clamp(min=0.0)
    last = torch.minimum((centres + support + 0.5).floor(), end)
    shares = (1.0 - ((cells - centres + 0.5) * shrink).abs()).clamp(min=0.0)
    shares = torch.where((cells >= first) & (cells < last), shares, torch.zeros_like(shares))
    shares = shares / shares.cumsum(1)[:, -1:]
    unit = _unit(shares.amax((0, 1)))
    return (shares * unit + 0.5).floor(), unit


def _unit(largest: torch.Tensor) -> torch.Tensor:
    """The highest power of two, to _LARGEST_PRECISION, with which the largest weight stays within 16 bits."""
    powers = torch.arange(1, _LARGEST_PRECISION + 1, dtype=torch.float64, device=largest.device) * math.log(2)
    fits = (largest * powers.exp().round() + 0.5).floor() < _WEIGHT_LIMIT
    return (fits.to(torch.float64).sum() * math.log(2)).exp().round()
