from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.data.augmentation.augment import augment, copies
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.preparation.packed import Packed
from pipeline.data.seeds import generator

STRONG = Augmentation(flip=0.5, rotation_degrees=30, scale=0.3, shift=0.2, noise=0.1)


def images(count: int = 16, channels: int = 3, side: int = 9) -> torch.Tensor:
    return torch.rand(count, channels, side, side, generator=generator("images", count, channels, side))


def test_zero_strengths_return_the_very_same_tensor_and_draw_nothing() -> None:
    numbers, batch = generator("x"), images()
    before = numbers.get_state()
    assert augment(batch, Augmentation(), numbers) is batch
    assert torch.equal(numbers.get_state(), before)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "strengths",
    [STRONG, *(Augmentation(**{name: value}) for name, value in STRONG.model_dump().items())],
    ids=["all", *STRONG.model_dump()],
)
def test_the_same_generator_gives_the_same_images_and_never_in_place(strengths: Augmentation, channels: int) -> None:
    batch = images(channels=channels)
    kept = batch.clone()
    first, again, other = (augment(batch, strengths, generator(name)) for name in ("a", "a", "b"))
    assert first.shape == batch.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(batch, kept)


def test_flip_of_probability_one_mirrors_exactly() -> None:
    assert torch.equal(augment(images(), Augmentation(flip=1.0), generator("x")), images().flip(-1))


def test_flip_chooses_about_its_share_of_the_images() -> None:
    batch = images(2000, 1, 4)
    flipped = (augment(batch, Augmentation(flip=0.25), generator("x")) == batch.flip(-1)).flatten(1).all(1)
    assert flipped.float().mean() == pytest.approx(0.25, abs=0.04)


def test_shift_moves_at_most_its_share_of_the_side() -> None:
    batch = torch.zeros(200, 1, 21, 21)
    batch[..., 10, 10] = 1
    moved = augment(batch, Augmentation(shift=0.2), generator("x"))
    weight = moved.sum((2, 3)).clamp(min=1e-6)
    centre = (moved.sum(2) * torch.arange(21.0)).sum(-1) / weight
    assert (centre - 10).abs().max() <= 0.2 * 21 + 1e-3
    assert (centre - 10).abs().max() > 0.1 * 21


def test_rotation_keeps_the_centre_and_what_is_uniform() -> None:
    batch = images(50, 1, 9)
    turned = augment(batch, Augmentation(rotation_degrees=45), generator("x"))
    assert torch.allclose(turned[..., 4, 4], batch[..., 4, 4], atol=1e-5)
    uniform = augment(torch.full((9, 1, 8, 8), 0.4), STRONG.model_copy(update={"noise": 0.0}), generator("x"))
    assert torch.allclose(uniform, torch.tensor(0.4))


def test_noise_has_its_standard_deviation() -> None:
    batch = torch.zeros(200, 1, 16, 16)
    assert augment(batch, Augmentation(noise=0.25), generator("x")).std() == pytest.approx(0.25, rel=0.02)


def test_copies_are_deterministic_differ_from_each_other_and_keep_label_and_digest() -> None:
    pixels = (images(10, 1) * 255).to(torch.uint8).numpy()
    rows = Packed(pixels, np.arange(10, dtype=np.int64), [str(number) for number in range(10)])
    first, second = copies(rows, STRONG, 2, seed=3)
    assert np.array_equal(copies(rows, STRONG, 2, seed=3)[1].images, second.images)
    assert not np.array_equal(first.images, second.images)
    assert not np.array_equal(copies(rows, STRONG, 1, seed=4)[0].images, first.images)
    assert first.images.dtype == np.uint8
    assert (first.digests, second.labels.tolist()) == (rows.digests, rows.labels.tolist())
    assert copies(rows, STRONG, 0, seed=3) == []
