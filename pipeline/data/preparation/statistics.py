"""What is known of the train split alone: mean and standard deviation of each channel, and the weight of each class."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.data.preparation.packed import Packed

_PIXELS_AT_A_TIME = 2**20  # bincount widens what it counts to 64 bits


class Tally:
    """Counts of pixels and of images, added up shard by shard.

    levels: int64 C×256, how often each level occurs in each channel; images: int64 k, how many images each class has.
    """

    def __init__(self, channels: int, classes: int) -> None:
        self.levels, self.images = np.zeros((channels, 256), np.int64), np.zeros(classes, np.int64)

    def counting(self, shards: Iterator[Packed]) -> Iterator[Packed]:
        """The same shards, each counted when it is asked for."""
        for shard in shards:
            self.levels += level_counts(shard.images[:])
            self.images += np.bincount(shard.labels, minlength=len(self.images))
            yield shard


def level_counts(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How often each of the 256 levels occurs in each channel of uint8 N×C×H×W: int64 C×256, to be summed over parts."""
    counts = np.zeros((images.shape[1], 256), np.int64)
    some = max(1, _PIXELS_AT_A_TIME // (images.shape[2] * images.shape[3]))
    for start in range(0, len(images), some):
        for channel in range(images.shape[1]):
            counts[channel] += np.bincount(images[start : start + some, channel].ravel(), minlength=256)
    return counts


def channel_statistics(counts: npt.NDArray[np.int64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) a channel of pixels/255, exact, from at least one pixel; a channel that never varies gets std 1.0."""
    channels = [_moments([int(count) for count in channel]) for channel in counts]
    return tuple(mean for mean, _ in channels), tuple(std for _, std in channels)


def class_weights(counts: npt.NDArray[np.int64]) -> tuple[float, ...]:
    """n/(k·n_c) by label, from the images of each of k classes: of mean 1 over all images; 0 for a class without any.

    The "balanced" of King and Zeng (2001), Logistic regression in rare events data.
    """
    present = int((counts > 0).sum())
    return tuple(int(counts.sum()) / (present * int(count)) if count else 0.0 for count in counts)


def _moments(counts: list[int]) -> tuple[float, float]:
    number = sum(counts)
    total = sum(level * count for level, count in enumerate(counts))
    squares = sum(level * level * count for level, count in enumerate(counts))
    variance = (number * squares - total * total) / number**2
    return total / number / 255, math.sqrt(variance) / 255 or 1.0
