"""0 for the same picture, about 1 for unrelated ones, whatever the contrast."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.duplicates.distance import Appearance
from pipeline.data.duplicates.fingerprint import fingerprint
from tests.data.duplicates.test_fingerprint import noisy, scene


def apart(one: np.ndarray, other: np.ndarray) -> float:
    both = Appearance(np.stack([fingerprint(one).thumbnail, fingerprint(other).thumbnail]))
    _, distance = both.within((np.array([0]), np.array([1])), np.inf)
    return float(distance[0])


@pytest.mark.parametrize(
    ("change", "most"),
    [
        (lambda picture: picture, 0.0),
        (lambda picture: noisy(picture, 12), 0.1),
        (lambda picture: np.clip(picture.astype(int) + 15, 0, 255).astype(np.uint8), 0.15),
        (lambda picture: (picture * 0.85).astype(np.uint8), 0.25),
    ],
    ids=["itself", "noise", "brighter", "less contrast"],
)
def test_a_copy_is_near(change: object, most: float) -> None:
    assert apart(scene(1), change(scene(1))) <= most  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(5))
def test_other_pictures_are_far_also_with_little_contrast(seed: int) -> None:
    one, other = scene(seed), scene(seed + 50)
    assert apart(one, other) > 0.7
    assert apart(one // 3 + 80, other // 3 + 80) > 0.6


def test_blank_pictures_are_near_only_when_they_are_of_like_brightness() -> None:
    black, dark, white = (np.full((32, 32, 1), level, dtype=np.uint8) for level in (0, 4, 255))
    assert apart(black, dark) < 0.35 < 1 < apart(black, white)


def test_within_gives_the_pairs_that_are_near_enough_and_no_others() -> None:
    pictures = [scene(seed) for seed in range(30)] + [noisy(scene(seed), 30) for seed in range(30)]
    appearance = Appearance(np.stack([fingerprint(picture).thumbnail for picture in pictures]))
    pairs = np.triu_indices(60, 1)
    (i, j), distance = appearance.within(pairs, np.inf)
    assert len(i) == len(pairs[0])
    (near_i, near_j), near = appearance.within(pairs, 0.4)
    assert set(zip(near_i, near_j, strict=True)) == set(zip(i[distance <= 0.4], j[distance <= 0.4], strict=True))
    assert {(k, k + 30) for k in range(30)} <= set(zip(near_i.tolist(), near_j.tolist(), strict=True))
    assert len(near) < 100


def test_without_pairs_there_is_no_distance() -> None:
    none = np.empty(0, dtype=np.int64)
    assert len(Appearance(np.zeros((3, 32, 32, 3), dtype=np.uint8)).within((none, none), 1.0)[1]) == 0
