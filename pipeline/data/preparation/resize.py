"""The only resize there is: images of any shape into a square, antialiased; in preprocess and in the registered model."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from pipeline.data.preparation.object_crop import object_crop


def stretch(images: torch.Tensor, side: int) -> torch.Tensor:
    """uint8 N×C×H×W → S×S, S ≥ 2, whatever the proportions; an image that is S×S already keeps its pixels."""
    return _resized(images, (side, side))


def crop(images: torch.Tensor, side: int) -> torch.Tensor:
    """uint8 N×C×H×W → S×S: the middle of the long side."""
    return _resized(_square_centre(images), (side, side))


def pad(images: torch.Tensor, side: int) -> torch.Tensor:
    """uint8 N×C×H×W → S×S: all of the image, its proportions kept, in the middle of black."""
    inside = _resized(images, _inside(images, side))
    height, width = inside.shape[2:]
    top, left = (side - height) // 2, (side - width) // 2
    return F.pad(inside, (left, side - width - left, top, side - height - top))


FITS: dict[str, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "stretch": stretch,
    "crop": crop,
    "pad": pad,
    "object": object_crop,
}


def _resized(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """In whole numbers, as torch resizes uint8: sums of floats come out otherwise on another kind of processor."""
    resized = F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)
    return resized.contiguous()  # whatever the order in memory was: what follows reads it channel by channel


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
    """Height and width of the images in a square of `side`, proportions kept: rounded, at least 2.

    1 would be a guard, and torch 2.13 resizes to a width of 1 wrongly.
    """
    height, width = images.shape[2:]
    longest = torch.sym_max(height, width)
    inside = [torch.sym_max(2, (2 * length * side + longest) // (2 * longest)) for length in (height, width)]
    return inside[0], inside[1]
