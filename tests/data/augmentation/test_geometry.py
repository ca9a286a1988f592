from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from pipeline.data.augmentation.geometry import Moves, flip_and_crop, warp
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.seeds import generator
from tests.data.augmentation.images import images


@pytest.mark.parametrize(
    ("strengths", "axes"),
    [({"flip": 1.0}, [-1]), ({"vertical_flip": 1.0}, [-2]), ({"flip": 1.0, "vertical_flip": 1.0}, [-1, -2])],
)
def test_a_certain_flip_reverses_the_array(strengths: dict[str, float], axes: list[int]) -> None:
    assert torch.equal(flip_and_crop(images(), Augmentation.model_validate(strengths), generator("x")), images().flip(axes))


@pytest.mark.parametrize(("strengths", "axis"), [({"flip": 0.25}, -1), ({"vertical_flip": 0.25}, -2)])
def test_a_flip_chooses_about_its_share_of_the_images(strengths: dict[str, float], axis: int) -> None:
    batch = images(2000, 1, 4)
    flipped = (flip_and_crop(batch, Augmentation.model_validate(strengths), generator("x")) == batch.flip(axis)).flatten(1).all(1)
    assert flipped.float().mean() == pytest.approx(0.25, abs=0.04)


def test_a_crop_is_a_window_of_the_image_with_its_edges_repeated() -> None:
    batch = images(300, 3, 8)
    cropped = flip_and_crop(batch, Augmentation(crop=0.25), generator("x"))
    padded = F.pad(batch, (2, 2, 2, 2), mode="replicate")
    windows = torch.stack([padded[..., top : top + 8, left : left + 8] for top in range(5) for left in range(5)])
    equal = (windows == cropped).flatten(2).all(2)
    assert equal.any(0).all(), "every image is one of the 25 windows"
    assert equal.any(1).all(), "every window occurs"


def test_a_crop_of_less_than_a_pixel_leaves_the_images() -> None:
    assert torch.equal(flip_and_crop(images(), Augmentation(crop=0.1), generator("x")), images())


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        (Moves(), lambda x: x),
        (Moves(angle=math.pi / 2), lambda x: x.rot90(1, (-2, -1))),
        (Moves(angle=-math.pi / 2), lambda x: x.rot90(-1, (-2, -1))),
        (Moves(angle=math.pi), lambda x: x.flip(-1, -2)),
        (Moves(x=1 / 9), lambda x: torch.cat([x[..., 1:], x[..., -1:]], -1)),
        (Moves(y=-2 / 9), lambda x: torch.cat([x[..., :1, :], x[..., :1, :], x[..., :-2, :]], -2)),
        (Moves(zoom=0.0), lambda x: x[..., 4:5, 4:5].expand_as(x)),
    ],
    ids=["none", "quarter", "quarter back", "half", "a pixel", "two pixels up", "into the centre"],
)
def test_moves_that_meet_pixels_rearrange_them(moves: Moves, expected: object) -> None:
    assert callable(expected)
    torch.testing.assert_close(warp(images(), moves), expected(images()), atol=1e-5, rtol=0)


def test_a_shear_moves_each_line_by_its_distance_from_the_centre() -> None:
    """By whole pixels when the slope is 1."""
    sheared = warp(images(2, 1, 5), Moves(shear_x=1.0))
    for row in range(5):
        columns = (torch.arange(5) + row - 2).clamp(0, 4)
        torch.testing.assert_close(sheared[..., row, :], images(2, 1, 5)[..., row, columns], atol=1e-5, rtol=0)


def test_the_grid_is_that_of_torch() -> None:
    numbers = generator("moves")
    angle, zoom, lean, x, y = (0.4 * torch.rand(5, 16, generator=numbers) - 0.2).unbind()
    cosine, sine = (1 + zoom) * angle.cos(), (1 + zoom) * angle.sin()
    rows = [torch.stack([cosine, cosine * lean - sine, 2 * x], 1), torch.stack([sine, sine * lean + cosine, 2 * y], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), [16, 3, 9, 9], align_corners=False)
    expected = F.grid_sample(images(), grid, padding_mode="border", align_corners=False)
    moved = warp(images(), Moves(angle=angle, zoom=1 + zoom, shear_x=lean, x=x, y=y))
    torch.testing.assert_close(moved, expected, atol=1e-4, rtol=0)


def test_moves_add_up() -> None:
    quarter = Moves(angle=math.pi / 2)
    torch.testing.assert_close(warp(images(), quarter.and_then(quarter)), images().flip(-1, -2), atol=1e-5, rtol=0)
    both = Moves(zoom=1.5, x=0.25).and_then(Moves(zoom=2.0, x=0.5, shear_y=0.125))
    assert (both.zoom, both.x, both.y, both.shear_y) == (3.0, 0.75, 0.0, 0.125)
