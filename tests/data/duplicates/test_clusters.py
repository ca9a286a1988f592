"""Near-duplicates are gathered around a medoid; look-alikes are not, and nothing is chained."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.duplicates.clusters import NearPairs, choose_radius, near_pairs, stars, too_large
from pipeline.data.duplicates.fingerprint import fingerprint
from pipeline.data.sources import open_source
from tests.data.duplicates.test_fingerprint import noisy, scene


def pairs(radius: float, *rows: tuple[int, int, float]) -> NearPairs:
    first, second, distance = zip(*rows, strict=True)
    return NearPairs(radius, 0.0, np.array(first), np.array(second), np.array(distance, dtype=np.float32))


def looked_at(pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    prints = [fingerprint(picture) for picture in pictures]
    return np.array([one.hash for one in prints], dtype=np.uint64), np.stack([one.thumbnail for one in prints])


def test_copies_are_found_among_other_pictures() -> None:
    pictures = [scene(seed) for seed in range(60)] + [noisy(scene(seed), 25) for seed in range(10)]
    near = near_pairs(*looked_at(pictures), kind="photos")
    assert near.radius == 0.35
    medoids = stars(len(pictures), near)
    assert all(medoids[seed] == medoids[60 + seed] for seed in range(10))
    assert len(set(medoids)) == 60
    assert (np.diff(near.distance) >= 0).all() and (near.first < near.second).all()


def test_a_line_of_pictures_each_near_the_next_is_not_one_cluster() -> None:
    line = pairs(0.2, *[(i, i + 1, 0.1) for i in range(9)])
    medoids = stars(10, line)
    assert all(abs(int(medoid) - index) <= 1 for index, medoid in enumerate(medoids))
    assert max(np.bincount(medoids)) == 3


def test_every_member_is_within_the_radius_of_its_medoid() -> None:
    rng = np.random.default_rng(5)
    points = rng.uniform(0, 1, (200, 2))
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    i, j = np.triu_indices(200, 1)
    medoids = stars(200, NearPairs(0.12, 0.0, i, j, distance[i, j].astype(np.float32)))
    assert (distance[np.arange(200), medoids] <= 0.12).all()
    assert (medoids[medoids] == medoids).all()
    assert len(set(medoids)) < 100


def test_pairs_outside_the_radius_are_shown_but_not_joined() -> None:
    assert stars(3, pairs(0.2, (0, 1, 0.2), (1, 2, 0.25))).tolist() == [0, 0, 2]
    assert stars(2, pairs(0.0, (0, 1, 0.0))).tolist() == [0, 1]


def test_of_the_embedded_digits_none_are_joined() -> None:
    source = open_source("digits", "")
    hashes, thumbnails = looked_at([source.read(sample.path).pixels for sample in source.samples()])
    near = near_pairs(hashes, thumbnails, kind="glyphs")
    assert near.radius == 0.1
    assert (stars(len(hashes), near) == np.arange(1797)).all()
    unknown = near_pairs(hashes, thumbnails, kind="unknown")
    assert unknown.radius == 0.1, "they are so alike that also without their kind only the same picture is a duplicate"


def test_a_set_in_which_every_picture_has_copies_is_no_set_of_look_alikes() -> None:
    pictures = [noisy(scene(seed), 4 * copy) for seed in range(40) for copy in range(5)]
    near = near_pairs(*looked_at(pictures))
    assert (near.likeness, near.radius) == (0.0, 0.35)
    assert len(set(stars(200, near))) == 40


@pytest.mark.parametrize(
    ("near", "kind", "alike", "radius"),
    [
        ("off", "photos", 0.0, 0.0),
        (0.27, "glyphs", 0.5, 0.27),
        ("auto", "glyphs", 0.0, 0.1),
        ("auto", "photos", 0.0, 0.35),
        ("auto", "unknown", 5e-5, 0.35),
        ("auto", "photos", 1e-4, 0.2),
        ("auto", "photos", 4e-3, 0.1),
        ("auto", "unknown", 1.0, 0.1),
    ],
)
def test_the_radius_follows_from_the_kind_and_from_how_alike_the_pictures_are(
    near: float | str, kind: str, alike: float, radius: float
) -> None:
    assert choose_radius(near, kind, alike) == radius  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "count", "found"), [(10, 100, False), (11, 100, True), (11, 1100, False), (600, 60_000, False), (601, 60_000, True)]
)
def test_a_cluster_above_one_percent_is_too_large_but_not_below_eleven(size: int, count: int, found: bool) -> None:
    medoids = ["a"] * size + [str(index) for index in range(count - size)]
    assert too_large(medoids, count) == ({"a": size} if found else {})


def test_thousands_of_blank_pictures_are_one_cluster_and_not_all_pairs() -> None:
    count = 4_000
    thumbnails = np.full((count, 32, 32, 3), 120, dtype=np.uint8)
    thumbnails[:, 0, 0, 0] = np.arange(count) % 6
    near = near_pairs(np.zeros(count, dtype=np.uint64), thumbnails)
    medoids = stars(count, near)
    assert len(near.distance) <= 8 * count
    assert too_large([str(medoid) for medoid in medoids], count) == {str(medoids[0]): count}
