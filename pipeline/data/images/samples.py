"""What the numbers in a file mean: how many bits, with sign or without, and whether white is zero. Read before loading."""

from __future__ import annotations

import re
from dataclasses import dataclass

from PIL import ImageFile

from pipeline.data.images.tiff import BITS, PHOTOMETRIC, SAMPLE_FORMAT

_SIGNED, _WHITE_IS_ZERO = 2, 0  # values of the TIFF tags
_HALVES = ("LA", "RGB", "RGBA", "CMYK")  # modes of 8 bits a channel that Pillow also makes of 16


@dataclass(frozen=True)
class Samples:
    """Stored samples: `bits` of each as Pillow hands them over; `codes` name what is not plain 8 bits.

    signed: two's complement; white_is_zero: where Pillow does not turn the values over itself.
    """

    bits: int = 8
    signed: bool = False
    white_is_zero: bool = False
    codes: tuple[str, ...] = ()


def samples_of(image: ImageFile.ImageFile) -> Samples:
    """The samples of an image that is opened and not yet loaded (Pillow forgets how they are packed)."""
    if image.format == "TIFF":
        return _of_tiff(image)
    if image.format == "PPM":
        return _of_ppm(image)
    packed = re.search(r";(\d+)", str(_arguments(image)[0])) if image.format == "PNG" else None
    bits = int(packed[1]) if packed else 16 if image.mode.startswith("I") else 8  # of JPEG 2000 Pillow makes full 16 bits
    return Samples(bits, codes=_depth(image.mode, bits))


def _of_tiff(image: ImageFile.ImageFile) -> Samples:
    tags = image.tag_v2  # type: ignore[attr-defined]  # of TIFF files only
    bits, signed = tags.get(BITS, (1,))[0], tags.get(SAMPLE_FORMAT, (1,))[0] == _SIGNED
    white_is_zero = image.mode.startswith(("I", "F")) and tags.get(PHOTOMETRIC) == _WHITE_IS_ZERO
    codes = (f"depth-signed-{bits}",) if signed else _depth(image.mode, bits)
    return Samples(bits, signed, white_is_zero, (*codes, *(["white-is-zero"] if white_is_zero else [])))


def _of_ppm(image: ImageFile.ImageFile) -> Samples:
    """Pillow scales by the largest value that the header names, to the full 8 or 16 bits."""
    arguments = _arguments(image)
    largest = arguments[1] if image.tile[0].codec_name.startswith("ppm") and len(arguments) > 1 else None
    bits = 16 if image.mode == "I" else 8
    named = largest not in (None, 255, 65535)
    return Samples(bits, codes=(f"maxval-{largest}",) if named else _depth("I", 16) if bits == 16 or largest == 65535 else ())


def _depth(mode: str, bits: int) -> tuple[str, ...]:
    """The code for a depth; of 16 bits a channel Pillow keeps the high byte, so grey 16 is rounded and colour 16 is cut."""
    if bits == 16 and mode in _HALVES:
        return ("depth-16-high-byte",)
    return (f"depth-{bits}",) if bits != 8 and mode not in ("1", "P", "PA", "F") else ()


def _arguments(image: ImageFile.ImageFile) -> tuple[object, ...]:
    arguments = image.tile[0].args if image.tile else None
    return arguments if isinstance(arguments, tuple) and arguments else (arguments,)
