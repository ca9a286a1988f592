"""The pixels of a JPEG by libjpeg-turbo, strictly: what it warns about is an error, so bit flips and cuts are found.

Where Pillow decodes the same file its pixels are identical; Pillow however ignores the warnings.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from pipeline.data.images.refusal import refused

MOST_SCANS = 200  # passes over the picture; programs write about ten, and each costs the time of a decode
_SMALLEST = 16  # pixels; pictures with a shorter side are never reduced
_COLOURS = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def reduction(height: int, width: int, reduce_to: int | None) -> int:
    """The largest of 1, 2, 4 and 8 by which no side of the picture gets shorter than `reduce_to`."""
    shortest = min(height, width)
    if reduce_to is None or shortest < _SMALLEST:
        return 1
    return next(factor for factor in (8, 4, 2, 1) if factor == 1 or -(-shortest // factor) >= reduce_to)


def check_jpeg(image: Image.Image, content: bytes) -> None:
    """Raises ImageRefused `too-many-scans` for a progressive JPEG that would take the time of hundreds."""
    if "progressive" in image.info and content.count(b"\xff\xda") > MOST_SCANS:  # starts of scans, here or in a preview
        raise refused("too-many-scans", f"more than {MOST_SCANS} passes over the picture")


def decode_jpeg(content: bytes, mode: str, height: int, width: int, factor: int) -> npt.NDArray[np.uint8] | None:
    """Pixels in `mode` (L, RGB or CMYK, 0 for no ink), each side divided by `factor` and rounded up, by scaling the DCT.

    None for colours sampled in a way that the strict interface does not know; raises ValueError for all that libjpeg-turbo says.
    """
    smallest = {"min_height": -(-height // factor), "min_width": -(-width // factor)} if factor > 1 else {}
    try:
        pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(content, _COLOURS[mode], **smallest)
    except ValueError as error:
        if "subsampling" in str(error):
            return None
        raise
    return 255 - pixels if mode == "CMYK" else pixels  # ink is stored inverted, as Adobe began it
