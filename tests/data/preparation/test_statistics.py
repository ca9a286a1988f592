from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight  # type: ignore[import-untyped]

from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.statistics import Tally, channel_statistics, class_weights, level_counts


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_equal_numpy_in_double_precision(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, channels, 5, 5), dtype=np.uint8)
    mean, std = channel_statistics(level_counts(images))
    assert mean == pytest.approx((images / 255).mean((0, 2, 3)), rel=1e-12)
    assert std == pytest.approx((images / 255).std((0, 2, 3)), rel=1e-12)


def test_a_constant_channel_gets_one() -> None:
    images = np.full((2, 2, 3, 3), 51, np.uint8)
    images[0, 1] = 0
    mean, std = channel_statistics(level_counts(images))
    assert mean == pytest.approx((0.2, 0.1))
    assert std == pytest.approx((1.0, 0.1))


@pytest.mark.parametrize("sizes", [[300], [100, 200], [7] * 42 + [6]])
def test_a_tally_over_shards_is_that_of_the_whole(sizes: list[int]) -> None:
    rng = np.random.default_rng(1)
    images, labels = rng.integers(0, 256, (300, 3, 4, 4), dtype=np.uint8), rng.integers(0, 4, 300)
    ends = np.cumsum(sizes)
    shards = [Packed(images[end - n : end], labels[end - n : end], [""] * n) for n, end in zip(sizes, ends, strict=True)]
    tally = Tally(3, 4)
    assert [len(shard) for shard in tally.counting(iter(shards))] == sizes
    assert np.array_equal(tally.levels, level_counts(images))
    assert np.array_equal(tally.images, np.bincount(labels))


@pytest.mark.parametrize("counts", [[5, 5], [90, 9, 1], [1, 2, 3, 4]])
def test_class_weights_are_those_of_scikit_learn_and_their_mean_over_images_is_one(counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    weights = class_weights(np.array(counts))
    assert weights == pytest.approx(compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels))
    assert np.array(weights)[labels].mean() == pytest.approx(1.0)


def test_a_class_without_images_weighs_nothing() -> None:
    assert class_weights(np.array([3, 0, 1])) == pytest.approx((4 / 6, 0.0, 2.0))
