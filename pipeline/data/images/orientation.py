"""EXIF orientation: what a camera says about how it was held, and the picture as it was seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

_TAG = ExifTags.Base.Orientation


def turned_by_decoder(image: Image.Image) -> int:
    """The orientation 2–8 that Pillow applies itself while it loads a TIFF, else 1; ask before loading."""
    value = image.tag_v2.get(_TAG, 1) if image.format == "TIFF" else 1  # type: ignore[attr-defined]  # of TIFF files only
    return value if value in range(2, 9) else 1


def orientation(image: Image.Image) -> int:
    """The orientation 1–8 that remains to be applied, from EXIF or XMP; broken or senseless metadata count as 1.

    Ask after loading: a PNG may carry its EXIF behind the pixels.
    """
    try:
        value = int(image.getexif().get(_TAG, 1))
    except Exception:  # whatever the parser raises: the pixels are good
        return 1
    return value if value in range(2, 9) else 1


def upright(pixels: npt.NDArray[np.uint8], value: int) -> npt.NDArray[np.uint8]:
    """H×W×C pixels as they are to be seen; `value` as in the Exif 2.3 standard, tag 274."""
    if value in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)  # the stored rows are the columns seen
    if value in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if value in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
