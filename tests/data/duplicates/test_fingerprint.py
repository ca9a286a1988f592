"""The hash changes little when a picture is stored again, and the thumbnail is what it is averaged to."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.duplicates.candidates import SEARCH_RADIUS
from pipeline.data.duplicates.fingerprint import THUMBNAIL, fingerprint


def scene(seed: int, height: int = 60, width: int = 80, channels: int = 3) -> np.ndarray:
    """Uint8 pixels with structure at every scale: noise that is larger where it is coarser."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, channels))
    for side in (4, 8, 16):
        coarse = rng.normal(0, 160 / side, (side, side, channels))
        rows, columns = np.arange(height) * side // height, np.arange(width) * side // width
        picture += coarse[rows][:, columns]
    return np.clip(picture + 128, 0, 255).astype(np.uint8)


def bits_apart(one: np.ndarray, other: np.ndarray) -> int:
    return (fingerprint(one).hash ^ fingerprint(other).hash).bit_count()


def noisy(picture: np.ndarray, strength: int) -> np.ndarray:
    change = np.random.default_rng(9).integers(-strength, strength + 1, picture.shape)
    return np.clip(picture.astype(int) + change, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: noisy(picture, 10),
        lambda picture: picture[::2, ::2],
        lambda picture: picture.repeat(3, axis=0).repeat(3, axis=1),
        lambda picture: np.clip(picture.astype(int) + 20, 0, 255).astype(np.uint8),
        lambda picture: (picture * 0.8).astype(np.uint8),
        lambda picture: picture[1:, 1:],
    ],
    ids=["noise", "halved", "enlarged", "brighter", "less contrast", "cropped by a pixel"],
)
@pytest.mark.parametrize("seed", range(3))
def test_the_same_picture_stored_otherwise_has_nearly_the_same_hash(change: object, seed: int) -> None:
    assert bits_apart(scene(seed), change(scene(seed))) <= SEARCH_RADIUS  # type: ignore[operator]


def test_other_pictures_have_other_hashes() -> None:
    apart = [bits_apart(scene(seed), scene(seed + 1)) for seed in range(20)]
    assert min(apart) > SEARCH_RADIUS
    assert 26 < np.mean(apart) < 38


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_blank_picture_has_hash_0_also_with_the_noise_of_compression(level: int) -> None:
    blank = np.full((40, 30, 1), level, dtype=np.uint8)
    assert fingerprint(blank).hash == 0
    assert fingerprint(noisy(np.clip(blank, 3, 252), 3)).hash == 0


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 500, 3), (8, 8, 1), (33, 31, 3), (32, 32, 1), (3000, 5, 3)])
def test_any_size_becomes_a_thumbnail_of_three_channels(shape: tuple[int, int, int]) -> None:
    small = fingerprint(np.full(shape, 93, dtype=np.uint8)).thumbnail
    assert small.shape == (THUMBNAIL, THUMBNAIL, 3) and small.dtype == np.uint8
    assert (small == 93).all()


def test_a_thumbnail_is_the_mean_over_areas() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (96, 64, 3), dtype=np.uint8)
    means = picture.reshape(32, 3, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(fingerprint(picture).thumbnail - means).max() <= 0.51


def test_a_picture_of_the_size_of_a_thumbnail_is_kept_as_it_is() -> None:
    picture = scene(3, 32, 32)
    assert (fingerprint(picture).thumbnail == picture).all()


def test_the_thumbnail_of_a_grey_picture_is_that_of_the_same_in_colour() -> None:
    grey = scene(4, channels=1)
    assert (fingerprint(grey).thumbnail == fingerprint(grey.repeat(3, axis=2)).thumbnail).all()
