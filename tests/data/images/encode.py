"""Image files put together byte by byte, for what no encoder writes: wrong fields, rare depths, hostile headers."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_TYPES = {"<": b"II*\0", ">": b"MM\0*"}


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """`image` as Pillow writes it."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """A PNG chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    pixels: np.ndarray, colour: int, depth: int = 0, extra: bytes = b"", after: bytes = b"", interlaced: bool = False
) -> bytes:
    """H×W or H×W×C integers as a PNG; `extra` chunks stand before the pixel data, `after` behind it."""
    depth = depth or pixels.dtype.itemsize * 8
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, colour, 0, 0, int(interlaced))
    parts = [pixels[y::down, x::across] for x, y, across, down in _ADAM7] if interlaced else [pixels]
    rows = b"".join(b"\0" + _packed(row, depth) for part in parts if part.size for row in part)
    return SIGNATURE + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + after + chunk(b"IEND")


def _packed(row: np.ndarray, depth: int) -> bytes:
    if depth >= 8:
        return row.astype(f">u{depth // 8}").tobytes()
    bits = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, -depth:]
    return np.packbits(bits).tobytes()


def tiff(data: bytes, tags: Mapping[int, int | Sequence[int]], endian: str = "<") -> bytes:
    """A TIFF of one strip, `data`; each tag is written as LONG values, 258 (bits), 259, 262, 277, 339 as SHORT."""
    entries, beyond = b"", b""
    tags = {259: 1, 262: 1, 277: 1, 273: 8, 279: len(data), **tags}
    start = 8 + len(data) + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        values = [value] if isinstance(value, int) else list(value)
        short = tag in (258, 259, 262, 266, 274, 277, 284, 320, 338, 339, 530)
        packed = b"".join(struct.pack(endian + ("H" if short else "I"), one) for one in values)
        if len(packed) > 4:
            packed, beyond = struct.pack(endian + "I", start + len(beyond)), beyond + packed
        entries += struct.pack(endian + "HHI", tag, 3 if short else 4, len(values)) + packed.ljust(4, b"\0")
    directory = struct.pack(endian + "H", len(tags)) + entries + bytes(4)
    return _TYPES[endian] + struct.pack(endian + "I", 8 + len(data)) + data + directory + beyond


def grey_tiff(values: np.ndarray, **tags: int) -> bytes:
    """H×W numbers as an uncompressed TIFF of their own depth, sign and byte order; `t262=0` sets tag 262."""
    kinds = {"u": 1, "i": 2, "f": 3}
    size = {256: values.shape[1], 257: values.shape[0], 278: values.shape[0]}
    sample = {258: values.dtype.itemsize * 8, 339: kinds[values.dtype.kind]}
    endian = ">" if values.dtype.byteorder == ">" else "<"
    return tiff(values.tobytes(), {**size, **sample, **{int(tag[1:]): value for tag, value in tags.items()}}, endian)


def bmp(width: int, height: int, bits: int, data: bytes, compression: int = 0, palette: bytes = b"", **fields: int) -> bytes:
    """A BMP with a header of 40 bytes; `fields` (planes, used, header, colours) put something else there."""
    offset = 54 + len(palette)
    planes, colours, header = fields.get("planes", 1), fields.get("colours", len(palette) // 4), fields.get("header", 40)
    info = struct.pack("<IiiHHIIiiII", header, width, height, planes, bits, compression, len(data), 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + palette + data


def gif(width: int, height: int, frames: Sequence[bytes], palette: bytes = bytes(6)) -> bytes:
    """A GIF of ready frames; `palette` holds two colours, or none."""
    flags = 0x80 if palette else 0
    return b"GIF89a" + struct.pack("<HHBBB", width, height, flags, 0, 0) + palette + b"".join(frames) + b";"


def gif_frame(left: int, top: int, width: int, height: int) -> bytes:
    """One frame of zeros, at most four pixels."""
    codes = [4, *[0] * (width * height), 5]  # clear, pixels, end; three bits each
    bits = sum(code << 3 * place for place, code in enumerate(codes))
    data = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    return b"," + struct.pack("<HHHHB", left, top, width, height, 0) + b"\x02" + bytes([len(data)]) + data + b"\0"


def cmyk_profile(corner: tuple[int, int, int]) -> bytes:
    """An ICC profile that maps every mixture of inks to one colour, L*a*b* as three bytes (a* and b* plus 128)."""
    inputs, outputs = bytes(range(256)) * 4, bytes(range(256)) * 3
    identity = struct.pack(">9i", *[65536 if place % 4 == 0 else 0 for place in range(9)])
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + inputs + bytes(corner) * 16 + outputs
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"text" + bytes(4) + b"none\0"
    blocks = {b"A2B0": table, b"wtpt": white, b"cprt": text}
    start, index, body = 128 + 4 + 12 * len(blocks), b"", b""
    for name, block in blocks.items():
        index += name + struct.pack(">II", start + len(body), len(block))
        body += block + bytes(-len(block) % 4)
    content = struct.pack(">I", len(blocks)) + index + body
    header = struct.pack(">I", 128 + len(content)) + bytes(4) + b"\x02\x40\0\0prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28)
    return (header + struct.pack(">3i", 63190, 65536, 54061)).ljust(128, b"\0") + content
