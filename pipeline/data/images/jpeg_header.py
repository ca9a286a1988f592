"""The header of a usual JPEG in a few microseconds: Pillow's takes as long as decoding a small picture.

Whatever is unusual is left to Pillow, so that this can be short; both ways lead to the same pixels.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_FRAME, _SCAN, _EXIF = 0xC0, 0xDA, 0xE1  # baseline only: a progressive picture is unusual here
_SKIPPED = {0xDB, 0xC4, 0xDD, 0xFE, 0xE0, *range(0xE2, 0xF0)}  # tables, restart interval, comment, application data
_MODES = {1: "L", 3: "RGB"}
_ORIENTATION, _SHORT = 0x0112, 3


@dataclass(frozen=True)
class PlainJpeg:
    """A baseline JPEG of 8 bits, grey or of three colours; `mode` as Pillow calls it, `orientation` 1–8."""

    height: int
    width: int
    mode: str
    orientation: int


def plain_jpeg(content: bytes) -> PlainJpeg | None:
    """The header when it can be read here without a doubt. Source: ITU-T T.81, annex B; Exif 2.3, 4.6."""
    frames: list[bytes] = []
    application: list[bytes] = []
    if not _read_segments(content, {_FRAME: frames, _EXIF: application}) or len(frames) != 1:
        return None
    frame, orientation = _frame(frames[0]), _orientation(application)
    return PlainJpeg(*frame, orientation) if frame and orientation else None


def _read_segments(content: bytes, found: dict[int, list[bytes]]) -> bool:
    """Adds the data of the segments with the markers of `found`, up to the first scan; False when one is not as usual."""
    position, end = 2, len(content) - 4
    if content[:2] != b"\xff\xd8":
        return False
    while position <= end and content[position] == 0xFF:
        marker, length = content[position + 1], content[position + 2] << 8 | content[position + 3]
        if marker == _SCAN:
            return True
        if length < 2 or (marker not in found and marker not in _SKIPPED):
            return False
        if marker in found:
            found[marker].append(content[position + 4 : position + 2 + length])
        position += 2 + length
    return False


def _frame(body: bytes) -> tuple[int, int, str] | None:
    """(height, width, mode); T.81, B.2.2."""
    if len(body) < 6 or body[0] != 8 or body[5] not in _MODES or len(body) != 6 + 3 * body[5]:
        return None
    height, width = struct.unpack_from(">HH", body, 1)
    return (height, width, _MODES[body[5]]) if height and width else None


def _orientation(application: list[bytes]) -> int | None:
    """1–8; None unless there is nothing at all, or one block of EXIF that states it in the usual way or not at all."""
    if not application:
        return 1
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(application[0][6:10])
    if len(application) > 1 or application[0][:6] != b"Exif\0\0" or order is None:
        return None
    try:
        return _tag(application[0][6:], order)
    except struct.error:
        return None


def _tag(exif: bytes, order: str) -> int | None:
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack_from(order + "H", exif, start)
    entries = [struct.unpack_from(order + "HHIH", exif, start + 2 + 12 * number) for number in range(count)]
    stated = [entry for entry in entries if entry[0] == _ORIENTATION]
    if not stated:
        return 1
    _, kind, values, value = stated[0]
    if len(stated) > 1 or kind != _SHORT or values != 1:
        return None
    return value if value in range(2, 9) else 1
