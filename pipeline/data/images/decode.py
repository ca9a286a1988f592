"""The one decoder: encoded bytes become uint8 pixels, or are refused with a reason; ingest and predict both use it."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from pipeline.data.images.decoding import Decoding
from pipeline.errors import ImageRefused

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "ICO")  # none runs a program

_DEFAULTS = Decoding()

_TRANSPOSITIONS = {  # EXIF orientation → what shows the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_CONVERTIBLE = ("1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "LA", "La", "PA", "RGBA", "RGBa", "RGBX")


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """Upright pixels, uint8 height × width × channels; 1 channel when all are grey, however stored, else 3 (RGB).

    mode: the stored mode in Pillow's words; encoded_bytes: the length of what was decoded; conversions: what was done on the
    way from the stored pixels to these, in order.
    """

    pixels: npt.NDArray[np.uint8]
    mode: str
    encoded_bytes: int
    conversions: tuple[str, ...] = ()


def decode(content: bytes, decoding: Decoding = _DEFAULTS) -> DecodedImage:
    """The image in `content`: orientation applied, 16 bits scaled to 8, transparency laid on white.

    Raises ImageRefused whose `what` is a reason code: zero-bytes, git-lfs-pointer, not-an-image, too-large, animation,
    unsupported-mode, truncated, broken.
    """
    if not content:
        raise refused("zero-bytes", "the file is empty")
    if content.startswith(b"version https://git-lfs"):
        raise refused("git-lfs-pointer", "the file only points to an image", "run `git lfs pull`")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about metadata that we do not use, and about sizes that we refuse
        image = _load(content, decoding.pixel_limit)
        return DecodedImage(_pixels(image), image.mode, len(content))


def grey_if_grey(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """H×W×3 with three equal channels as H×W×1, anything else as it is: the same picture has the same digest however stored."""
    if pixels.shape[2] == 3 and (pixels[..., :1] == pixels[..., 1:]).all():
        return np.ascontiguousarray(pixels[..., :1])
    return pixels


def pixel_digest(pixels: npt.NDArray[np.uint8]) -> str:
    """Hexadecimal sha256 over shape and pixels: the name an image keeps from file to prediction."""
    shape = "×".join(map(str, pixels.shape))
    return hashlib.sha256(shape.encode() + b"\0" + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def refused(reason: str, why: str, remedy: str = "replace or remove the file") -> ImageRefused:
    """The error for one image, its reason code as `what`."""
    return ImageRefused(reason, why=why, remedy=remedy)


def _load(content: bytes, limit_pixels: int) -> Image.Image:
    """The decoded first frame; decoders raise nearly anything on hostile bytes, so every exception becomes a reason."""
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        _check_header(image, limit_pixels)
        image.load()
        return image
    except ImageRefused:
        raise
    except Image.DecompressionBombError:
        raise refused("too-large", f"more than {limit_pixels:,} pixels") from None
    except UnidentifiedImageError:
        raise refused("not-an-image", f"none of {', '.join(FORMATS)}") from None
    except Exception as error:
        reason = "truncated" if "truncated" in str(error).lower() else "broken"
        raise refused(reason, f"{type(error).__name__}: {error}") from None


def _check_header(image: Image.Image, limit_pixels: int) -> None:
    if image.width * image.height > limit_pixels:
        raise refused("too-large", f"{image.width}×{image.height} is more than {limit_pixels:,} pixels")
    if image.format != "MPO" and getattr(image, "is_animated", False):  # the later pictures of an MPO photo are previews
        raise refused("animation", f"{image.format} with several frames or pages", "keep the one that is meant")
    if image.mode not in (*_CONVERTIBLE, *_SIXTEEN_BIT) and not _is_16_bit_pgm(image):
        raise refused("unsupported-mode", f"pixels of mode {image.mode} have no agreed range", "store 8 or 16 bits")


def _is_16_bit_pgm(image: Image.Image) -> bool:
    return image.mode == "I" and image.format == "PPM"


def _pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    method = _TRANSPOSITIONS.get(_orientation(image))
    upright = image.transpose(method) if method is not None else image
    if upright.mode in _SIXTEEN_BIT or upright.mode == "I":
        return ((np.asarray(upright).astype(np.uint32) + 128) // 257).astype(np.uint8)[..., None]  # 65535 = 255 × 257
    return grey_if_grey(_eight_bit(upright))


def _orientation(image: Image.Image) -> int:
    """Read after load, because some decoders turn the picture themselves; a broken EXIF block counts as none."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # whatever the parser raises: the pixels are good
        return 1


def _eight_bit(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)
        image = image.convert(straight).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode in ("1", "L"):
        return np.array(image.convert("L"))[..., None]
    return np.array(image.convert("RGB"))
