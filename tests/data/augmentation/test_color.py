from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]

from pipeline.data.augmentation.color import Tones, add_noise, blur, blurred, draw, tone
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.seeds import generator
from tests.data.augmentation.images import images

LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
MILD = 0.25 + images() / 2  # nothing is cut off


def each(value: float, count: int = 16) -> torch.Tensor:
    return torch.full((count,), value)


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_multiplies_and_is_cut_off_at_white(channels: int) -> None:
    batch = images(channels=channels)
    torch.testing.assert_close(tone(batch, Tones(brightness=each(1.5))), (batch * 1.5).clamp(0, 1))


@pytest.mark.parametrize("factor", [0.5, 1.25])
def test_contrast_keeps_the_mean_grey_of_each_image(factor: float) -> None:
    grey = (MILD * LUMA).sum(1).mean((1, 2)).view(-1, 1, 1, 1)
    torch.testing.assert_close(tone(MILD, Tones(contrast=each(factor))), grey + factor * (MILD - grey))
    one = MILD[:, :1]
    expected = one.mean((2, 3), keepdim=True) * (1 - factor) + factor * one
    torch.testing.assert_close(tone(one, Tones(contrast=each(factor))), expected)


def test_saturation_of_zero_is_grey_and_of_one_nothing() -> None:
    grey = (MILD * LUMA).sum(1, keepdim=True).expand_as(MILD)
    torch.testing.assert_close(tone(MILD, Tones(saturation=each(0.0))), grey)
    torch.testing.assert_close(tone(MILD, Tones(saturation=each(1.0))), MILD)


def test_hue_keeps_luma_and_greys_and_comes_round() -> None:
    turned = tone(MILD, Tones(hue=each(0.5)))
    torch.testing.assert_close((turned * LUMA).sum(1), (MILD * LUMA).sum(1), atol=1e-4, rtol=0)
    assert not torch.allclose(turned, MILD, atol=0.02)
    grey = MILD[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(tone(grey, Tones(hue=each(0.5))), grey, atol=1e-4, rtol=0)
    torch.testing.assert_close(tone(MILD, Tones(hue=each(2 * math.pi))), MILD, atol=1e-4, rtol=0)


def test_half_a_turn_of_hue_gives_about_the_opposite_colour() -> None:
    red = torch.tensor([0.6, 0.4, 0.4]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    opposite = tone(red, Tones(hue=each(math.pi, 1)))[0, :, 0, 0].tolist()
    assert colorsys.rgb_to_hsv(*opposite)[0] == pytest.approx(0.5, abs=0.03)


def test_all_tones_together_are_one_after_the_other() -> None:
    together = tone(MILD, Tones(each(1.05), each(0.9), each(0.8), each(0.1)))
    steps = (Tones(brightness=each(1.05)), Tones(contrast=each(0.9)), Tones(saturation=each(0.8)), Tones(hue=each(0.1)))
    alone = MILD
    for tones in steps:
        alone = tone(alone, tones)
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)
    combined = steps[0].and_then(steps[1]).and_then(steps[2]).and_then(steps[3])
    torch.testing.assert_close(tone(MILD, combined), together)


def test_one_channel_draws_no_colour() -> None:
    numbers = generator("x")
    before = numbers.get_state()
    drawn = draw(images(channels=1), Augmentation(saturation=0.5, hue=0.5), numbers)
    assert (drawn.saturation, drawn.hue) == (1.0, 0.0)
    assert torch.equal(numbers.get_state(), before)


def test_noise_has_its_standard_deviation() -> None:
    noisy = add_noise(torch.zeros(200, 1, 16, 16), 0.25, generator("x"))
    assert noisy.std() == pytest.approx(0.25, rel=0.02) and abs(noisy.mean()) < 0.01


@pytest.mark.parametrize("largest", [0.4, 1.0, 2.5])
def test_blur_equals_scipys_with_a_width_for_each_image(largest: float) -> None:
    batch = images(6, 3, 12)
    deviations = largest * torch.linspace(0.3, 1, 6)
    found = blurred(batch, deviations, largest)
    reach = math.ceil(3 * largest)
    for image, deviation, ours in zip(batch.double().numpy(), deviations.tolist(), found, strict=True):
        expected = gaussian_filter(image, deviation, axes=(1, 2), mode="nearest", radius=reach)
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_a_blur_of_no_width_leaves_the_image_and_no_blur_makes_it_rougher() -> None:
    torch.testing.assert_close(blurred(images(), each(0.0), 1.0), images())
    blurry = blur(images(), 2.0, generator("x"))
    assert (blurry.var((2, 3)) <= images().var((2, 3)) + 1e-6).all()
