"""Contrast limited adaptive histogram equalization (CLAHE; Zuiderveld, Graphics Gems IV, 1994), in whole numbers.

kornia 0.9 has it too, but torch.export ties its result to one batch size.
"""

from __future__ import annotations

import torch

_LEVELS = 256


def equalize(images: torch.Tensor, side: int, clip: float, tiles: int) -> torch.Tensor:
    """uint8 N×C×S×S, S = `side` ≥ `tiles`: the histogram of each of `tiles`×`tiles` parts is evened out as far as `clip` allows.

    Colour keeps its hue: brightness (ITU-R BT.601 luma) is equalized, and its change added to all three channels.
    Between the centres of tiles, levels are mapped by the neighbouring tiles in proportion.
    """
    brightness = _luma(images)
    change = _equalized(brightness, side, clip, tiles) - brightness
    return (images.int() + change.unsqueeze(1)).clamp(0, _LEVELS - 1).to(torch.uint8)


def _luma(images: torch.Tensor) -> torch.Tensor:
    """int32 N×S×S."""
    levels = images.int()
    if images.shape[1] == 1:
        return levels[:, 0]
    red, green, blue = levels.unbind(1)
    return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16


def _equalized(brightness: torch.Tensor, side: int, clip: float, tiles: int) -> torch.Tensor:
    """int32 N×S×S → the same."""
    first, second, share = _neighbours(side, tiles, brightness.device)
    mapping = _mappings(brightness, side, clip, tiles).flatten(1)
    level = brightness.long()

    def mapped(row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
        place = (row[:, None] * tiles + column[None, :]) * _LEVELS
        return mapping.gather(1, (place + level).flatten(1)).view_as(level)

    whole = 2 * side
    right = share[None, :]
    above = mapped(first, first) * (whole - right) + mapped(first, second) * right
    below = mapped(second, first) * (whole - right) + mapped(second, second) * right
    down = share[:, None]
    total = above * (whole - down) + below * down  # at most 255 × (2 × 1024)², below 2³¹
    return (total + whole * whole // 2) // (whole * whole)


def _neighbours(side: int, tiles: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """For each pixel along a side: the tile whose centre is before it, the one after, and how far it is between, of 2·S."""
    position = (2 * torch.arange(side, device=device) + 1) * tiles - side  # in tiles from the first centre, times 2·S
    before = position.div(2 * side, rounding_mode="floor")
    share = (position - before * 2 * side).int()
    return before.clamp(0, tiles - 1), (before + 1).clamp(0, tiles - 1), share


def _mappings(brightness: torch.Tensor, side: int, clip: float, tiles: int) -> torch.Tensor:
    """int32 N×tiles²×256: what each level becomes in each tile, by the clipped histogram summed up.

    A pixel counts _LEVELS, so that the even share of a level is a whole number even in tiles of a few pixels.
    """
    device = brightness.device
    tile = torch.arange(side, device=device) * tiles // side
    pixels = (tile == torch.arange(tiles, device=device)[:, None]).sum(1)
    area = (pixels[:, None] * pixels[None, :]).view(-1, 1)
    places = ((tile[:, None] * tiles + tile[None, :]) * _LEVELS + brightness).flatten(1)
    counts = torch.zeros(brightness.shape[0], tiles**2 * _LEVELS, dtype=torch.int64, device=device)
    counts = counts.scatter_add(1, places, torch.full_like(places, _LEVELS)).view(-1, tiles**2, _LEVELS)
    summed = _clipped(counts, (area * clip).long()).cumsum(2)
    whole = area * _LEVELS
    return ((summed * (2 * (_LEVELS - 1)) + whole) // (2 * whole)).int()


def _clipped(counts: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
    """Counts above the limit are taken off and given to all levels alike, what is left over in even steps from level 0."""
    excess = (counts - limit).clamp(min=0).sum(2, keepdim=True)
    left = excess % _LEVELS
    step = (_LEVELS // left.clamp(min=1)).clamp(min=1)
    level = torch.arange(_LEVELS, device=counts.device)
    extra = ((level % step == 0) & (level // step < left)).long()
    return torch.minimum(counts, limit) + excess // _LEVELS + extra
