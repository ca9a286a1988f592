"""Mean and standard deviation of each channel, exact: from counts of the 256 levels, in whole numbers."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


def channel_statistics(images: npt.NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) a channel of uint8 N×C×H×W divided by 255, N ≥ 1; a channel that never varies gets std 1.0."""
    channels = [_moments(_level_counts(images[:, channel])) for channel in range(images.shape[1])]
    return tuple(mean for mean, _ in channels), tuple(std for _, std in channels)


def _level_counts(channel: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How often each of the 256 levels occurs; a block at a time, because bincount widens what it counts to 64 bits."""
    counts = np.zeros(256, np.int64)
    for start in range(0, len(channel), 256):
        counts += np.bincount(channel[start : start + 256].ravel(), minlength=256)
    return counts


def _moments(counts: npt.NDArray[np.int64]) -> tuple[float, float]:
    levels = [int(count) for count in counts]
    number = sum(levels)
    total = sum(level * count for level, count in enumerate(levels))
    squares = sum(level * level * count for level, count in enumerate(levels))
    variance = (number * squares - total * total) / number**2
    return total / number / 255, math.sqrt(variance) / 255 or 1.0
