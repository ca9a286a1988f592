"""What a WebP says in its first 30 bytes: Pillow's reader asks for memory for two canvases as soon as it opens the file.

Source: RFC 9649, sections 2.4 to 2.7.
"""

from __future__ import annotations

from pipeline.data.images.refusal import refused


def webp_size(content: bytes) -> tuple[int, int] | None:
    """(width, height), or None when this is no WebP or its header is odd; raises ImageRefused `truncated` for a cut file."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return None
    if len(content) < max(30, 8 + _int(content[4:8])):
        raise refused("truncated", "WebP: fewer bytes than its header says")
    if content[12:16] == b"VP8X":
        return _int(content[24:27]) + 1, _int(content[27:30]) + 1
    if content[12:16] == b"VP8L":
        bits = _int(content[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if content[12:16] == b"VP8 ":
        return _int(content[26:28]) & 0x3FFF, _int(content[28:30]) & 0x3FFF
    return None


def _int(little_endian: bytes) -> int:
    return int.from_bytes(little_endian, "little")
