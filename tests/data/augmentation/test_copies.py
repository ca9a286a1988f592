from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.data.augmentation.copies import copy, to_pixels
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.errors import MixedCopies, Problems
from tests.data.augmentation.images import images

STRONG = Augmentation(flip=0.5, rotation_degrees=30, shift=0.2, brightness=0.2, noise=0.1, erase=0.2, policy="randaugment")


def pixels(count: int = 10, channels: int = 1) -> np.ndarray:
    """uint8 images."""
    return (images(count, channels) * 255).byte().numpy()


DIGESTS = [f"digest{number}" for number in range(10)]


@pytest.mark.parametrize("channels", [1, 3])
def test_copies_are_deterministic_and_differ_from_each_other(channels: int) -> None:
    parents = pixels(channels=channels)
    first, again, second, other_seed = (
        copy(parents, DIGESTS, STRONG, "photos", number, seed) for number, seed in ((1, 3), (1, 3), (2, 3), (1, 4))
    )
    assert first.dtype == np.uint8 and first.shape == parents.shape
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second) and not np.array_equal(first, other_seed)
    assert np.array_equal(parents, pixels(channels=channels))


def test_a_copy_depends_on_its_parent_its_number_and_the_seed_alone() -> None:
    together = copy(pixels(), DIGESTS, STRONG, "photos", 1, seed=0)
    shuffled = np.array([7, 2, 9])
    apart = copy(pixels()[shuffled], [DIGESTS[row] for row in shuffled], STRONG, "photos", 1, seed=0)
    assert np.array_equal(apart, together[shuffled])


def test_equal_pixels_of_other_parents_are_changed_otherwise() -> None:
    one, other = (copy(pixels(1), [digest], STRONG, "photos", 1, seed=0) for digest in ("a", "b"))
    assert not np.array_equal(one, other)


def test_what_is_not_changed_is_stored_as_it_was() -> None:
    assert np.array_equal(copy(pixels(), DIGESTS, Augmentation(flip="auto"), "glyphs", 1, seed=0), pixels())


def test_a_copy_with_two_labels_is_refused() -> None:
    with pytest.raises(MixedCopies, match=r"E216 preprocess\.augment\.mixup"):
        copy(pixels(), DIGESTS, Augmentation(mixup=0.2), "photos", 1, seed=0)
    with pytest.raises(Problems):
        copy(pixels(), DIGESTS, Augmentation(mixup=0.2, cutmix=1.0), "photos", 1, seed=0)


def test_values_outside_the_range_are_cut_off_and_halves_rounded() -> None:
    assert to_pixels(torch.tensor([-0.5, 0.0, 0.4999 / 255, 0.5001 / 255, 1.0, 1.5])).tolist() == [0, 0, 0, 1, 255, 255]
