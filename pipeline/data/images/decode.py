"""The one decoder: encoded bytes become uint8 pixels, or are refused with a reason; ingest, preprocess and predict use it.

docs/images.md has the table of conversions and the reason codes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from pipeline.data.images.conversions import eight_bit
from pipeline.data.images.decoding import Decoding
from pipeline.data.images.digest import grey_if_grey as grey_if_grey
from pipeline.data.images.digest import pixel_digest as pixel_digest
from pipeline.data.images.header import check_size, is_animated, is_jpeg, open_image
from pipeline.data.images.jpeg import decode_jpeg, reduction
from pipeline.data.images.jpeg_header import plain_jpeg
from pipeline.data.images.orientation import orientation, turned_by_decoder, upright
from pipeline.data.images.refusal import reason_for
from pipeline.data.images.refusal import refused as refused
from pipeline.data.images.samples import Samples, samples_of
from pipeline.errors import ImageRefused

_DEFAULTS = Decoding()


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """Upright pixels, uint8 height × width × channels; 1 channel when all are grey, however stored, else 3 (RGB).

    mode: the stored mode in Pillow's words; encoded_bytes: the length of what was decoded; conversions: codes of what was done
    on the way from the stored pixels to these, in order; format: JPEG, PNG, … whatever the file is called, empty for arrays.
    """

    pixels: npt.NDArray[np.uint8]
    mode: str
    encoded_bytes: int
    conversions: tuple[str, ...] = ()
    format: str = ""


def decode(content: bytes, decoding: Decoding = _DEFAULTS) -> DecodedImage:
    """The image in `content`, decoded whole: orientation applied, every depth scaled to 8 bits, transparency on a background.

    Raises ImageRefused, and nothing else, whose `what` is one of refusal.REASONS.
    """
    try:
        return _plain(content, decoding) or _decode(content, decoding)
    except ImageRefused:
        raise
    except Exception as error:  # decoders raise nearly anything on hostile bytes
        raise reason_for(error, content) from None


def _plain(content: bytes, decoding: Decoding) -> DecodedImage | None:
    """A usual JPEG, without Pillow: the same as _decode gives, several times faster for small ones; None for anything else."""
    header = plain_jpeg(content)
    if header is None:
        return None
    check_size((header.width, header.height), decoding.pixel_limit)
    factor = reduction(header.height, header.width, decoding.reduce_to)
    pixels = decode_jpeg(content, header.mode, header.height, header.width, factor)
    if pixels is None:
        return None
    codes = [f"reduced-1/{factor}"] if factor > 1 else []
    seen = header.orientation
    return _finished(upright(pixels, seen), seen, codes, header.mode, "JPEG", len(content))


def _decode(content: bytes, decoding: Decoding) -> DecodedImage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about metadata that we do not use, and about sizes that we refuse
        image = open_image(content, decoding)
        first = ["first-frame"] if is_animated(image) else []
        turned = turned_by_decoder(image)
        pixels, codes = _of_jpeg(image, content, decoding) if is_jpeg(image) else _of_others(image, decoding)
        remaining = orientation(image)
    name = "JPEG" if is_jpeg(image) else str(image.format)
    seen = max(turned, remaining)  # one of them is 1
    return _finished(upright(pixels, remaining), seen, [*first, *codes], image.mode, name, len(content))


def _finished(
    pixels: npt.NDArray[np.uint8], seen: int, codes: list[str], mode: str, name: str, encoded_bytes: int
) -> DecodedImage:
    """What is known of upright pixels; `seen`: the orientation that was undone."""
    turned = [f"orientation-{seen}"] if seen > 1 else []
    return DecodedImage(grey_if_grey(pixels), mode, encoded_bytes, (*codes, *turned), name)


def _of_jpeg(image: ImageFile.ImageFile, content: bytes, decoding: Decoding) -> tuple[npt.NDArray[np.uint8], list[str]]:
    factor = reduction(image.height, image.width, decoding.reduce_to)
    pixels = decode_jpeg(content, image.mode, image.height, image.width, factor)
    if pixels is None:
        pixels, codes = _of_others(image, decoding)
        return pixels, ["jpeg-lenient", *codes]
    reduced = [f"reduced-1/{factor}"] if factor > 1 else []
    if image.mode != "CMYK":
        return pixels, reduced
    inks = Image.fromarray(pixels, "CMYK")
    inks.info = image.info
    pixels, codes = eight_bit(inks, Samples(), decoding.background)
    return pixels, [*reduced, *codes]


def _of_others(image: ImageFile.ImageFile, decoding: Decoding) -> tuple[npt.NDArray[np.uint8], list[str]]:
    samples = samples_of(image)
    image.load()
    return eight_bit(image, samples, decoding.background)
