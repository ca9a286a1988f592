"""How far two pictures are apart, from 0 (the same) to about 1 (nothing in common), seen on their thumbnails."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.data.duplicates.candidates import Pairs
from pipeline.data.duplicates.fingerprint import THUMBNAIL

_SIDE = THUMBNAIL // 2  # pixels; half the detail, so that a shift by a pixel is not a difference
_COARSE = 4  # pixels a side of what is compared first
_NOISE = 4.0**2  # grey levels squared; what differs less than JPEG compression does is the same
_BRIGHTNESS = 0.1  # the weight of a difference in brightness alone, which a camera or an editor makes
_CHUNK = 1 << 13  # pictures or pairs at a time


class Appearance:
    """Thumbnails made comparable: colours around their mean, that mean, and the contrast."""

    def __init__(self, thumbnails: npt.NDArray[np.uint8]) -> None:
        """thumbnails: uint8 N × THUMBNAIL × THUMBNAIL × 3, also a memory map."""
        parts = [_half(thumbnails[start : start + _CHUNK]) for start in range(0, len(thumbnails), _CHUNK)]
        colours = np.concatenate(parts) if parts else np.empty((0, _SIDE * _SIDE * 3), dtype=np.float32)
        self.brightness: npt.NDArray[np.float32] = colours.mean(axis=1)  # N, 0–255
        colours -= self.brightness[:, None]
        self._contrast = np.einsum("ij,ij->i", colours, colours) / colours.shape[1]  # variance
        self._colours = colours
        blocks = colours.reshape(-1, _COARSE, _SIDE // _COARSE, _COARSE, _SIDE // _COARSE, 3).mean(axis=2).mean(axis=3)
        self._coarse = blocks.reshape(len(colours), _COARSE**2 * 3)

    def within(self, pairs: Pairs, reach: float) -> tuple[Pairs, npt.NDArray[np.float32]]:
        """The pairs that are at most `reach` apart, and how far.

        Apart: the root of the mean squared difference over the sum of both variances. For pictures of equal contrast that is
        √(1 − correlation). Brightness counts a tenth of what colours do.
        """
        first, second = pairs
        kept: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]] = []
        for start in range(0, len(first), _CHUNK):
            i, j = first[start : start + _CHUNK], second[start : start + _CHUNK]
            perhaps = self._distance(self._coarse, i, j) <= reach  # means differ at most as much as what they are means of
            i, j = i[perhaps], j[perhaps]
            distance = self._distance(self._colours, i, j)
            close = distance <= reach
            kept.append((i[close], j[close], distance[close]))
        if not kept:
            return (first, second), np.empty(0, dtype=np.float32)
        i, j, distance = (np.concatenate(column) for column in zip(*kept, strict=True))
        return (i, j), distance

    def _distance(
        self, colours: npt.NDArray[np.float32], i: npt.NDArray[np.int64], j: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        apart = colours[i] - colours[j]
        squared = np.einsum("ij,ij->i", apart, apart) / apart.shape[1]
        shift = self.brightness[i] - self.brightness[j]
        noise = self._contrast[i] + self._contrast[j] + 2 * _NOISE
        result: npt.NDArray[np.float32] = np.sqrt((squared + _BRIGHTNESS * shift**2) / noise)
        return result


def _half(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """float32 N × (16 · 16 · 3): means over 2 × 2 pixels."""
    rows = thumbnails[:, 0::2].astype(np.uint16) + thumbnails[:, 1::2]
    sums = rows[:, :, 0::2] + rows[:, :, 1::2]  # a tenth of the time that summing over axes takes
    return np.asarray(sums.reshape(len(sums), -1) * np.float32(0.25), dtype=np.float32)
