from __future__ import annotations

import torch

from pipeline.data.augmentation.numbers import happens, normal, spread, uniform, whole
from pipeline.data.seeds import generator
from tests.data.augmentation.images import images

MANY = torch.empty(20_000, 1, 1, 1)


def test_numbers_fill_their_range_evenly() -> None:
    numbers = generator("x")
    drawn = spread(MANY, 0.5, numbers)
    assert isinstance(drawn, torch.Tensor) and drawn.shape == (20_000,)
    assert -0.5 <= drawn.min() < -0.49 and 0.49 < drawn.max() <= 0.5 and abs(drawn.mean()) < 0.01
    assert uniform(MANY, 2, numbers).min() >= 0 and abs(happens(MANY, 0.3, numbers).float().mean() - 0.3) < 0.02
    assert torch.bincount(whole(MANY, 2, numbers) + 2).div(20_000).sub(0.2).abs().max() < 0.02


def test_a_largest_of_zero_draws_nothing() -> None:
    numbers = generator("x")
    before = numbers.get_state()
    assert spread(MANY, 0.0, numbers) == 0.0
    assert torch.equal(numbers.get_state(), before)


def test_noise_takes_one_number_whatever_the_size_of_the_images() -> None:
    """So that the choices after it are the same on a device that draws its own noise."""
    small, large = generator("x"), generator("x")
    assert normal(images(2, 1, 3), small).shape == (2, 1, 3, 3)
    normal(images(5, 3, 8), large)
    assert torch.equal(small.get_state(), large.get_state())
