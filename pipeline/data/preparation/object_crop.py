"""Cutting to the object: the bounding box of what differs from a uniform background, resized to a square.

Every image of a batch has its own box, so the resize is written as two products with matrices of weights. The weights are whole
numbers and the sums exact in double precision, so that the order of summation, which depends on the batch, does not matter.
"""

from __future__ import annotations

import torch

_TOLERANCE = 24  # levels of 255 by which background differs from itself: noise and the ringing of JPEG
_STRANGERS = 10  # at most every tenth pixel of the border is no background: the object may touch it here and there
_WEIGHT_ONE = 2**12  # the largest weight: 255 × (weights along a side)² stays below 2⁵³ up to 1,400 pixels for one


def object_crop(images: torch.Tensor, side: int) -> torch.Tensor:
    """uint8 N×C×H×W → S×S: the object, its proportions kept, in the middle of the background's colour.

    Background is the median colour of the border if nine tenths of the border are of this colour; else the image is kept whole.
    """
    background = _border(images).median(2).values
    rows, columns = _box(images, background)
    longest = torch.maximum(rows[1], columns[1])
    down, row_inside = _weights(rows, longest, images.shape[2], side)
    right, column_inside = _weights(columns, longest, images.shape[3], side)
    sums = (down.unsqueeze(1) @ images.double()) @ right.unsqueeze(1).transpose(2, 3)
    weights = down.sum(2)[:, :, None] * right.sum(2)[:, None, :]
    resized = (sums / weights.unsqueeze(1)).round()
    inside = (row_inside[:, :, None] & column_inside[:, None, :]).unsqueeze(1)
    return torch.where(inside, resized, background[:, :, None, None].double()).to(torch.uint8)


def _border(images: torch.Tensor) -> torch.Tensor:
    """N×C×2(H+W): the outermost pixels, corners twice."""
    last_row, last_column = images.shape[2] - 1, images.shape[3] - 1
    edges = (images[:, :, 0], images[:, :, last_row], images[..., 0], images[..., last_column])
    return torch.cat(edges, 2)


def _box(images: torch.Tensor, background: torch.Tensor) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    """(first, length) of the box's rows and of its columns, int64 N each; the whole image without background or object."""
    levels, colour = images.int(), background.int()
    strange = ((levels - colour[:, :, None, None]).abs() > _TOLERANCE).any(1)
    at_border = ((_border(images).int() - colour[:, :, None]).abs() > _TOLERANCE).any(1)
    found = (_STRANGERS * at_border.sum(1) <= at_border.shape[1]) & strange.flatten(1).any(1)
    strange = strange | ~found[:, None, None]
    return _extent(strange.any(2)), _extent(strange.any(1))


def _extent(chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(first, length) of the chosen positions, bool N×L with at least one in each row."""
    length = chosen.shape[1]
    position = torch.arange(length, device=chosen.device)
    first = torch.where(chosen, position, length).amin(1)
    last = torch.where(chosen, position, -1).amax(1)
    return first, last - first + 1


def _weights(box: tuple[torch.Tensor, torch.Tensor], longest: torch.Tensor, length: int, side: int) -> tuple[torch.Tensor, ...]:
    """float64 N×S×`length`: how much each source pixel counts in each pixel of the result; bool N×S: where the object is.

    Triangles around the pixel's place in the source, as wide as the scale but at least one pixel: what torch's antialiased
    bilinear `interpolate` does. Outside of the object the nearest pixel counts, so that no sum is zero.
    """
    first, extent = box[0].double(), box[1].double()
    inside = ((2 * box[1] * side + longest).div(2 * longest, rounding_mode="floor")).clamp(min=1)
    top = (side - inside).div(2, rounding_mode="floor")
    place = torch.arange(side, device=longest.device) - top[:, None]
    scale = extent / inside
    centre = (place.clamp(min=0).minimum(inside[:, None] - 1) + 0.5) * scale[:, None] + first[:, None]
    position = torch.arange(length, device=longest.device, dtype=torch.float64)
    distance = (position + 0.5 - centre[:, :, None]).abs() / scale.clamp(min=1)[:, None, None]
    own = (position >= first[:, None]) & (position < (first + extent)[:, None])
    weights = ((1 - distance).clamp(min=0) * own[:, None, :] * _WEIGHT_ONE).round()
    return weights, (place >= 0) & (place < inside[:, None])
