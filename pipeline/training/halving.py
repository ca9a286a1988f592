"""How many images go through a network at a time when memory is short: half as many, and half of that, down to a few."""

from __future__ import annotations

FEWEST_IMAGES = 4  # less is slower than it is worth, and batch normalization needs more than one


def fewer(images: int) -> int | None:
    """Half as many images at a time; None when that is too few to be tried."""
    return images // 2 if images // 2 >= FEWEST_IMAGES else None
