"""Noise reduction by small filters, in whole numbers: the same result in any batch, in preprocess and in the exported program.

kornia 0.9 has all three, but its median and Gaussian blur refuse images one pixel wide, its bilateral filter cannot be exported
for images under 5 pixels and comes out differently alone and in a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch

_SPACE_SIGMA = 1.5  # pixels
_LEVEL_SIGMA = 25.5  # of 255
_WEIGHT_ONE = 4096  # the weight of the pixel itself; 25 weighted pixels stay far below 2³¹


def median(images: torch.Tensor) -> torch.Tensor:
    """3×3 median of uint8 N×C×H×W: the median of (largest low, median middle, smallest high) of sorted columns."""
    columns = _sorted(*_shifted(images, 2, 1))
    low, middle, high = (_sorted(*_shifted(part, 3, 1)) for part in columns)
    return _sorted(low[2], middle[1], high[0])[1]


def gaussian(images: torch.Tensor) -> torch.Tensor:
    """3×3 binomial filter of uint8 N×C×H×W, [1 2 1]/4 along both sides, halves rounded to even."""
    above, here, below = _shifted(images.float(), 2, 1)  # whole numbers up to 4080 are exact
    left, centre, right = _shifted(above + 2 * here + below, 3, 1)
    return ((left + 2 * centre + right) / 16).round().to(torch.uint8)


def bilateral(images: torch.Tensor) -> torch.Tensor:
    """5×5 bilateral filter of uint8 N×C×H×W (Tomasi and Manduchi 1998): near pixels of near colour weigh most.

    The distance of two colours is the mean over the channels of their differences. Weights come from a table, because torch's
    exponential may differ in the last bit from one position in memory to another.
    """
    levels = images.int()
    channels = images.shape[1]
    reaches = {down**2 + right**2 for down in range(3) for right in range(3)}
    tables = {reach: _weights(reach, channels, images.device) for reach in reaches}
    total = torch.zeros_like(levels)
    weights = torch.zeros_like(levels[:, :1])
    for down, row in zip(range(-2, 3), _shifted(levels, 2, 2), strict=True):
        for right, near in zip(range(-2, 3), _shifted(row, 3, 2), strict=True):
            weight = tables[down**2 + right**2][(near - levels).abs().sum(1, keepdim=True)]
            total, weights = total + weight * near, weights + weight
    return ((2 * total + weights) // (2 * weights)).to(torch.uint8)


FILTERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"median": median, "gaussian": gaussian, "bilateral": bilateral}


def _shifted(images: torch.Tensor, dimension: int, reach: int) -> Iterator[torch.Tensor]:
    """The images moved by −reach … +reach along one side, edges repeated.

    By index: a slice or padding of symbolic length would put guards on the size into the exported program.
    """
    length = images.shape[dimension]
    positions = torch.arange(length, device=images.device)
    for step in range(-reach, reach + 1):
        yield images.index_select(dimension, (positions + step).clamp(0, length - 1)) if step else images


def _sorted(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Lowest, middle and highest of three, element by element."""
    low, high = torch.minimum(a, b), torch.maximum(a, b)
    return torch.minimum(low, c), torch.maximum(low, torch.minimum(high, c)), torch.maximum(high, c)


def _weights(squared_distance: int, channels: int, device: torch.device) -> torch.Tensor:
    """int32 255·channels + 1: the weight of a pixel so far away, by the sum of the differences of its channels."""
    near = math.exp(-squared_distance / (2 * _SPACE_SIGMA**2))
    alike = [math.exp(-((total / channels) ** 2) / (2 * _LEVEL_SIGMA**2)) for total in range(255 * channels + 1)]
    return torch.tensor([round(_WEIGHT_ONE * near * share) for share in alike], dtype=torch.int32, device=device)
