from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pipeline.data.preparation.denoise import FILTERS, bilateral, gaussian, median


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(sum(shape)))


def windows(images: torch.Tensor, reach: int) -> np.ndarray:
    """N×C×H×W×k×k, edges repeated."""
    padded = np.pad(images.numpy().astype(int), ((0, 0), (0, 0), (reach, reach), (reach, reach)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1), axis=(2, 3))


def test_median_equals_sorting_each_neighbourhood() -> None:
    images = noise(3, 1, 12, 12)
    assert np.array_equal(median(images).numpy(), np.median(windows(images, 1), axis=(-2, -1)))


def test_gaussian_of_a_point_is_its_kernel() -> None:
    image = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    image[..., 2, 2] = 160
    assert gaussian(image)[0, 0, 1:4, 1:4].tolist() == [[10, 20, 10], [20, 40, 20], [10, 20, 10]]


@pytest.mark.parametrize("channels", [1, 3])
def test_bilateral_is_the_published_formula_within_one_level(channels: int) -> None:
    images = noise(2, channels, 9, 11)
    near = windows(images, 2)
    differs = np.abs(near - images.numpy()[..., None, None]).mean(1, keepdims=True)
    away = np.array([[math.hypot(down, right) for right in range(-2, 3)] for down in range(-2, 3)])
    weights = np.exp(-(away**2) / (2 * 1.5**2)) * np.exp(-(differs**2) / (2 * 25.5**2))
    expected = (weights * near).sum((-2, -1)) / weights.sum((-2, -1))
    assert np.abs(bilateral(images).numpy() - expected).max() <= 1


def test_bilateral_smooths_a_surface_and_keeps_an_edge() -> None:
    image = torch.full((1, 1, 20, 20), 60, dtype=torch.uint8)
    image[..., 10:] = 190
    noisy = image + torch.randint(0, 12, image.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    smooth = bilateral(noisy)
    assert smooth[..., :10].float().std() < 0.7 * noisy[..., :10].float().std()
    assert (smooth[..., 10].int() - smooth[..., 9].int()).min() > 115


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 1, 4), (1, 1, 3, 2)])
def test_an_even_image_of_any_size_stays_as_it_is(name: str, shape: tuple[int, ...]) -> None:
    image = torch.full(shape, 91, dtype=torch.uint8)
    assert torch.equal(FILTERS[name](image), image)
