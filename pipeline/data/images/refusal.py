"""Why an image is refused: reason codes, and how any exception of a decoder becomes one of them."""

from __future__ import annotations

import io
import warnings

from PIL import Image, UnidentifiedImageError

from pipeline.errors import ImageRefused

REASONS = {  # what the decoder says; a source adds its own for files that it cannot read
    "zero-bytes": "nothing in the file",
    "git-lfs-pointer": "the text that stands for an image that git-lfs has not fetched",
    "not-an-image": "no format that is known here",
    "unsupported-format": "a picture or document in a format that is not on the list",
    "unsupported-mode": "pixels that are not read, or only with a guess",
    "integer-range": "32-bit or signed integers that span less than one grey level of their depth",
    "float-range": "floating-point values outside 0–255, or not finite",
    "animation": "several frames or pages",
    "too-large": "more pixels than `pixel_limit`, by the header",
    "too-many-scans": "a progressive JPEG with more passes than any camera or program writes",
    "truncated": "the file ends too early",
    "broken": "the decoder or a checksum objects",
    "out-of-memory": "the worker could not get the memory to decode it",
}
_ENDS_EARLY = ("truncated", "premature end", "not enough image data", "reached eof", "unexpected end of file")
_READ = {  # first bytes of what is decoded, for files that the format's own reader then refuses
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "WEBP": (b"RIFF????WEBP",),
    "AVIF": (b"????ftypavif", b"????ftypavis"),
    "PPM": tuple(b"P%d\n" % number for number in range(1, 7)),
    "JPEG2000": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
}
_NOT_READ = {  # first bytes of what people also keep beside images
    "ICO": (b"\0\0\1\0",),
    "CUR": (b"\0\0\2\0",),
    "DDS": (b"DDS ",),
    "PSD": (b"8BPS",),
    "HEIC": (b"????ftypheic", b"????ftypheix", b"????ftypmif1", b"????ftyphevc"),
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "PDF": (b"%PDF",),
    "PostScript": (b"%!PS",),
    "SVG": (b"<svg", b"<?xml"),
    "OpenEXR": (b"v/1\x01",),
    "Radiance HDR": (b"#?RADIANCE",),
    "QOI": (b"qoif",),
    "ICNS": (b"icns",),
    "FITS": (b"SIMPLE  =",),
}


def refused(reason: str, why: str, remedy: str = "replace or remove the file") -> ImageRefused:
    """The error for one image, its reason code as `what`."""
    return ImageRefused(reason, why=why, remedy=remedy)


def reason_for(error: Exception, content: bytes) -> ImageRefused:
    """The refusal that says what `error`, raised by a decoder on `content`, means."""
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if isinstance(error, Image.DecompressionBombError) or "too large for" in said:
        return refused("too-large", said, "make it smaller")
    if isinstance(error, UnidentifiedImageError):
        return _unidentified(content)
    if isinstance(error, MemoryError):
        return refused("out-of-memory", said, "lower ingest.decode.pixel_limit or ingest.workers")
    if any(words in said.lower() for words in _ENDS_EARLY):
        return refused("truncated", said)
    return refused("broken", said)


def format_of(content: bytes) -> str | None:
    """The format that the first bytes promise, read here or not."""
    for name, beginnings in {**_READ, **_NOT_READ}.items():
        if any(_begins(content, beginning) for beginning in beginnings):
            return name
    return None


def _unidentified(content: bytes) -> ImageRefused:
    name = format_of(content)
    if name is None:
        return refused("not-an-image", "its first bytes are those of no known format")
    if name in _NOT_READ:
        return refused("unsupported-format", f"{name} is not read", "save it as PNG or JPEG")
    said = _objection(name, content)
    if any(words in said for words in ("unknown pixel mode", "layers", "Cannot handle")):
        return refused("unsupported-mode", f"{name}: {said}", "save it with 8 or 16 bits a sample, grey or RGB")
    return refused("broken", f"{name}: {said}")


def _objection(name: str, content: bytes) -> str:
    """What the format's own reader says; Image.open keeps it to itself."""
    factory, _ = Image.OPEN[name]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            factory(io.BytesIO(content), "")
    except Exception as error:  # whatever it raises is the answer
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return "the header cannot be read"


def _begins(content: bytes, pattern: bytes) -> bool:
    """Whether `content` begins with `pattern`, in which ? stands for any byte."""
    return len(content) >= len(pattern) and all(p in (byte, 0x3F) for p, byte in zip(pattern, content, strict=False))
