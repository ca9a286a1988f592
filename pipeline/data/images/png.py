"""What Pillow leaves unchecked in a PNG: the checksums of the pixel data, and whether there is data for every row."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from pipeline.data.images.refusal import refused

_BEGIN = 8  # bytes of the signature
_MATTER = (b"tRNS", b"acTL")  # these change pixels although their names say that they may be skipped
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # x, y, steps
_PIECE = 1 << 16  # bytes inflated at a time: at most 1032 times as many come out


def check_png(content: bytes) -> None:
    """Raises ImageRefused: `broken` when a chunk that matters has a wrong CRC, `truncated` when pixels or the end are missing."""
    data = []
    for kind, body in _chunks(content):
        if kind == b"IDAT":
            data.append(body)
        if kind == b"IEND":
            break
    else:
        raise refused("truncated", "PNG: the file ends before its end chunk")
    if data and not _inflates_to(data, _expected_bytes(content)):
        raise refused("truncated", "PNG: there is no data for the last rows")


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Type and data of each whole chunk."""
    view, position = memoryview(content), _BEGIN
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + 12 + length
        if end > len(content):
            return
        if _matters(kind) and zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise refused("broken", f"PNG: wrong checksum of {kind.decode('latin-1')!r} at byte {position}")
        yield kind, view[position + 8 : end - 4]
        position = end


def _matters(kind: bytes) -> bool:
    """Critical chunks have a capital first letter."""
    return not kind[0] & 0x20 or kind in _MATTER


def _expected_bytes(content: bytes) -> int:
    """Inflated size of the pixel data by the header: each row has one byte before it, an interlaced picture is seven."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", content, 16)
    bits = depth * _CHANNELS[colour]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in passes]
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes if columns > 0 and rows > 0)


def _inflates_to(data: list[memoryview], expected: int) -> bool:
    inflater, size = zlib.decompressobj(), 0
    for body in data:
        for start in range(0, len(body), _PIECE):
            size += len(inflater.decompress(body[start : start + _PIECE]))
            if size >= expected:
                return True
    return size + len(inflater.flush()) >= expected
