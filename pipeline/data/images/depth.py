"""Samples of more than 8 bits and floating-point samples to 8 bits: scaled by what the file says, never clipped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.data.images.refusal import refused
from pipeline.data.images.samples import Samples

_ROWS = 256  # scaled at a time, so that wide intermediate numbers take little memory


def from_integers(values: npt.NDArray[np.integer], samples: Samples) -> npt.NDArray[np.uint8]:
    """H×W integers of `samples.bits` as uint8, full depth to 0–255, rounded to nearest.

    Raises ImageRefused `integer-range` for 32-bit or signed values that differ by less than one grey level of their depth.
    """
    signed, levels = samples.signed, 2**samples.bits - 1
    lowest = -(2 ** (samples.bits - 1)) if signed else 0
    if samples.bits == 32 and not signed:
        values = values.view(np.uint32)  # Pillow keeps the bits in signed numbers
    if signed or samples.bits > 16:
        _check_span(values, levels)
    pixels = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        part = values[top : top + _ROWS].astype(np.int64) - lowest
        pixels[top : top + _ROWS] = (part * 255 + levels // 2) // levels
    return 255 - pixels if samples.white_is_zero else pixels


def from_floats(values: npt.NDArray[np.floating], samples: Samples) -> tuple[npt.NDArray[np.uint8], str]:
    """H×W floats as uint8, and a code: times 255 when all are within 0–1, rounded when all are within 0–255.

    Raises ImageRefused `float-range` for anything else, NaN and infinity among it.
    """
    low, high = float(values.min()), float(values.max())  # NaN when any value is
    if not 0.0 <= low <= high <= 255.0:
        raise refused("float-range", f"values from {low:g} to {high:g}", "scale them to 0–1 or 0–255")
    factor = 255.0 if high <= 1.0 else 1.0
    pixels = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        pixels[top : top + _ROWS] = np.floor(values[top : top + _ROWS].astype(np.float64) * factor + 0.5)
    return 255 - pixels if samples.white_is_zero else pixels, "float-unit" if factor == 255.0 else "float-255"


def _check_span(values: npt.NDArray[np.integer], levels: int) -> None:
    low, high = int(values.min()), int(values.max())
    if 0 < high - low < levels // 255:
        why = f"values from {low} to {high} are one grey level of {levels.bit_length()} bits"
        raise refused("integer-range", why, "save them with 8 or 16 bits")
