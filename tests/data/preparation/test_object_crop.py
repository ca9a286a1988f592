from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from pipeline.data.preparation.object_crop import object_crop


def scene(height: int, width: int, box: tuple[int, int, int, int], channels: int = 1) -> torch.Tensor:
    """Background 30 with a rectangle of 200 at (top, left, height, width)."""
    image = torch.full((1, channels, height, width), 30, dtype=torch.uint8)
    top, left, high, wide = box
    image[..., top : top + high, left : left + wide] = 200
    return image


@pytest.mark.parametrize(("height", "width"), [(375, 500), (100, 100), (5, 7), (28, 28), (33, 64), (20, 300)])
@pytest.mark.parametrize("side", [16, 28, 64])
def test_with_the_whole_image_as_box_it_is_the_usual_resize_within_one_level(height: int, width: int, side: int) -> None:
    images = torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(side))
    inside = [max(1, (2 * length * side + max(height, width)) // (2 * max(height, width))) for length in (height, width)]
    usual = F.interpolate(images.float(), size=inside, mode="bilinear", antialias=True)
    top, left = ((side - length) // 2 for length in inside)
    found = object_crop(images, side)[..., top : top + inside[0], left : left + inside[1]]
    assert (found - usual).abs().max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("box", "rows", "columns"), [((20, 30, 8, 8), 8, 8), ((3, 50, 16, 8), 8, 4), ((1, 1, 2, 8), 2, 8)])
def test_the_object_fills_the_square_and_the_rest_is_background(
    channels: int, box: tuple[int, int, int, int], rows: int, columns: int
) -> None:
    found = object_crop(scene(40, 60, box, channels), 8)
    expected = scene(8, 8, ((8 - rows) // 2, (8 - columns) // 2, rows, columns), channels)
    assert torch.equal(found, expected)


def test_noise_of_the_background_is_no_object() -> None:
    image = scene(40, 60, (10, 10, 8, 8))
    noisy = image + torch.randint(0, 12, image.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert (object_crop(noisy, 8) >= 200).all()


def test_an_object_may_touch_the_border_a_little() -> None:
    assert (object_crop(scene(40, 60, (0, 10, 8, 8)), 8) == 200).all()


def test_background_is_where_nine_tenths_of_the_border_are() -> None:
    """Of 2 · (19 + 21) pixels, corners twice, just eight differ, or nine."""
    for wide, cut in ((8, True), (9, False)):
        image = scene(19, 21, (0, 5, 1, wide))
        assert bool((object_crop(image, 8) == 200).any(2).all()) is cut, "the object fills the width"


def test_images_without_a_uniform_border_or_without_an_object_are_kept_whole() -> None:
    half = scene(16, 16, (0, 0, 16, 8))
    assert torch.equal(object_crop(half, 16), half)
    empty = scene(16, 16, (0, 0, 0, 0))
    assert torch.equal(object_crop(empty, 16), empty)


def test_each_image_of_a_batch_has_its_own_box() -> None:
    images = torch.cat([scene(40, 60, (5, 5, 8, 8)), scene(40, 60, (20, 30, 12, 12)), scene(40, 60, (0, 0, 0, 0))])
    assert [int(image.min()) for image in object_crop(images, 8)] == [200, 200, 30]
