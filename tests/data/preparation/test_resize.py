from __future__ import annotations

import pytest
import torch

from pipeline.data.preparation.resize import FITS, crop, pad, stretch


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


@pytest.mark.parametrize("fit", ["stretch", "crop", "object"])
@pytest.mark.parametrize("shape", [(31, 3), (1, 1), (2, 90)])
def test_an_even_picture_stays_even(fit: str, shape: tuple[int, int]) -> None:
    assert (FITS[fit](torch.full((1, 1, *shape), 77, dtype=torch.uint8), 7) == 77).all()
