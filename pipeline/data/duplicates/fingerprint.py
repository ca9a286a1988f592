"""What two pictures are compared by: a 64-bit perceptual hash that finds candidates, and a small copy that confirms them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

THUMBNAIL = 32  # pixels a side

_FREQUENCIES = 8  # a side: 8 × 8 coefficients, one bit each
_SAMPLES = 4  # pixels a side that a thumbnail's pixel is averaged from at least, where the picture has so many
_STEP = THUMBNAIL / 2  # a coefficient of one grey level's amplitude; what is weaker, as all of a blank picture, counts as 0
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as in Pillow's mode L


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """hash: 64 bits, 0 for a blank picture; thumbnail: uint8 THUMBNAIL × THUMBNAIL × 3, RGB, stretched to the square."""

    hash: int
    thumbnail: npt.NDArray[np.uint8]


def fingerprint(pixels: npt.NDArray[np.uint8]) -> Fingerprint:
    """Of decoded pixels, uint8 height × width × channels (1 or 3)."""
    small = _thumbnail(pixels)
    return Fingerprint(perceptual_hash(small), small)


def perceptual_hash(thumbnail: npt.NDArray[np.uint8]) -> int:
    """The signs of the 8 × 8 lowest DCT coefficients of the luma around their median, row by row, most significant first.

    Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions (2010), chapter 3.2.1; here with the coefficients
    of frequency 0, without which a picture of stripes has no bits.
    """
    basis = _cosines()
    coefficients = basis @ (thumbnail @ _LUMA) @ basis.T
    coefficients[0, 0] = 0.0  # the mean brightness says nothing about the picture
    steps = np.rint(coefficients / _STEP)
    bits = steps > np.median(steps)
    return int.from_bytes(np.packbits(bits).tobytes())


def _thumbnail(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Means over the areas that the thumbnail's pixels cover; of large pictures over an even grid of pixels in them."""
    height, width, channels = pixels.shape
    least = _SAMPLES * THUMBNAIL
    grid = pixels[:: max(1, height // least), :: max(1, width // least)]
    height, width = grid.shape[:2]
    if (height, width) == (THUMBNAIL, THUMBNAIL):
        small = grid
    else:
        rows = _areas(height) @ grid.astype(np.float32).reshape(height, -1)
        columns = _areas(width) @ rows.reshape(THUMBNAIL, width, channels)
        small = np.rint(columns).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(small, (THUMBNAIL, THUMBNAIL, 3)))


@cache
def _cosines() -> npt.NDArray[np.float32]:
    """8 × THUMBNAIL: the first rows of the orthonormal DCT-II."""
    frequency = np.arange(_FREQUENCIES).reshape(-1, 1)
    angles = np.pi * frequency * (2 * np.arange(THUMBNAIL) + 1) / (2 * THUMBNAIL)
    scale = np.where(frequency == 0, np.sqrt(1 / THUMBNAIL), np.sqrt(2 / THUMBNAIL))
    return np.asarray(scale * np.cos(angles), dtype=np.float32)


@cache
def _areas(size: int) -> npt.NDArray[np.float32]:
    """THUMBNAIL × size: the share that each of `size` pixels has in each of the thumbnail's; rows sum to 1."""
    edges = np.arange(THUMBNAIL + 1) * (size / THUMBNAIL)
    pixel = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.asarray(np.clip(overlap, 0, None) * (THUMBNAIL / size), dtype=np.float32)
