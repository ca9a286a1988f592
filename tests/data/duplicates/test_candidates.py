"""Candidates are all pairs with near hashes, found without comparing all pairs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest

from pipeline.data.duplicates.candidates import SEARCH_RADIUS, all_near, candidates


def found(hashes: np.ndarray, brightness: np.ndarray | None = None) -> list[tuple[int, int]]:
    if brightness is None:
        brightness = np.zeros(len(hashes), dtype=np.float32)
    pieces = candidates(hashes, brightness)
    return [(min(i, j), max(i, j)) for one, two in pieces for i, j in zip(one.tolist(), two.tolist(), strict=True)]


def near(hashes: np.ndarray) -> set[tuple[int, int]]:
    pairs = itertools.combinations(range(len(hashes)), 2)
    return {(i, j) for i, j in pairs if int(hashes[i] ^ hashes[j]).bit_count() <= SEARCH_RADIUS}


def flipped(value: int, bits: Iterable[int]) -> int:
    for bit in bits:
        value ^= 1 << int(bit)
    return value


def families(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Hashes around `count` random centres, up to 12 bits away from them."""
    centres = [int(centre) for centre in rng.integers(0, 2**64, count, dtype=np.uint64)]
    values = [flipped(centre, rng.choice(64, rng.integers(0, 13), replace=False)) for centre in centres for _ in range(size)]
    return np.array(values, dtype=np.uint64)


@pytest.mark.parametrize("seed", range(4))
def test_every_near_pair_is_found_once_and_no_other(seed: int) -> None:
    hashes = families(np.random.default_rng(seed), 40, 10)
    pairs = found(hashes)
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) == near(hashes)
    assert len(pairs) > 500


def test_each_picture_of_one_hash_is_compared_with_each_of_a_near_one() -> None:
    hashes = np.repeat(families(np.random.default_rng(5), 6, 5), np.arange(30) % 4 + 1)
    pairs = found(hashes)
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) == near(hashes)


def test_equal_hashes_are_pairs() -> None:
    assert set(found(np.array([7, 7, 2**60 - 1, 7], dtype=np.uint64))) == {(0, 1), (0, 3), (1, 3)}


@pytest.mark.parametrize("hashes", [[], [5]])
def test_without_two_pictures_there_is_no_pair(hashes: list[int]) -> None:
    assert found(np.array(hashes, dtype=np.uint64)) == []


@pytest.mark.parametrize("count", [2_000, 20_000, 60_000])
def test_in_a_crowd_of_one_hash_the_work_grows_with_the_pictures_alone(count: int) -> None:
    rng = np.random.default_rng(0)
    hashes = np.zeros(count, dtype=np.uint64)
    brightness = rng.uniform(0, 255, count).astype(np.float32)
    pieces = list(candidates(hashes, brightness))
    assert sum(len(one) for one, _ in pieces) <= 8 * count
    assert {int(i) for pair in pieces for side in pair for i in side} == set(range(count))


def test_in_a_crowd_of_many_hashes_the_work_stays_bounded() -> None:
    """All of 4,000 hashes agree in three of the four bands, so that each is a candidate of each."""
    hashes = np.arange(4_000, dtype=np.uint64)
    pairs = sum(len(one) for one, _ in candidates(hashes, np.zeros(4_000, dtype=np.float32)))
    assert pairs < 4_000 * 600 < 4_000 * 3_999 / 2


def test_a_pair_that_a_crowd_hides_in_one_band_is_found_in_another() -> None:
    """All 400 agree in the lowest band, where each is compared with some alone; each has a partner one bit away."""
    some = np.random.default_rng(0).integers(0, 2**63, 200, dtype=np.uint64) >> np.uint64(16) << np.uint64(16)
    pairs = found(np.concatenate([some, some ^ np.uint64(1 << 63)]))
    assert {(i, i + 200) for i in range(200)} <= set(pairs)
    assert len(set(pairs)) == len(pairs)


def test_a_crowd_and_its_near_neighbour_are_compared_through_the_first_of_it() -> None:
    hashes = np.array([0] * 100 + [1], dtype=np.uint64)
    assert {pair for pair in found(hashes) if 100 in pair} == {(i, 100) for i in range(100)}


@pytest.mark.parametrize("seed", range(2))
def test_comparing_all_finds_the_same(seed: int) -> None:
    hashes = families(np.random.default_rng(seed), 10, 10)
    first, second = all_near(hashes)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == near(hashes)
    assert len(all_near(hashes[:0])[0]) == 0 == len(all_near(hashes[:1])[1])
