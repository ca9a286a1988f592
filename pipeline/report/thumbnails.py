"""A picture as text that an HTML page carries in itself: a PNG in a data URI, made without an imaging library."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2  # PNG's colour type; with 8 bits a channel


def data_uri(picture: npt.NDArray[np.uint8]) -> str:
    """`data:image/png;base64,…` of uint8 height × width × 3."""
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode()


def png(picture: npt.NDArray[np.uint8]) -> bytes:
    """PNG (W3C, third edition) of uint8 height × width × 3; every row unfiltered."""
    height, width, _ = picture.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # each begins with its filter: 0, none
    rows[:, 1:] = picture.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _RGB, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
