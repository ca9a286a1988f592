"""The resize that other engines compute gives torch's pixels, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pipeline.training.exact_resize import resize

SIZES = [(1, 1), (1, 9), (3, 5), (8, 8), (21, 34), (64, 64), (100, 2), (375, 500), (35, 777)]
SIZES += [(int(height), int(width)) for height, width in np.random.default_rng(1).integers(1, 300, (30, 2))]


@pytest.mark.parametrize("side", [2, 8, 28, 63])
def test_every_pixel_is_that_of_torch(side: int) -> None:
    for height, width in SIZES:
        numbers = torch.Generator().manual_seed(height)
        images = torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8, generator=numbers)
        expected = F.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        assert torch.equal(resize(images, (side, side), False), expected), (height, width)
