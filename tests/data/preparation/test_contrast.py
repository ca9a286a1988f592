from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.data.preparation.contrast import equalize


def shade(side: int, low: int = 90, high: int = 130) -> torch.Tensor:
    """A soft slope of little contrast with some texture."""
    down, right = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    level = low + (high - low) * (down + right) / (2 * side) + 3 * torch.sin(right * 1.7) * torch.cos(down * 1.3)
    return level.round().to(torch.uint8)[None, None]


def plainly(image: np.ndarray, clip: float, tiles: int) -> np.ndarray:
    """Zuiderveld's algorithm as a loop over pixels in double precision, for a side that `tiles` divides."""
    size = len(image) // tiles
    maps = np.empty((tiles, tiles, 256))
    for row, column in np.ndindex(tiles, tiles):
        counts = np.bincount(image[row * size : (row + 1) * size, column * size : (column + 1) * size].ravel(), minlength=256)
        counts, limit = counts * 256, int(clip * size**2)
        excess = int(np.maximum(counts - limit, 0).sum())
        counts = np.minimum(counts, limit) + excess // 256
        left = excess % 256
        for level in range(0, 256, max(1, 256 // max(1, left))):
            counts[level] += left > 0
            left -= left > 0
        maps[row, column] = np.floor(counts.cumsum() * 255 / (256 * size**2) + 0.5)
    found = np.empty(image.shape)
    for y, x in np.ndindex(image.shape):
        across = []
        for place in (y, x):
            position = (place + 0.5) / size - 0.5
            before = int(np.floor(position))
            across.append([(np.clip(before + step, 0, tiles - 1), abs(1 - step - position + before)) for step in (0, 1)])
        found[y, x] = sum(down * right * maps[r, c, image[y, x]] for r, down in across[0] for c, right in across[1])
    return np.floor(found + 0.5)


@pytest.mark.parametrize(("side", "clip", "tiles"), [(32, 2.0, 4), (24, 1.0, 3), (16, 40.0, 1), (32, 3.3, 8)])
def test_it_is_the_published_algorithm(side: int, clip: float, tiles: int) -> None:
    image = shade(side)
    assert np.abs(equalize(image, side, clip, tiles)[0, 0].numpy() - plainly(image[0, 0].numpy(), clip, tiles)).max() <= 1e-9


@pytest.mark.parametrize("side", [31, 32, 65])
def test_contrast_grows_with_the_limit_and_grows_locally(side: int) -> None:
    image = shade(side)
    spreads = [equalize(image, side, clip, 4).float().std().item() for clip in (1.0, 3.0, 20.0)]
    assert image.float().std() < spreads[0] < spreads[1] < spreads[2]


def test_colour_changes_by_the_brightness_alone() -> None:
    image = shade(32).expand(1, 3, -1, -1).clone()
    image[:, 0] += 40
    found = equalize(image, 32, 3.0, 4).int()
    unclamped = ((found > 0) & (found < 255)).all(1)
    assert unclamped.any() and ((found[:, 0] - found[:, 1])[unclamped] == 40).all()


def test_grey_is_the_same_in_one_channel_and_in_three() -> None:
    grey = shade(32)
    assert torch.equal(equalize(grey.expand(1, 3, -1, -1), 32, 3.0, 4), equalize(grey, 32, 3.0, 4).expand(1, 3, -1, -1))
