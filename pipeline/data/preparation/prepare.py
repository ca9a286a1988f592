"""From decoded pixels to what a network reads. The only resize there is: preprocess runs it, the registered model contains it.

Both modules go through torch.export with every dimension of the input dynamic; see `input_dims`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.data.preparation.recipe import Denoise, Fit, Recipe


class Prepare(nn.Module):
    """uint8 N×C×H×W, C 1 or 3, any size → uint8 N×channels×S×S: colour, fit, 3×3 noise reduction, in this order.

    An image that is S×S already keeps its pixels. Each image comes out the same alone and in any batch.
    """

    def __init__(self, channels: int, image_size: int, fit: Fit, denoise: Denoise) -> None:
        super().__init__()
        self.channels, self.image_size, self.fit, self.denoise = channels, image_size, fit, denoise

    @classmethod
    def of(cls, recipe: Recipe) -> Prepare:
        """The preparation that `recipe` records."""
        return cls(recipe.channels, recipe.image_size, recipe.fit, recipe.denoise)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        pixels = _rgb(images) if self.channels == 3 else _grey(images)
        if self.fit == "crop":
            pixels = _square_centre(pixels)
        size = _inside(pixels, self.image_size) if self.fit == "pad" else (self.image_size, self.image_size)
        pixels = F.interpolate(pixels.float(), size=size, mode="bilinear", antialias=True, align_corners=False).round()
        if self.fit == "pad":
            pixels = _centred_on_black(pixels, self.image_size)
        if self.denoise == "median":
            pixels = _median(pixels)
        if self.denoise == "gaussian":
            pixels = _gaussian(pixels)
        return pixels.to(torch.uint8)  # whole numbers already, and no filter here leaves 0-255


class Standardize(nn.Module):
    """uint8 N×C×S×S → float32 (x/255 − mean) / std, channel by channel."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    @classmethod
    def of(cls, recipe: Recipe) -> Standardize:
        """The standardization by the train statistics in `recipe`."""
        return cls(recipe.mean, recipe.std)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return (images.float() / 255 - self.mean) / self.std


def input_dims() -> dict[int, Any]:
    """`dynamic_shapes` of the input for torch.export: any N, H, W from 1, C from 1 to 3.

    Export with an example of two or more RGB images that are not square and of no size the network uses.
    """
    dim = torch.export.Dim
    return {
        0: dim("N", min=1, max=2**31),
        1: dim("C", min=1, max=3),
        2: dim("H", min=1, max=2**20),
        3: dim("W", min=1, max=2**20),
    }


def _rgb(images: torch.Tensor) -> torch.Tensor:
    """N×3×H×W; indices that hold for one channel and for three, so that one exported program takes both."""
    channels = images.shape[1]
    return torch.stack([images[:, 0], images[:, channels // 2], images[:, channels - 1]], 1)


def _grey(images: torch.Tensor) -> torch.Tensor:
    """N×1×H×W, ITU-R BT.601 luma in 16-bit fixed point as Pillow computes it: exact, and grey stays what it was."""
    red, green, blue = _rgb(images).int().unbind(1)
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).unsqueeze(1)


def _square_centre(images: torch.Tensor) -> torch.Tensor:
    """The middle of the long side; an image one pixel wide or high counts as two of the same.

    A slice of symbolic length, or a side that may be 1, would put guards on the size into the exported program.
    """
    height, width = images.shape[2:]
    side = torch.sym_max(2, torch.sym_min(height, width))
    for dimension, length in ((2, height), (3, width)):
        steps = torch.arange(side, device=images.device) + (length - side) // 2
        images = images.index_select(dimension, steps.clamp(0, length - 1))
    return images


def _inside(images: torch.Tensor, side: int) -> tuple[int, int]:
    """Height and width of the images in a square of `side`, proportions kept: rounded, at least 2 (1 would be a guard)."""
    height, width = images.shape[2:]
    longest = torch.sym_max(height, width)
    inside = [torch.sym_max(2, (2 * length * side + longest) // (2 * longest)) for length in (height, width)]
    return inside[0], inside[1]


def _centred_on_black(images: torch.Tensor, side: int) -> torch.Tensor:
    height, width = images.shape[2:]
    top, left = (side - height) // 2, (side - width) // 2
    return F.pad(images, (left, side - width - left, top, side - height - top))


def _median(images: torch.Tensor) -> torch.Tensor:
    """3×3 median, edges repeated: the median of (largest low, median middle, smallest high) of sorted columns."""
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    columns = _sorted(*(padded[:, :, row : row - 2 or None] for row in range(3)))
    low, middle, high = (_sorted(*(part[..., column : column - 2 or None] for column in range(3))) for part in columns)
    return _sorted(low[2], middle[1], high[0])[1]


def _sorted(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Lowest, middle and highest of three, element by element."""
    low, high = torch.minimum(a, b), torch.maximum(a, b)
    return torch.minimum(low, c), torch.maximum(low, torch.minimum(high, c)), torch.maximum(high, c)


def _gaussian(images: torch.Tensor) -> torch.Tensor:
    """3×3 binomial filter, [1 2 1]/4 along both sides, edges repeated."""
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    rows = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    return ((rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 16).round()
