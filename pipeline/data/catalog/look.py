"""What ingest wants to know about one image; runs in the worker processes, where decoding is what takes the time."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

from pipeline.data.duplicates.fingerprint import fingerprint
from pipeline.data.images.decode import DecodedImage, pixel_digest
from pipeline.data.sources.source import Source
from pipeline.errors import ImageRefused

_EXTENSIONS = {  # DecodedImage.format → what files of it are called
    "JPEG": ".jpg .jpeg .jpe .jfif .mpo",
    "PNG": ".png .apng",
    "BMP": ".bmp .dib",
    "GIF": ".gif",
    "TIFF": ".tif .tiff",
    "WEBP": ".webp",
    "AVIF": ".avif",
    "JPEG2000": ".jp2 .j2k .jpc .jpf .jpx",
    "PPM": ".ppm .pgm .pbm .pnm",
    "ICO": ".ico",
}
_FORMATS = {extension: name for name, extensions in _EXTENSIONS.items() for extension in extensions.split()}


class Look(NamedTuple):
    """Everything that follows from the stored bytes alone; the columns of the catalog, and the thumbnail's bytes."""

    digest: str
    phash: str
    encoded_bytes: int
    width: int
    height: int
    channels: int
    mode: str
    conversions: str
    thumbnail: bytes


def look(source: Source, path: str) -> tuple[str | None, Look | str]:
    """The stamp of one sample, taken first so that a later change is noticed, and its look, or `code: why` it cannot be read."""
    stamp = source.stamp(path)
    try:
        return stamp, _look(path, source.read(path))
    except ImageRefused as refusal:
        return stamp, f"{refusal.what}: {' '.join(refusal.why.split())}"


def _look(path: str, image: DecodedImage) -> Look:
    height, width, channels = image.pixels.shape
    found = fingerprint(image.pixels)
    return Look(
        digest=pixel_digest(image.pixels),
        phash=f"{found.hash:016x}",
        encoded_bytes=image.encoded_bytes,
        width=width,
        height=height,
        channels=channels,
        mode=image.mode,
        conversions=",".join([*image.conversions, *_misnamed(path, image.format)]),
        thumbnail=found.thumbnail.tobytes(),
    )


def _misnamed(path: str, format: str) -> list[str]:
    """A note when the file is called like one of another format; what it holds decides, and files of any name are read."""
    called = _FORMATS.get(PurePosixPath(path).suffix.lower())
    return ["extension-mismatch"] if called and format and called != format else []
