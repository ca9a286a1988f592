"""Numbers and sides drawn from names alone: the same seed and name, the same draw, whatever else there is."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

STRICTEST_FIRST = ("test", "val", "train")  # what would stand on two sides goes to the one that must stay unseen
FEWEST_EXPECTED = 10  # units of a class on a side; where fewer are expected the class is ranked


def position(seed: int | str, key: str) -> float:
    """A number in 0–1 that depends on seed and key alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{key}".encode()).digest()[:8]) / 2**64


def side(at: float, shares: Mapping[str, float]) -> str:
    """The split whose interval holds `at`, train behind all others."""
    threshold = 0.0
    for name, share in shares.items():
        threshold += share
        if at < threshold:
            return name
    return "train"


def is_ranked(count: int, shares: Mapping[str, float]) -> bool:
    """Whether a class of `count` units is too small for thresholds."""
    return any(share * count < FEWEST_EXPECTED for share in shares.values())


def targets(count: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Split → number of images, train last: the rounded share, but at least one on each side."""
    counts = {name: max(1, math.floor(share * count + 0.5)) for name, share in shares.items()}
    while sum(counts.values()) >= count:
        counts[max(counts, key=lambda name: counts[name])] -= 1
    return {**counts, "train": count - sum(counts.values())}


def strictest(names: set[str]) -> str:
    """Of several sides the one that must stay unseen most."""
    return min(names, key=STRICTEST_FIRST.index)
