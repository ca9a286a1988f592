"""From decoded pixels to what a network reads: preprocess runs it, the registered model contains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.steps import Step


class Prepare(nn.Module):
    """uint8 N×C×H×W, C 1 or 3, any size → uint8 N×channels×S×S: colour, then the steps in their order.

    Each image comes out the same alone and in any batch. Goes through torch.export with every dimension of the input dynamic;
    see `input_dims`.
    """

    def __init__(self, channels: int, image_size: int, steps: Sequence[Step]) -> None:
        super().__init__()
        self.channels, self.image_size, self.steps = channels, image_size, tuple(steps)

    @classmethod
    def of(cls, recipe: Recipe) -> Prepare:
        """The preparation that `recipe` records."""
        return cls(recipe.channels, recipe.image_size, recipe.steps)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        pixels = _rgb(images) if self.channels == 3 else _grey(images)
        for step in self.steps:
            pixels = step.apply(pixels, self.image_size)
        return pixels


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
    """N×3×H×W, copied as N×H×W×3, which is resized in half the time.

    One exported program takes one channel and three, so it always copies; that takes twice as long as resizing a photo.
    """
    if not torch.compiler.is_exporting() and images.shape[1] == 3:
        return images
    return torch.stack(_channels(images), 3).permute(0, 3, 1, 2)


def _grey(images: torch.Tensor) -> torch.Tensor:
    """N×1×H×W, ITU-R BT.601 luma in 16-bit fixed point as Pillow computes it: exact, and grey stays what it was."""
    red, green, blue = (channel.int() for channel in _channels(images))
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).unsqueeze(1).to(torch.uint8)


def _channels(images: torch.Tensor) -> list[torch.Tensor]:
    """Red, green and blue, N×H×W, by indices that hold for one channel and for three: one exported program takes both."""
    channels = images.shape[1]
    return [images[:, 0], images[:, channels // 2], images[:, channels - 1]]
