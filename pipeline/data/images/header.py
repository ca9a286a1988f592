"""What is checked before any pixel is decoded: format, size, number of frames, and what Pillow leaves unchecked."""

from __future__ import annotations

import io

from PIL import Image, ImageFile

from pipeline.data.images.bmp import check_bmp
from pipeline.data.images.decoding import Decoding
from pipeline.data.images.jpeg import check_jpeg
from pipeline.data.images.png import check_png
from pipeline.data.images.refusal import refused
from pipeline.data.images.tiff import check_tiff
from pipeline.data.images.webp import webp_size

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")  # none runs a program
_LFS = b"version https://git-lfs"


def open_image(content: bytes, decoding: Decoding) -> ImageFile.ImageFile:
    """The image with its header read and nothing decoded; raises ImageRefused, or anything that Pillow raises."""
    if not content:
        raise refused("zero-bytes", "the file is empty")
    if content.startswith(_LFS):
        raise refused("git-lfs-pointer", "the file only points to an image", "run `git lfs pull`")
    check_size(webp_size(content), decoding.pixel_limit)
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    check_size(image.size, decoding.pixel_limit)
    _check_format(image, content, decoding)
    return image


def is_jpeg(image: Image.Image) -> bool:
    """Whether it is a JPEG, alone or the first of several in an MPO file."""
    return image.format in ("JPEG", "MPO")


def is_animated(image: Image.Image) -> bool:
    """Whether there are several frames or pages; the later pictures of an MPO photograph are previews."""
    return not is_jpeg(image) and bool(getattr(image, "is_animated", False))


def check_size(size: tuple[int, int] | None, pixel_limit: int) -> None:
    """Raises ImageRefused for (width, height) without a pixel or with too many; None is a size not known yet."""
    if size and min(size) < 1:
        raise refused("broken", f"{size[0]}×{size[1]} has no pixel")
    if size and size[0] * size[1] > pixel_limit:
        why = f"{size[0]}×{size[1]} is more than {pixel_limit:,} pixels"
        raise refused("too-large", why, "make it smaller, or raise ingest.decode.pixel_limit")


def _check_format(image: ImageFile.ImageFile, content: bytes, decoding: Decoding) -> None:
    if decoding.animation == "refuse" and is_animated(image):
        remedy = "keep the one that is meant, or set ingest.decode.animation: first"
        raise refused("animation", f"{image.format} with several frames or pages", remedy)
    if is_jpeg(image):
        check_jpeg(image, content)
    if image.format == "PNG":
        check_png(content)
    if image.format == "BMP":
        check_bmp(image, content)
    if image.format == "TIFF":
        check_tiff(image, decoding.pixel_limit)  # type: ignore[arg-type]  # Image.open does not tell its classes
