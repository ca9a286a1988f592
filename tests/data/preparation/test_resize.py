from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.data.preparation.resize import FITS, crop, pad, stretch
from tests.repository import REPOSITORY

DIGEST = """
import hashlib
import torch
from pipeline.data.preparation.resize import FITS

found = hashlib.sha256()
numbers = torch.Generator().manual_seed(0)
for height, width in [(16, 16), (28, 28), (100, 100), (7, 61), (1, 1), (94, 125)]:
    images = torch.randint(0, 256, (8, 3, height, width), dtype=torch.uint8, generator=numbers)
    for name, fit in FITS.items():
        for side in (2, 8, 16, 64):
            found.update(fit(images, side).contiguous().numpy().tobytes())
print(found.hexdigest())
"""


@pytest.mark.parametrize(("height", "width"), [(16, 48), (48, 16)])
def test_crop_keeps_the_centre_and_pad_adds_black(height: int, width: int) -> None:
    image = torch.full((1, 1, height, width), 200, dtype=torch.uint8)
    centre = image[..., 16:32] if height == 16 else image[..., 16:32, :]
    centre.fill_(50)
    assert (crop(image, 16) == 50).all()
    padded = pad(image, 48)
    inside = padded[..., 16:32, :] if height == 16 else padded[..., 16:32]
    assert torch.equal(inside, image)
    assert padded.sum() == image.sum()


def test_stretch_is_the_mean_of_what_it_joins() -> None:
    image = torch.tensor([[10, 10, 200, 200], [10, 10, 200, 200]], dtype=torch.uint8)[None, None]
    small = stretch(image, 2)
    assert small.shape == (1, 1, 2, 2)
    assert (small[..., 0] < small[..., 1]).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(94, 125), (40, 33), (9, 9), (300, 20), (375, 500)])
@pytest.mark.parametrize("side", [2, 16, 64])
def test_stretch_is_what_pillow_makes_within_one_level(shape: tuple[int, int], channels: int, side: int) -> None:
    pixels = np.random.default_rng(side).integers(0, 256, (*shape, channels), dtype=np.uint8)
    image = Image.fromarray(pixels if channels == 3 else pixels[..., 0]).resize((side, side), Image.Resampling.BILINEAR)
    found = stretch(torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0), side)[0].permute(1, 2, 0)
    assert np.abs(found.numpy().astype(int) - np.asarray(image).reshape(side, side, channels)).max() <= 1


def test_the_order_of_pixels_in_memory_does_not_matter() -> None:
    images = torch.randint(0, 256, (3, 3, 31, 50), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for fit in FITS.values():
        assert torch.equal(fit(images.contiguous(memory_format=torch.channels_last), 16), fit(images, 16))


def test_another_kind_of_processor_gives_the_same_pixels() -> None:
    """Without the vector instructions of this one."""
    found = set()
    for environment in ({}, {"ATEN_CPU_CAPABILITY": "default"}):
        command = [sys.executable, "-c", DIGEST]
        done = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


@pytest.mark.parametrize("fit", ["stretch", "crop", "object"])
@pytest.mark.parametrize("shape", [(31, 3), (1, 1), (2, 90)])
def test_an_even_picture_stays_even(fit: str, shape: tuple[int, int]) -> None:
    assert (FITS[fit](torch.full((1, 1, *shape), 77, dtype=torch.uint8), 7) == 77).all()
