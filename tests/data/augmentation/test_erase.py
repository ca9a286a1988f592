from __future__ import annotations

import pytest
import torch

from pipeline.data.augmentation.erase import erase, rectangle, sides
from pipeline.data.seeds import generator
from tests.data.augmentation.images import images


@pytest.mark.parametrize("largest", [0.1, 0.5])
@pytest.mark.parametrize("channels", [1, 3])
def test_one_rectangle_of_at_most_its_share_becomes_the_mean_colour(largest: float, channels: int) -> None:
    batch = images(200, channels, 20)
    erased = erase(batch, largest, generator("x"))
    changed = (erased != batch).any(1)
    areas = changed.float().mean((1, 2))
    assert 0.8 * largest < areas.max() <= largest + 0.05  # a pixel more of a side
    assert areas.mean() == pytest.approx(largest / 2, rel=0.2)
    for image, before, mask in zip(erased, batch, changed, strict=True):
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        if len(rows):
            box = image[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            torch.testing.assert_close(box, before.mean((1, 2), keepdim=True).expand_as(box))


def test_every_place_is_erased_as_the_edge_allows() -> None:
    changed = (erase(images(2000, 1, 8), 0.3, generator("x")) != images(2000, 1, 8)).float().mean((0, 1))
    assert (changed > 0).all() and changed[3:5, 3:5].mean() > changed[0, 0]


def test_a_rectangle_is_true_inside_alone() -> None:
    numbers = torch.tensor([[1.0], [2.0], [3.0], [2.0]])
    expected = torch.zeros(1, 6, 6, dtype=torch.bool)
    expected[0, 1:4, 2:4] = True
    assert torch.equal(rectangle(*numbers, 6), expected)


def test_sides_are_whole_pixels_and_at_most_all() -> None:
    assert sides(torch.tensor([0.25, 0.25, 0.03]), torch.tensor([1.0, 9.0, 1.0]), 10).tolist() == [5.0, 10.0, 2.0]
