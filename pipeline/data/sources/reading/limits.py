"""How much a packed file may become: what lies above can only be meant to fill memory or disk."""

from __future__ import annotations

from pipeline.errors import SecurityRefusal

RATIO = 100  # unpacked bytes for a packed one; images that are worth packing stay far below
HARMLESS_BYTES = 1 << 20  # up to here no ratio is asked for: a blank picture of a few kilobytes packs a thousandfold
TOTAL_BYTES = 1 << 38  # 256 GiB, more than the largest public set of labelled images


def excess(unpacked: int, packed: int, harmless: int = HARMLESS_BYTES) -> str:
    """Why so many bytes are too many from `packed` ones; empty when they are not."""
    if unpacked > TOTAL_BYTES:
        return f"more than {TOTAL_BYTES:,} bytes unpacked"
    if unpacked > harmless and unpacked > RATIO * packed:
        return f"over {RATIO} to 1: {packed:,} bytes become {unpacked:,}"
    return ""


def bomb(where: str, why: str) -> SecurityRefusal:
    """The refusal of a file or member that becomes too large."""
    return SecurityRefusal("packed too tightly", where=where, why=why, remedy="unpack it yourself if you trust it")
